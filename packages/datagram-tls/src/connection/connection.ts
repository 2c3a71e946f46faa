import { type DTLSError, illegalConstructor } from '../base/errors.js';
import { type Duration, earliest, type Instant } from '../base/instant.js';
import type { MemoryPool } from '../base/memory.js';
import type { PeerAddress } from '../base/peer-address.js';
import { checkBytes } from '../config/checks.js';
import type { Security as AnySecurity, Behaviour, Destination } from '../config/config.js';
import type { ConnectionIdPair } from '../extensions/connection-id.js';
import type { JobAnswer } from '../handshake/jobs.js';
import type { Session } from '../handshake/session.js';
import type { EarlyOutcome } from './application-data.js';
import { checkAddress, checkBehaviour, checkDestination, checkReserve, checkSecurity } from './arguments.js';
import { Asleep } from './asleep.js';
import type { Counters } from './association.js';
import { FROM_ZERO } from './beginning.js';
import type { CidRegistry } from './connection-ids.js';
import type { ConnectionEvent } from './events.js';
import { type Phase, sessionOf } from './life.js';
import { Machine } from './machine.js';
import type { PathInfo } from './path.js';
import { type AddressedState, decodeState, encodeState, foreignState, stateError } from './saved-state.js';
import type { Security } from './version.js';

/** An association of `state`, with messages that its return causes. Throws `ERR_DTLS_STATE`. */
export function machineFrom(
  state: AddressedState,
  security: Security,
  behaviour: Behaviour,
  { age, now }: { readonly age: number; readonly now: Instant },
  pool?: MemoryPool,
  registry?: CidRegistry,
): Machine {
  const { role, peer, doubtful } = state;
  if (security.role !== role)
    throw stateError('ROLE', `it is of a ${role}, and the settings are those of a ${security.role}`);
  const machine = Machine.restore(security, behaviour, peer, state, now - age, pool, registry);
  if (machine === undefined) throw foreignState();
  machine.onReturn(doubtful, now);
  return machine;
}

/** The state of an association that ends here. */
function stateOfMachine(machine: Machine, now: Instant): Uint8Array {
  const { security, path } = machine;
  const saved = machine.save(now);
  machine.supersede();
  return encodeState({ role: security.role, peer: path.address, doubtful: false, ...saved });
}

/** Of a session that has been open for long. */
function longestPause({ hibernateAfter }: Behaviour): Duration {
  return hibernateAfter * RESTING_PART;
}

/** Before all instants. */
const AT_ONCE: Instant = Number.NEGATIVE_INFINITY;
const NEVER: Instant = Number.POSITIVE_INFINITY;
/** A session rests after this part of `hibernateAfter` without traffic. */
const RESTING_PART = 1 / 6;
/**
 * The pause before the first look at a new session, ms; each further pause is twice as long. Under load V8 moves objects
 * that live for half a second to its old space, where the handshake would leave holes.
 */
const FIRST_PAUSE = 250;
/** Unlike any {@link Machine.traffic}. */
const NO_TRAFFIC = -1;
/** In place of a pause: the session rests. */
const RESTS = 0;

/** For the endpoint and the driver: the inside of a connection, and a connection around one. The class assigns them. */
export let machineOf: (connection: Connection) => Machine;
export let connectionAround: (machine: Machine | Asleep) => Connection;
/** What is left of a connection that hibernates. */
export let asleepIn: (connection: Connection) => Asleep | undefined;
/** The peer's address, also of a connection that hibernates. */
export let addressOf: (connection: Connection) => PeerAddress;

/**
 * One association, without socket, clock or randomness of its own. After each call that takes an instant drain {@link
 * pollTransmit} and {@link pollEvent}, and call {@link handleTimeout} at {@link pollTimeout}. Instants are ms of any
 * monotonic clock.
 *
 * @example
 * ```ts
 * import { Connection, dtls13, nodeProvider, resolveBehaviour, resolveSecurity } from 'datagram-tls/core';
 *
 * const platform = { provider: nodeProvider, versions: [dtls13] as const };
 * const security = resolveSecurity({ psk: { identity: 'sensor-1', key: secret } }, 'client', platform);
 * const peer = { address: '192.0.2.1', port: 5684, family: 'IPv4' } as const;
 * const destination = { serverName: undefined, verifyName: undefined };
 * const connection = Connection.create(security, resolveBehaviour({}, false), destination, peer);
 * connection.start(0);
 * console.log(connection.pollTransmit()?.to.port);
 * ```
 */
export class Connection {
  static {
    machineOf = (connection) => connection.#awake();
    connectionAround = (machine) => new Connection(machine);
    asleepIn = (connection) => (connection.#machine instanceof Asleep ? connection.#machine : undefined);
    addressOf = (connection) => {
      const machine = connection.#machine;
      return machine instanceof Machine ? machine.path.address : machine.address;
    };
  }

  /** While it hibernates only its state is there. */
  #machine: Machine | Asleep;
  /**
   * When the next look for traffic is due, in whole ms, which take no memory of their own; `undefined` before the session
   * is open, and while it hibernates.
   */
  #looksAt: Instant | undefined;
  /** {@link Machine.traffic} when {@link #looksAt} was set. */
  #traffic = 0;
  /**
   * Time from the last look to {@link #looksAt}, ms. Without traffic in that time the session rests. {@link RESTS}: it
   * rests already, and without traffic it hibernates at the next look.
   */
  #pause: Duration = FIRST_PAUSE;

  private constructor(machine: Machine | Asleep) {
    if (!(machine instanceof Machine || machine instanceof Asleep)) throw illegalConstructor();
    this.#machine = machine;
  }

  /** For what changes it. */
  #awake(): Machine {
    const machine = this.#machine;
    if (machine instanceof Machine) return machine;
    const woken = machine.machine();
    machine.discard();
    this.#machine = woken;
    this.#stir(woken);
    return woken;
  }

  /** A pause begins. */
  #begin(now: Instant, { behaviour }: Machine): void {
    this.#pause = longestPause(behaviour);
    this.#traffic = NO_TRAFFIC;
    this.#looksAt = Math.ceil(now + this.#pause);
  }

  /**
   * Something happens to the connection. Not every caller knows the instant, so the pause begins when the timer next runs.
   */
  #stir({ behaviour }: Machine): void {
    this.#pause = longestPause(behaviour);
    this.#looksAt = AT_ONCE;
    this.#traffic = NO_TRAFFIC;
  }

  /**
   * An authentic record, or one of ours, has ended the rest. A forged record makes the ciphers again, too, but does not end
   * the pause.
   */
  #isStirred(machine: Machine): boolean {
    return this.#pause === RESTS && !machine.rests && machine.traffic !== this.#traffic;
  }

  /** Without traffic since the last look the session rests; without traffic for all of `hibernateAfter` it hibernates. */
  #look(machine: Machine, now: Instant): void {
    const { traffic, behaviour } = machine;
    const isSilent = traffic === this.#traffic;
    if (isSilent && this.#pause === RESTS && machine.maySleep) return this.#fallAsleep(machine, now);
    machine.restHandshake(now);
    if (isSilent) machine.rest();
    const longest = longestPause(behaviour);
    const pause = this.#pause === RESTS ? longest : Math.min(this.#pause, longest);
    const next = isSilent ? behaviour.hibernateAfter - pause : Math.min(2 * pause, longest);
    this.#pause = isSilent ? RESTS : next;
    this.#traffic = traffic;
    this.#looksAt = Math.ceil(now + next);
  }

  #fallAsleep(machine: Machine, now: Instant): void {
    this.#machine = Asleep.of(machine, now);
    this.#looksAt = undefined;
  }

  /**
   * A separate association with the peer at `address`; those of one port belong to an `Endpoint`. A separate server
   * takes the path as validated, and demands no cookie. Throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` or
   * `ERR_OUT_OF_RANGE` for an argument of the wrong form.
   */
  static create(
    security: Security,
    behaviour: Behaviour,
    destination: Destination,
    address: PeerAddress,
  ): Connection {
    checkSecurity(security, 'security');
    checkBehaviour(behaviour, 'behaviour');
    checkDestination(destination, 'destination');
    checkAddress(address, 'address');
    return new Connection(new Machine(security, behaviour, destination, address, FROM_ZERO));
  }

  /**
   * Goes on with the session of which {@link save} or {@link checkpoint} returned `state`. `age`: ms since then. After a
   * checkpoint it begins behind the numbers that were left to the other process, and in DTLS 1.3 it renews its keys at once.
   * Use each state once, and nothing older: two that go on with the same keys and numbers reveal what they send. Throws
   * `ERR_DTLS_STATE` for a state that does not fit, and as {@link create} for arguments of the wrong form.
   */
  static restore(
    state: Uint8Array,
    security: Security,
    behaviour: Behaviour,
    { age, now }: { readonly age: number; readonly now: Instant },
  ): Connection {
    checkBytes(state, 'state');
    checkSecurity(security, 'security');
    checkBehaviour(behaviour, 'behaviour');
    return new Connection(machineFrom(decodeState(state), security, behaviour, { age, now }));
  }

  /** The settings for its jobs: with `sni`, those of the client's name, as soon as it is known. */
  get security(): AnySecurity {
    return this.#machine.security;
  }

  /** Live until it hibernates: the same object with the current numbers. */
  get counters(): Readonly<Counters> {
    return this.#machine.counters;
  }

  /**
   * `finishing`: the session is open, and the peer has not acknowledged our last flight; `closing`: we have sent
   * close_notify, and wait a moment for the peer's.
   */
  get phase(): Phase {
    return this.#machine instanceof Machine ? this.#machine.life.at : 'open';
  }

  /** `undefined` until the handshake is done; it outlives the connection. */
  get session(): Session | undefined {
    return this.#machine instanceof Asleep ? this.#machine.session : sessionOf(this.#machine.life);
  }

  /** {@link send} may be called: the session is open, or a server has accepted early data, which it may answer. */
  get maySend(): boolean {
    return this.#machine instanceof Asleep || this.#machine.maySend;
  }

  /**
   * Largest message that fits a datagram and the peer's limit, bytes. It falls when the system refuses a datagram of
   * that size.
   */
  get maxMessageSize(): number {
    return this.#machine.maxMessageSize;
  }

  /**
   * When the last authentic record of the peer arrived, or when the session opened if that was later; before all
   * instants until then.
   */
  get lastHeard(): Instant {
    return this.#machine.lastHeard;
  }

  /** Those of the records of each side, the newest; `undefined` until both have agreed on them, and where they have not. */
  get connectionIds(): ConnectionIdPair | undefined {
    return this.#machine.connectionIds;
  }

  /** What became of early data (RFC 8446 §4.2.10). */
  get earlyData(): EarlyOutcome {
    return this.#machine.earlyData;
  }

  /** The peer's address, and what is known of the path to it. */
  get path(): PathInfo {
    return this.#machine.path;
  }

  /** Begins: a client sends its first flight, a server waits for one. Throws `ERR_INVALID_STATE` the second time. */
  start(now: Instant): void {
    this.#awake().start(now);
  }

  /**
   * Returns whether anything in `datagram`, which came from `from`, was useful. The bytes are not kept, and none of them
   * throws. `atFormer`: it came to the address that {@link leavePath} has left. Throws `ERR_INVALID_ARG_TYPE` for what are no bytes.
   */
  receive(datagram: Uint8Array, from: PeerAddress, now: Instant, atFormer = false): boolean {
    checkBytes(datagram, 'datagram');
    return this.#awake().receive(datagram, from, now, atFormer);
  }

  /**
   * Sends one message as one datagram. Returns false where the keys are used up: the message is not sent, and the
   * session ends with `ERR_DTLS_KEY_LIMIT`. Throws `ERR_INVALID_ARG_TYPE` for what are no bytes, `ERR_INVALID_STATE`
   * unless {@link maySend}, and `ERR_OUT_OF_RANGE` when the message is larger than {@link maxMessageSize}.
   */
  send(data: Uint8Array): boolean {
    checkBytes(data, 'data');
    return this.#awake().send(data);
  }

  /**
   * DTLS 1.3: switches to new sending keys, once the peer has acknowledged that. `requestPeer`: the peer should do
   * the same. Throws `ERR_INVALID_STATE` unless the session is open, and in DTLS 1.2, which has no such message, and
   * `ERR_DTLS_KEY_LIMIT` where there is no next epoch or no message number for it: the session then goes on until its
   * keys are used up.
   */
  updateKeys(options: { readonly requestPeer: boolean }, now: Instant): void {
    this.#awake().updateKeys(options, now);
  }

  /**
   * Keeps only the state of an open session, about 400 bytes, until something happens to it: a datagram, a call, a timer.
   * Returns false while something is under way, such as a message that is not acknowledged or not polled.
   */
  hibernate(now: Instant): boolean {
    if (this.#machine instanceof Asleep) return true;
    if (!this.#machine.maySleep) return false;
    this.#fallAsleep(this.#machine, now);
    return true;
  }

  /** See {@link hibernate}; also after the option `hibernateAfter`. */
  get hibernates(): boolean {
    return this.#machine instanceof Asleep;
  }

  /**
   * Ends the association without a word to the peer, and returns the state from which {@link restore} goes on with it, in
   * another process as well: keys, numbers, unacknowledged messages, and what was not polled of messages and datagrams. The
   * bytes are secret, and not authenticated: seal them. Throws `ERR_INVALID_STATE` unless the session is open.
   */
  save(now: Instant): Uint8Array {
    return stateOfMachine(this.#awake(), now);
  }

  /**
   * The state from which {@link restore} goes on if this process fails. The association stays: it has `reserve` numbers of
   * records in each direction, 16 to 16,384, until {@link confirmCheckpoint} says that the state is kept in place of the one
   * before. The event `checkpoint-due` asks for the next one. What waits to be polled is not part of it. Throws
   * `ERR_INVALID_STATE` unless the session is open, `ERR_INVALID_ARG_TYPE` or `ERR_OUT_OF_RANGE` for another number.
   */
  checkpoint(reserve: number, now: Instant): Uint8Array {
    checkReserve(reserve);
    const machine = this.#awake();
    const saved = machine.checkpoint(reserve, now);
    return encodeState({ role: machine.security.role, peer: machine.path.address, doubtful: true, ...saved });
  }

  /** The last {@link checkpoint} is kept, and goes on in place of the one before. What could not be sent goes out. */
  confirmCheckpoint(now: Instant): void {
    this.#awake().confirm(now);
  }

  /**
   * The answer to job `jobId`. It does nothing once the association is over. Throws without any change: `ERR_DTLS_JOB`
   * for a job that was not requested or is already answered, and for an answer of another kind;
   * `ERR_INVALID_ARG_TYPE` or `ERR_INVALID_ARG_VALUE` for an answer whose fields are not those of its kind.
   */
  answer(jobId: number, answer: JobAnswer, now: Instant): void {
    this.#awake().answer(jobId, answer, now);
  }

  /**
   * Sends close_notify. The association ends at once during the handshake and when the peer has already closed,
   * otherwise when the peer closes or a short time has passed; until then its messages are delivered in DTLS 1.3.
   */
  close(now: Instant): void {
    this.#awake().close(now);
  }

  /**
   * Sends close_notify. With `allowHalfOpen` in DTLS 1.3 the peer's messages are delivered until the peer closes, is
   * silent for `idleTimeout`, or {@link close} is called; then this returns true. Otherwise as {@link close}.
   */
  closeSending(now: Instant): boolean {
    return this.#awake().closeSending(now);
  }

  /**
   * The peer has not acknowledged our last flight, and may lack the session's keys. After {@link close} the flight is still
   * repeated for a short time.
   */
  get isFinishing(): boolean {
    return this.#machine instanceof Machine && this.#machine.isFinishing;
  }

  /** Sends close_notify and ends without waiting. */
  abandon(error: DTLSError | undefined): void {
    this.#awake().abandon(error);
  }

  /**
   * Our side has another address from now on: another socket, another network. Needs a connection ID of the peer on our records,
   * and in DTLS 1.3 takes a spare one. The peer is told with a check of the path (RFC 9853); without those in DTLS 1.3 with a
   * message that it acknowledges, in DTLS 1.2 with the message of `keepAlive`, or with the next message of the application. The
   * event `rebound` tells when the peer is first heard there. Throws `ERR_INVALID_STATE` unless the session is open, and
   * `ERR_DTLS_REBIND` without a connection ID.
   */
  leavePath(now: Instant): void {
    this.#awake().leavePath(now);
  }

  /**
   * DTLS 1.3: gives the peer another connection ID, which is on its records as soon as it knows. Throws `ERR_INVALID_STATE` unless
   * the session is open and the peer's records have one, and in DTLS 1.2.
   * @see RFC 9147 §9
   */
  renewConnectionId(now: Instant): void {
    this.#awake().renewConnectionId(now);
  }

  /**
   * The peer's new address, of a `migrated` event, is known to be the peer's: what goes there is no longer limited. It does
   * nothing where the address is validated.
   */
  validatePath(): void {
    this.#awake().paths.validate();
  }

  /** The peer's new address, of a `migrated` event, is refused: the one before stays. As {@link validatePath} otherwise. */
  refusePath(now: Instant): void {
    this.#awake().paths.refuse(now);
  }

  /** The time of {@link pollTimeout} has come. Too early or too often does no harm. */
  handleTimeout(now: Instant): void {
    const slept = this.#machine instanceof Asleep;
    if (this.#machine instanceof Asleep && now < (this.#machine.wakesAt ?? NEVER)) return;
    const machine = this.#awake();
    machine.handleTimeout(now);
    if (this.#isStirred(machine)) this.#begin(now, machine);
    if (slept && machine.maySleep) this.#fallAsleep(machine, now);
    else if (this.#looksAt !== undefined && now >= this.#looksAt) this.#look(machine, now);
  }

  /**
   * The system refused to send a datagram of `size` bytes because it is too large. Flights are cut to smaller
   * datagrams and sent again at once; application data is lost, and {@link maxMessageSize} falls.
   */
  handleTooLarge(size: number, now: Instant): void {
    this.#awake().handleTooLarge(size, now);
  }

  /**
   * Datagrams do not reach the peer. It matters only in the handshake of a client that has received nothing yet: a
   * report of the system itself (`certain`) ends it at once; a message of the network, which can be forged, ends it
   * when the repeated flight gets no answer either.
   */
  handleUnreachable(
    cause: Error & { readonly code?: string | undefined },
    certain: boolean,
    now: Instant,
  ): void {
    this.#awake().handleUnreachable(cause, certain, now);
  }

  /**
   * The next datagram to send, and its destination; the caller owns the bytes, and the memory around them may hold others.
   * `fromFormer`: it leaves from the address that {@link leavePath} has left. `undefined` also while a path that is not validated
   * has no budget left: it goes on when the peer sends again.
   */
  pollTransmit():
    | { readonly data: Uint8Array; readonly to: PeerAddress; readonly fromFormer?: boolean }
    | undefined {
    if (this.#machine instanceof Asleep) return undefined;
    const data = this.#machine.pollTransmit();
    if (data === undefined) return undefined;
    const { destination: to, fromFormer } = this.#machine.paths;
    return fromFormer ? { data, to, fromFormer } : { data, to };
  }

  /** The next event, in the order in which they happened; `undefined` when there are no more. */
  pollEvent(): ConnectionEvent | undefined {
    return this.#machine instanceof Machine ? this.#machine.pollEvent() : undefined;
  }

  /**
   * When {@link handleTimeout} is to be called; `undefined` when there is nothing to wait for. What is due at once is due since the
   * peer was last heard.
   */
  pollTimeout(): Instant | undefined {
    if (this.#machine instanceof Asleep) return this.#machine.wakesAt;
    const due = this.#due(this.#machine);
    return due === AT_ONCE ? this.#machine.lastHeard : due;
  }

  #due(machine: Machine): Instant | undefined {
    const due = machine.pollTimeout();
    const { hibernateAfter } = machine.behaviour;
    if (hibernateAfter === 0 || machine.life.at !== 'open') return due;
    if (this.#isStirred(machine)) this.#stir(machine);
    this.#looksAt ??= Math.ceil(machine.lastHeard + Math.min(this.#pause, longestPause(machine.behaviour)));
    return earliest(due, this.#looksAt);
  }
}
