import { illegalConstructor, invalidArgType, invalidArgValue } from '../base/errors.js';
import type { Instant } from '../base/instant.js';
import type { PeerAddress } from '../base/peer-address.js';
import type { Role } from '../config/config.js';
import { addressOf, Connection } from '../connection/connection.js';
import { rulesOf } from '../wire/version.js';
import type { EntryIds } from './connection-id-routes.js';
import type { Sleeper } from './deadlines.js';

/** What is known of an entry from its beginning on. */
export interface Beginning {
  readonly peer: PeerAddress;
  /** The key under which limits per host count the peer. */
  readonly host: string;
  readonly began: Instant;
  /** Server: distinguishes a repeated ClientHello from that of a restarted client; a number: its hash. */
  readonly clientRandom: string | number | undefined;
  /** Its connection IDs; `undefined` where the peer's records have none. */
  readonly ids: EntryIds<ConnectionEntry> | undefined;
}

/** An entry among those that are counted together: see `Places`. Its deadline is the instant that its age counts from. */
export interface Member extends Sleeper {
  readonly entry: ConnectionEntry;
  /** The `Population` that counts it. */
  readonly population: object;
  /** Its place among the members with one host, where there are others. */
  inHost: Aged | undefined;
}

/** An entry in an order by age. */
export interface Aged extends Sleeper {
  readonly entry: ConnectionEntry;
}

/** What the endpoint's owner keeps for an entry, such as its session. */
export interface Holder {
  /** The owner has no other reference to the entry, so that the endpoint may let go of it while it hibernates. */
  readonly mayLetGo: boolean;
  /** Its entry; `undefined` when its session is over. */
  readonly entry: ConnectionEntry | undefined;
  /** The endpoint let go of its entry; it is at this place among the dormant ones. */
  onDormant(place: number): void;
  /** This is its entry from now on. */
  onRecalled(entry: ConnectionEntry): void;
}

/** The route of an entry that the endpoint let go of: its holder has another one. */
export const LEFT: PeerAddress = { address: '', port: 0, family: 'other' };

/** What an endpoint keeps with an entry; its deadline and place are those of the endpoint's deadlines. */
export interface EntryState extends Sleeper, Omit<Beginning, 'peer' | 'host' | 'ids'> {
  /** Its connection IDs; `undefined` where the peer's records have none. */
  ids: EntryIds<ConnectionEntry> | undefined;
  /** The key under which limits per host count the peer. */
  host: string;
  /** The address by which it is found; `undefined`: it is found by connection ID alone. */
  route: PeerAddress | undefined;
  /**
   * A client at the same address restarted. This association stays until that one has proved itself (RFC 6347 §4.2.8).
   */
  pending: ConnectionEntry | undefined;
  /** `undefined` while it has no place. */
  member: Member | undefined;
  readonly entry: ConnectionEntry;
  /** What the entries of one endpoint have in common. */
  readonly owner: object;
  /** What the endpoint's owner keeps with it; a map of very many entries would take more memory. */
  holder: Holder | undefined;
  /** Whether it is in the queue of entries to be polled for datagrams, and for events. */
  sending: boolean;
  telling: boolean;
}

/** For the endpoint: the inside of an entry, and a new one. The class assigns them. */
export let stateOf: (entry: ConnectionEntry) => EntryState;
export let createEntry: (connection: Connection, beginning: Beginning, owner: object) => ConnectionEntry;
/** Throws unless `entry` is one of `owner`. */
export let checkOwner: (entry: ConnectionEntry, owner: object) => void;

/**
 * An association of an `Endpoint`: its events name it, and its methods take it.
 *
 * @example
 * ```ts
 * import type { ConnectionEntry } from 'datagram-tls/core';
 *
 * function show(entry: ConnectionEntry): void {
 *   console.log(entry.role, entry.peer.address, entry.connection.session?.version);
 * }
 * ```
 */
export class ConnectionEntry {
  static {
    stateOf = (entry) => entry.#state;
    createEntry = (connection, beginning, owner) => new ConnectionEntry(connection, beginning, owner);
    checkOwner = (entry: unknown, owner) => {
      if (!isEntry(entry)) throw invalidArgType('entry', 'a ConnectionEntry', entry);
      if (entry.#state.owner !== owner) throw invalidArgValue('entry', 'must be of this endpoint');
    };
  }

  /**
   * Its association, for what it tells. Where you call a method that puts something in, call `Endpoint.touch` after it;
   * the endpoint's own methods do that themselves.
   */
  readonly connection: Connection;
  /** Our role in it. */
  readonly role: Role;
  readonly #state: EntryState;

  private constructor(
    connection: Connection,
    { peer, host, began, clientRandom, ids }: Beginning,
    owner: object,
  ) {
    if (!(connection instanceof Connection)) throw illegalConstructor();
    this.connection = connection;
    this.role = connection.security.role;
    this.#state = {
      entry: this,
      owner,
      holder: undefined,
      route: peer,
      pending: undefined,
      member: undefined,
      host,
      ids,
      // Whole numbers take no memory of their own.
      began: Math.floor(began),
      clientRandom,
      deadline: undefined,
      place: -1,
      sending: false,
      telling: false,
    };
    ids?.bind(this);
    Object.freeze(this);
  }

  /** The peer's address, which may change where the peer's records have a connection ID. */
  get peer(): PeerAddress {
    return addressOf(this.connection);
  }
}

/** The one that goes on for `entry`; `undefined` where its session is over. */
export function currentOf(entry: ConnectionEntry): ConnectionEntry | undefined {
  const { route, holder } = stateOf(entry);
  return route === LEFT ? holder?.entry : entry;
}

function isEntry(value: unknown): value is ConnectionEntry {
  return value instanceof ConnectionEntry;
}

/** A client's last flight is not acknowledged, and the acknowledgement may turn out to be a refusal (RFC 9147 §7). */
export function mayStillRefuse({ role, connection }: ConnectionEntry): boolean {
  if (role !== 'client' || !connection.isFinishing) return false;
  const { session } = connection;
  return session !== undefined && rulesOf(session.version).acks;
}
