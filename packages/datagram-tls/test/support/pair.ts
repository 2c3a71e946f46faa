import { DTLSError } from '#lib/base/errors.js';
import { earliest } from '#lib/base/instant.js';
import type { PeerAddress } from '#lib/base/peer-address.js';
import type { BehaviourOptions } from '#lib/config/behaviour.js';
import type { Behaviour, Destination, Role } from '#lib/config/config.js';
import type { EndpointLimits } from '#lib/config/limits.js';
import type { SecurityOptions } from '#lib/config/options.js';
import { sameAddress } from '#lib/connection/path.js';
import type { Security } from '#lib/connection/version.js';
import type { CryptoProvider } from '#lib/crypto/provider.js';
import type { EndpointEvent } from '#lib/endpoint/endpoint.js';
import type { ConnectionIdPair } from '#lib/extensions/connection-id.js';
import type { JobAnswer } from '#lib/handshake/jobs.js';
import { forgetSession, keepSession } from '#lib/policy/resumption.js';
import { JUDGEMENT_DAY } from './identities.js';
import { performNow } from './jobs.js';
import { FAIR, Network, type Packet, type Weather } from './network.js';
import { Random } from './random.js';
import { type Lack, restrictedProvider } from './restricted-provider.js';
import { seededProvider } from './seeded-provider.js';
import { behaviour, security, securityOn, type TestedVersion, UNLIMITED, VERSIONS } from './settings.js';
import { Side } from './side.js';

export interface PairOptions {
  readonly seed?: number;
  readonly version?: TestedVersion;
  readonly weather?: Partial<Weather>;
  /** When the test begins, ms since 1970, for all that depends on the date. */
  readonly today?: number;
  /** Added to the default options of the side. */
  readonly client?: SecurityOptions;
  readonly server?: SecurityOptions;
  /** The server name that the client expects; `localhost` by default. */
  readonly destination?: Destination;
  readonly clientBehaviour?: BehaviourOptions;
  readonly serverBehaviour?: BehaviourOptions;
  /** Primitives that the platform of a side lacks; calls to them are recorded in {@link Pair.reached}. */
  readonly lacks?: Partial<Record<Role, Lack>>;
  /** Changes the resolved configuration, for settings without an option. */
  readonly adjust?: (security: Security) => Security;
  readonly limits?: Partial<EndpointLimits>;
  /** Whether events tell flights and alerts, as they do by default. */
  readonly traces?: boolean;
  /** How long a signature or a verdict takes, ms; `by-hand`: until the test calls {@link Pair.answer}. */
  readonly jobs?: number | 'by-hand';
}

const CLIENT_ADDRESS: PeerAddress = { address: '192.0.2.1', family: 'IPv4', port: 40_000 };
const SERVER_ADDRESS: PeerAddress = { address: '192.0.2.2', family: 'IPv4', port: 4433 };
/** Datagrams that a test may cause before it counts as a loop. */
const MAX_STEPS = 200_000;

/** Two endpoints, the path between them, and virtual time, which jumps from one event to the next. */
export class Pair {
  readonly seed: number;
  readonly version: TestedVersion;
  readonly random: Random;
  readonly network: Network;
  server: Side;
  client: Side;
  now = 0;
  /**
   * An attacker on the path: sees each datagram that arrives and returns its replacements. They arrive at
   * the same instant.
   */
  intercept: ((data: Uint8Array, from: Role) => readonly Uint8Array[]) | undefined;
  /** Called for each delivered datagram, after {@link intercept}. */
  onDelivery: ((packet: Packet, to: Side) => void) | undefined;
  /** Called for each datagram that a side gets, from wherever, and for each that it sends, before the path sees it. */
  onArrival: ((to: Side, data: Uint8Array, from: PeerAddress) => void) | undefined;
  onDeparture: ((from: Side, data: Uint8Array, to: PeerAddress) => void) | undefined;
  /** The largest datagram that the system of a side sends, bytes: it refuses more at once, before the path sees it. */
  readonly systemLimit: Record<Role, number> = { client: 65_535, server: 65_535 };
  /** Datagrams to addresses at which the other side is not, or not any more. */
  readonly strays: { readonly from: Role; readonly data: Uint8Array; readonly to: PeerAddress }[] = [];
  /** By the number of the datagram. */
  readonly #sentFrom = new Map<number, PeerAddress>();
  /** Of those that went to an address that the receiver has left. */
  readonly #sentToFormer = new Set<number>();
  /** Missing primitives that were called. */
  readonly reached: string[] = [];
  readonly #options: PairOptions;
  readonly #provider: CryptoProvider;

  constructor(options: PairOptions = {}) {
    this.#options = options;
    this.seed = options.seed ?? 1;
    this.version = options.version ?? VERSIONS[0];
    this.random = new Random(this.seed);
    this.network = new Network({ ...FAIR, ...options.weather }, new Random(this.seed + 0x1000_0000));
    this.#provider = seededProvider(this.random);
    this.server = new Side('server', SERVER_ADDRESS, { ...UNLIMITED, ...options.limits });
    this.client = this.#newClient();
    this.server.endpoint.serve({
      security: this.#security('server'),
      behaviour: this.#behaviour('server'),
    });
  }

  /** ms since 1970. */
  get date(): number {
    return (this.#options.today ?? JUDGEMENT_DAY) + this.now;
  }

  /** The client begins. */
  connect(): this {
    const entry = this.client.endpoint.connect(
      SERVER_ADDRESS,
      this.#security('client'),
      this.#behaviour('client'),
      this.#options.destination ?? { serverName: 'localhost', verifyName: 'localhost' },
      this.now,
    );
    this.client.entries.push(entry);
    return this;
  }

  /** Runs the handshake until both sides are connected and the path is empty; throws if it fails. */
  handshake(): this {
    this.connect();
    const done = this.runUntil(() => this.client.isConnected && this.server.isConnected, 600_000);
    if (!done) {
      const ends = `client ${this.client.phase}, server ${this.server.phase}`;
      throw new Error(`no handshake: ${ends}`, { cause: this.client.error ?? this.server.error });
    }
    // In DTLS 1.3 the server's ACK is to come.
    this.runUntil(() => this.network.next() === undefined, 1000);
    return this;
  }

  /** The client's process ends without an alert; a new one takes its address. */
  restartClient(): this {
    this.client = this.#newClient();
    return this;
  }

  /** The session of `side` goes on in a new process, which takes the address, after `away` ms. */
  move(side: Side, away = 0): Side {
    const state = side.endpoint.save(side.entry, this.now);
    this.drain();
    this.runFor(away);
    return this.goOn(side.role, state, away);
  }

  /**
   * A new process goes on from `state`, which is `age` ms old, at the address of the side with this role; `manner`: it has other
   * options than the one before.
   */
  goOn(role: Role, state: Uint8Array, age = 0, manner?: BehaviourOptions): Side {
    const before = role === 'client' ? this.client : this.server;
    const side = new Side(role, before.address, UNLIMITED);
    side.alsoAt.push(...before.alsoAt);
    const service = { security: this.#security(role), behaviour: this.#behaviour(role, manner) };
    if (role === 'client') this.client = side;
    else this.server = side;
    side.entries.push(side.endpoint.restore(state, service, { age, now: this.now }));
    if (role === 'server') side.endpoint.serve(service);
    this.drain();
    return side;
  }

  /** Sends one message and returns the number of its datagram. */
  send(side: Side, data: Uint8Array): number {
    this.drain();
    side.endpoint.send(side.entry, data);
    return this.#drainTransmits(side) ?? -1;
  }

  /** The connection IDs of the newest association of `side`. */
  idsOf(side: Side): ConnectionIdPair {
    const none = { send: new Uint8Array(0), receive: new Uint8Array(0) };
    return side.entry.connection.connectionIds ?? none;
  }

  close(side: Side): void {
    side.endpoint.close(side.entry, this.now);
    this.drain();
  }

  /** Hands `data` to a side as if it had just come, from the other side unless `from` says otherwise. */
  inject(to: Side, data: Uint8Array, from: PeerAddress = this.#other(to).address): void {
    this.network.trace.add(this.now, this.#other(to).role, data, 'injected');
    this.arrive(to, data, from);
    this.drain();
  }

  /** The same without draining: in {@link intercept}, before what is intercepted. */
  arrive(to: Side, data: Uint8Array, from: PeerAddress, atFormer = false): void {
    this.onArrival?.(to, data, from);
    to.endpoint.receive(data, from.address, from.port, from.family, this.now, atFormer);
  }

  /** Answers the oldest job of `side`, with `answer` or by doing it. */
  answer(side: Side, answer?: JobAnswer): void {
    const pending = side.jobs.shift();
    if (pending === undefined) throw new Error(`the ${side.role} has no job`);
    const { entry, id, job } = pending;
    side.endpoint.answer(
      entry,
      id,
      answer ?? performNow(job, entry.connection.security, this.date),
      this.now,
    );
    this.drain();
  }

  /** The NAT of `side` gives it another address; `alive`: the one before still reaches it. */
  rebind(side: Side, alive = false): PeerAddress {
    const { address, port, family } = side.address;
    if (alive) side.alsoAt.push(side.address);
    side.address = { address, port: port + 1, family };
    return side.address;
  }

  /** `side` leaves its address for another one on purpose, and hears what still comes to the one before. */
  leave(side: Side): PeerAddress {
    const address = this.rebind(side, true);
    side.left = side.alsoAt.at(-1);
    side.endpoint.leavePath(side.entry, this.now);
    this.drain();
    return address;
  }

  /** Runs until `done` or until nothing is left to do, for at most `limit` ms; returns whether it was `done`. */
  runUntil(done: () => boolean, limit: number): boolean {
    const end = this.now + limit;
    this.drain();
    for (let steps = 0; !done(); steps++) {
      if (steps > MAX_STEPS) throw new Error('the pair goes round in circles');
      const next = this.#next();
      if (next === undefined || next > end) return false;
      this.now = Math.max(this.now, next);
      this.#step();
    }
    return true;
  }

  /** Lets `ms` pass. */
  runFor(ms: number): this {
    const end = this.now + ms;
    this.runUntil(() => false, ms);
    this.now = end;
    return this;
  }

  /** Drains the output and events of both sides. */
  drain(): void {
    for (let moved = true; moved; ) {
      moved = false;
      for (const side of [this.client, this.server]) {
        if (this.#drainTransmits(side) !== undefined) moved = true;
        for (let event = side.endpoint.pollEvent(); event !== undefined; event = side.endpoint.pollEvent()) {
          moved = true;
          this.#onEvent(side, event);
        }
      }
    }
  }

  /** Runs `work`; an error then includes the seed and the packet trace. */
  explain(work: (pair: this) => void): void {
    try {
      work(this);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(`${message}${this.#story()}`, { cause: error });
    }
  }

  #story(): string {
    const ends = [this.client, this.server].map(
      (side) => `${side.role}: ${side.phase}, ${String(side.error)}, ${dropsOf(side)}`,
    );
    return `\n\nseed ${this.seed} (DTLS_SEED=${this.seed} runs it alone), ${this.version}\n${ends.join('\n')}\n${this.network.trace.toString()}`;
  }

  #step(): void {
    const packet = this.network.arrive(this.now);
    if (packet !== undefined) this.#deliver(packet);
    else if (!this.#answerDue()) this.#wake();
    this.drain();
  }

  #deliver(packet: Packet): void {
    const sender = packet.from === 'client' ? this.client : this.server;
    const receiver = this.#other(sender);
    const from = this.#sentFrom.get(packet.id) ?? sender.address;
    const all = this.intercept?.(packet.data, packet.from) ?? [packet.data];
    if (all.length !== 1 || all[0] !== packet.data) {
      this.network.trace.add(this.now, packet.from, packet.data, 'withheld');
      for (const data of all) this.network.trace.add(this.now, packet.from, data, 'injected');
    }
    this.onDelivery?.(packet, receiver);
    const atFormer = this.#sentToFormer.has(packet.id);
    for (const data of all) this.arrive(receiver, data, from, atFormer);
  }

  #answerDue(): boolean {
    for (const side of [this.client, this.server]) {
      const { at } = side.jobs[0] ?? {};
      if (at === undefined || at > this.now) continue;
      this.answer(side);
      return true;
    }
    return false;
  }

  #wake(): void {
    for (const { endpoint } of [this.client, this.server]) {
      const at = endpoint.pollTimeout();
      if (at !== undefined && at <= this.now) endpoint.handleTimeout(this.now);
    }
  }

  #next(): number | undefined {
    const { client, server, network } = this;
    const wakeUps = earliest(client.endpoint.pollTimeout(), server.endpoint.pollTimeout());
    return earliest(network.next(), earliest(wakeUps, earliest(client.jobs[0]?.at, server.jobs[0]?.at)));
  }

  /** Returns the number of the first datagram, if there was one. */
  #drainTransmits(side: Side): number | undefined {
    let first: number | undefined;
    for (let out = side.endpoint.pollTransmit(); out !== undefined; out = side.endpoint.pollTransmit()) {
      const { length } = out.data;
      if (out.entry !== undefined && length > this.systemLimit[side.role]) {
        this.network.trace.add(this.now, side.role, out.data, 'refused');
        side.endpoint.handleTooLarge(out.entry, length, this.now);
        continue;
      }
      this.onDeparture?.(side, out.data, out.peer);
      const other = this.#other(side);
      const reaches = [other.address, ...other.alsoAt].some((at) => sameAddress(at, out.peer));
      if (!reaches) {
        this.strays.push({ from: side.role, data: out.data, to: out.peer });
        continue;
      }
      const id = this.network.submit(side.role, out.data, this.now);
      this.#sentFrom.set(id, out.fromFormer === true && side.left !== undefined ? side.left : side.address);
      if (other.left !== undefined && sameAddress(other.left, out.peer)) this.#sentToFormer.add(id);
      first ??= id;
    }
    return first;
  }

  #onEvent(side: Side, event: EndpointEvent): void {
    if (event.type === 'session') {
      side.entries.push(event.entry);
      return;
    }
    if (event.type === 'refused') return;
    const { entry, event: told } = event;
    switch (told.type) {
      case 'message':
        side.messages.push(told.data);
        break;
      case 'early-data':
        side.early.push(told.data);
        break;
      case 'connected':
        side.sessions.push(told.session);
        break;
      case 'ticket-keys-failed':
        side.warnings.push(told.error);
        break;
      case 'secret':
        side.secrets.push(told);
        break;
      case 'ticket':
        side.tickets.push(told.ticket);
        break;
      case 'trace':
        side.traced.push(told.event);
        break;
      case 'migrated':
        side.migrated.push(told);
        break;
      case 'peer-closed':
        side.halfClosed++;
        break;
      case 'keep-session':
        keepSession(told, entry.connection.security, this.date);
        break;
      case 'forget-session':
        forgetSession(told, entry.connection.security);
        break;
      case 'closed':
        if (told.error !== undefined && !(told.error instanceof DTLSError))
          throw new Error('closed with an error that is no DTLSError', { cause: told.error });
        side.closed.push({ entry, error: told.error });
        break;
      case 'rebound':
        side.rebound++;
        break;
      case 'checkpoint-due':
        side.checkpointsDue++;
        break;
      case 'answered':
      case 'acknowledged':
        break;
      case 'job': {
        const { jobs = 0 } = this.#options;
        side.jobs.push({
          entry,
          id: told.id,
          job: told.job,
          at: jobs === 'by-hand' ? undefined : this.now + jobs,
        });
        if (jobs === 0) this.answer(side);
        break;
      }
    }
  }

  #behaviour(role: Role, manner?: BehaviourOptions): Behaviour {
    const { clientBehaviour, serverBehaviour, traces = true } = this.#options;
    return behaviour(manner ?? (role === 'client' ? clientBehaviour : serverBehaviour), traces);
  }

  #security(role: Role): Security {
    const lack = this.#options.lacks?.[role];
    const made =
      lack === undefined
        ? security(role, this.version, this.#options[role], this.#provider)
        : this.#securityWithout(role, lack);
    return this.#options.adjust?.(made) ?? made;
  }

  #securityWithout(role: Role, lack: Lack): Security {
    const provider = restrictedProvider(this.#provider, lack, this.reached);
    return securityOn(provider, role, this.version, this.#options[role] ?? {});
  }

  #newClient(): Side {
    return new Side('client', CLIENT_ADDRESS, UNLIMITED);
  }

  #other(side: Side): Side {
    return side.role === 'client' ? this.server : this.client;
  }
}

function dropsOf(side: Side): string {
  const dropped = Object.entries(side.phase === 'none' ? {} : side.dropped);
  return dropped.length === 0 ? 'nothing discarded' : dropped.map((entry) => entry.join(' ')).join(', ');
}
