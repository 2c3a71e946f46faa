import { own } from '../base/bytes.js';
import { DTLSError } from '../base/errors.js';
import type { Instant } from '../base/instant.js';
import type { MemoryPool } from '../base/memory.js';
import type { Behaviour, Destination } from '../config/config.js';
import type { EndpointLimits } from '../config/limits.js';
import { connectionAround, machineOf } from '../connection/connection.js';
import { type InitialNumbers, Machine } from '../connection/machine.js';
import type { Security } from '../connection/version.js';
import type { EarlyRefusal } from '../handshake/actions.js';
import { type ConnectionEntry, createEntry } from './connection-entry.js';
import type { EndpointCounters } from './counters.js';
import { hostOf, type PeerAddress } from './peer.js';
import { Places, type RefusalReason } from './places.js';
import { RefusedHandshakes } from './refusals.js';
import type { Routes } from './routes.js';
import type { JoinedHello } from './split-hellos.js';
import { type StatelessDecision, StatelessResponder } from './stateless.js';

/** What a server is made of; absent on an endpoint that only connects. */
export interface Service {
  readonly security: Security;
  readonly behaviour: Behaviour;
}

/** What the endpoint does for those who arrive. */
export interface AcceptorHost {
  readonly routes: Routes;
  readonly counters: EndpointCounters;
  readonly memory: MemoryPool;
  /** `data` goes to an address without an association. */
  reply(data: Uint8Array, peer: PeerAddress): void;
  /** `entry` is a session that its owner has to hear of. */
  announce(entry: ConnectionEntry): void;
  touch(entry: ConnectionEntry): void;
  /** The client at `peer`, whose address is proved, gets no association. */
  refuse(peer: PeerAddress, reason: RefusalReason, now: Instant): void;
}

const NOWHERE: Destination = { serverName: undefined, verifyName: undefined };

/** Decides which ClientHello gets an association. */
export class Acceptor {
  /** Answers no ClientHello while it is true. */
  busy = false;
  #service: Service | undefined;
  readonly #host: AcceptorHost;
  readonly #limits: EndpointLimits;
  readonly #unvalidated = new UnvalidatedClients();
  readonly #places: Places;
  readonly #refused = new RefusedHandshakes();
  #responder: StatelessResponder | undefined;

  constructor(host: AcceptorHost, limits: EndpointLimits) {
    this.#host = host;
    this.#limits = limits;
    this.#places = new Places(limits);
  }

  /** Starts, changes or stops serving. */
  serve(service: Service | undefined): void {
    this.#service = service;
    if (service === undefined) for (const entry of this.#unvalidated.unknown) this.#turnAway(entry);
    else this.#responder ??= new StatelessResponder(service.security, this.#limits.cookieLifetime);
  }

  /** Associations of proved clients whose handshake is not done. */
  get handshakes(): number {
    return this.#places.handshakes;
  }

  /** What is kept of ClientHellos that came in parts, bytes. */
  get partBytes(): number {
    return this.#responder?.partBytes ?? 0;
  }

  /** The rest of a ClientHello from there is awaited. */
  expectsRest(address: string, port: number): boolean {
    return this.#responder?.expects(address, port) ?? false;
  }

  receive(datagram: Uint8Array, peer: PeerAddress, now: Instant): void {
    const service = this.#service;
    const responder = this.#responder;
    const { counters } = this.#host;
    if (service === undefined || responder === undefined) {
      counters.rejected++;
      return;
    }
    const repeated = this.#refused.answer(datagram, peer, now);
    if (repeated !== undefined) return this.#repeatAlert(repeated, peer);
    if (this.busy) {
      counters.busy++;
      return;
    }
    this.#act(responder.receive(datagram, peer, service.security, now), service, peer, now);
  }

  /** Something happened to `entry`, whose path may not be validated yet. */
  review(entry: ConnectionEntry, now: Instant): void {
    if (!this.#unvalidated.has(entry)) return;
    const news = this.#unvalidated.review(entry);
    if (news?.kind === 'taken') {
      this.#host.counters.earlyAccepted++;
      this.#host.announce(entry);
    }
    if (news?.kind === 'declined') {
      this.#host.routes.remove(entry);
      this.#decline(news.hello, news.reason, entry.peer, now);
    } else if (!this.#unvalidated.has(entry)) this.#places.add(entry);
  }

  /** The handshake of `entry` is done. */
  onConnected(entry: ConnectionEntry): void {
    this.#places.onConnected(entry);
  }

  /** `entry` is over: should its handshake have been refused, its client is told again when it repeats itself. */
  onEnd(entry: ConnectionEntry, now: Instant): void {
    this.#unvalidated.forget(entry);
    this.#places.forget(entry);
    const { life } = machineOf(entry.connection);
    const refusal = life.at === 'closed' ? life.refusal : undefined;
    if (refusal !== undefined && entry.clientRandom !== undefined)
      this.#refused.add(entry.peer, entry.clientRandom, refusal, now);
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

  #act(decision: StatelessDecision, service: Service, peer: PeerAddress, now: Instant): void {
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
   * A client that began anew shows its cookie before anything is done about its old association. Clients with early data count here, as
   * each may become a session.
   */
  #refusesProbe({ address, port }: PeerAddress, host: string, ticket: string): EarlyRefusal | undefined {
    if (this.#host.routes.find(address, port) !== undefined) return 'busy';
    const clients = this.#unvalidated;
    if (!this.#places.hasRoom(host, clients.size, clients.countOf(host))) return 'busy';
    return clients.refuses(host, ticket);
  }

  /** No session is reported before its early data is accepted. */
  #probe(
    service: Service,
    { beginning, hello, ticket, random, datagram }: Extract<StatelessDecision, { act: 'probe' }>,
    peer: PeerAddress,
    host: string,
    now: Instant,
  ): void {
    const entry = this.#open(service, beginning, { peer, host, began: now, clientRandom: own(random) });
    this.#unvalidated.add(entry, { ...hello, body: own(hello.body) }, ticket);
    this.#begin(entry, datagram, now);
  }

  /** Early data is not taken: the client is asked for its cookie, and will send that data again. */
  #decline(hello: JoinedHello, reason: EarlyRefusal, peer: PeerAddress, now: Instant): void {
    this.#countRefusal(reason);
    const service = this.#service;
    if (service === undefined || this.#responder === undefined || reason === 'expired') return;
    this.#act(this.#responder.answer(hello, peer, service.security, now), service, peer, now);
  }

  /** The endpoint does not serve any more: a client whose early data is not accepted yet is dropped without a report. */
  #turnAway(entry: ConnectionEntry): void {
    machineOf(entry.connection).onDecline('busy');
    this.#unvalidated.forget(entry);
    this.#host.routes.remove(entry);
    this.#host.touch(entry);
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
    for (const entry of room.evicted) this.#evict(entry);
    return true;
  }

  #evict(entry: ConnectionEntry): void {
    const { counters } = this.#host;
    const open = entry.connection.session !== undefined;
    if (open) counters.sessionsEvicted++;
    else counters.handshakesEvicted++;
    this.#places.forget(entry);
    machineOf(entry.connection).retire(evicted(open));
    this.#host.touch(entry);
  }

  #admit(
    service: Service,
    { beginning, random, datagram }: Extract<StatelessDecision, { act: 'admit' }>,
    peer: PeerAddress,
    host: string,
    now: Instant,
  ): void {
    this.#dropPending(peer);
    const entry = this.#open(service, beginning, { peer, host, began: now, clientRandom: own(random) });
    this.#places.add(entry);
    this.#host.announce(entry);
    this.#begin(entry, datagram, now);
  }

  #hostOf(peer: PeerAddress): string {
    return hostOf(peer, this.#limits.hostPrefix);
  }

  #open(
    service: Service,
    beginning: InitialNumbers,
    client: Pick<ConnectionEntry, 'peer' | 'host' | 'began' | 'clientRandom'>,
  ): ConnectionEntry {
    const { security, behaviour } = service;
    const machine = new Machine(security, behaviour, NOWHERE, beginning, this.#host.memory);
    const entry = createEntry(connectionAround(machine), client);
    this.#host.routes.add(entry);
    return entry;
  }

  /** With the datagram that brought it. */
  #begin(entry: ConnectionEntry, datagram: Uint8Array, now: Instant): void {
    entry.connection.start(now);
    entry.connection.receive(datagram, now);
    this.review(entry, now);
    this.#host.touch(entry);
  }

  /** A client that began anew twice means the last time. */
  #dropPending(peer: PeerAddress): void {
    const { routes } = this.#host;
    const pending = routes.find(peer.address, peer.port)?.pending;
    if (pending === undefined) return;
    machineOf(pending.connection).supersede();
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
const MAX_UNPROVED = 64;
/** Those of one host, so that it leaves places to others. */
const MOST_PER_HOST = 16;
/** Those under one ticket. A client uses each once, but may start again; an attacker that forges addresses needs many tickets. */
const MOST_PER_TICKET = 4;

/** What became of a client with early data and no cookie. */
type EarlyDataDecision =
  /** Its early data is taken: it is a session from now on. */
  | { readonly kind: 'taken' }
  /** It is answered as any ClientHello without a cookie, and nothing is kept of it. */
  | { readonly kind: 'declined'; readonly hello: JoinedHello; readonly reason: EarlyRefusal };

/**
 * Clients with early data, which is of use only without the round trip of a cookie: so few of them are let in at a time
 * that those who forge addresses gain nothing by them.
 */
class UnvalidatedClients {
  /** The ClientHellos of clients whose early data is not decided on; they may have to be answered without an association. */
  readonly #asked = new Map<ConnectionEntry, JoinedHello>();
  readonly #answered = new Set<ConnectionEntry>();
  /** The ticket of each. */
  readonly #tickets = new Map<ConnectionEntry, string>();

  get size(): number {
    return this.#tickets.size;
  }

  /** Those with one host. */
  countOf(host: string): number {
    let count = 0;
    for (const entry of this.#tickets.keys()) if (entry.host === host) count++;
    return count;
  }

  /** Those that were not reported as sessions. */
  get unknown(): readonly ConnectionEntry[] {
    return [...this.#asked.keys()];
  }

  /** Why one more with `host`, under `ticket`, is not let in. */
  refuses(host: string, ticket: string): EarlyRefusal | undefined {
    if (this.size >= MAX_UNPROVED) return 'busy';
    return this.countOf(host) >= MOST_PER_HOST || this.#countUnder(ticket) >= MOST_PER_TICKET
      ? 'over_share'
      : undefined;
  }

  has(entry: ConnectionEntry): boolean {
    return this.#tickets.has(entry);
  }

  /** `hello` must be the caller's own copy. */
  add(entry: ConnectionEntry, hello: JoinedHello, ticket: string): void {
    this.#asked.set(entry, hello);
    this.#tickets.set(entry, ticket);
  }

  /** Something happened to `entry`: whether that tells more of it. */
  review(entry: ConnectionEntry): EarlyDataDecision | undefined {
    const { unvalidated } = machineOf(entry.connection);
    if (unvalidated === undefined && this.#answered.delete(entry)) this.#tickets.delete(entry);
    const hello = this.#asked.get(entry);
    if (hello === undefined || unvalidated?.standing === 'asked') return undefined;
    this.#asked.delete(entry);
    if (unvalidated?.standing === 'answered') this.#answered.add(entry);
    else this.#tickets.delete(entry);
    if (unvalidated?.standing === 'declined')
      return { kind: 'declined', hello, reason: unvalidated.reason ?? 'failed' };
    return { kind: 'taken' };
  }

  forget(entry: ConnectionEntry): void {
    this.#asked.delete(entry);
    this.#answered.delete(entry);
    this.#tickets.delete(entry);
  }

  #countUnder(ticket: string): number {
    let count = 0;
    for (const other of this.#tickets.values()) if (other === ticket) count++;
    return count;
  }
}
