import { own } from '../base/bytes.js';
import { DTLSError } from '../base/errors.js';
import type { Instant } from '../base/instant.js';
import type { MemoryPool } from '../base/memory.js';
import type { Behaviour, Destination, Security } from '../config/config.js';
import type { EndpointLimits } from '../config/limits.js';
import { type Beginning, Connection } from '../connection/connection.js';
import type { EarlyRefusal } from '../handshake/actions.js';
import { createLink, type Link } from './connection-entry.js';
import type { EndpointCounters } from './counters.js';
import { hostOf, type PeerAddress } from './peer.js';
import { Places, type RefusalReason } from './places.js';
import { RefusedHandshakes } from './refusals.js';
import type { Routes } from './routes.js';
import type { JoinedHello } from './split-hellos.js';
import { type Reception, Receptionist } from './stateless.js';

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
  /** The client at `peer`, whose address is proved, gets no association. */
  refuse(peer: PeerAddress, reason: RefusalReason, now: Instant): void;
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
  readonly #places: Places;
  readonly #refused = new RefusedHandshakes();
  #receptionist: Receptionist | undefined;

  constructor(host: ArrivalsHost, limits: EndpointLimits) {
    this.#host = host;
    this.#limits = limits;
    this.#places = new Places(limits);
  }

  /** Starts, changes or stops serving. */
  serve(service: Service | undefined): void {
    this.#service = service;
    if (service === undefined) for (const link of this.#newcomers.unknown) this.#turnAway(link);
    else this.#receptionist ??= new Receptionist(service.security, this.#limits.cookieLifetime);
  }

  /** Associations of proved clients whose handshake is not done. */
  get handshakes(): number {
    return this.#places.handshakes;
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
    const repeated = this.#refused.answer(datagram, peer, now);
    if (repeated !== undefined) return this.#repeatAlert(repeated, peer);
    if (this.busy) {
      counters.busy++;
      return;
    }
    this.#act(receptionist.receive(datagram, peer, service.security, now), service, peer, now);
  }

  /** Something happened to `link`, which may be a newcomer. */
  review(link: Link, now: Instant): void {
    if (!this.#newcomers.has(link)) return;
    const news = this.#newcomers.review(link);
    if (news?.kind === 'taken') {
      this.#host.counters.earlyAccepted++;
      this.#host.announce(link);
    }
    if (news?.kind === 'declined') {
      this.#host.routes.remove(link);
      this.#decline(news.hello, news.reason, link.peer, now);
    } else if (!this.#newcomers.has(link)) this.#places.add(link);
  }

  /** The handshake of `link` is done. */
  onConnected(link: Link): void {
    this.#places.onConnected(link);
  }

  /** `link` is over: should its handshake have been refused, its client is told again when it repeats itself. */
  onEnd(link: Link, now: Instant): void {
    this.#newcomers.forget(link);
    this.#places.forget(link);
    const { refusal } = link.connection;
    if (refusal !== undefined && link.clientRandom !== undefined)
      this.#refused.add(link.peer, link.clientRandom, refusal, now);
  }

  #repeatAlert(alert: Uint8Array, peer: PeerAddress): void {
    const { counters } = this.#host;
    if (alert.length === 0) {
      counters.rejected++;
      return;
    }
    this.#host.reply(alert, peer);
    counters.alertsRepeated++;
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
      case 'probe': {
        const host = this.#hostOf(peer);
        const refusal = this.#refusesProbe(peer, host, decision.ticket);
        if (refusal === undefined) this.#probe(service, decision, peer, host, now);
        else this.#decline(decision.hello, refusal, peer, now);
        return;
      }
      case 'admit': {
        const host = this.#hostOf(peer);
        if (this.#makeRoom(peer, host, now)) this.#admit(service, decision, peer, host, now);
        return;
      }
    }
  }

  /**
   * A client that began anew shows its cookie before anything is done about its old association. Newcomers count here, as
   * each may become a session.
   */
  #refusesProbe({ address, port }: PeerAddress, host: string, ticket: string): EarlyRefusal | undefined {
    if (this.#host.routes.find(address, port) !== undefined) return 'busy';
    const newcomers = this.#newcomers;
    if (!this.#places.hasRoom(host, newcomers.size, newcomers.countOf(host))) return 'busy';
    return newcomers.refuses(host, ticket);
  }

  /** Nobody is told before its early data is taken. */
  #probe(
    service: Service,
    { beginning, hello, ticket, random, datagram }: Extract<Reception, { act: 'probe' }>,
    peer: PeerAddress,
    host: string,
    now: Instant,
  ): void {
    const link = this.#open(service, beginning, { peer, host, began: now, clientRandom: own(random) });
    this.#newcomers.add(link, { ...hello, body: own(hello.body) }, ticket);
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

  /**
   * Whether there is room for a client whose address is proved. Early data of unproved clients, whose addresses may be forged,
   * takes no place from it.
   */
  #makeRoom(peer: PeerAddress, host: string, now: Instant): boolean {
    const route = this.#host.routes.find(peer.address, peer.port);
    // A client that began anew twice means the last time.
    if (route?.pending !== undefined) return true;
    // One that began anew takes the place of its old association in the end.
    const room = this.#places.makeRoom(host, route !== undefined, now);
    if ('refused' in room) {
      this.#host.refuse(peer, room.refused, now);
      return false;
    }
    for (const link of room.evicted) this.#evict(link);
    return true;
  }

  #evict(link: Link): void {
    const { counters } = this.#host;
    const open = link.connection.session !== undefined;
    if (open) counters.sessionsEvicted++;
    else counters.handshakesEvicted++;
    this.#places.forget(link);
    link.connection.retire(evicted(open));
    this.#host.touch(link);
  }

  #admit(
    service: Service,
    { beginning, random, datagram }: Extract<Reception, { act: 'admit' }>,
    peer: PeerAddress,
    host: string,
    now: Instant,
  ): void {
    this.#dropPending(peer);
    const link = this.#open(service, beginning, { peer, host, began: now, clientRandom: own(random) });
    this.#places.add(link);
    this.#host.announce(link);
    this.#begin(link, datagram, now);
  }

  #hostOf({ address }: PeerAddress): string {
    return hostOf(address, this.#limits.hostPrefix);
  }

  #open(
    service: Service,
    beginning: Beginning,
    client: Pick<Link, 'peer' | 'host' | 'began' | 'clientRandom'>,
  ): Link {
    const { security, behaviour } = service;
    const connection = new Connection(security, behaviour, NOWHERE, beginning, this.#host.memory);
    const link = createLink(connection, client);
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
    this.#places.forget(pending);
    this.#host.touch(pending);
  }
}

function evicted(open: boolean): DTLSError {
  const what = open ? 'silent session' : 'unfinished handshake';
  return new DTLSError('ERR_DTLS_EVICTED', `the endpoint is full: this ${what} gave way to a new client`, {
    alert: open ? undefined : 'internal_error',
  });
}

/** Associations whose clients brought early data, no cookie, and no proof yet that they hear us. */
const MOST_UNPROVED = 64;
/** Those of one host, so that it leaves places to others. */
const MOST_PER_HOST = 16;
/** Those under one ticket. A client uses each once, but may start again; an attacker that forges addresses needs many tickets. */
const MOST_PER_TICKET = 4;

/** What became of a newcomer. */
type News =
  /** Its early data is taken: it is a session from now on. */
  | { readonly kind: 'taken' }
  /** It is answered as any stranger, and nothing is kept of it. */
  | { readonly kind: 'declined'; readonly hello: JoinedHello; readonly reason: EarlyRefusal };

/**
 * Clients with early data, which is of use only without the round trip of a cookie: so few of them are let in at a time
 * that those who forge addresses gain nothing by them.
 */
class Newcomers {
  /** Of those about which nothing is known yet, the ClientHello, which may have to be answered as a stranger's. */
  readonly #asked = new Map<Link, JoinedHello>();
  readonly #answered = new Set<Link>();
  /** The ticket of each. */
  readonly #tickets = new Map<Link, string>();

  get size(): number {
    return this.#tickets.size;
  }

  /** Those with one host. */
  countOf(host: string): number {
    let count = 0;
    for (const link of this.#tickets.keys()) if (link.host === host) count++;
    return count;
  }

  /** Those of whom nobody was told. */
  get unknown(): readonly Link[] {
    return [...this.#asked.keys()];
  }

  /** Why one more with `host`, under `ticket`, is not let in. */
  refuses(host: string, ticket: string): EarlyRefusal | undefined {
    if (this.size >= MOST_UNPROVED) return 'busy';
    return this.countOf(host) >= MOST_PER_HOST || this.#countUnder(ticket) >= MOST_PER_TICKET
      ? 'over_share'
      : undefined;
  }

  has(link: Link): boolean {
    return this.#tickets.has(link);
  }

  /** `hello` must be the caller's own copy. */
  add(link: Link, hello: JoinedHello, ticket: string): void {
    this.#asked.set(link, hello);
    this.#tickets.set(link, ticket);
  }

  /** Something happened to `link`: whether that tells more of it. */
  review(link: Link): News | undefined {
    const { probation } = link.connection;
    if (probation === undefined && this.#answered.delete(link)) this.#tickets.delete(link);
    const hello = this.#asked.get(link);
    if (hello === undefined || probation?.standing === 'asked') return undefined;
    this.#asked.delete(link);
    if (probation?.standing === 'answered') this.#answered.add(link);
    else this.#tickets.delete(link);
    if (probation?.standing === 'declined')
      return { kind: 'declined', hello, reason: probation.reason ?? 'failed' };
    return { kind: 'taken' };
  }

  forget(link: Link): void {
    this.#asked.delete(link);
    this.#answered.delete(link);
    this.#tickets.delete(link);
  }

  #countUnder(ticket: string): number {
    let count = 0;
    for (const other of this.#tickets.values()) if (other === ticket) count++;
    return count;
  }
}
