import assert from 'node:assert/strict';
import { EMPTY, sameBytes, utf8 } from '#lib/base/bytes.js';
import type { PeerAddress } from '#lib/base/peer-address.js';
import type { BehaviourOptions } from '#lib/config/behaviour.js';
import type { Role } from '#lib/config/config.js';
import type { Security } from '#lib/connection/version.js';
import type { CryptoProvider } from '#lib/crypto/provider.js';
import type { ConnectionEntry } from '#lib/endpoint/connection-entry.js';
import { lightCiphers } from '../../support/light-ciphers.js';
import { damage } from '../../support/network.js';
import { Nonces } from '../../support/nonces.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { Random } from '../../support/random.js';
import { playSeed } from '../../support/seeds.js';
import type { TestedVersion } from '../../support/settings.js';
import { Keeper, type Side } from '../../support/side.js';
import { CheckpointStore } from './checkpoints.js';
import { comebackOf, SeenHellos, withEarlyData } from './comebacks.js';
import { settingsOf, WITH_CERTIFICATE } from './settings.js';

const ROLES = ['client', 'server'] as const;
/** Where attackers are; they answer nothing. */
const ATTACKERS: readonly PeerAddress[] = [
  { address: '198.51.100.66', family: 'IPv4', port: 666 },
  { address: '192.0.2.1', family: 'IPv4', port: 667 },
];
/** RFC 9147 §5.1. */
const AMPLIFICATION = 3;
/** What a side may hold of others' bytes, and what its state may take, bytes. */
const MAX_HELD = 0x1c000;
const MAX_STATE = 0x8000;

/** What has come to one process, and what it has told. */
interface Ledger {
  datagrams: number;
  bytes: number;
  messages: number;
  payload: number;
  /** Datagrams before the process went on, those that its association has counted, and those that it has not. */
  readonly before: number;
  readonly handed: number;
  readonly apart: number;
  /** Handshakes that begin in it up to that of its session; -1 where others have begun before that is done. */
  readonly begun: number;
}

function ledgerOf(side: Side): Ledger {
  const { datagramsReceived, bytesReceived, handshakesBegun } = side.endpoint.counters;
  const counters = (side.phase === 'none' ? undefined : side.entry)?.connection.counters;
  const isAwaited = side.role === 'server' && side.phase === 'none';
  const untold = [...side.early, ...side.messages];
  return {
    datagrams: datagramsReceived,
    bytes: bytesReceived,
    messages: (counters?.messagesReceived ?? 0) - untold.length,
    payload: (counters?.payloadReceived ?? 0) - untold.reduce((sum, { length }) => sum + length, 0),
    before: datagramsReceived,
    handed: counters?.datagramsReceived ?? 0,
    apart: apartOf(side),
    begun: side.entries.length > 1 ? -1 : handshakesBegun + (isAwaited ? 1 : 0),
  };
}

/** Datagrams at most that no association has counted, or that came from where its peer is not. */
function apartOf(side: Side): number {
  const { unknownConnectionIds, rejected, cookiesSent, partHellos } = side.endpoint.counters;
  const { other_path = 0, closed = 0 } =
    (side.phase === 'none' ? undefined : side.entry)?.connection.counters.dropped ?? {};
  return unknownConnectionIds + rejected + cookiesSent + partHellos + other_path + closed;
}

const ACTS = {
  send: 12,
  update: 3,
  checkpoint: 3,
  crash: 4,
  export: 4,
  hibernate: 3,
  rebind: 4,
  leave: 2,
  renew: 2,
  race: 3,
  replay: 2,
  storm: 2,
  forge: 1,
  weather: 1,
  detain: 2,
  silence: 1,
} as const;
type Act = keyof typeof ACTS;
/** What happens, and what comes of it. */
export type Happening =
  | Act
  | 'followed'
  | 'went back'
  | 'slept'
  | 'slept with a checkpoint'
  | 'slept unvalidated'
  | 'began unacknowledged'
  | 'half-open'
  | 'moved in the handshake'
  | 'was dormant'
  | 'came late'
  | 'went on with other options'
  | 'went on elsewhere'
  | 'resumed'
  | 'early data'
  | 'refused early data';
const BAG = (Object.keys(ACTS) as Act[]).flatMap((act) => new Array<Act>(ACTS[act]).fill(act));
/** What may come at one instant. */
const STORM: readonly Act[] = [
  'send',
  'update',
  'checkpoint',
  'crash',
  'export',
  'hibernate',
  'rebind',
  'leave',
  'renew',
  'race',
  'replay',
  'detain',
];

/**
 * One session with everything that may happen to it: a bad path, moves of either address, attackers who copy datagrams,
 * changes of keys, processes that end in order or crash, and pauses in which it hibernates. It is the driver of both sides, and
 * their application.
 */
export class Survival {
  readonly options: PairOptions;
  readonly pair: Pair;
  readonly random: Random;
  /** How often each happened. */
  readonly happened = new Map<Happening, number>();
  /** Before a side is exported. */
  onExport: ((side: Side) => void) | undefined;
  readonly #spends: boolean;
  readonly #nonces = new Nonces();
  readonly #stores: Readonly<Record<Role, CheckpointStore>> = {
    client: new CheckpointStore(),
    server: new CheckpointStore(),
  };
  readonly #sent: Record<Role, Set<string>> = { client: new Set(), server: new Set() };
  readonly #delivered: Record<Role, Set<string>> = { client: new Set(), server: new Set() };
  /** Messages that the client sends with its ClientHello. */
  readonly #early: readonly string[];
  /**
   * Of them, those that a server has taken. One that gave up the handshake does not tell the client, which sends them again when
   * another one refuses them.
   */
  readonly #taken = new Set<string>();
  #isEarlyTaken = false;
  readonly #copies: { readonly data: Uint8Array; readonly role: Role }[] = [];
  readonly #ledgers: Record<Role, Ledger>;
  readonly #fromAttackers = new Map<string, number>();
  readonly #toAttackers = new Map<string, number>();
  /** Copies the next datagram of this side to another address, faster than the path. */
  #races: Role | undefined;
  /** So many datagrams of each side come much later, if they do. */
  readonly #toDetain: Record<Role, number> = { client: 0, server: 0 };
  #detained: { readonly data: Uint8Array; readonly role: Role; readonly from: PeerAddress }[] = [];

  /** There was a long one. */
  #hasPaused = false;

  /** `spends`: the keys of DTLS 1.2 do not last for all that is sent. */
  constructor(version: TestedVersion, seed: number, spends = false) {
    this.#spends = spends;
    const random = new Random(seed);
    this.random = random;
    const ciphers = seed % REAL === 0 ? (real: CryptoProvider) => real : lightCiphers;
    const comeback = random.chance(0.3) ? comebackOf(version) : undefined;
    const settings = comeback === undefined ? settingsOf(version, random) : WITH_CERTIFICATE;
    const hasEarly = comeback !== undefined && version === 'DTLSv1.3' && random.chance(0.6);
    this.#early = hasEarly ? Array.from({ length: random.between(1, 3) }, (_, i) => `client ${i}`) : [];
    for (const text of this.#early) this.#sent.client.add(text);
    const { guard } = new SeenHellos();
    this.options = {
      version,
      seed,
      clientBehaviour: behaviourOf(random, version, 'client'),
      serverBehaviour: behaviourOf(random, version, 'server'),
      traces: false,
      adjust: (security: Security) => ({
        ...withEarlyData(security, guard),
        provider: this.#nonces.watch(ciphers(security.provider)),
      }),
      weather: { loss: random.pick([0, 0.05, 0.2]), duplication: 0.1, jitter: random.pick([0, 30, 200]) },
      jobs: random.pick([0, 0, 20]),
      ...settings,
      ...(comeback && {
        today: comeback.today,
        destination: { ...DESTINATION, session: comeback.session, earlyData: this.#early.map(utf8) },
      }),
    };
    this.pair = new Pair(this.options);
    this.pair.intercept = (data, from) => this.#intercept(data, from);
    this.#ledgers = { client: ledgerOf(this.pair.client), server: ledgerOf(this.pair.server) };
    this.pair.onArrival = (to, data, from) => this.#onArrival(to, data, from);
    this.pair.onDeparture = (side, data, to) => this.#onDeparture(side, data, to);
  }

  /** From the handshake to the end of one or the proof that it goes on. */
  run(): void {
    playSeed(this.pair.seed, 'survival', () =>
      this.pair.explain(() => {
        this.#start();
        this.#play(STEPS);
        if (this.#spends) return this.#spend();
        if (this.random.chance(0.2)) return this.#part();
        this.#calm();
        this.#converge();
        if (this.random.chance(0.3)) this.#part();
      }),
    );
  }

  #start(): void {
    const { network } = this.pair;
    this.#connect(this.random.chance(0.3));
    // Before there are keys it would end the handshake.
    network.weather = { ...network.weather, corruption: this.random.pick([0, 0.02]) };
    this.#watch(this.pair.client);
    this.#watch(this.pair.server, this.#session());
    for (const role of ROLES) if (this.random.chance(0.7)) this.#take(this.pair[role]);
    this.#noteComeback();
    this.#settle();
  }

  #noteComeback(): void {
    const { client } = this.pair;
    const { earlyData } = client.entry.connection;
    if (client.sessions.at(-1)?.resumed === true) this.#note('resumed');
    this.#isEarlyTaken = earlyData === 'accepted';
    if (this.#isEarlyTaken) this.#note('early data');
    else if (earlyData === 'refused') this.#note('refused early data');
    else assert.equal(this.#early.length, 0, `early data is ${earlyData}`);
  }

  /** `hastens`: it begins before the client has the acknowledgement of its last flight, which may be lost. */
  #connect(hastens: boolean): void {
    const { pair, random } = this;
    pair.connect();
    if (this.#isFollowedEarly() && random.chance(0.5)) this.#moveEarly();
    assert.ok(
      pair.runUntil(() => pair.client.isConnected && this.#session() !== undefined, HANDSHAKE),
      'no handshake',
    );
    // In DTLS 1.3 the server's ACK is to come.
    if (!hastens) pair.runUntil(() => pair.network.next() === undefined, 1000);
    else if (pair.client.entry.connection.phase === 'finishing') this.#note('began unacknowledged');
  }

  /** A client whose records have an ID of the server gets its session wherever its addresses are meanwhile. */
  #isFollowedEarly(): boolean {
    const { clientBehaviour, serverBehaviour } = this.options;
    return clientBehaviour?.connectionId !== false && serverBehaviour?.connectionId !== false;
  }

  /**
   * Its address changes once or twice while the handshake is under way, if that takes long enough. A client that is asked for
   * another cookie more often takes it for a loop. One of DTLS 1.2 that resumes a session is connected before the server is, and
   * says nothing more until it has a message to send: the server would ask its former address again.
   */
  #moveEarly(): void {
    const { pair, random } = this;
    for (let left = random.between(1, 2); left > 0; left--) {
      pair.runFor(random.pick([5, 15, 25, 35, 100, 700]));
      if (pair.client.isConnected && (pair.version === 'DTLSv1.2' || this.#session() !== undefined)) return;
      pair.rebind(pair.client, random.chance(0.3));
      this.#note('moved in the handshake');
    }
  }

  /** That of the server, which may have others, that begin with a ClientHello which came late or from a former address. */
  #session(): ConnectionEntry | undefined {
    const { send } = this.pair.client.entry.connection.connectionIds ?? {};
    return this.pair.server.entries.find(({ connection: { phase, connectionIds } }) => {
      if (phase !== 'open' && phase !== 'finishing') return false;
      return send === undefined || sameBytes(connectionIds?.receive ?? EMPTY, send);
    });
  }

  #play(steps: number): void {
    for (let step = 0; step < steps; step++) {
      this.#act(this.random.pick(BAG), this.pair[this.random.pick(ROLES)]);
      if (this.#isOver()) return;
      this.#settle();
      this.pair.runFor(this.random.pick([0, 0, 3, 30, 700]));
      if (this.#isOver()) return;
      this.#settle();
      if (this.random.chance(0.2)) this.#release();
      if (this.#isOver()) return;
    }
  }

  /** What was detained comes, in any order, to the processes that are there now. */
  #release(): void {
    const { pair, random } = this;
    const detained = random.shuffled(this.#detained);
    this.#detained = [];
    for (const { data, role, from } of detained) {
      if (random.chance(0.2)) continue;
      this.#note('came late');
      pair.inject(pair[role], data, from);
    }
  }

  /** A side is over, which happens to none before it closes unless its keys are used up. */
  #isOver(): boolean {
    const { client, server } = this.pair;
    if (client.isConnected && server.isConnected) return false;
    assert.ok(this.#spends, `an authentic session ends: ${client.phase}, ${server.phase}`);
    return true;
  }

  /** Each side sends until its keys are used up, or the other side says that its own are. */
  #spend(): void {
    const { client, server } = this.pair;
    for (const side of [client, server]) {
      for (let left = 1000; left > 0 && side.isConnected; left--) {
        this.#send(side);
        this.#settle(true);
        this.pair.runFor(this.random.pick([0, 30]));
      }
      assert.equal(side.isConnected, false, `the keys of the ${side.role} last forever`);
    }
    this.pair.runFor(10_000);
    const codes = [client, server].map(({ error }) => error?.code);
    for (const code of codes) assert.ok(code === undefined || code === 'ERR_DTLS_KEY_LIMIT', code);
    assert.ok(
      codes.some((code) => code !== undefined),
      'nothing was used up',
    );
    this.#assertGone();
  }

  /** The path is good from now on, and every address reaches its side. */
  #calm(): void {
    const { network } = this.pair;
    network.weather = { ...network.weather, loss: 0, duplication: 0, corruption: 0, jitter: 0, latency: 10 };
    this.#races = undefined;
    this.#toDetain.client = 0;
    this.#toDetain.server = 0;
    this.#rest(30_000);
  }

  /** A message goes through in each direction. */
  #converge(): void {
    for (const role of ROLES) {
      const other = otherOf(role);
      let last = '';
      // Those that a process before may have delivered are lost.
      for (let left = 150; left > 0 && !this.#delivered[other].has(last); left--) {
        last = this.#send(this.pair[role]);
        this.#rest(PAUSE);
      }
      assert.ok(this.#delivered[other].has(last), `the ${other} hears no more`);
    }
    assert.deepEqual([this.pair.client.phase, this.pair.server.phase], ['open', 'open']);
  }

  /** One side closes on a bad path. In the end nothing of either is left. */
  #part(): void {
    const first = this.random.pick(ROLES);
    if (this.random.chance(0.5)) this.#closeHalf(this.pair[first], this.pair[otherOf(first)]);
    this.pair.close(this.pair[first]);
    this.pair.runFor(10_000);
    assert.ok(this.pair[first].isClosed, `the ${first} never came to an end`);
    const second = this.pair[otherOf(first)];
    if (!second.isClosed) this.pair.close(second);
    this.pair.runFor(10_000);
    for (const role of ROLES)
      assert.equal(this.pair[role].error, undefined, `the ${role} ended with an error`);
    this.#assertGone();
  }

  #assertGone(): void {
    // A ClientHello that came again from an address that the client has left begins a handshake, which nobody goes on with.
    this.pair.runFor(HANDSHAKE);
    for (const role of ROLES) {
      const { isClosed, endpoint } = this.pair[role];
      assert.ok(isClosed, `the ${role} lives on`);
      assert.deepEqual([endpoint.size, endpoint.pollTimeout(), endpoint.heldBytes], [0, undefined, 0]);
    }
  }

  /** With `allowHalfOpen` the other direction goes on in DTLS 1.3, until that side closes, too. */
  #closeHalf(side: Side, other: Side): void {
    const { pair, random } = this;
    const staysOpen = side.endpoint.closeSending(side.entry, pair.now);
    pair.drain();
    assert.throws(() => side.endpoint.send(side.entry, utf8('more')), { code: 'ERR_INVALID_STATE' });
    for (let left = 3; left > 0; left--) {
      if (other.isConnected) this.#send(other);
      pair.runFor(random.pick([0, 30, 700]));
      if (random.chance(0.3)) pair.rebind(other, true);
    }
    this.#count(side);
    if (!staysOpen) return;
    this.#note('half-open');
    if (other.isConnected) assert.equal(side.phase, 'closing', 'a direction closed both');
  }

  #act(act: Act, side: Side): void {
    const { pair, random } = this;
    const other = pair[otherOf(side.role)];
    this.#note(act);
    switch (act) {
      case 'send':
        for (let left = random.pick([1, 1, 3, 12]); left > 0; left--) this.#send(side);
        return;
      case 'update':
        if (pair.version === 'DTLSv1.3')
          side.endpoint.updateKeys(side.entry, { requestPeer: random.chance(0.5) }, pair.now);
        return pair.drain();
      case 'checkpoint':
        if (!this.#stores[side.role].isBusy) this.#take(side, random.pick([16, 24, 64]));
        return;
      case 'crash':
        return this.#crash(side);
      case 'export':
        return this.#export(side);
      case 'hibernate':
        return this.#hibernate(side);
      case 'rebind':
        return this.#rebind(side, other);
      case 'leave':
        return this.#leave(side);
      case 'renew':
        return this.#renew(side);
      case 'race':
        this.#races = side.role;
        return;
      case 'replay':
        return this.#replay((data) => data, [...ATTACKERS, other.address]);
      case 'forge':
        return this.#replay((data) => damage(data, random), ATTACKERS);
      case 'storm':
        for (let left = random.between(3, 6); left > 0 && !this.#isOver(); left--)
          this.#act(random.pick(STORM), pair[random.pick([side.role, side.role, other.role])]);
        return;
      case 'detain':
        this.#toDetain[side.role] = random.between(1, 4);
        return;
      case 'silence':
        return this.#pause();
      case 'weather':
        pair.network.weather = { ...pair.network.weather, loss: random.pick([0, 0.1, 0.3, 1]) };
        return;
    }
  }

  /**
   * For once longer than keys of before are kept for (RFC 9147 §5.8.1). Not twice: on a path that is dead, or while the stores of
   * both sides keep nothing, a side that asks for life would be right to end a session in which it hears nothing for so long.
   */
  #pause(): void {
    const pause = this.#hasPaused ? SHORT_PAUSE : this.random.pick([SHORT_PAUSE, LONG_PAUSE]);
    this.#hasPaused ||= pause === LONG_PAUSE;
    this.pair.runFor(pause);
  }

  #hibernate(side: Side): void {
    const { validated } = side.entry.connection.path;
    if (!side.endpoint.hibernate(side.entry, this.pair.now)) return;
    this.#note('slept');
    if (this.#stores[side.role].hasKept) this.#note('slept with a checkpoint');
    if (!validated) this.#note('slept unvalidated');
  }

  /** A datagram that came before, or a forgery of one, comes to the process that is there now. */
  #replay(change: (data: Uint8Array) => Uint8Array, from: readonly PeerAddress[]): void {
    const { pair, random } = this;
    if (this.#copies.length === 0) return;
    const { data, role } = random.pick(this.#copies);
    pair.inject(pair[role], change(data), random.pick(from));
  }

  /** A peer that cannot be followed returns to its former address: its NAT had only lost its state. */
  #rebind(side: Side, other: Side): void {
    const { pair, random } = this;
    const home = side.address;
    const isFollowed = (other.entry.connection.connectionIds?.receive.length ?? 0) > 0;
    // Two sides that leave at once without a word lose each other.
    const known = this.#reaches(side, other) && this.#reaches(other, side);
    pair.rebind(side, !isFollowed || !known || random.chance(0.5));
    if (isFollowed && random.chance(0.8))
      return random.chance(0.2) ? this.#sleepBeside(side, other) : undefined;
    this.#send(side);
    pair.runFor(random.pick([0, 50]));
    pair[side.role].address = home;
  }

  /** `side` has moved, and its peer hibernates as soon as it has heard that. */
  #sleepBeside(side: Side, other: Side): void {
    this.#send(side);
    this.pair.runFor(50);
    if (other.isConnected) this.#hibernate(other);
  }

  /** On purpose, where the peer has asked for a connection ID: only then would it be known again. */
  #leave(side: Side): void {
    if (this.pair.idsOf(side).send.length > 0) this.pair.leave(side);
    else assert.throws(() => side.endpoint.leavePath(side.entry, this.pair.now), { code: 'ERR_DTLS_REBIND' });
  }

  #renew(side: Side): void {
    const renew = (): void => side.endpoint.renewConnectionId(side.entry, this.pair.now);
    if (this.pair.version === 'DTLSv1.3' && this.pair.idsOf(side).receive.length > 0) renew();
    else assert.throws(renew, { code: 'ERR_INVALID_STATE' });
    this.pair.drain();
  }

  /** Where `side` sends is a place at which `other` is. */
  #reaches(side: Side, other: Side): boolean {
    return [other.address, ...other.alsoAt].some((at) => nameOf(at) === nameOf(side.entry.peer));
  }

  #export(side: Side): void {
    const { pair, random } = this;
    this.#count(side);
    pair.drain();
    this.onExport?.(side);
    const state = side.endpoint.save(side.entry, pair.now);
    assert.ok(state.length < MAX_STATE, `its state has ${state.length} bytes`);
    pair.drain();
    const away = random.pick([0, 20, 900]);
    pair.runFor(away);
    this.#goOn(side.role, state, away);
    // Checkpoints of before are worthless: the store drops them with the export.
    this.#stores[side.role].clear();
    this.#goElsewhere(side.role);
  }

  /** The process ends without a word, and another one goes on from what is kept. */
  #crash(side: Side): void {
    this.#count(side);
    const state = this.#stores[side.role].onCrash(this.random.chance(0.5));
    if (state === undefined) return;
    const age = this.random.pick([0, 50]);
    this.#goOn(side.role, state, age);
    this.#take(this.pair[side.role]);
    this.#goElsewhere(side.role);
  }

  /** The process that goes on has a socket of its own, as that of a client always has. */
  #goElsewhere(role: Role): void {
    if (!this.random.chance(0.3)) return;
    this.#note('went on elsewhere');
    this.#rebind(this.pair[role], this.pair[otherOf(role)]);
  }

  #take(side: Side, reserve?: number): void {
    this.#stores[side.role].take(side.endpoint, side.entry, this.pair.now, reserve);
  }

  /** Takes checkpoints when they are due, and keeps them when the store likes. */
  #settle(always = false): void {
    for (const role of ROLES) {
      const side = this.pair[role];
      const store = this.#stores[role];
      if (!side.isConnected) continue;
      if (side.checkpointsDue > 0) store.isDue = true;
      side.checkpointsDue = 0;
      store.settle(side.endpoint, side.entry, this.pair.now, always || this.random.chance(0.6));
      this.#count(side);
      if (always || this.random.chance(0.1)) this.#judge(side);
      assert.ok(side.endpoint.heldBytes <= MAX_HELD, `the ${role} holds ${side.endpoint.heldBytes} bytes`);
    }
    this.pair.drain();
  }

  /** Keeps what is due, and addresses that were left reach their side again, after a pause at most. */
  #rest(ms: number): void {
    const end = this.pair.now + ms;
    while (this.pair.now < end) {
      for (const role of ROLES) {
        const [side, other] = [this.pair[role], this.pair[otherOf(role)]];
        const { peer } = side.entry;
        if (!this.#reaches(side, other) && !isAttacker(peer)) other.alsoAt.push(peer);
      }
      this.#settle(true);
      this.#settle(true);
      const left = end - this.pair.now;
      if (!this.pair.runUntil(() => this.#isDue, left)) this.pair.runFor(end - this.pair.now);
      else this.pair.runFor(Math.min(PAUSE, end - this.pair.now));
    }
    this.#settle(true);
  }

  /** There is something to keep, or an address to look at. */
  get #isDue(): boolean {
    return ROLES.some((role) => {
      const [side, other] = [this.pair[role], this.pair[otherOf(role)]];
      const { connection } = side.entry;
      if (side.checkpointsDue > 0 || !this.#reaches(side, other)) return true;
      // One that hibernates was seen awake, and to look at its path takes a while.
      return !connection.hibernates && !connection.path.validated;
    });
  }

  #send(side: Side): string {
    const sent = this.#sent[side.role];
    const text = `${side.role} ${sent.size}`;
    if (this.#spends && !side.isConnected) return text;
    sent.add(text);
    side.endpoint.send(side.entry, utf8(text));
    this.pair.drain();
    return text;
  }

  #count(side: Side): void {
    const delivered = this.#delivered[side.role];
    this.#audit(side);
    for (const message of side.early.splice(0)) this.#onEarly(new TextDecoder().decode(message));
    for (const message of side.messages.splice(0)) {
      const text = new TextDecoder().decode(message);
      if (text === PROBE) continue;
      assert.ok(this.#sent[otherOf(side.role)].has(text), `${text} was never sent`);
      assert.ok(!delivered.has(text), `${text} is delivered twice`);
      assert.ok(!(this.#isEarlyTaken && this.#taken.has(text)), `${text} is sent twice`);
      delivered.add(text);
    }
    for (const { validated } of side.migrated.splice(0)) this.#note(validated ? 'went back' : 'followed');
  }

  #onEarly(text: string): void {
    assert.ok(this.#early.includes(text), `${text} was never sent early`);
    assert.ok(!this.#taken.has(text), `${text} is delivered twice as early data`);
    this.#taken.add(text);
  }

  /** What a process counts is what it was given, and what it has told. */
  #audit(side: Side): void {
    const ledger = this.#ledgers[side.role];
    for (const { length } of [...side.early, ...side.messages]) {
      ledger.messages++;
      ledger.payload += length;
    }
    const { connection } = side.entry;
    const { messagesReceived, payloadReceived, datagramsReceived } = connection.counters;
    const { datagrams, bytes, messages, payload } = ledger;
    const { counters } = side.endpoint;
    assert.deepEqual(
      [messagesReceived, payloadReceived, counters.datagramsReceived, counters.bytesReceived],
      [messages, payload, datagrams, bytes],
      `the ${side.role} counts what did not happen`,
    );
    const handed = datagramsReceived - ledger.handed;
    const apart = apartOf(side) - ledger.apart;
    const came = datagrams - ledger.before;
    // A replayed ClientHello whose cookie is still valid begins a handshake beside the session, which counts its own.
    const most = counters.handshakesBegun > ledger.begun ? came : handed + apart;
    assert.ok(handed <= came && came <= most, `of ${came} datagrams ${handed} were handed on`);
  }

  /** Without checks the application says which address is its peer's. */
  #judge(side: Side): void {
    const { endpoint, entry } = side;
    if (entry.connection.path.validated) return;
    if (isAttacker(entry.peer)) endpoint.refusePath(entry, this.pair.now);
    else endpoint.validatePath(entry);
  }

  #intercept(data: Uint8Array, from: Role): readonly Uint8Array[] {
    const to = this.pair[otherOf(from)];
    if (this.random.chance(0.1)) this.#copies.push({ data: data.slice(), role: to.role });
    if (this.#toDetain[from] > 0) {
      this.#toDetain[from]--;
      this.#detained.push({ data: data.slice(), role: to.role, from: this.pair[from].address });
      return [];
    }
    if (this.#races !== from) return [data];
    this.#races = undefined;
    this.pair.arrive(to, data.slice(), this.random.pick(ATTACKERS));
    return this.random.chance(0.3) ? [] : [data];
  }

  #onArrival(to: Side, data: Uint8Array, from: PeerAddress): void {
    count(this.#fromAttackers, `${to.role} ${nameOf(from)}`, data);
    this.#ledgers[to.role].datagrams++;
    this.#ledgers[to.role].bytes += data.length;
  }

  /** Another process goes on from `state`, which is `age` ms old. */
  #goOn(role: Role, state: Uint8Array, age: number): Side {
    const { random, pair } = this;
    const manner = random.chance(0.2) ? behaviourOf(random, pair.version, role) : undefined;
    if (manner !== undefined) this.#note('went on with other options');
    this.#noteDormancies(pair[role]);
    const side = pair.goOn(role, state, age, manner);
    this.#watch(side);
    return side;
  }

  #noteDormancies({ only }: Side): void {
    for (let left = only?.dormancies ?? 0; left > 0; left--) this.#note('was dormant');
  }

  #watch(side: Side, entry = side.entry): void {
    side.only = new Keeper(side.endpoint, entry);
    this.#ledgers[side.role] = ledgerOf(side);
  }

  /** An address that answers nothing gets at most three times what came from there. */
  #onDeparture(side: Side, data: Uint8Array, to: PeerAddress): void {
    if (!isAttacker(to)) return;
    const name = `${side.role} ${nameOf(to)}`;
    const out = count(this.#toAttackers, name, data);
    const room = AMPLIFICATION * (this.#fromAttackers.get(name) ?? 0);
    assert.ok(out <= room, `${out} bytes of the ${side.role} to ${nameOf(to)}, which has room for ${room}`);
  }

  #note(what: Happening): void {
    this.happened.set(what, (this.happened.get(what) ?? 0) + 1);
  }
}

const DESTINATION = { serverName: 'localhost', verifyName: 'localhost' };
/** Things that happen to one session. */
const STEPS = 40;
/** One of so many sessions has ciphers that cost what they cost. */
const REAL = 8;
/** Of a handshake; more than one on a bad path takes, ms. */
const HANDSHAKE = 600_000;
/** Nobody does anything, ms; all of one run are shorter than {@link HANDSHAKE}, in which a peer has to be heard. */
const SHORT_PAUSE = 20_000;
const LONG_PAUSE = 300_000;
/** Than all of {@link STEPS}, ms. */
const LONGER_THAN_ALL = 100_000_000;
/** Of a driver that looks after checkpoints, ms. */
const PAUSE = 200;
/** Of `keepAlive`. */
const PROBE = 'probe';

function behaviourOf(random: Random, version: TestedVersion, role: Role): BehaviourOptions {
  const timer = { initial: random.pick([100, 1000]), max: 5000 };
  // In DTLS 1.2 an application answers what asks for life, and this one is silent for longer.
  const gone = version === 'DTLSv1.2' ? LONGER_THAN_ALL : HANDSHAKE;
  return {
    handshakeTimeout: HANDSHAKE,
    idleTimeout: 0,
    retransmission: timer,
    connectionId: random.pick(role === 'client' ? [0, 0, 3, 8, false] : [8, 8, 1, 20, false]),
    returnRoutability: random.pick(['basic', 'enhanced', 'never']),
    hibernateAfter: random.pick([0, 40, 3000]),
    allowHalfOpen: random.chance(0.5),
    ...(random.chance(0.2) ? { keepAlive: { interval: 1000, timeout: gone, message: PROBE } } : {}),
    ...(version === 'DTLSv1.3' && random.chance(0.5) ? { recordsPerKey: random.pick([5, 20]) } : {}),
  };
}

function otherOf(role: Role): Role {
  return role === 'client' ? 'server' : 'client';
}

function nameOf({ address, port }: PeerAddress): string {
  return `${address}:${port}`;
}

function isAttacker(peer: PeerAddress): boolean {
  return ATTACKERS.some((each) => nameOf(each) === nameOf(peer));
}

function count(counts: Map<string, number>, name: string, { length }: Uint8Array): number {
  const all = (counts.get(name) ?? 0) + length;
  counts.set(name, all);
  return all;
}
