import assert from 'node:assert/strict';
import { toHex, utf8 } from '#lib/base/bytes.js';
import type { PeerAddress } from '#lib/base/peer-address.js';
import type { BehaviourOptions } from '#lib/config/behaviour.js';
import type { Role } from '#lib/config/config.js';
import type { Security } from '#lib/connection/version.js';
import type { CryptoProvider } from '#lib/crypto/provider.js';
import { damage } from '../../support/network.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { Random } from '../../support/random.js';
import type { TestedVersion } from '../../support/settings.js';
import type { Side } from '../../support/side.js';

const ROLES = ['client', 'server'] as const;
/** Where attackers are; they answer nothing. */
const ATTACKERS: readonly PeerAddress[] = [
  { address: '198.51.100.66', family: 'IPv4', port: 666 },
  { address: '192.0.2.1', family: 'IPv4', port: 667 },
];
/** RFC 9147 §5.1. */
const AMPLIFICATION = 3;
/** What a side may hold of others' bytes, and what its state may take, bytes. */
const MOST_HELD = 0x1c000;
const MOST_STATE = 0x8000;
const PSK = { identity: 'sensor-1', key: new Uint8Array(32).fill(7) };
const CIPHERS: Readonly<Record<TestedVersion, readonly string[]>> = {
  'DTLSv1.2': ['ECDHE-PSK-CHACHA20-POLY1305', 'PSK-AES128-CCM8', 'PSK-AES128-GCM-SHA256', 'PSK-AES256-CCM'],
  'DTLSv1.3': ['TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_CCM_SHA256'],
};
type Settings = Pick<PairOptions, 'client' | 'server'>;
/** Parsed once: with a certificate, and with a shared key and each cipher. */
const WITH_CERTIFICATE: Settings = {};
const WITH_KEY = Object.fromEntries(
  Object.entries(CIPHERS).map(([version, names]) => [
    version,
    names.map((ciphers) => ({ client: { psk: PSK, ciphers }, server: { psk: () => PSK.key, ciphers } })),
  ]),
) as unknown as Readonly<Record<TestedVersion, readonly Settings[]>>;

/** Every key and nonce that any process sealed with. */
class Nonces {
  readonly #used = new Set<string>();

  watch(provider: CryptoProvider): CryptoProvider {
    return {
      ...provider,
      aead: (name, key) => {
        const aead = provider.aead(name, key);
        const id = toHex(key);
        return {
          tagLength: aead.tagLength,
          open: (...sealed) => aead.open(...sealed),
          seal: (nonce, ...rest) => {
            this.#use(`${id} ${toHex(nonce)}`);
            aead.seal(nonce, ...rest);
          },
        };
      },
    };
  }

  #use(nonce: string): void {
    if (this.#used.has(nonce)) throw new Error(`a nonce is used twice: ${nonce}`);
    this.#used.add(nonce);
  }
}

/** What is kept of a side for a crash. */
interface Store {
  kept: Uint8Array | undefined;
  /** On its way into the store, which may or may not have it when the process fails. */
  underWay: Uint8Array | undefined;
  reserve: number;
}

const emptyStore = (): Store => ({ kept: undefined, underWay: undefined, reserve: 16 });

const ACTS = {
  send: 12,
  update: 3,
  checkpoint: 3,
  crash: 4,
  export: 4,
  hibernate: 3,
  rebind: 4,
  race: 3,
  replay: 2,
  forge: 1,
  weather: 1,
} as const;
export type Act = keyof typeof ACTS;
/** What came of acts. */
type Outcome = 'followed' | 'went back' | 'slept with a checkpoint' | 'slept unvalidated';
const BAG = (Object.keys(ACTS) as Act[]).flatMap((act) => new Array<Act>(ACTS[act]).fill(act));

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
  readonly happened = new Map<Act | Outcome, number>();
  /** Before a side is exported. */
  onExport: ((side: Side) => void) | undefined;
  readonly #nonces = new Nonces();
  readonly #stores: Record<Role, Store> = { client: emptyStore(), server: emptyStore() };
  readonly #sent: Record<Role, Set<string>> = { client: new Set(), server: new Set() };
  readonly #delivered: Record<Role, Set<string>> = { client: new Set(), server: new Set() };
  readonly #copies: { readonly data: Uint8Array; readonly role: Role }[] = [];
  readonly #fromAttackers = new Map<string, number>();
  readonly #toAttackers = new Map<string, number>();
  /** Copies the next datagram of this side to another address, faster than the path. */
  #races: Role | undefined;

  constructor(version: TestedVersion, seed: number) {
    const random = new Random(seed);
    this.random = random;
    this.options = {
      version,
      seed,
      clientBehaviour: behaviourOf(random, version, 'client'),
      serverBehaviour: behaviourOf(random, version, 'server'),
      adjust: (security: Security) => ({ ...security, provider: this.#nonces.watch(security.provider) }),
      weather: { loss: random.pick([0, 0.05, 0.2]), duplication: 0.1, jitter: random.pick([0, 30, 200]) },
      jobs: random.pick([0, 0, 20]),
      ...(random.chance(0.25) ? WITH_CERTIFICATE : random.pick(WITH_KEY[version])),
    };
    this.pair = new Pair(this.options);
    this.pair.intercept = (data, from) => this.#intercept(data, from);
    this.pair.onArrival = (to, data, from) => count(this.#fromAttackers, `${to.role} ${nameOf(from)}`, data);
    this.pair.onDeparture = (side, data, to) => this.#onDeparture(side, data, to);
  }

  /** From the handshake to the end of one or the proof that it goes on. */
  run(): void {
    try {
      this.pair.explain(() => {
        this.#start();
        this.#play(STEPS);
        if (this.random.chance(0.2)) return this.#part();
        this.#calm();
        this.#converge();
      });
    } catch (cause) {
      throw new Error(`DTLS_SEED=${this.pair.seed} npm test -- survival: ${String(cause)}`, { cause });
    }
  }

  #start(): void {
    const { network } = this.pair.handshake();
    // Before there are keys it would end the handshake.
    network.weather = { ...network.weather, corruption: this.random.pick([0, 0.02]) };
    for (const role of ROLES) if (this.random.chance(0.7)) this.#take(this.pair[role]);
    this.#settle();
  }

  #play(steps: number): void {
    for (let step = 0; step < steps; step++) {
      this.#act(this.random.pick(BAG), this.pair[this.random.pick(ROLES)]);
      this.#settle();
      this.pair.runFor(this.random.pick([0, 0, 3, 30, 700]));
      this.#settle();
    }
  }

  /** The path is good from now on, and every address reaches its side. */
  #calm(): void {
    const { network } = this.pair;
    network.weather = { ...network.weather, loss: 0, duplication: 0, corruption: 0, jitter: 0, latency: 10 };
    this.#races = undefined;
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
    this.pair.close(this.pair[first]);
    this.pair.runFor(10_000);
    assert.ok(this.pair[first].isClosed, `the ${first} never came to an end`);
    const second = this.pair[otherOf(first)];
    if (!second.isClosed) this.pair.close(second);
    this.pair.runFor(10_000);
    for (const role of ROLES) {
      const { isClosed, error, endpoint } = this.pair[role];
      assert.ok(isClosed, `the ${role} lives on`);
      assert.equal(error, undefined, `the ${role} ended with an error`);
      assert.deepEqual([endpoint.size, endpoint.pollTimeout(), endpoint.heldBytes], [0, undefined, 0]);
    }
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
        if (this.#stores[side.role].underWay === undefined) this.#take(side, random.pick([16, 24, 64]));
        return;
      case 'crash':
        return this.#crash(side);
      case 'export':
        return this.#export(side);
      case 'hibernate':
        return this.#hibernate(side);
      case 'rebind':
        return this.#rebind(side, other);
      case 'race':
        this.#races = side.role;
        return;
      case 'replay':
        return this.#replay((data) => data, [...ATTACKERS, other.address]);
      case 'forge':
        return this.#replay((data) => damage(data, random), ATTACKERS);
      case 'weather':
        pair.network.weather = { ...pair.network.weather, loss: random.pick([0, 0.1, 0.3, 1]) };
        return;
    }
  }

  #hibernate(side: Side): void {
    const { connection } = side.entry;
    if (!side.endpoint.hibernate(side.entry, this.pair.now)) return;
    if (this.#stores[side.role].kept !== undefined) this.#note('slept with a checkpoint');
    if (!connection.path.validated) this.#note('slept unvalidated');
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
    if (isFollowed && random.chance(0.8)) return;
    this.#send(side);
    pair.runFor(random.pick([0, 50]));
    pair[side.role].address = home;
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
    assert.ok(state.length < MOST_STATE, `its state has ${state.length} bytes`);
    pair.drain();
    const away = random.pick([0, 20, 900]);
    pair.runFor(away);
    pair.goOn(side.role, state, away);
    // Checkpoints of before are worthless: the store drops them with the export.
    this.#stores[side.role] = emptyStore();
  }

  /** The process ends without a word, and another one goes on from what is kept. */
  #crash(side: Side): void {
    const store = this.#stores[side.role];
    this.#count(side);
    const arrived = store.underWay !== undefined && this.random.chance(0.5);
    const state = arrived ? store.underWay : store.kept;
    if (state === undefined) return;
    const age = this.random.pick([0, 50]);
    this.pair.goOn(side.role, state, age);
    this.#stores[side.role] = emptyStore();
    this.#take(this.pair[side.role]);
  }

  #take(side: Side, reserve = this.#stores[side.role].reserve): void {
    const store = this.#stores[side.role];
    store.reserve = reserve;
    side.checkpointsDue = 0;
    store.underWay = side.entry.connection.checkpoint(reserve, this.pair.now);
    side.endpoint.touch(side.entry);
  }

  #keep(side: Side): void {
    const store = this.#stores[side.role];
    store.kept = store.underWay;
    store.underWay = undefined;
    side.entry.connection.confirmCheckpoint(this.pair.now);
    side.endpoint.touch(side.entry);
  }

  /** Takes checkpoints when they are due, and keeps them when the store likes. */
  #settle(always = false): void {
    for (const role of ROLES) {
      const side = this.pair[role];
      const store = this.#stores[role];
      if (store.underWay !== undefined && (always || this.random.chance(0.6))) this.#keep(side);
      if (side.checkpointsDue > 0 && store.underWay === undefined) this.#take(side);
      this.#count(side);
      if (always || this.random.chance(0.1)) this.#judge(side);
      assert.ok(side.endpoint.heldBytes <= MOST_HELD, `the ${role} holds ${side.endpoint.heldBytes} bytes`);
    }
    this.pair.drain();
  }

  /** Keeps what is due at once; addresses that were left reach their side again. */
  #rest(ms: number): void {
    for (let left = ms; left > 0; left -= PAUSE) {
      for (const role of ROLES) {
        const [side, other] = [this.pair[role], this.pair[otherOf(role)]];
        const { peer } = side.entry;
        if (!this.#reaches(side, other) && !isAttacker(peer)) other.alsoAt.push(peer);
      }
      this.#settle(true);
      this.pair.runFor(Math.min(left, PAUSE));
      this.#settle(true);
    }
  }

  #send(side: Side): string {
    const sent = this.#sent[side.role];
    const text = `${side.role} ${sent.size}`;
    sent.add(text);
    side.endpoint.send(side.entry, utf8(text));
    this.pair.drain();
    return text;
  }

  #count(side: Side): void {
    const delivered = this.#delivered[side.role];
    for (const message of side.messages.splice(0)) {
      const text = new TextDecoder().decode(message);
      if (text === PROBE) continue;
      assert.ok(this.#sent[otherOf(side.role)].has(text), `${text} was never sent`);
      assert.ok(!delivered.has(text), `${text} is delivered twice`);
      delivered.add(text);
    }
    for (const { validated } of side.migrated.splice(0)) this.#note(validated ? 'went back' : 'followed');
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
    if (this.#races !== from) return [data];
    this.#races = undefined;
    this.pair.arrive(to, data.slice(), this.random.pick(ATTACKERS));
    return this.random.chance(0.3) ? [] : [data];
  }

  /** An address that answers nothing gets at most three times what came from there. */
  #onDeparture(side: Side, data: Uint8Array, to: PeerAddress): void {
    if (!isAttacker(to)) return;
    const name = `${side.role} ${nameOf(to)}`;
    const out = count(this.#toAttackers, name, data);
    const room = AMPLIFICATION * (this.#fromAttackers.get(name) ?? 0);
    assert.ok(out <= room, `${out} bytes of the ${side.role} to ${nameOf(to)}, which has room for ${room}`);
  }

  #note(what: Act | Outcome): void {
    this.happened.set(what, (this.happened.get(what) ?? 0) + 1);
  }
}

/** Things that happen to one session. */
const STEPS = 40;
/** Of a driver that looks after checkpoints, ms. */
const PAUSE = 200;
/** Of `keepAlive`. */
const PROBE = 'probe';

function behaviourOf(random: Random, version: TestedVersion, role: Role): BehaviourOptions {
  const timer = { initial: random.pick([100, 1000]), max: 5000 };
  return {
    // The handshake is not the matter here.
    handshakeTimeout: 0,
    idleTimeout: 0,
    retransmission: timer,
    connectionId: random.pick(role === 'client' ? [0, 0, 3, 8, false] : [8, 8, 1, 20, false]),
    returnRoutability: random.pick(['basic', 'enhanced', 'never']),
    hibernateAfter: random.pick([0, 40, 3000]),
    ...(random.chance(0.2) ? { keepAlive: { interval: 1000, timeout: 600_000, message: PROBE } } : {}),
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
