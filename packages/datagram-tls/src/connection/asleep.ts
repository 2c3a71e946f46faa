import type { Instant } from '../base/instant.js';
import type { MemoryPool } from '../base/memory.js';
import type { PeerAddress } from '../base/peer-address.js';
import type { Block } from '../base/slab.js';
import type { Security as AnySecurity, Behaviour } from '../config/config.js';
import { Reader, Writer } from '../wire/cursor.js';
import { type Counters, readCounters, startCounters, writeCounters } from './association.js';
import type { CidRegistry } from './connection-ids.js';
import { Machine } from './machine.js';
import type { Security } from './version.js';

/** An open association that hibernates: its state as bytes, without keys, buffers and timers of its own. */
export class Asleep {
  /** With `sni`, those that were chosen in the handshake. */
  readonly security: AnySecurity;
  readonly behaviour: Behaviour;
  readonly address: PeerAddress;
  readonly lastHeard: Instant;
  /** When it has to wake; `undefined`: when something happens to it. */
  readonly wakesAt: Instant | undefined;
  readonly #service: Security;
  readonly #pool: MemoryPool;
  /** It keeps finding the association by the IDs that it knows. */
  readonly #registry: CidRegistry | undefined;
  /** The instant of its state. */
  readonly #at: Instant;
  readonly #state: Block;

  /** The caller lets go of `machine`, which may sleep. */
  constructor(machine: Machine, now: Instant) {
    const { pool } = machine;
    this.security = machine.security;
    this.#service = machine.service;
    this.behaviour = machine.behaviour;
    this.address = machine.path.address;
    this.lastHeard = machine.lastHeard;
    this.wakesAt = machine.pollTimeout();
    this.#pool = pool;
    this.#registry = machine.registry;
    // Fields of whole numbers take no memory of their own.
    this.#at = Math.floor(now);
    const { fixed, current } = machine.save(this.#at);
    const counters = new Writer();
    writeCounters(counters, machine.counters);
    const w = new Writer().vec16(counters.finish()).vec24(fixed).bytes(current);
    this.#state = pool.sleeping.keep(w.finish());
    pool.asleep++;
  }

  /** A copy. Apart from the state, because statistics of an endpoint read those of all its associations. */
  get counters(): Counters {
    const counters = startCounters();
    readCounters(new Reader(new Reader(this.#pool.sleeping.read(this.#state)).vec16()), counters);
    return counters;
  }

  /** The association as it fell asleep. A caller that goes on with it calls {@link discard}; one that only reads does not. */
  machine(): Machine {
    const r = new Reader(this.#pool.sleeping.read(this.#state));
    r.vec16();
    const state = { fixed: r.vec24(), current: r.rest() };
    const { behaviour, address } = this;
    const pool = this.#pool;
    const machine = Machine.restore(this.#service, behaviour, address, state, this.#at, pool, this.#registry);
    if (machine === undefined) throw new Error('An association does not understand the state that it wrote');
    machine.adopt(this.security);
    return machine;
  }

  /** The state was used. */
  discard(): void {
    this.#pool.sleeping.free(this.#state);
    this.#pool.asleep--;
  }
}
