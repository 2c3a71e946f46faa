import { compareBytes, keyOf, own } from '../base/bytes.js';
import { DTLSError } from '../base/errors.js';
import type { Instant } from '../base/instant.js';
import type { MemoryPool } from '../base/memory.js';
import type { PeerAddress } from '../base/peer-address.js';
import type { Behaviour } from '../config/config.js';
import type { EndpointLimits } from '../config/limits.js';
import type { Performer } from '../connection/association.js';
import { type InitialNumbers, NOWHERE } from '../connection/beginning.js';
import { connectionAround, machineOf } from '../connection/connection.js';
import { type Declined, isBeginning, isUndecided } from '../connection/life.js';
import { Machine } from '../connection/machine.js';
import { UNVALIDATED_LIFE } from '../connection/path.js';
import type { Security } from '../connection/version.js';
import type { CryptoProvider } from '../crypto/provider.js';
import type { EarlyRefusal } from '../handshake/actions.js';
import { AnswerRate } from './answer-rate.js';
import {
  type Beginning,
  type ConnectionEntry,
  createEntry,
  type EntryState,
  stateOf,
} from './connection-entry.js';
import { idsFor } from './connection-id-routes.js';
import type { EndpointCounters } from './counters.js';
import { EndedHandshakes } from './ended-handshakes.js';
import { hostOf } from './peer.js';
import { Places, type RefusalReason } from './places.js';
import { RefusedHandshakes } from './refusals.js';
import type { Routes } from './routes.js';
import { type JoinedHello, looksLikeClientHello, readHelloParts, readPrefix } from './split-hellos.js';
import { type StatelessDecision, StatelessResponder } from './stateless.js';
import { Answer, UnansweredHellos } from './unanswered.js';

/**
 * The parts of a server; absent on an endpoint that only connects.
 *
 * @example
 * ```ts
 * import { type Behaviour, Endpoint, resolveLimits, type Security, type Service } from 'datagram-tls/core';
 *
 * function serve(security: Security, behaviour: Behaviour): Endpoint {
 *   const endpoint = new Endpoint(resolveLimits({}));
 *   const service: Service = { security, behaviour };
 *   endpoint.serve(service);
 *   return endpoint;
 * }
 * ```
 */
export interface Service {
  /** Of role `server`. */
  readonly security: Security;
  /** Of each new session. */
  readonly behaviour: Behaviour;
}

/** What the endpoint does for the acceptor. */
export interface AcceptorHost {
  readonly routes: Routes;
  readonly counters: EndpointCounters;
  readonly memory: MemoryPool;
  /** Sends to an address without an association. */
  reply(answer: Answer): void;
  /** Reports `entry` as a session. */
  announce(entry: ConnectionEntry): void;
  touch(entry: ConnectionEntry): void;
  /** The client of `entry` began with this random. */
  knows(entry: ConnectionEntry, random: string): boolean;
  /** 32 bits of the random of a client; a number: they are left of it. */
  hashOf(clientRandom: string | number, provider: CryptoProvider): number;
  /** The client at `peer`, whose address is validated, gets no association. */
  refuse(peer: PeerAddress, reason: RefusalReason, now: Instant): void;
}

/** Decides which ClientHello gets an association. */
export class Acceptor {
  /** Answers no ClientHello while it is true. */
  busy = false;
  /** Refuses validated clients while it is true: enough sessions wait for the application. */
  backlogFull = false;
  /** Of new associations. */
  performer: Performer | undefined;
  #service: Service | undefined;
  readonly #host: AcceptorHost;
  readonly #limits: EndpointLimits;
  readonly #unvalidated = new UnvalidatedClients();
  readonly places: Places;
  readonly #refused = new RefusedHandshakes();
  #ended: EndedHandshakes | undefined;
  readonly #unanswered = new UnansweredHellos();
  readonly #rate: AnswerRate;
  #responder: StatelessResponder | undefined;

  constructor(host: AcceptorHost, limits: EndpointLimits) {
    this.#host = host;
    this.#limits = limits;
    this.places = new Places(limits);
    this.#rate = new AnswerRate(limits.maxAnswerRate);
  }

  /** Starts, changes or stops serving. */
  serve(service: Service | undefined): void {
    this.#service = service;
    if (service === undefined) {
      for (const entry of this.#unvalidated.unknown) this.#turnAway(entry);
      return;
    }
    const { cookieLifetime } = this.#limits;
    this.#responder ??= new StatelessResponder(service.security, cookieLifetime);
    this.#ended ??= new EndedHandshakes(service.security.provider, 2 * cookieLifetime);
  }

  /** Associations of validated clients whose handshake is not done. */
  get handshakes(): number {
    return this.places.handshakes;
  }

  /** Bytes kept of fragmented ClientHellos. */
  get partBytes(): number {
    return this.#responder?.partBytes ?? 0;
  }

  /**
   * A ClientHello, or a fragment of one, that neither association with its address knows: the client may have restarted, or the
   * peer of a client of ours began at the same time.
   */
  isNewClient({ entry: current, pending }: EntryState, datagram: Uint8Array): boolean {
    if (!looksLikeClientHello(datagram)) return false;
    if (current.role === 'client' && this.#service === undefined) return false;
    const knows = (random: string): boolean =>
      this.#host.knows(current, random) || (pending !== undefined && this.#host.knows(pending, random));
    const givesWayTo = (random: Uint8Array): boolean =>
      current.role === 'server' || givesWay(current, random);
    return this.isOfAnother(current.peer, datagram, knows, givesWayTo);
  }

  /** A ClientHello, or a fragment of one, of another client than the one whose random is known there. */
  isOfAnother(
    { address, port }: Pick<PeerAddress, 'address' | 'port'>,
    datagram: Uint8Array,
    knows: (random: string) => boolean,
    isAdmitted: (random: Uint8Array) => boolean = () => true,
  ): boolean {
    const [part] = readHelloParts(datagram);
    if (part === undefined) return false;
    if (part.fragment.fragmentOffset > 0) return this.#responder?.expects(address, port) ?? false;
    const random = readPrefix(part)?.random;
    return random !== undefined && !knows(keyOf(random)) && isAdmitted(random);
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
    if (repeated !== undefined) return this.#repeatAlert(repeated, peer, now);
    if (this.busy) {
      counters.busy++;
      return;
    }
    const lenient = this.#isLenient(peer, now);
    const decision = responder.receive(datagram, peer, service.security, now, lenient);
    if (this.#isOver(decision, service, peer, now)) {
      counters.rejected++;
      return;
    }
    if (
      decision.act === 'reply' &&
      decision.mark !== undefined &&
      !lenient &&
      this.#limits.cookies === 'under-load'
    )
      counters.cookiesUnderLoad++;
    this.#act(decision, service, peer, now);
  }

  /** The ClientHello is that of an association which is over. */
  #isOver(decision: StatelessDecision, { security }: Service, peer: PeerAddress, now: Instant): boolean {
    if (!('random' in decision) || this.#ended === undefined || this.#ended.size === 0) return false;
    const random = this.#host.hashOf(keyOf(decision.random), security.provider);
    return this.#ended.has(peer, random, now);
  }

  /** Something happened to `entry`, whose path may not be validated yet. */
  review(entry: ConnectionEntry, now: Instant): void {
    if (!this.#unvalidated.has(entry)) return;
    const news = this.#unvalidated.review(entry, now);
    if (news?.kind === 'validated') this.#host.announce(entry);
    if (news?.kind === 'taken') {
      this.#host.counters.earlyAccepted++;
      this.#host.announce(entry);
    }
    if (news?.kind === 'declined') {
      this.#host.routes.remove(entry);
      this.#decline(news.hello, news.reason, entry.peer, now);
    } else if (!this.#unvalidated.has(entry)) this.places.add(entry);
  }

  /** It is a session that its owner knows of. */
  isReported(entry: ConnectionEntry): boolean {
    return !this.#unvalidated.isUnreported(entry);
  }

  /** The handshake of `entry` is done. */
  onConnected(entry: ConnectionEntry): void {
    this.places.onConnected(entry);
  }

  /** An open session that was elsewhere before. Limits are for new clients, and count it. */
  adopt(entry: ConnectionEntry): void {
    this.places.add(entry);
    this.places.onConnected(entry);
  }

  /** The peer of `entry` has a new address, which is validated: limits per host follow. */
  onMoved(entry: ConnectionEntry): void {
    const host = this.#hostOf(entry.peer);
    if (host !== stateOf(entry).host) this.places.move(entry, host);
  }

  /**
   * `entry` is over, with `error`. If its handshake was refused, its client gets the same answer when it repeats itself; if that was
   * done, or another one took its place, its client repeats nothing.
   */
  onEnd(entry: ConnectionEntry, error: Error | undefined, now: Instant): void {
    this.#unvalidated.forget(entry, now);
    this.places.forget(entry);
    const { life } = machineOf(entry.connection);
    const { clientRandom } = stateOf(entry);
    if (life.at !== 'closed' || clientRandom === undefined) return;
    if (life.refusal !== undefined && typeof clientRandom === 'string')
      this.#refused.add(entry.peer, clientRandom, life.refusal, now);
    else if (life.session !== undefined || error === undefined)
      this.#ended?.add(entry.peer, this.#hashOf(entry, clientRandom), now);
  }

  #hashOf({ connection }: ConnectionEntry, clientRandom: string | number): number {
    return this.#host.hashOf(clientRandom, connection.security.provider);
  }

  /** When the ClientHello of `answer` comes again, its answer is awaited. */
  onUnsent({ mark, awaited }: Answer): void {
    if (mark === undefined) return;
    const { counters } = this.#host;
    counters.cookiesSent--;
    if (awaited) counters.cookiesAwaited--;
    this.#unanswered.add(mark);
  }

  #repeatAlert(alert: Uint8Array, peer: PeerAddress, now: Instant): void {
    const { counters } = this.#host;
    if (alert.length === 0) {
      counters.rejected++;
      return;
    }
    this.#reply(new Answer(alert, peer, undefined, false), now);
    counters.alertsRepeated++;
  }

  #answer(data: Uint8Array, peer: PeerAddress, mark: number | undefined, now: Instant): void {
    const awaited = mark !== undefined && this.#unanswered.take(mark);
    this.#reply(new Answer(data, peer, mark, awaited), now);
  }

  #reply(answer: Answer, now: Instant): void {
    const { counters } = this.#host;
    const { data, mark, awaited } = answer;
    if (mark !== undefined) counters.cookiesSent++;
    if (awaited) counters.cookiesAwaited++;
    if (this.#rate.takes(data.length, !awaited, now)) return this.#host.reply(answer);
    counters.overRate++;
    this.onUnsent(answer);
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
        if (decision.mark === undefined) counters.rejected++;
        this.#answer(decision.data, peer, decision.mark, now);
        return;
      case 'probe': {
        const host = this.#hostOf(peer);
        const refusal = this.#refusesProbe(peer, host, decision.ticket);
        if (refusal === undefined) this.#probe(service, decision, peer, host, now);
        else this.#decline(decision.hello, refusal, peer, now);
        return;
      }
      case 'admit-unvalidated':
        this.#admitUnvalidated(service, decision, peer, now);
        return;
      case 'admit': {
        const host = this.#hostOf(peer);
        if (this.#makeRoom(peer, host, now)) this.#admit(service, decision, peer, host, now);
        return;
      }
    }
  }

  /**
   * A client that restarted must send its cookie before its old association changes. Clients with early data count
   * here, because each may become a session.
   */
  #refusesProbe({ address, port }: PeerAddress, host: string, ticket: string): EarlyRefusal | undefined {
    if (this.backlogFull || this.#host.routes.find(address, port) !== undefined) return 'busy';
    const clients = this.#unvalidated;
    if (!this.places.hasRoom(host, clients.size, clients.countOf(host))) return 'busy';
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
    const entry = this.#open(service, beginning, { peer, host, began: now, clientRandom: keyOf(random) });
    this.#unvalidated.add(entry, { ...hello, body: own(hello.body) }, ticket);
    this.#begin(entry, datagram, now);
  }

  /**
   * Whether a client without a cookie is answered at once. Not where the address has an association: a client that
   * restarted must send its cookie before its old association changes.
   */
  #isLenient(peer: PeerAddress, now: Instant): boolean {
    const { cookies, maxHandshakes } = this.#limits;
    if (cookies !== 'under-load' || this.backlogFull) return false;
    if (this.#host.routes.find(peer.address, peer.port) !== undefined) return false;
    const host = this.#hostOf(peer);
    const clients = this.#unvalidated;
    const busy = maxHandshakes > 0 && (this.places.handshakes + clients.size) * LOAD_SHARE >= maxHandshakes;
    return (
      !busy && clients.hasRoom(host, now) && this.places.hasRoom(host, clients.size, clients.countOf(host))
    );
  }

  /** No session is reported before the path is validated: the address may be forged. */
  #admitUnvalidated(
    service: Service,
    decision: Extract<StatelessDecision, { act: 'admit-unvalidated' }>,
    peer: PeerAddress,
    now: Instant,
  ): void {
    const { beginning, hello, random, datagram } = decision;
    const client = { peer, host: this.#hostOf(peer), began: now, clientRandom: keyOf(random) };
    const entry = this.#open(service, beginning, client);
    this.#host.counters.withoutCookie++;
    this.#unvalidated.add(entry, { ...hello, body: own(hello.body) }, undefined);
    this.#begin(entry, datagram, now);
  }

  /**
   * Early data is refused, and the client will send it again; or its first flight does not fit its path. The client is
   * answered as one without either.
   */
  #decline(hello: JoinedHello, reason: Declined, peer: PeerAddress, now: Instant): void {
    if (reason !== 'flight_size') this.#countRefusal(reason);
    const service = this.#service;
    if (service === undefined || this.#responder === undefined || reason === 'expired') return;
    const lenient = reason !== 'flight_size' && this.#isLenient(peer, now);
    this.#act(this.#responder.answer(hello, peer, service.security, now, lenient), service, peer, now);
  }

  /** The endpoint no longer serves: a client whose early data is not accepted yet is dropped without a report. */
  #turnAway(entry: ConnectionEntry): void {
    if (this.#unvalidated.isEarly(entry)) this.#countRefusal('busy');
    machineOf(entry.connection).onDecline('busy');
    this.#unvalidated.forget(entry, stateOf(entry).began);
    this.#host.routes.remove(entry);
    this.#host.touch(entry);
  }

  #countRefusal(reason: EarlyRefusal): void {
    const { earlyRefused } = this.#host.counters;
    earlyRefused[reason] = (earlyRefused[reason] ?? 0) + 1;
  }

  /**
   * Whether there is room for a validated client. Early data of unvalidated clients, whose addresses may be forged,
   * takes no place from it.
   */
  #makeRoom(peer: PeerAddress, host: string, now: Instant): boolean {
    if (this.backlogFull) {
      this.#host.refuse(peer, 'backlog', now);
      return false;
    }
    const route = this.#host.routes.find(peer.address, peer.port);
    // When a client restarts twice, its last handshake counts.
    if (route?.pending !== undefined) return true;
    const room = this.places.makeRoom(host, route !== undefined && this.#givesPlace(route.entry), now);
    if (room.refused !== undefined) {
      this.#host.refuse(peer, room.refused, now);
      return false;
    }
    for (const entry of room.evicted) this.#evict(entry);
    return true;
  }

  /**
   * The new association of a restarted client replaces its old one in the end, and takes its place. One that has connection
   * IDs, or may still get some, can stay beside it, and one whose path is not validated has no place: see `Routes.promote`.
   */
  #givesPlace(current: ConnectionEntry): boolean {
    return current.role === 'server' && stateOf(current).ids === undefined && this.places.has(current);
  }

  #evict(entry: ConnectionEntry): void {
    const { counters } = this.#host;
    const open = !isBeginning(entry.connection.phase);
    if (open) counters.sessionsEvicted++;
    else counters.handshakesEvicted++;
    this.places.forget(entry);
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
    const entry = this.#open(service, beginning, { peer, host, began: now, clientRandom: keyOf(random) });
    this.places.add(entry);
    this.#host.announce(entry);
    this.#begin(entry, datagram, now);
  }

  #hostOf(peer: PeerAddress): string {
    return hostOf(peer, this.#limits.hostPrefix);
  }

  #open(service: Service, beginning: InitialNumbers, client: Omit<Beginning, 'ids'>): ConnectionEntry {
    const { security, behaviour } = service;
    const { routes, memory } = this.#host;
    const ids = idsFor(behaviour, 'server', routes);
    const machine = new Machine(security, behaviour, NOWHERE, client.peer, beginning, memory, ids);
    machine.performer = this.performer;
    const { peer, host, began, clientRandom } = client;
    const known = { peer, host, began, clientRandom, ids };
    const entry = createEntry(connectionAround(machine), known, routes);
    this.#host.routes.add(entry);
    this.#host.counters.handshakesBegun++;
    return entry;
  }

  /** Including the datagram that brought it. */
  #begin(entry: ConnectionEntry, datagram: Uint8Array, now: Instant): void {
    entry.connection.start(now);
    machineOf(entry.connection).receive(datagram, entry.peer, now);
    this.review(entry, now);
    this.#host.touch(entry);
  }

  /** When a client restarts twice, its last handshake counts. */
  #dropPending(peer: PeerAddress): void {
    const { routes } = this.#host;
    const pending = routes.find(peer.address, peer.port)?.pending;
    if (pending === undefined) return;
    machineOf(pending.connection).supersede();
    routes.remove(pending);
    this.places.forget(pending);
    this.#host.touch(pending);
  }
}

/**
 * Two sides that connect to each other compare the randoms of their ClientHellos, which both know. The handshake with the
 * greater random goes on, and the other side answers it as a server. The side with the greater random answers as a server,
 * too, if its own ClientHello got no answer until it had to be repeated: its peer may be no server. Before a ServerHello
 * the peer has proved nothing to a client, and a ClientHello is first asked for a cookie. The peer's handshake ends our
 * attempt when it is done.
 */
function givesWay({ connection }: ConnectionEntry, random: Uint8Array): boolean {
  const machine = machineOf(connection);
  const { attempt } = machine;
  const order = attempt === undefined ? 0 : compareBytes(random, attempt.random);
  if (order > 0) return true;
  if (order === 0 || attempt?.answered !== false) return false;
  // A client that gets a ClientHello instead of an answer may fail: its own comes again first.
  if (!attempt.repeated) machine.passTurn();
  return attempt.repeated;
}

function evicted(open: boolean): DTLSError {
  const what = open ? 'silent session' : 'unfinished handshake';
  return new DTLSError(
    'ERR_DTLS_EVICTED',
    `the endpoint is full: this ${what} was evicted for a new client`,
    {
      alert: open ? undefined : 'internal_error',
    },
  );
}

/** Associations without a cookie, whose clients have not proved yet that they receive our datagrams. */
const MAX_UNVALIDATED = 64;
/** The limit of one host, so that other hosts have places. */
const MAX_PER_HOST = 16;
/**
 * The limit of one ticket. A client uses each ticket once, but may restart; an attacker with forged addresses needs
 * many tickets.
 */
const MAX_PER_TICKET = 4;
/** Cookies are requested when one part in so many of `maxHandshakes` is taken. */
const LOAD_SHARE = 2;

/** The result for a client without a cookie. */
type Review =
  /** Its early data is accepted: it is a session from now on. */
  | { readonly kind: 'taken' }
  /** It came without early data, and its path is validated: it is a session from now on. */
  | { readonly kind: 'validated' }
  /** It is answered as any ClientHello without a cookie, and no state of it is kept. */
  | { readonly kind: 'declined'; readonly hello: JoinedHello; readonly reason: Declined };

interface UnvalidatedClient {
  /** It may have to be answered without an association. */
  readonly hello: JoinedHello;
  /** Distinguishes the ticket of its early data from others; `undefined`: it brought none. */
  readonly ticket: string | undefined;
  /** Its owner knows of it. */
  reported: boolean;
}

/**
 * Clients without a cookie: with early data, which is useless after the round trip of a cookie, or on an endpoint that
 * requests cookies under load only. So few of them are accepted at a time that forged addresses gain nothing. One
 * without early data that ends before its path is validated keeps its place until the handshake would have run out:
 * otherwise ClientHellos that fail at once would cost a signature each, in any number.
 */
class UnvalidatedClients {
  readonly #clients = new Map<ConnectionEntry, UnvalidatedClient>();
  /** Whether there are any. A look into an empty map costs as much as one into a full map, and each datagram needs two. */
  #any = false;
  #spent: { readonly host: string; readonly until: Instant }[] = [];

  get size(): number {
    return this.#clients.size;
  }

  /** Those with one host. */
  countOf(host: string): number {
    let count = 0;
    for (const entry of this.#clients.keys()) if (stateOf(entry).host === host) count++;
    return count;
  }

  /** Those that were not reported as sessions. */
  get unknown(): readonly ConnectionEntry[] {
    return [...this.#clients.keys()].filter((entry) => this.isUnreported(entry));
  }

  isUnreported(entry: ConnectionEntry): boolean {
    return this.#any && this.#clients.get(entry)?.reported === false;
  }

  isEarly(entry: ConnectionEntry): boolean {
    return this.#clients.get(entry)?.ticket !== undefined;
  }

  /** The reason to refuse one more client with `host` and `ticket`. */
  refuses(host: string, ticket: string): EarlyRefusal | undefined {
    if (this.size >= MAX_UNVALIDATED) return 'busy';
    return this.countOf(host) >= MAX_PER_HOST || this.#countUnder(ticket) >= MAX_PER_TICKET
      ? 'over_share'
      : undefined;
  }

  /** Whether one more client with `host` and without early data is accepted. */
  hasRoom(host: string, now: Instant): boolean {
    this.#spent = this.#spent.filter(({ until }) => until > now);
    if (this.size + this.#spent.length >= MAX_UNVALIDATED) return false;
    let count = this.countOf(host);
    for (const spent of this.#spent) if (spent.host === host) count++;
    return count < MAX_PER_HOST;
  }

  has(entry: ConnectionEntry): boolean {
    return this.#any && this.#clients.has(entry);
  }

  /** `hello` must be a copy that the caller does not change. */
  add(entry: ConnectionEntry, hello: JoinedHello, ticket: string | undefined): void {
    this.#clients.set(entry, { hello, ticket, reported: false });
    this.#any = true;
  }

  /** Something happened to `entry`: decides whether it is accepted. */
  review(entry: ConnectionEntry, now: Instant): Review | undefined {
    const client = this.#clients.get(entry);
    if (client === undefined) return undefined;
    const { life, path } = machineOf(entry.connection);
    if (path.validated) this.#remove(entry);
    const reason = life.at === 'closed' ? life.declined : undefined;
    if (reason !== undefined) {
      this.forget(entry, now);
      return { kind: 'declined', hello: client.hello, reason };
    }
    const isEarly = client.ticket !== undefined;
    if (client.reported || (isEarly ? isUndecided(life) : !path.validated)) return undefined;
    client.reported = true;
    return { kind: isEarly ? 'taken' : 'validated' };
  }

  forget(entry: ConnectionEntry, now: Instant): void {
    const client = this.#clients.get(entry);
    if (client === undefined) return;
    this.#remove(entry);
    const { host, began } = stateOf(entry);
    const until = began + UNVALIDATED_LIFE;
    if (client.ticket === undefined && until > now) this.#spent.push({ host, until });
  }

  #remove(entry: ConnectionEntry): void {
    this.#clients.delete(entry);
    this.#any = this.#clients.size > 0;
  }

  #countUnder(ticket: string): number {
    let count = 0;
    for (const other of this.#clients.values()) if (other.ticket === ticket) count++;
    return count;
  }
}
