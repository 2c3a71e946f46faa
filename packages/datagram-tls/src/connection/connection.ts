import type { DTLSError } from '../base/errors.js';
import type { Instant } from '../base/instant.js';
import type { PeerAddress } from '../base/peer-address.js';
import type { Security as AnySecurity, Behaviour, Destination } from '../config/config.js';
import type { JobAnswer } from '../handshake/jobs.js';
import type { Session } from '../handshake/session.js';
import type { EarlyOutcome } from './application-data.js';
import type { Counters } from './association.js';
import type { ConnectionEvent } from './events.js';
import { type Phase, sessionOf } from './life.js';
import { FROM_ZERO, Machine } from './machine.js';
import type { Security } from './version.js';

/** What is known of the path to a peer. */
export interface PathInfo {
  readonly address: PeerAddress;
  /** The peer has shown that it receives what is sent there. */
  readonly validated: boolean;
  /** Bytes of UDP payload. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly maxDatagramSize: number;
}

/** For the endpoint and the driver: the inside of a connection, and a connection around one. The class assigns them. */
export let machineOf: (connection: Connection) => Machine;
export let connectionAround: (machine: Machine) => Connection;

/**
 * One association, without socket, clock or randomness of its own. After each call that takes an instant drain
 * {@link pollTransmit} and {@link pollEvent}, and call {@link handleTimeout} at {@link pollTimeout}. Instants are ms of any
 * monotonic clock.
 */
export class Connection {
  static {
    machineOf = (connection) => connection.#machine;
    connectionAround = (machine) => new Connection(machine);
  }

  readonly #machine: Machine;

  private constructor(machine: Machine) {
    if (!(machine instanceof Machine)) throw new TypeError('Illegal constructor');
    this.#machine = machine;
  }

  /**
   * An association of its own with the peer at `address`; those of one port belong to an `Endpoint`. A server of this kind
   * takes the path for validated, and demands no cookie.
   */
  static create(
    security: Security,
    behaviour: Behaviour,
    destination: Destination,
    address: PeerAddress,
  ): Connection {
    return new Connection(new Machine(security, behaviour, destination, address, FROM_ZERO));
  }

  /** What its jobs are done with: with `sni`, that of the name that the client asked for, as soon as it is known. */
  get security(): AnySecurity {
    return this.#machine.security;
  }

  get counters(): Readonly<Counters> {
    return this.#machine.counters;
  }

  /**
   * `finishing`: the session is open, and the peer has not acknowledged our last flight; `closing`: we have said close_notify,
   * and wait a moment for the peer's.
   */
  get phase(): Phase {
    return this.#machine.life.at;
  }

  /** `undefined` until the handshake is done; it outlives the connection. */
  get session(): Session | undefined {
    return sessionOf(this.#machine.life);
  }

  /** {@link send} may be called: the session is open, or a server has taken early data, which it may answer. */
  get maySend(): boolean {
    return this.#machine.maySend;
  }

  /** Largest message that fits a datagram and that the peer takes, bytes. It falls when the system refuses one so large. */
  get maxMessageSize(): number {
    return this.#machine.maxMessageSize;
  }

  /** When the last authentic record of the peer came, or when the session opened if that was later; before all instants until then. */
  get lastHeard(): Instant {
    return this.#machine.lastHeard;
  }

  get earlyData(): EarlyOutcome {
    return this.#machine.earlyData;
  }

  /** Where the peer is, and what is known of the way there. */
  get path(): PathInfo {
    return this.#machine.path;
  }

  /** Begins: a client sends its first flight, a server waits for one. Throws `ERR_INVALID_STATE` the second time. */
  start(now: Instant): void {
    this.#machine.start(now);
  }

  /** Returns whether anything in `datagram`, which came from `from`, was of use. The bytes are not kept. */
  receive(datagram: Uint8Array, from: PeerAddress, now: Instant): boolean {
    return this.#machine.receive(datagram, from, now);
  }

  /**
   * Sends one message as one datagram. Returns false where the keys have protected all they may: the message is not sent,
   * and the session ends with `ERR_DTLS_KEY_LIMIT`. Throws `ERR_INVALID_STATE` unless {@link maySend}, and
   * `ERR_OUT_OF_RANGE` when the message is larger than {@link maxMessageSize}.
   */
  send(data: Uint8Array): boolean {
    return this.#machine.send(data);
  }

  /**
   * DTLS 1.3: goes over to new keys for sending, once the peer has acknowledged that. `requestPeer`: the peer is to do
   * the same. Throws `ERR_INVALID_STATE` unless the session is open, and in DTLS 1.2, which has no such thing, and
   * `ERR_DTLS_KEY_LIMIT` where there is no next epoch or no message number for it: the session goes on until its keys have
   * protected all they may.
   */
  updateKeys(options: { readonly requestPeer: boolean }, now: Instant): void {
    this.#machine.updateKeys(options, now);
  }

  /**
   * What job `jobId` came to. It does nothing once the association is over. Throws `ERR_DTLS_JOB`, and changes nothing, for a
   * job that was not asked for or is answered already, and for an answer of another kind.
   */
  answer(jobId: number, answer: JobAnswer, now: Instant): void {
    this.#machine.answer(jobId, answer, now);
  }

  /**
   * Says close_notify. The end comes at once during the handshake and when the peer has said so before, else when it
   * does, or does not for a while; until then its messages are delivered in DTLS 1.3.
   */
  close(now: Instant): void {
    this.#machine.close(now);
  }

  /** Says close_notify and ends without waiting for anything. */
  abandon(error: DTLSError | undefined): void {
    this.#machine.abandon(error);
  }

  handleTimeout(now: Instant): void {
    this.#machine.handleTimeout(now);
  }

  /**
   * The system refused to send a datagram of `size` bytes because it is too large. Flights are cut to smaller datagrams
   * and go out again at once; application data is lost, and {@link maxMessageSize} falls.
   */
  handleTooLarge(size: number, now: Instant): void {
    this.#machine.handleTooLarge(size, now);
  }

  /**
   * Datagrams do not reach the peer. It matters only in the handshake of a client that has heard nothing yet: what the
   * system itself says (`certain`) ends it at once; a message of the network, which anybody can forge, ends it when the
   * flight that goes out again finds no answer either.
   */
  handleUnreachable(
    cause: Error & { readonly code?: string | undefined },
    certain: boolean,
    now: Instant,
  ): void {
    this.#machine.handleUnreachable(cause, certain, now);
  }

  /**
   * The next datagram to send, and where to; the caller owns the bytes. `undefined` also while a path that is not validated
   * takes no more: it goes on when the peer is heard again.
   */
  pollTransmit(): { readonly data: Uint8Array; readonly to: PeerAddress } | undefined {
    const data = this.#machine.pollTransmit();
    return data === undefined ? undefined : { data, to: this.#machine.path.address };
  }

  pollEvent(): ConnectionEvent | undefined {
    return this.#machine.pollEvent();
  }

  /** When {@link handleTimeout} is to be called; `undefined` when there is nothing to wait for. */
  pollTimeout(): Instant | undefined {
    return this.#machine.pollTimeout();
  }
}
