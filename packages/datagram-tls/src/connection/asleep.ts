import type { Instant } from '../base/instant.js';
import type { MemoryPool } from '../base/memory.js';
import type { PeerAddress } from '../base/peer-address.js';
import type { Block } from '../base/slab.js';
import type { Security as AnySecurity, Behaviour } from '../config/config.js';
import type { Session } from '../handshake/session.js';
import { Reader, Writer } from '../wire/cursor.js';
import { type EarlyOutcome, readOutcome, writeOutcome } from './application-data.js';
import { type Counters, readCounters, startCounters, writeCounters } from './association.js';
import type { CidRegistry } from './connection-ids.js';
import { Machine } from './machine.js';
import type { PathInfo } from './path.js';
import { decodeFixed } from './saved-state.js';
import type { Security } from './version.js';

/** What nearly all associations of one endpoint have in common: one object for all of them. */
interface Settings {
  readonly service: Security;
  /** With `sni`, those that were chosen in the handshake. */
  readonly security: AnySecurity;
  readonly behaviour: Behaviour;
  readonly pool: MemoryPool;
}

/** The last of each endpoint. */
const lastSettings = new WeakMap<MemoryPool, Settings>();

function settingsOf({ service, security, behaviour, pool }: Machine): Settings {
  const last = lastSettings.get(pool);
  if (last?.service === service && last.security === security && last.behaviour === behaviour) return last;
  const settings = { service, security, behaviour, pool };
  lastSettings.set(pool, settings);
  return settings;
}

/** An open association that hibernates: its state as bytes, without keys, buffers and timers of its own. */
export class Asleep {
  readonly address: PeerAddress;
  readonly lastHeard: Instant;
  /** When it has to wake; `undefined`: when something happens to it. */
  readonly wakesAt: Instant | undefined;
  readonly #settings: Settings;
  /** It keeps finding the association by the IDs that it knows. */
  readonly #registry: CidRegistry | undefined;
  /** The instant of its state. */
  readonly #at: Instant;
  /** What is read without waking it, then the state. */
  readonly #state: Block;

  /** The caller lets go of `machine`, which may sleep. */
  constructor(machine: Machine, now: Instant) {
    const settings = settingsOf(machine);
    const { sleeping } = settings.pool;
    const due = machine.pollTimeout();
    this.#settings = settings;
    this.#registry = machine.connectionIds === undefined ? undefined : machine.registry;
    this.address = machine.path.address;
    // Fields of whole numbers take no memory of their own.
    this.lastHeard = Math.floor(machine.lastHeard);
    this.wakesAt = due === undefined ? undefined : Math.ceil(due);
    this.#at = Math.floor(now);
    const shown = new Writer();
    writeShown(shown, machine);
    const { fixed, current } = machine.saveAsleep(this.#at);
    this.#state = sleeping.keep(new Writer().vec16(shown.finish()).vec24(fixed).bytes(current).finish());
    settings.pool.asleep++;
  }

  get security(): AnySecurity {
    return this.#settings.security;
  }

  get behaviour(): Behaviour {
    return this.#settings.behaviour;
  }

  /** A copy. */
  get counters(): Counters {
    const counters = startCounters();
    readCounters(this.#shown, counters);
    return counters;
  }

  get path(): PathInfo {
    return { address: this.address, ...readShown(this.#shown).path };
  }

  get maxMessageSize(): number {
    return readShown(this.#shown).maxMessageSize;
  }

  get earlyData(): EarlyOutcome {
    return readShown(this.#shown).earlyData;
  }

  get session(): Session {
    const { service } = this.#settings;
    const known = decodeFixed(this.#parts.fixed, service);
    if (known === undefined) throw notUnderstood();
    return known.session;
  }

  /** The association as it fell asleep. A caller that goes on with it calls {@link discard}; one that only reads does not. */
  machine(): Machine {
    const { service, security, behaviour, pool } = this.#settings;
    const { fixed, current } = this.#parts;
    const state = { fixed, current };
    const registry = this.#registry;
    const machine = Machine.restore(service, behaviour, this.address, state, this.#at, pool, registry, true);
    if (machine === undefined) throw notUnderstood();
    machine.adopt(security);
    return machine;
  }

  /** The state was used. */
  discard(): void {
    const { pool } = this.#settings;
    pool.sleeping.free(this.#state);
    pool.asleep--;
  }

  get #parts(): { readonly shown: Uint8Array; readonly fixed: Uint8Array; readonly current: Uint8Array } {
    const r = new Reader(this.#settings.pool.sleeping.read(this.#state));
    return { shown: r.vec16(), fixed: r.vec24(), current: r.rest() };
  }

  get #shown(): Reader {
    return new Reader(this.#parts.shown);
  }
}

function notUnderstood(): Error {
  return new Error('An association does not understand the state that it wrote');
}

/** Apart from the state, so that who only looks needs no keys: statistics of an endpoint read all its associations. */
function writeShown(w: Writer, { counters, path, maxMessageSize, earlyData }: Machine): void {
  writeCounters(w, counters);
  w.varint(path.bytesReceived).varint(path.bytesSent).varint(path.maxDatagramSize);
  w.u8(path.validated ? 1 : 0).varint(maxMessageSize);
  writeOutcome(w, earlyData);
}

interface Shown {
  readonly path: Omit<PathInfo, 'address'>;
  readonly maxMessageSize: number;
  readonly earlyData: EarlyOutcome;
}

function readShown(r: Reader): Shown {
  readCounters(r, startCounters());
  const [bytesReceived, bytesSent, maxDatagramSize] = [r.varint(), r.varint(), r.varint()];
  const path = { bytesReceived, bytesSent, maxDatagramSize, validated: r.u8() === 1 };
  return { path, maxMessageSize: r.varint(), earlyData: readOutcome(r) };
}
