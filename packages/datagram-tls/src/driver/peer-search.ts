import { isIP } from 'node:net';
import { invalidArgValue } from '../base/errors.js';
import type { Duration } from '../base/instant.js';
import type { PeerAddress } from '../base/peer-address.js';
import type { Behaviour } from '../config/config.js';
import type { ConnectionEvent } from '../connection/events.js';
import type { ConnectionEntry } from '../endpoint/connection-entry.js';
import {
  askedOnce,
  type ClientSettings,
  offersEarlyData,
  spendTicket,
  withoutSpentTicket,
} from './client-settings.js';
import { now } from './clock.js';
import { type Attempt, type AttemptHost, HappyEyeballs, interleave } from './happy-eyeballs.js';
import type { Port } from './port.js';
import { type Resolving, resolveAddresses } from './resolve-host.js';

/** Where the sockets of attempts are bound, if each has its own. */
export interface BindTo {
  /** An IP literal. */
  readonly host: string | undefined;
  readonly port: number;
}

/** What a search needs of its endpoint. */
export interface SearchHost {
  /** The endpoint's socket, for all attempts; or where they bind sockets of their own. */
  readonly from: Port | BindTo;
  /** A new socket. Throws the system's error. */
  open(host: string, port: number, ipv6Only: boolean): Port;
  /** The session is that of `attempt`, which has told `events` until now. */
  found(attempt: Attempt, events: readonly ConnectionEvent[]): void;
  failed(error: Error): void;
}

/** The searches of an endpoint, each for the peer of one session. */
export class PeerSearches<S> {
  readonly #searches = new Map<S, PeerSearch>();

  /** `host` is told once. Throws as {@link PeerSearch.start}. */
  start(session: S, settings: ClientSettings, behaviour: Behaviour, host: SearchHost): void {
    const search = new PeerSearch(settings, behaviour, {
      from: host.from,
      open: (address, port, ipv6Only) => host.open(address, port, ipv6Only),
      found: (attempt, events) => {
        this.#searches.delete(session);
        host.found(attempt, events);
      },
      failed: (error) => {
        this.#searches.delete(session);
        host.failed(error);
      },
    });
    this.#searches.set(session, search);
    search.start();
  }

  /** The session is over. */
  cancel(session: S): void {
    this.#searches.get(session)?.cancel();
    this.#searches.delete(session);
  }

  /** Whether they keep the process running. */
  setReferenced(referenced: boolean): void {
    for (const search of this.#searches.values()) search.setReferenced(referenced);
  }

  /** `entry` belongs to no session: it may be that of an attempt. */
  onEvent(entry: ConnectionEntry, event: ConnectionEvent): void {
    for (const search of this.#searches.values()) search.onEvent(entry, event);
  }

  /** A socket has failed that is not the endpoint's: it may be that of an attempt. */
  onPortError(port: Port, error: Error): void {
    for (const search of this.#searches.values()) search.onPortError(port, error);
  }
}

/** Finds the peer of one session: resolves its host name, and tries the addresses. */
class PeerSearch implements AttemptHost {
  readonly #settings: ClientSettings;
  readonly #behaviour: Behaviour;
  readonly #host: SearchHost;
  readonly #security: ClientSettings['security'];
  /** For the first address, and for others. */
  #destinations: readonly [ClientSettings['destination'], ClientSettings['destination']] | undefined;
  readonly #own = new Set<Port>();
  #lookup: Resolving | undefined;
  #isReferenced = true;
  #attempts: HappyEyeballs | undefined;

  constructor(settings: ClientSettings, behaviour: Behaviour, host: SearchHost) {
    this.#settings = settings;
    this.#behaviour = behaviour;
    this.#host = host;
    this.#security = askedOnce(settings.security);
  }

  /** Throws `ERR_INVALID_ARG_VALUE` when the socket is of another version of IP than the option `family`. */
  start(): void {
    const { host, search } = this.#settings;
    const { from } = this.#host;
    const version = 'version' in from ? from.version : (isIP(from.host ?? '') as 0 | 4 | 6);
    if (version !== 0 && search.family !== 0 && search.family !== version)
      throw invalidArgValue(
        'options.family',
        `must be ${version}, the version of IP of the endpoint's socket`,
      );
    const family = search.family === 0 ? version : search.family;
    const timeout = this.#behaviour.handshakeTimeout;
    const deadline = timeout > 0 ? now() + timeout : undefined;
    const found = (addresses: readonly string[]): void => {
      const delay = offersEarlyData(this.#settings.destination) ? Number.POSITIVE_INFINITY : search.delay;
      const inTurn = interleave(addresses).slice(0, search.all ? undefined : 1);
      this.#attempts = new HappyEyeballs(inTurn, { delay, deadline }, this);
      this.#attempts.setReferenced(this.#isReferenced);
      this.#attempts.start();
    };
    const failed = (error: Error): void => this.#host.failed(error);
    this.#lookup = resolveAddresses(host, { lookup: search.lookup, family, timeout }, found, failed);
  }

  /** Stops: nothing is reported any more. Idempotent. */
  cancel(): void {
    this.#lookup?.stop();
    this.#attempts?.cancel();
    for (const port of [...this.#own]) this.#close(port);
  }

  /** Whether it keeps the process running. */
  setReferenced(referenced: boolean): void {
    this.#isReferenced = referenced;
    this.#lookup?.setReferenced(referenced);
    this.#attempts?.setReferenced(referenced);
    for (const port of this.#own) port.setReferenced(referenced);
  }

  onEvent(entry: ConnectionEntry, event: ConnectionEvent): void {
    this.#attempts?.onEvent(entry, event);
  }

  /** A socket has failed. */
  onPortError(port: Port, error: Error): void {
    if (this.#own.has(port)) this.#attempts?.onPortError(port, error);
  }

  begin(address: string, handshakeTimeout: Duration, isFirst: boolean): Attempt {
    if (this.#destinations === undefined) {
      const first = spendTicket(this.#settings.destination);
      this.#destinations = [first, withoutSpentTicket(first)];
    }
    const { from } = this.#host;
    const port = 'version' in from ? from : this.#openFor(address, from);
    const peer = reachable(port, address, this.#settings.port);
    // A socket with a port of its own has one peer; others may have several until one has answered.
    if (!('version' in from) && from.port === 0) port.dedicate(peer);
    const destination = this.#destinations[isFirst ? 0 : 1];
    const entry = port.connect(peer, this.#security, { ...this.#behaviour, handshakeTimeout }, destination);
    return { port, entry };
  }

  win(attempt: Attempt, events: readonly ConnectionEvent[]): void {
    const { port, entry } = attempt;
    if (this.#own.delete(port)) {
      this.cancel();
      if (!('version' in this.#host.from) && this.#host.from.port > 0) port.dedicate(entry.peer);
    }
    this.#host.found(attempt, events);
  }

  drop({ port, entry }: Attempt): void {
    port.withdraw(entry);
    if (!('version' in this.#host.from) && this.#host.from.port === 0) this.#close(port);
  }

  fail(error: Error): void {
    this.cancel();
    this.#host.failed(error);
  }

  /** With a given port there is one socket for each version of IP. */
  #openFor(address: string, { host, port }: BindTo): Port {
    const version = isIP(address);
    const known = port > 0 ? [...this.#own].find((one) => one.version === version) : undefined;
    if (known !== undefined) return known;
    const local = host ?? (version === 6 ? '::' : '0.0.0.0');
    const opened = this.#host.open(local, port, port > 0 && version === 6);
    opened.setReferenced(this.#isReferenced);
    this.#own.add(opened);
    return opened;
  }

  #close(port: Port): void {
    this.#own.delete(port);
    void port.close();
  }
}

/** Throws the caller's mistake where the socket is of the other version of IP. */
export function reachable(socket: Port, address: string, port: number): PeerAddress {
  const peer = socket.peerAt(address, port);
  if (peer !== undefined) return peer;
  const reason = `must be an IPv${socket.version} address, as that of the endpoint's socket; a socket on '::' reaches both`;
  throw invalidArgValue('host', reason);
}
