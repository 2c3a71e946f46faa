import type { Instant } from '../base/instant.js';
import type { MemoryPool } from '../base/memory.js';
import type { PeerAddress } from '../base/peer-address.js';
import type { Block } from '../base/slab.js';
import type { Security as AnySecurity, Behaviour } from '../config/config.js';
import type { ConnectionIdPair } from '../extensions/connection-id.js';
import type { Session } from '../handshake/session.js';
import { Reader, Writer } from '../wire/cursor.js';
import { readShortAddress, writeShortAddress } from './address-bytes.js';
import { type EarlyOutcome, readOutcome, writeOutcome } from './application-data.js';
import { type Counters, readCounters, startCounters, writeCounters } from './association.js';
import { type CidRegistry, type IdsInState, lookForIds } from './connection-ids.js';
import { Machine } from './machine.js';
import type { PathInfo } from './path.js';
import { decodeFixed } from './saved-state.js';
import type { Security } from './version.js';

/** What nearly all associations of one endpoint have in common: one object for all of them. */
export interface Settings {
  readonly service: Security;
  /** With `sni`, those that were chosen in the handshake. */
  readonly security: AnySecurity;
  readonly behaviour: Behaviour;
  readonly pool: MemoryPool;
}

/** The last of each endpoint, for as long as one that sleeps needs it. */
const lastSettings = new WeakMap<MemoryPool, WeakRef<Settings>>();

function settingsOf({ service, security, behaviour, pool }: Machine): Settings {
  const last = lastSettings.get(pool)?.deref();
  if (last?.service === service && last.security === security && last.behaviour === behaviour) return last;
  const settings = { service, security, behaviour, pool };
  lastSettings.set(pool, new WeakRef(settings));
  return settings;
}

/** What is left of an association that hibernates without any object of its own. */
export interface Residue {
  readonly settings: Settings;
  /** It keeps finding the association by the IDs that it knows. */
  readonly registry: CidRegistry | undefined;
  /** The peer's address, the instant of the state, what is read without waking it, then the state. */
  readonly state: Block;
  readonly lastHeard: Instant;
  /** When it has to wake; `undefined`: when something happens to it. */
  readonly wakesAt: Instant | undefined;
}

/** An open association that hibernates: its state as bytes, without keys, buffers and timers of its own. */
export class Asleep implements Residue {
  readonly settings: Settings;
  readonly registry: CidRegistry | undefined;
  readonly state: Block;
  readonly lastHeard: Instant;
  readonly wakesAt: Instant | undefined;
  readonly address: PeerAddress;

  constructor({ settings, registry, state, lastHeard, wakesAt }: Residue, address?: PeerAddress) {
    this.settings = settings;
    this.registry = registry;
    this.state = state;
    this.lastHeard = lastHeard;
    this.wakesAt = wakesAt;
    this.address = address ?? this.#parts().address;
  }

  /** The caller lets go of `machine`, which may sleep. */
  static of(machine: Machine, now: Instant): Asleep {
    const settings = settingsOf(machine);
    const { address } = machine.path;
    const due = machine.pollTimeout();
    const registry = machine.connectionIds === undefined ? undefined : machine.registry;
    // Fields of whole numbers take no memory of their own.
    const lastHeard = Math.floor(machine.lastHeard);
    const wakesAt = due === undefined ? undefined : Math.ceil(due);
    const state = settings.pool.sleeping.keep(stateOf(machine, Math.floor(now)));
    settings.pool.asleep++;
    return new Asleep({ settings, registry, state, lastHeard, wakesAt }, address);
  }

  get security(): AnySecurity {
    return this.settings.security;
  }

  get behaviour(): Behaviour {
    return this.settings.behaviour;
  }

  /** A copy. */
  get counters(): Counters {
    const counters = startCounters();
    readCounters(this.#shown(), counters);
    return counters;
  }

  get path(): PathInfo {
    return { address: this.address, ...readShown(this.#shown()).path };
  }

  get maxMessageSize(): number {
    return readShown(this.#shown()).maxMessageSize;
  }

  get earlyData(): EarlyOutcome {
    return readShown(this.#shown()).earlyData;
  }

  get session(): Session {
    const { service } = this.settings;
    const known = decodeFixed(this.#parts().fixed, service);
    if (known === undefined) throw notUnderstood();
    return known.session;
  }

  /** `undefined` where both sides have not agreed on any. */
  get connectionIds(): ConnectionIdPair | undefined {
    return idsOfResidue(this)?.pair;
  }

  /** The association as it fell asleep. A caller that goes on with it calls {@link discard}; one that only reads does not. */
  machine(): Machine {
    const { service, security, behaviour, pool } = this.settings;
    const { registry, address } = this;
    const { at, fixed, current } = this.#parts();
    const machine = Machine.restore(
      service,
      behaviour,
      address,
      { fixed, current },
      at,
      pool,
      registry,
      true,
    );
    if (machine === undefined) throw notUnderstood();
    machine.adopt(security);
    return machine;
  }

  /** The state was used. */
  discard(): void {
    const { pool } = this.settings;
    pool.sleeping.free(this.state);
    pool.asleep--;
  }

  #parts(): Parts {
    return readParts(this.settings.pool.sleeping.read(this.state));
  }

  #shown(): Reader {
    return new Reader(this.#parts().shown);
  }
}

/** The address alone of an association that hibernates. */
export function addressOfResidue({ settings, state }: Pick<Residue, 'settings' | 'state'>): PeerAddress {
  return readParts(settings.pool.sleeping.read(state)).address;
}

/** Its connection IDs alone; `undefined` where both sides have not agreed on any. */
export function idsOfResidue({
  settings,
  state,
}: Pick<Residue, 'settings' | 'state'>): IdsInState | undefined {
  return lookForIds(new Reader(readParts(settings.pool.sleeping.read(state)).current));
}

interface Parts {
  readonly address: PeerAddress;
  readonly at: Instant;
  readonly shown: Uint8Array;
  readonly fixed: Uint8Array;
  readonly current: Uint8Array;
}

function readParts(bytes: Uint8Array): Parts {
  const r = new Reader(bytes);
  const address = readShortAddress(r);
  const sign = r.u8() === 0 ? 1 : -1;
  return { address, at: sign * r.varint(), shown: r.vec16(), fixed: r.vec24(), current: r.rest() };
}

/** What {@link readParts} reads. */
function stateOf(machine: Machine, at: Instant): Uint8Array {
  const shown = new Writer();
  writeShown(shown, machine);
  const { fixed, current } = machine.saveAsleep(at);
  const w = new Writer();
  writeShortAddress(w, machine.path.address);
  w.u8(at < 0 ? 1 : 0).varint(Math.abs(at));
  return w.vec16(shown.finish()).vec24(fixed).bytes(current).finish();
}

function notUnderstood(): Error {
  return new Error('An association does not understand the state that it wrote');
}

/** Apart from the state, so that it is read without keys: statistics of an endpoint read all its associations. */
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
