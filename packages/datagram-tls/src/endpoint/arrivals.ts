import { own } from '../base/bytes.js';
import type { Duration, Instant } from '../base/instant.js';
import type { MemoryPool } from '../base/memory.js';
import type { Behaviour, Destination, Security } from '../config/config.js';
import type { Beginning } from '../connection/beginning.js';
import { Connection } from '../connection/connection.js';
import type { EarlyRefusal } from '../handshake/early-refusal.js';
import type { JoinedHello } from './admission.js';
import type { EndpointCounters } from './counters.js';
import { createLink, type Link } from './link.js';
import { Newcomers } from './newcomers.js';
import type { PeerAddress } from './peer.js';
import { type Reception, Receptionist } from './reception.js';
import type { Routes } from './routes.js';

/** Limits of one endpoint; 0 means no limit. */
export interface EndpointLimits {
  readonly maxSessions: number;
  readonly maxSessionsPerHost: number;
  /** Bytes that all associations may hold for later, at their real cost. */
  readonly maxHeldBytes: number;
  /** ms. */
  readonly cookieLifetime: Duration;
}

/** What a server is made of; absent on an endpoint that only connects. */
export interface Service {
  readonly security: Security;
  readonly behaviour: Behaviour;
}

/** What the endpoint does for those who arrive. */
export interface ArrivalsHost {
  readonly routes: Routes;
  readonly counters: EndpointCounters;
  readonly memory: MemoryPool;
  /** `data` goes to a stranger. */
  reply(data: Uint8Array, peer: PeerAddress): void;
  /** `link` is a session that its owner has to hear of. */
  announce(link: Link): void;
  touch(link: Link): void;
}

const NOWHERE: Destination = { serverName: undefined, verifyName: undefined };

/** Strangers, until each is a session or was sent away. */
export class Arrivals {
  /** Turn strangers away. */
  busy = false;
  #service: Service | undefined;
  readonly #host: ArrivalsHost;
  readonly #limits: EndpointLimits;
  readonly #newcomers = new Newcomers();
  #receptionist: Receptionist | undefined;

  constructor(host: ArrivalsHost, limits: EndpointLimits) {
    this.#host = host;
    this.#limits = limits;
  }

  /** Starts, changes or stops serving. */
  serve(service: Service | undefined): void {
    this.#service = service;
    if (service === undefined) for (const link of this.#newcomers.unknown) this.#turnAway(link);
    else this.#receptionist ??= new Receptionist(service.security, this.#limits.cookieLifetime);
  }

  /** What is kept of ClientHellos that came in parts, bytes. */
  get partBytes(): number {
    return this.#receptionist?.partBytes ?? 0;
  }

  /** The rest of a ClientHello from there is awaited. */
  expectsRest(address: string, port: number): boolean {
    return this.#receptionist?.expects(address, port) ?? false;
  }

  receive(datagram: Uint8Array, peer: PeerAddress, now: Instant): void {
    const service = this.#service;
    const receptionist = this.#receptionist;
    const { counters } = this.#host;
    if (service === undefined || receptionist === undefined) {
      counters.rejected++;
      return;
    }
    if (this.busy) {
      counters.busy++;
      return;
    }
    this.#act(receptionist.receive(datagram, peer, service.security, now), service, peer, now);
  }

  /** Something happened to `link`, which may be a newcomer. */
  review(link: Link, now: Instant): void {
    if (this.#newcomers.size === 0) return;
    const news = this.#newcomers.review(link);
    if (news?.kind === 'taken') {
      this.#host.counters.earlyAccepted++;
      this.#host.announce(link);
    }
    if (news?.kind !== 'declined') return;
    this.#host.routes.remove(link);
    this.#decline(news.hello, news.reason, link.peer, now);
  }

  /** `link` is over. */
  forget(link: Link): void {
    this.#newcomers.forget(link);
  }

  #act(decision: Reception, service: Service, peer: PeerAddress, now: Instant): void {
    const { counters } = this.#host;
    switch (decision.act) {
      case 'reject':
        counters.rejected++;
        return;
      case 'wait':
        counters.partHellos++;
        return;
      case 'reply':
        this.#host.reply(decision.data, peer);
        if (decision.asksForCookie) counters.cookiesSent++;
        else counters.rejected++;
        return;
      case 'probe':
        if (this.#mayProbe(peer)) this.#probe(service, decision, peer, now);
        else this.#decline(decision.hello, 'busy', peer, now);
        return;
      case 'admit':
        if (this.#isFull(peer)) counters.refused++;
        else this.#admit(service, decision, peer, now);
        return;
    }
  }

  /**
   * A client that began anew shows its cookie before anything is done about its old association. Newcomers count here, as
   * each may become a session.
   */
  #mayProbe({ address, port }: PeerAddress): boolean {
    const { routes } = this.#host;
    if (routes.find(address, port) !== undefined || this.#newcomers.isFull) return false;
    return !this.#exceeds(routes.size, routes.countOf(address));
  }

  /** Nobody is told before its early data is taken. */
  #probe(
    service: Service,
    { beginning, hello, random, datagram }: Extract<Reception, { act: 'probe' }>,
    peer: PeerAddress,
    now: Instant,
  ): void {
    const link = this.#open(service, beginning, random, peer);
    this.#newcomers.add(link, { ...hello, body: own(hello.body) });
    this.#begin(link, datagram, now);
  }

  /** Early data is not taken: the client is asked for its cookie, and will send that data again. */
  #decline(hello: JoinedHello, reason: EarlyRefusal, peer: PeerAddress, now: Instant): void {
    this.#countRefusal(reason);
    const service = this.#service;
    if (service === undefined || this.#receptionist === undefined || reason === 'expired') return;
    this.#act(this.#receptionist.answer(hello, peer, service.security, now), service, peer, now);
  }

  /** Nobody serves any more: of a newcomer who is not announced nobody will hear. */
  #turnAway(link: Link): void {
    link.connection.onDecline('busy');
    this.#newcomers.forget(link);
    this.#host.routes.remove(link);
    this.#host.touch(link);
    this.#countRefusal('busy');
  }

  #countRefusal(reason: EarlyRefusal): void {
    const { earlyRefused } = this.#host.counters;
    earlyRefused[reason] = (earlyRefused[reason] ?? 0) + 1;
  }

  #isFull({ address, port }: PeerAddress): boolean {
    const { routes } = this.#host;
    // A client that began anew takes the place of its old association.
    if (routes.find(address, port) !== undefined) return false;
    const fromHost = routes.countOf(address);
    if (!this.#exceeds(routes.size, fromHost)) return false;
    // Newcomers, whose addresses may be forged, take no place from those who are proved.
    const newcomers = this.#newcomers;
    return this.#exceeds(routes.size - newcomers.size, fromHost - newcomers.countOf(address));
  }

  /** Whether there is no room for one more. */
  #exceeds(sessions: number, fromHost: number): boolean {
    const { maxSessions, maxSessionsPerHost } = this.#limits;
    if (maxSessions > 0 && sessions >= maxSessions) return true;
    return maxSessionsPerHost > 0 && fromHost >= maxSessionsPerHost;
  }

  #admit(
    service: Service,
    { beginning, random, datagram }: Extract<Reception, { act: 'admit' }>,
    peer: PeerAddress,
    now: Instant,
  ): void {
    this.#dropPending(peer);
    const link = this.#open(service, beginning, random, peer);
    this.#host.announce(link);
    this.#begin(link, datagram, now);
  }

  #open(service: Service, beginning: Beginning, random: Uint8Array, peer: PeerAddress): Link {
    const connection = new Connection(
      service.security,
      service.behaviour,
      NOWHERE,
      beginning,
      this.#host.memory,
    );
    const link = createLink(connection, peer, own(random));
    this.#host.routes.add(link);
    return link;
  }

  /** With the datagram that brought it. */
  #begin(link: Link, datagram: Uint8Array, now: Instant): void {
    link.connection.start(now);
    link.connection.receive(datagram, now);
    this.review(link, now);
    this.#host.touch(link);
  }

  /** A client that began anew twice means the last time. */
  #dropPending(peer: PeerAddress): void {
    const { routes } = this.#host;
    const pending = routes.find(peer.address, peer.port)?.pending;
    if (pending === undefined) return;
    pending.connection.supersede();
    routes.remove(pending);
    this.#host.touch(pending);
  }
}
