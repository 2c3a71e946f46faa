import { own, sameBytes } from '../base/bytes.js';
import { callerError, type DTLSError } from '../base/errors.js';
import type { Duration, Instant } from '../base/instant.js';
import { Queue } from '../base/queue.js';
import type { Behaviour, Destination, Security } from '../config/config.js';
import { FROM_ZERO } from '../connection/beginning.js';
import { Connection } from '../connection/connection.js';
import type { ConnectionEvent } from '../connection/events.js';
import type { JobAnswer } from '../handshake/jobs.js';
import { startCounting } from './counters.js';
import { Deadlines } from './deadlines.js';
import { looksLikeClientHello, readHelloParts, readPrefix } from './first-contact.js';
import type { Link } from './link.js';
import type { PeerAddress } from './peer.js';
import { type Reception, Receptionist } from './reception.js';
import { type Outgoing, Rounds } from './rounds.js';
import { type Route, Routes } from './routes.js';

/** Limits of one endpoint; 0 means no limit. */
export interface EndpointLimits {
  readonly maxSessions: number;
  readonly maxSessionsPerHost: number;
  /** ms. */
  readonly cookieLifetime: Duration;
}

/** What a server is made of; absent on an endpoint that only connects. */
export interface Service {
  readonly security: Security;
  readonly behaviour: Behaviour;
}

export type EndpointEvent =
  /** A client whose cookie was good. It waits for the answer to a job at the least: what it gets depends on the event. */
  | { readonly type: 'session'; readonly link: Link }
  | { readonly type: 'connection'; readonly link: Link; readonly event: ConnectionEvent };

const NOWHERE: Destination = { serverName: undefined, verifyName: undefined };

/**
 * One UDP port with many peers, without a socket: finds the connection of a datagram, and answers strangers without
 * keeping anything of them. After each call drain {@link pollTransmit} and {@link pollEvent}, then re-arm at
 * {@link pollTimeout}.
 */
export class Endpoint {
  /** Turn strangers away; sessions that are there go on. */
  busy = false;
  readonly counters = startCounting();
  readonly #limits: EndpointLimits;
  readonly #routes = new Routes();
  readonly #deadlines = new Deadlines<Link>();
  #service: Service | undefined;
  #receptionist: Receptionist | undefined;
  readonly #stateless = new Queue<Outgoing>();
  readonly #events = new Queue<EndpointEvent>();
  readonly #rounds = new Rounds();
  readonly #onRest = (link: Link): void => this.#deadlines.set(link, link.connection.pollTimeout());

  constructor(limits: EndpointLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#routes.size;
  }

  /** What is kept of ClientHellos that came in parts, bytes. */
  get partHelloBytes(): number {
    return this.#receptionist?.partBytes ?? 0;
  }

  links(): Iterable<Link> {
    return this.#routes.links();
  }

  /** Starts, changes or stops serving clients; sessions that are there keep what they have. */
  serve(service: Service | undefined): void {
    this.#service = service;
    if (service !== undefined) {
      this.#receptionist ??= new Receptionist(service.security, this.#limits.cookieLifetime);
    }
  }

  /** Begins an association as a client. Throws `ERR_DTLS_ADDRESS_IN_USE` when there is one with this peer already. */
  connect(
    peer: PeerAddress,
    security: Security,
    behaviour: Behaviour,
    destination: Destination,
    now: Instant,
  ): Link {
    if (this.#routes.find(peer.address, peer.port) !== undefined) {
      throw callerError(
        'ERR_DTLS_ADDRESS_IN_USE',
        `there is a session with ${peer.address}:${peer.port} already`,
      );
    }
    const connection = new Connection(security, behaviour, destination, FROM_ZERO);
    const link: Link = { connection, role: 'client', peer, clientRandom: undefined, ...RESTING };
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
    this.counters.datagramsReceived++;
    this.counters.bytesReceived += datagram.length;
    const route = this.#routes.find(address, port);
    if (route !== undefined && !this.#isRestart(route, datagram)) return this.#deliver(route, datagram, now);
    if (datagram.length > 0) this.#onStranger(datagram, { address, family, port }, now);
  }

  /** Starts the handshake of a server session that was announced, with the datagram that brought it. */
  #begin(link: Link, datagram: Uint8Array, now: Instant): void {
    link.connection.start(now);
    link.connection.receive(datagram, now);
    this.touch(link);
  }

  /** As the connection's own `send`, which throws; a session whose keys are spent then ends. */
  send(link: Link, data: Uint8Array): void {
    try {
      link.connection.send(data);
    } finally {
      this.touch(link);
    }
  }

  answer(link: Link, answer: JobAnswer, now: Instant): void {
    link.connection.handleAnswer(answer, now);
    this.touch(link);
  }

  /** The system refused a datagram of `link` with `size` bytes because it is too large. */
  handleTooLarge(link: Link, size: number, now: Instant): void {
    link.connection.handleTooLarge(size, now);
    this.touch(link);
  }

  close(link: Link, now: Instant): void {
    link.connection.close(now);
    this.touch(link);
  }

  abandon(link: Link, error: DTLSError | undefined): void {
    link.connection.abandon(error);
    this.touch(link);
  }

  handleTimeout(now: Instant): void {
    for (let link = this.#deadlines.takeDue(now); link !== undefined; link = this.#deadlines.takeDue(now)) {
      link.connection.handleTimeout(now);
      this.touch(link);
    }
  }

  pollTimeout(): Instant | undefined {
    return this.#deadlines.next();
  }

  /** A connection was called outside of this endpoint's methods, such as to send: poll it. */
  touch(link: Link): void {
    this.#rounds.touch(link);
  }

  pollTransmit(): Outgoing | undefined {
    return this.#stateless.shift() ?? this.#rounds.pollTransmit();
  }

  pollEvent(): EndpointEvent | undefined {
    const event = this.#events.shift();
    if (event !== undefined) return event;
    const told = this.#rounds.pollEvent(this.#onRest);
    return told === undefined ? undefined : this.#note(told.link, told.event);
  }

  /** What an event of a connection means to the endpoint. */
  #note(link: Link, event: ConnectionEvent): EndpointEvent {
    if (event.type === 'closed') this.#routes.remove(link);
    if (event.type === 'connected') {
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
    this.touch(current);
  }

  #onStranger(datagram: Uint8Array, peer: PeerAddress, now: Instant): void {
    const service = this.#service;
    if (this.busy && service !== undefined) {
      this.counters.busy++;
      return;
    }
    const receptionist = this.#receptionist;
    if (service === undefined || receptionist === undefined) {
      this.counters.rejected++;
      return;
    }
    const decision = receptionist.receive(datagram, peer, service.security, now);
    switch (decision.act) {
      case 'reject':
        this.counters.rejected++;
        return;
      case 'wait':
        this.counters.partHellos++;
        return;
      case 'reply':
        this.#stateless.push({ data: decision.data, peer, link: undefined });
        if (decision.asksForCookie) this.counters.cookiesSent++;
        else this.counters.rejected++;
        return;
      case 'admit':
        if (this.#isFull(peer)) this.counters.refused++;
        else this.#admit(service, decision, peer, now);
        return;
    }
  }

  #isFull(peer: PeerAddress): boolean {
    // A client that began anew takes the place of its old association.
    if (this.#routes.find(peer.address, peer.port) !== undefined) return false;
    const { maxSessions, maxSessionsPerHost } = this.#limits;
    if (maxSessions > 0 && this.#routes.size >= maxSessions) return true;
    return maxSessionsPerHost > 0 && this.#routes.countOf(peer.address) >= maxSessionsPerHost;
  }

  #admit(
    service: Service,
    { beginning, random, datagram }: Extract<Reception, { act: 'admit' }>,
    peer: PeerAddress,
    now: Instant,
  ): void {
    this.#dropPending(peer);
    const connection = new Connection(service.security, service.behaviour, NOWHERE, beginning);
    const clientRandom = own(random);
    const link: Link = { connection, role: 'server', peer, clientRandom, ...RESTING };
    this.#routes.add(link);
    this.counters.serverSessions++;
    this.#events.push({ type: 'session', link });
    this.#begin(link, datagram, now);
  }

  /** A ClientHello, or a part of one, that neither association with this address knows: the client may have restarted. */
  #isRestart({ current, pending }: Route, datagram: Uint8Array): boolean {
    if (current.role === 'client' || !looksLikeClientHello(datagram)) return false;
    const [part] = readHelloParts(datagram);
    if (part === undefined) return false;
    const { address, port } = current.peer;
    if (part.fragment.fragmentOffset > 0) return this.#receptionist?.expects(address, port) ?? false;
    const random = readPrefix(part)?.random;
    return random !== undefined && !knows(current, random) && !knows(pending, random);
  }

  /** A client that began anew twice means the last time. */
  #dropPending(peer: PeerAddress): void {
    const pending = this.#routes.find(peer.address, peer.port)?.pending;
    if (pending === undefined) return;
    pending.connection.supersede();
    this.#routes.remove(pending);
    this.touch(pending);
  }
}

const RESTING = { deadline: undefined, place: -1, sending: false, telling: false };

function knows(link: Link | undefined, random: Uint8Array): boolean {
  return link?.clientRandom !== undefined && sameBytes(link.clientRandom, random);
}
