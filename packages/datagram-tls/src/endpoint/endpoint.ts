import { sameBytes } from '../base/bytes.js';
import { callerError, type DTLSError } from '../base/errors.js';
import type { Instant } from '../base/instant.js';
import { MemoryPool } from '../base/memory.js';
import { Queue } from '../base/queue.js';
import type { Behaviour, Destination, Security } from '../config/config.js';
import type { EndpointLimits } from '../config/limits.js';
import { Connection, FROM_ZERO } from '../connection/connection.js';
import type { ConnectionEvent } from '../connection/events.js';
import type { JobAnswer } from '../handshake/jobs.js';
import { Acceptor, type AcceptorHost, type Service } from './acceptor.js';
import { type ConnectionEntry, createEntry } from './connection-entry.js';
import { startCounting } from './counters.js';
import { Deadlines } from './deadlines.js';
import { hostOf, type PeerAddress } from './peer.js';
import type { RefusalReason } from './places.js';
import { type Outgoing, ReadyQueue } from './ready-queue.js';
import { type Refusal, RefusalReports } from './refusals.js';
import { type Route, Routes } from './routes.js';
import { looksLikeClientHello, readHelloParts, readPrefix } from './split-hellos.js';

export type EndpointEvent =
  /** A client whose cookie was good, or whose early data is taken. It waits for the answer to a job at the least: what it gets depends on the event. */
  | { readonly type: 'session'; readonly link: ConnectionEntry }
  /** Clients got no association because a limit is reached; at most one event a second for each reason. */
  | { readonly type: 'refused'; readonly refusal: Refusal }
  | { readonly type: 'connection'; readonly link: ConnectionEntry; readonly event: ConnectionEvent };

/**
 * One UDP port with many peers, without a socket: finds the connection of a datagram, and answers ClientHellos
 * without keeping anything of them. After each call drain {@link pollTransmit} and {@link pollEvent}, then re-arm at
 * {@link pollTimeout}.
 */
export class Endpoint {
  readonly counters = startCounting();
  readonly #routes = new Routes();
  readonly #deadlines = new Deadlines<ConnectionEntry>();
  readonly #stateless = new Queue<Outgoing>();
  readonly #events = new Queue<EndpointEvent>();
  readonly #readyQueue = new ReadyQueue();
  readonly #acceptor: Acceptor;
  readonly #limits: EndpointLimits;
  readonly #memory: MemoryPool;
  readonly #refusals = new RefusalReports();
  /** The latest instant that was given. */
  #now: Instant = 0;
  readonly #onRest = (link: ConnectionEntry): void =>
    this.#deadlines.set(link, link.connection.pollTimeout());

  constructor(limits: EndpointLimits) {
    this.#limits = limits;
    this.#memory = new MemoryPool(limits.maxHeldBytes);
    this.#acceptor = new Acceptor(this.#acceptorHost(), limits);
  }

  /** Answers no ClientHello while it is true; open sessions go on. */
  get busy(): boolean {
    return this.#acceptor.busy;
  }
  set busy(value: boolean) {
    this.#acceptor.busy = value;
  }

  get size(): number {
    return this.#routes.size;
  }

  /** Server associations whose handshake is not done. */
  get handshakes(): number {
    return this.#acceptor.handshakes;
  }

  /** What is kept of ClientHellos that came in parts, bytes. */
  get partHelloBytes(): number {
    return this.#acceptor.partBytes;
  }

  /** What all associations hold for later, bytes: parts of messages, records without keys, data that came too early. */
  get heldBytes(): number {
    return this.#memory.held;
  }

  /** How often an association gave up what it held because all together held too much. */
  get evictions(): number {
    return this.#memory.evictions;
  }

  links(): Iterable<ConnectionEntry> {
    return this.#routes.links();
  }

  /** Starts, changes or stops serving clients; sessions that are there keep what they have. */
  serve(service: Service | undefined): void {
    this.#acceptor.serve(service);
  }

  /** Begins an association as a client. Throws `ERR_DTLS_ADDRESS_IN_USE` when there is one with this peer already. */
  connect(
    peer: PeerAddress,
    security: Security,
    behaviour: Behaviour,
    destination: Destination,
    now: Instant,
  ): ConnectionEntry {
    if (this.#routes.find(peer.address, peer.port) !== undefined) {
      throw callerError(
        'ERR_DTLS_ADDRESS_IN_USE',
        `there is a session with ${peer.address}:${peer.port} already`,
      );
    }
    const connection = new Connection(security, behaviour, destination, FROM_ZERO, this.#memory);
    const host = hostOf(peer.address, this.#limits.hostPrefix);
    const link = createEntry(connection, { peer, host, began: now, clientRandom: undefined });
    this.#routes.add(link);
    this.counters.clientSessions++;
    connection.start(now);
    this.touch(link);
    return link;
  }

  /** The bytes of `datagram` are not kept. */
  receive(
    datagram: Uint8Array,
    address: string,
    port: number,
    family: PeerAddress['family'],
    now: Instant,
  ): void {
    this.#now = now;
    this.counters.datagramsReceived++;
    this.counters.bytesReceived += datagram.length;
    const route = this.#routes.find(address, port);
    if (route !== undefined && !isRestart(route, datagram, this.#acceptor))
      return this.#deliver(route, datagram, now);
    if (datagram.length > 0) this.#acceptor.receive(datagram, { address, family, port }, now);
  }

  /** As the connection's own `send`: a session whose keys are spent then ends. */
  send(link: ConnectionEntry, data: Uint8Array): boolean {
    try {
      return link.connection.send(data);
    } finally {
      this.touch(link);
    }
  }

  answer(link: ConnectionEntry, answer: JobAnswer, now: Instant): void {
    this.#now = now;
    link.connection.handleAnswer(answer, now);
    this.#acceptor.review(link, now);
    this.touch(link);
  }

  /** The system refused a datagram of `link` with `size` bytes because it is too large. */
  handleTooLarge(link: ConnectionEntry, size: number, now: Instant): void {
    link.connection.handleTooLarge(size, now);
    this.touch(link);
  }

  /** The system, or the network (not `certain`), says that datagrams do not reach the peer of `link`. */
  handleUnreachable(
    link: ConnectionEntry,
    cause: Error & { readonly code?: string | undefined },
    certain: boolean,
    now: Instant,
  ): void {
    link.connection.handleUnreachable(cause, certain, now);
    this.touch(link);
  }

  close(link: ConnectionEntry, now: Instant): void {
    link.connection.close(now);
    this.touch(link);
  }

  abandon(link: ConnectionEntry, error: DTLSError | undefined): void {
    link.connection.abandon(error);
    this.touch(link);
  }

  handleTimeout(now: Instant): void {
    this.#now = now;
    for (let link = this.#deadlines.takeDue(now); link !== undefined; link = this.#deadlines.takeDue(now)) {
      link.connection.handleTimeout(now);
      this.#acceptor.review(link, now);
      this.touch(link);
    }
  }

  pollTimeout(): Instant | undefined {
    return this.#deadlines.next();
  }

  /** A connection was called outside of this endpoint's methods, such as to send: poll it. */
  touch(link: ConnectionEntry): void {
    this.#readyQueue.touch(link);
  }

  pollTransmit(): Outgoing | undefined {
    return this.#stateless.shift() ?? this.#readyQueue.pollTransmit();
  }

  pollEvent(): EndpointEvent | undefined {
    const event = this.#events.shift();
    if (event !== undefined) return event;
    const told = this.#readyQueue.pollEvent(this.#onRest);
    return told === undefined ? undefined : this.#note(told.link, told.event);
  }

  #acceptorHost(): AcceptorHost {
    return {
      routes: this.#routes,
      counters: this.counters,
      memory: this.#memory,
      reply: (data, peer) => this.#stateless.push({ data, peer, link: undefined }),
      announce: (link) => {
        this.counters.serverSessions++;
        this.#events.push({ type: 'session', link });
      },
      touch: (link) => this.touch(link),
      refuse: (peer, reason, now) => this.#refuse(peer, reason, now),
    };
  }

  #refuse(peer: PeerAddress, reason: RefusalReason, now: Instant): void {
    const { refusedBy } = this.counters;
    this.counters.refused++;
    refusedBy[reason] = (refusedBy[reason] ?? 0) + 1;
    const refusal = this.#refusals.add(peer, reason, now);
    if (refusal !== undefined) this.#events.push({ type: 'refused', refusal });
  }

  /** What an event of a connection means to the endpoint. */
  #note(link: ConnectionEntry, event: ConnectionEvent): EndpointEvent {
    if (event.type === 'closed') {
      this.#routes.remove(link);
      this.#acceptor.onEnd(link, this.#now);
    }
    if (event.type === 'connected') {
      this.#acceptor.onConnected(link);
      const replaced = this.#routes.promote(link);
      if (replaced !== undefined) {
        replaced.connection.supersede();
        this.touch(replaced);
      }
    }
    return { type: 'connection', link, event };
  }

  #deliver(route: Route, datagram: Uint8Array, now: Instant): void {
    const { current, pending } = route;
    if (pending !== undefined) {
      this.touch(pending);
      if (pending.connection.receive(datagram, now)) return;
    }
    current.connection.receive(datagram, now);
    this.#acceptor.review(current, now);
    this.touch(current);
  }
}

/**
 * A ClientHello, or a part of one, that neither association with this address knows: the client may have restarted.
 * `acceptor` tells where the rest of a ClientHello is awaited from.
 */
function isRestart(
  { current, pending }: Route,
  datagram: Uint8Array,
  acceptor: Pick<Acceptor, 'expectsRest'>,
): boolean {
  if (current.role === 'client' || !looksLikeClientHello(datagram)) return false;
  const [part] = readHelloParts(datagram);
  if (part === undefined) return false;
  const { address, port } = current.peer;
  if (part.fragment.fragmentOffset > 0) return acceptor.expectsRest(address, port);
  const random = readPrefix(part)?.random;
  return random !== undefined && !knows(current, random) && !knows(pending, random);
}

function knows(link: ConnectionEntry | undefined, random: Uint8Array): boolean {
  return link?.clientRandom !== undefined && sameBytes(link.clientRandom, random);
}
