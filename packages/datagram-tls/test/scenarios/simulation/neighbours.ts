import assert from 'node:assert/strict';
import { utf8 } from '#lib/base/bytes.js';
import { earliest } from '#lib/base/instant.js';
import type { PeerAddress } from '#lib/base/peer-address.js';
import { type BehaviourOptions, resolveBehaviour } from '#lib/config/behaviour.js';
import type { Behaviour, Destination, Role } from '#lib/config/config.js';
import {
  encodeSession,
  type NewTicket,
  resolveSession,
  type SavedSession,
} from '#lib/config/saved-session.js';
import type { ConnectionEvent } from '#lib/connection/events.js';
import type { Security } from '#lib/connection/version.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { type ConnectionEntry, type Holder, stateOf } from '#lib/endpoint/connection-entry.js';
import { dormantIn, Endpoint } from '#lib/endpoint/endpoint.js';
import { JUDGEMENT_DAY } from '../../support/identities.js';
import { performNow } from '../../support/jobs.js';
import { lightCiphers } from '../../support/light-ciphers.js';
import { damage } from '../../support/network.js';
import { Nonces } from '../../support/nonces.js';
import { Random } from '../../support/random.js';
import { seededProvider } from '../../support/seeded-provider.js';
import { playSeed } from '../../support/seeds.js';
import { security, type TestedVersion, UNLIMITED } from '../../support/settings.js';
import { CheckpointStore } from './checkpoints.js';
import { SeenHellos, withEarlyData } from './comebacks.js';
import { settingsOf } from './settings.js';

const SERVER: PeerAddress = { address: '192.0.2.2', family: 'IPv4', port: 4433 };
const NAT = '203.0.113.1';
/** Where attackers are; they answer nothing. */
const ATTACKERS: readonly PeerAddress[] = [
  { address: '198.51.100.66', family: 'IPv4', port: 666 },
  { address: NAT, family: 'IPv4', port: 667 },
];
const DESTINATION = { serverName: 'localhost', verifyName: 'localhost' };
/** RFC 9147 §5.1. */
const AMPLIFICATION = 3;
/** Devices behind the NAT; it has few ports more, so that one gets the former port of another. */
const DEVICES = 4;
const PORTS = Array.from({ length: DEVICES + 2 }, (_, i) => 1000 + i);
/** Things that happen in one run. */
const STEPS = 60;
/** Datagrams of which the network brings copies when a process has failed. */
const MAX_RECENT = 8;
/** Of a handshake, and of an open session without a word of its peer, ms. */
const HANDSHAKE = 60_000;
const IDLE = 900_000;
/** So long a side that has left its address on purpose hears what still comes there, ms. */
const LEFT = 3000;
/** Silences of one run; all together are shorter than {@link IDLE}. */
const MAX_SILENCES = 2;

const ACTS = {
  send: 14,
  connect: 4,
  rebind: 7,
  swap: 3,
  leave: 2,
  replay: 3,
  forge: 2,
  race: 2,
  renew: 2,
  hibernate: 2,
  'move the server': 1,
  restart: 1,
  'crash of the server': 1,
  crash: 3,
  detain: 3,
  silence: 1,
} as const;
type Act = keyof typeof ACTS;
const BAG = (Object.keys(ACTS) as Act[]).flatMap((act) => new Array<Act>(ACTS[act]).fill(act));
export type Happening =
  | Act
  | 'moved in the handshake'
  | 'connected after a move'
  | 'got a former address'
  | 'followed'
  | 'slept without an entry'
  | 'went on after a crash'
  | 'went on with other options'
  | 'went on elsewhere'
  | 'resumed'
  | 'early data'
  | 'early data taken twice'
  | 'came late'
  | 'lost without IDs'
  | 'lost in a crash'
  | 'failed handshake';

/**
 * What a handshake may end with: datagrams of another device, or forgeries, come to its address before there are keys. A cookie is
 * refused that was made for the address before.
 */
const FAILURES: readonly string[] = [
  'ERR_DTLS_HANDSHAKE_TIMEOUT',
  'ERR_DTLS_PEER_ALERT',
  'ERR_DTLS_PSK_MISMATCH',
  'ERR_DTLS_BAD_SIGNATURE',
  'ERR_DTLS_BAD_CERTIFICATE',
  'ERR_DTLS_NO_SHARED_CIPHER',
  'ERR_DTLS_NO_SHARED_GROUP',
  'ERR_DTLS_DECODE_ERROR',
  'ERR_DTLS_DECRYPT_ERROR',
  'ERR_DTLS_HANDSHAKE_FAILURE',
  'ERR_DTLS_ILLEGAL_PARAMETER',
  'ERR_DTLS_MISSING_EXTENSION',
  'ERR_DTLS_PROTOCOL_VERSION',
  'ERR_DTLS_UNEXPECTED_MESSAGE',
  'ERR_DTLS_UNSUPPORTED_EXTENSION',
  'ERR_DTLS_UNSUPPORTED_VERSION',
];

/** What an open session may end with on the server: the device closes it, another one without IDs has its address, or silence. */
const ENDS: readonly (string | undefined)[] = [undefined, 'ERR_DTLS_IDLE_TIMEOUT'];

interface Datagram {
  readonly data: Uint8Array;
  /** Outside of the NAT. */
  readonly outside: PeerAddress;
  readonly up: boolean;
  readonly at: number;
}

/** One client behind the NAT, which may begin anew. */
interface Device {
  readonly number: number;
  endpoint: Endpoint;
  entry: ConnectionEntry | undefined;
  /** Outside of the NAT; `undefined`: it gets one with its next datagram. */
  port: number | undefined;
  /** What it has left on purpose, and until when it hears what comes there. */
  left: { readonly port: number; readonly until: number } | undefined;
  /** Times that it has begun. */
  generation: number;
  sent: Set<string>;
  answered: Set<string>;
  /** From its last ticket. */
  saved: SavedSession | undefined;
  /** Its address has changed in the present handshake. */
  hasMoved: boolean;
  /** The application closes it, or it has failed. */
  isOver: boolean;
  /** The server has failed, and had kept nothing of its session. */
  isForgotten: boolean;
  /** Its process has had an answer. */
  hasHeard: boolean;
  /** Of its session, if it keeps something for a crash. */
  store: CheckpointStore | undefined;
}

/** What the server knows of one session, whose entry it may let go of. */
class Account implements Holder {
  readonly mayLetGo = true;
  /** The device and its generation, once it has said something. */
  owner: string | undefined;
  isOpen = false;
  /** If it keeps something for a crash. */
  store: CheckpointStore | undefined;
  /** How often it had no entry. */
  sleeps = 0;
  #server: Endpoint;
  #entry: ConnectionEntry | number;

  constructor(server: Endpoint, entry: ConnectionEntry) {
    this.#server = server;
    this.#entry = entry;
    stateOf(entry).holder = this;
  }

  get entry(): ConnectionEntry {
    return typeof this.#entry === 'number' ? dormantIn(this.#server).recall(this.#entry) : this.#entry;
  }

  onDormant(place: number): void {
    this.#entry = place;
    this.sleeps++;
  }

  onRecalled(entry: ConnectionEntry): void {
    this.#entry = entry;
  }

  /** In another process. */
  goOn(server: Endpoint, entry: ConnectionEntry): void {
    this.#server = server;
    this.#entry = entry;
    stateOf(entry).holder = this;
  }
}

/**
 * Several clients behind a NAT whose addresses change, swap, and go from one to another, also in the middle of handshakes, with
 * attackers beside them, and one server, whose process may move. Their processes crash, and go on from what they have kept.
 */
export class Neighbours {
  readonly seed: number;
  readonly happened = new Map<Happening, number>();
  /** Codes that handshakes ended with. */
  readonly failures = new Map<string, number>();
  readonly #version: TestedVersion;
  readonly #random: Random;
  readonly #nonces = new Nonces();
  #service: { readonly security: Security; readonly behaviour: Behaviour };
  readonly #client: Security;
  /** Of the devices. */
  readonly #manners: Behaviour[];
  readonly #devices: Device[];
  readonly #accounts = new Set<Account>();
  /** Each port of the NAT has an address of its own. */
  readonly #hasManyHosts: boolean;
  readonly #delivered = new Set<string>();
  readonly #deliveredEarly = new Set<string>();
  readonly #copies: Datagram[] = [];
  /** What has arrived last. */
  #recent: Datagram[] = [];
  readonly #ofAttackers = new Map<number, { came: number; went: number }>();
  #server = new Endpoint(UNLIMITED);
  #arrived = 0;
  #now = 0;
  #loss: number;
  readonly #jitter: number;
  #flying: Datagram[] = [];
  /** Copies the next datagram to the server to another address, faster than the path. */
  #races = false;
  /** So many of the next datagrams come much later, if they do. */
  #toDetain = 0;
  #detained: Datagram[] = [];
  #silences = 0;

  constructor(version: TestedVersion, seed: number) {
    this.seed = seed;
    this.#version = version;
    const random = new Random(seed + 0x3000_0000);
    this.#random = random;
    const provider = this.#nonces.watch(lightCiphers(seededProvider(random)));
    const settings = settingsOf(version, random, 0.3);
    this.#service = {
      security: withEarlyData(security('server', version, settings.server, provider), new SeenHellos().guard),
      behaviour: resolveBehaviour(mannerOf(random, 'server'), false),
    };
    this.#client = security('client', version, settings.client, provider);
    this.#manners = Array.from({ length: DEVICES }, () =>
      resolveBehaviour(mannerOf(random, 'client'), false),
    );
    this.#devices = Array.from({ length: DEVICES }, (_, number) => newDevice(number));
    this.#hasManyHosts = random.chance(0.5);
    this.#loss = random.pick([0, 0.05, 0.2]);
    this.#jitter = random.pick([0, 30, 200]);
    this.#server.serve(this.#service);
  }

  /** Throws with the seed where something is not as it has to be. */
  run(): void {
    playSeed(this.seed, 'neighbours', () => {
      for (let step = 0; step < STEPS; step++) {
        this.#act(this.#random.pick(BAG), this.#random.pick(this.#devices));
        this.#keep(0.6);
        this.#runFor(this.#random.pick([0, 0, 3, 15, 30, 700]));
        this.#keep(0.6);
        if (this.#random.chance(0.2)) this.#judge();
        if (this.#random.chance(0.15)) this.#release();
      }
      this.#calm();
      for (const device of this.#devices) this.#converge(device);
      this.#end();
    });
  }

  #act(act: Act, device: Device): void {
    const random = this.#random;
    this.#note(act);
    switch (act) {
      case 'send':
        for (let left = random.pick([1, 1, 4, 12]); left > 0; left--) this.#say(device);
        return;
      case 'connect':
        if (device.entry === undefined || device.isOver) this.#connect(device);
        return;
      case 'rebind':
        return this.#rebind(device, random.pick(PORTS));
      case 'swap':
        return this.#swap(device, random.pick(this.#devices));
      case 'leave':
        return this.#leave(device);
      case 'replay':
        return this.#replay((data) => data, [...ATTACKERS, ...this.#allOutside()]);
      case 'forge':
        return this.#replay((data) => damage(data, random), [...ATTACKERS, ...this.#allOutside()]);
      case 'race':
        this.#races = true;
        return;
      case 'renew':
        return this.#renew();
      case 'hibernate': {
        for (const { entry } of this.#random.chance(0.5)
          ? this.#accounts
          : this.#random.shuffled([...this.#accounts]).slice(1))
          if (entry.connection.phase === 'open') this.#server.hibernate(entry, this.#now);
        if (device.entry?.connection.phase === 'open') device.endpoint.hibernate(device.entry, this.#now);
        return this.#drain();
      }
      case 'move the server':
        return this.#moveServer();
      case 'restart':
        // Its process ends without a word.
        if (device.entry !== undefined) this.#connect(device);
        return;
      case 'crash of the server':
        return this.#crashServer();
      case 'crash':
        return this.#crash(device);
      case 'detain':
        this.#toDetain = random.between(1, 6);
        return;
      case 'silence':
        if (++this.#silences <= MAX_SILENCES) this.#runFor(random.pick([20_000, 200_000]));
        return;
    }
  }

  #connect(device: Device): void {
    device.endpoint = new Endpoint(UNLIMITED);
    device.generation++;
    device.hasMoved = false;
    device.isOver = false;
    device.isForgotten = false;
    device.hasHeard = false;
    device.store = undefined;
    device.answered = new Set();
    device.left = undefined;
    const manner = this.#manners[device.number] as Behaviour;
    device.entry = device.endpoint.connect(
      SERVER,
      this.#client,
      manner,
      this.#destinationOf(device),
      this.#now,
    );
    this.#drain();
  }

  /** Some come back to their last session, with messages at once in DTLS 1.3. */
  #destinationOf(device: Device): Destination {
    const { saved, generation } = device;
    if (saved === undefined || this.#random.chance(0.3)) return DESTINATION;
    const session = { ...DESTINATION, session: saved };
    if (this.#version === 'DTLSv1.2' || this.#random.chance(0.4)) return session;
    const texts = Array.from({ length: this.#random.between(1, 3) }, () => {
      const text = `${nameOf(device)} ${device.sent.size}`;
      device.sent.add(`${generation} ${text}`);
      return text;
    });
    return { ...session, earlyData: texts.map(utf8) };
  }

  /** The NAT gives `device` this port, and takes it from a device that has it. */
  #rebind(device: Device, port: number): void {
    for (const other of this.#devices) {
      if (other === device || other.port !== port) continue;
      other.port = undefined;
      if (other.entry?.connection.phase === 'open') this.#note('got a former address');
    }
    this.#moveTo(device, port);
  }

  #swap(one: Device, other: Device): void {
    const { port } = one;
    this.#moveTo(one, other.port);
    this.#moveTo(other, port);
  }

  #moveTo(device: Device, port: number | undefined): void {
    if (device.port !== port && device.entry?.connection.phase === 'handshaking') {
      device.hasMoved = true;
      this.#note('moved in the handshake');
    }
    device.port = port;
  }

  /** On purpose: both sockets are open for a while. */
  #leave(device: Device): void {
    const { entry, port } = device;
    if (entry?.connection.phase !== 'open' || port === undefined) return;
    const { send } = entry.connection.connectionIds ?? {};
    if (send === undefined || send.length === 0) return;
    device.left = { port, until: this.#now + LEFT };
    device.port = this.#freePort();
    device.endpoint.leavePath(entry, this.#now);
    this.#drain();
  }

  #renew(): void {
    const entry = this.#anySession();
    const { receive } = entry?.connection.connectionIds ?? {};
    if (entry === undefined || this.#version === 'DTLSv1.2' || receive === undefined || receive.length === 0)
      return;
    this.#server.renewConnectionId(entry, this.#now);
    this.#drain();
  }

  #anySession(): ConnectionEntry | undefined {
    const open = [...this.#accounts]
      .map(({ entry }) => entry)
      .filter(({ connection }) => connection.phase === 'open');
    return open.length === 0 ? undefined : this.#random.pick(open);
  }

  /** Another process goes on with all open sessions, in any order. Handshakes are lost, whose last flight may reach the device. */
  #moveServer(): void {
    if ([...this.#server.entries()].some((entry) => !isOpen(entry)))
      for (const device of this.#devices)
        if (device.entry !== undefined && !isOpen(device.entry)) device.isForgotten = true;
    this.#serveAnew(0, (entry, { store }) => {
      if (!isOpen(entry)) return undefined;
      store?.clear();
      return this.#server.save(entry, this.#now);
    });
  }

  /** The server's process ends without a word. Another one goes on from what is kept, in any order; the rest is lost. */
  #crashServer(): void {
    this.#serveAnew(this.#random.pick([0, 50]), (_, { store }) => store?.onCrash(this.#random.chance(0.5)));
    const known = [...this.#accounts].map(({ owner }) => owner);
    for (const device of this.#devices) {
      if (known.includes(nameOf(device))) this.#note('went on after a crash');
      else device.isForgotten = true;
    }
    for (const { store, entry } of this.#accounts) store?.take(this.#server, entry, this.#now);
    this.#bringAgain();
    // Some notice at once.
    for (const device of this.#devices)
      if (device.isForgotten && device.entry !== undefined && this.#random.chance(0.7)) this.#connect(device);
  }

  /** The network brings copies of what came last, which the process before may have told. */
  #bringAgain(): void {
    this.#drain();
    for (const { data, up, outside: at } of this.#recent) {
      if (up) this.#toServer(data.slice(), at);
      else this.#toDevice(data.slice(), at);
    }
    this.#drain();
  }

  #serveAnew(
    age: number,
    goesOn: (entry: ConnectionEntry, account: Account) => Uint8Array | undefined,
  ): void {
    const states = [...this.#accounts].flatMap((account) => {
      const state = goesOn(account.entry, account);
      return state === undefined ? [] : [{ account, state }];
    });
    this.#accounts.clear();
    this.#server = new Endpoint(UNLIMITED);
    this.#arrived = 0;
    if (this.#random.chance(0.2))
      this.#service = { ...this.#service, behaviour: this.#otherManner('server') };
    this.#server.serve(this.#service);
    for (const { account, state } of this.#random.shuffled(states)) {
      account.goOn(this.#server, this.#server.restore(state, this.#service, { age, now: this.#now }));
      this.#accounts.add(account);
    }
    this.#drain();
  }

  #otherManner(role: Role): Behaviour {
    this.#note('went on with other options');
    return resolveBehaviour(mannerOf(this.#random, role), false);
  }

  /** The same of a device. */
  #crash(device: Device): void {
    const state = device.store?.onCrash(this.#random.chance(0.5));
    if (state === undefined || device.isOver) return;
    if (this.#random.chance(0.2)) this.#manners[device.number] = this.#otherManner('client');
    const behaviour = this.#manners[device.number] as Behaviour;
    const times = { age: this.#random.pick([0, 50]), now: this.#now };
    device.endpoint = new Endpoint(UNLIMITED);
    device.entry = device.endpoint.restore(state, { security: this.#client, behaviour }, times);
    device.left = undefined;
    device.hasHeard = false;
    device.store?.take(device.endpoint, device.entry, this.#now);
    this.#note('went on after a crash');
    if (this.#random.chance(0.5)) {
      // Its socket is another one.
      device.port = undefined;
      this.#note('went on elsewhere');
    }
    this.#bringAgain();
  }

  /** Takes checkpoints when they are due; the store keeps one with this probability. */
  #keep(likely: number): void {
    for (const account of this.#accounts) {
      const { store } = account;
      if (store !== undefined && (store.isBusy || store.isDue) && isOpen(account.entry))
        store.settle(this.#server, account.entry, this.#now, this.#random.chance(likely));
    }
    for (const { entry, store, endpoint } of this.#devices)
      if (entry !== undefined && isOpen(entry))
        store?.settle(endpoint, entry, this.#now, this.#random.chance(likely));
    this.#drain();
  }

  /** What the application of a session that has opened keeps of it: nothing, or all that is due. */
  #newStore(): CheckpointStore | undefined {
    if (this.#random.chance(0.2)) return undefined;
    const store = new CheckpointStore();
    store.isDue = true;
    return store;
  }

  /** A datagram that came before, or a forgery of one, comes from somewhere. */
  #replay(change: (data: Uint8Array) => Uint8Array, from: readonly PeerAddress[]): void {
    if (this.#copies.length === 0) return;
    const { data, up, outside: to } = this.#random.pick(this.#copies);
    if (up) this.#toServer(change(data), this.#random.pick(from));
    else this.#toDevice(change(data), to);
    this.#drain();
  }

  #say(device: Device): string {
    const { entry, number, generation, sent } = device;
    const text = `${number}.${generation} ${sent.size}`;
    if (entry === undefined || !entry.connection.maySend || entry.connection.phase === 'closing') return text;
    sent.add(`${generation} ${text}`);
    device.endpoint.send(entry, utf8(text));
    this.#drain();
    return text;
  }

  /** Without checks the application says which address is its peer's. */
  #judge(): void {
    for (const entry of [...this.#server.entries()]) {
      if (entry.connection.phase !== 'open' || entry.connection.path.validated) continue;
      if (isAttacker(entry.peer)) this.#server.refusePath(entry, this.#now);
      else this.#server.validatePath(entry);
    }
    this.#drain();
  }

  /** Nothing is lost from now on, and no address changes. */
  #calm(): void {
    this.#loss = 0;
    this.#races = false;
    this.#toDetain = 0;
    for (let left = 5; left > 0; left--) {
      this.#rest(1000);
    }
  }

  #rest(ms: number): void {
    this.#keep(1);
    this.#runFor(ms);
    this.#keep(1);
    this.#judge();
  }

  /** A session whose records have an ID of the server is there; another one may be lost, and the device begins anew. */
  #converge(device: Device): void {
    const { entry } = device;
    const isNamed = (entry?.connection.connectionIds?.send.length ?? 0) > 0;
    const wasOpen = entry?.connection.phase === 'open';
    if (wasOpen && this.#isHeard(device)) return;
    // A client of DTLS 1.2 that resumes a session is open before the server has its Finished, which nobody repeats for an address
    // that the client has left.
    const isUnheard = entry?.connection.session?.resumed === true && !device.hasHeard;
    const isLost = wasOpen && (device.isForgotten || (this.#version === 'DTLSv1.2' && isUnheard));
    assert.ok(isLost || !(wasOpen && isNamed), `device ${device.number} is heard no more`);
    if (wasOpen) this.#note(isLost ? 'lost in a crash' : 'lost without IDs');
    for (let left = 3; left > 0; left--) {
      this.#connect(device);
      this.#rest(HANDSHAKE / 2);
      if (device.entry?.connection.phase === 'open' && this.#isHeard(device)) return;
    }
    assert.fail(`device ${device.number} gets no session`);
  }

  #isHeard(device: Device): boolean {
    // Those that a process before may have delivered are lost.
    for (let left = 150; left > 0; left--) {
      const text = this.#say(device);
      this.#rest(300);
      if (device.answered.has(text)) return true;
    }
    return false;
  }

  /** All is closed or idle in the end, and nothing is left. */
  #end(): void {
    for (const device of this.#devices) {
      device.isOver = true;
      if (device.entry !== undefined) device.endpoint.close(device.entry, this.#now);
    }
    this.#drain();
    this.#runFor(2 * (IDLE + HANDSHAKE));
    for (const endpoint of [this.#server, ...this.#devices.map((device) => device.endpoint)]) {
      assert.deepEqual([endpoint.size, endpoint.pollTimeout(), endpoint.heldBytes], [0, undefined, 0]);
      assert.equal(endpoint.hibernating, 0);
    }
    assert.equal(this.#server.counters.datagramsReceived, this.#arrived);
  }

  #runFor(ms: number): void {
    const end = this.#now + ms;
    this.#drain();
    for (let at = this.#next(); at !== undefined && at <= end; at = this.#next()) {
      this.#now = Math.max(this.#now, at);
      const first = this.#flying[0];
      if (first !== undefined && first.at <= this.#now) {
        this.#flying.shift();
        this.#arrive(first);
      } else this.#wake();
      this.#drain();
    }
    this.#now = end;
  }

  #next(): number | undefined {
    let next = earliest(this.#flying[0]?.at, this.#server.pollTimeout());
    for (const { endpoint } of this.#devices) next = earliest(next, endpoint.pollTimeout());
    return next;
  }

  #wake(): void {
    for (const endpoint of [this.#server, ...this.#devices.map((device) => device.endpoint)]) {
      const at = endpoint.pollTimeout();
      if (at !== undefined && at <= this.#now) endpoint.handleTimeout(this.#now);
    }
  }

  #arrive(datagram: Datagram): void {
    if (this.#toDetain > 0) {
      this.#toDetain--;
      this.#detained.push(datagram);
      return;
    }
    const copy = { ...datagram, data: datagram.data.slice() };
    if (this.#random.chance(0.1)) this.#copies.push(copy);
    this.#recent = [...this.#recent.slice(1 - MAX_RECENT), copy];
    if (!datagram.up) return this.#toDevice(datagram.data, datagram.outside);
    if (this.#races) {
      this.#races = false;
      this.#toServer(datagram.data.slice(), this.#random.pick(ATTACKERS));
      if (this.#random.chance(0.3)) return;
    }
    this.#toServer(datagram.data, datagram.outside);
  }

  /** What was detained comes, in any order, to the processes that are there now. */
  #release(): void {
    const detained = this.#random.shuffled(this.#detained);
    this.#detained = [];
    for (const { data, up, outside } of detained) {
      if (this.#random.chance(0.2)) continue;
      this.#note('came late');
      if (up) this.#toServer(data, outside);
      else this.#toDevice(data, outside);
      this.#drain();
    }
  }

  #toServer(data: Uint8Array, from: PeerAddress): void {
    if (isAttacker(from)) this.#attackerAt(from.port).came += data.length;
    this.#arrived++;
    this.#server.receive(data, from.address, from.port, from.family, this.#now);
  }

  #toDevice(data: Uint8Array, { port }: PeerAddress): void {
    for (const device of this.#devices) {
      const { left, endpoint } = device;
      const isLeft = left?.port === port && this.#now < left.until;
      if (device.port !== port && !isLeft) continue;
      endpoint.receive(data, SERVER.address, SERVER.port, SERVER.family, this.#now, device.port !== port);
      return;
    }
  }

  #attackerAt(port: number): { came: number; went: number } {
    const known = this.#ofAttackers.get(port) ?? { came: 0, went: 0 };
    this.#ofAttackers.set(port, known);
    return known;
  }

  #drain(): void {
    for (let moved = true; moved; ) {
      moved = this.#drainServer();
      for (const device of this.#devices) moved = this.#drainDevice(device) || moved;
    }
  }

  #drainServer(): boolean {
    let moved = false;
    const server = this.#server;
    for (let event = server.pollEvent(); event !== undefined; event = server.pollEvent()) {
      moved = true;
      if (event.type === 'session') this.#accounts.add(new Account(server, event.entry));
      if (event.type === 'connection') this.#onServerEvent(event.entry, event.event);
    }
    for (let out = server.pollTransmit(); out !== undefined; out = server.pollTransmit()) {
      moved = true;
      if (isAttacker(out.peer)) this.#toAttacker(out.data, out.peer);
      else this.#launch(out.data, out.peer, false);
    }
    return moved;
  }

  /** An address that answers nothing gets at most three times what came from there. */
  #toAttacker({ length }: Uint8Array, { port }: PeerAddress): void {
    const known = this.#attackerAt(port);
    known.went += length;
    assert.ok(
      known.went <= AMPLIFICATION * known.came,
      `${known.went} bytes for ${known.came} to port ${port}`,
    );
  }

  #drainDevice(device: Device): boolean {
    let moved = false;
    const { endpoint } = device;
    for (let event = endpoint.pollEvent(); event !== undefined; event = endpoint.pollEvent()) {
      moved = true;
      if (event.type === 'connection') this.#onDeviceEvent(device, event.entry, event.event);
    }
    for (let out = endpoint.pollTransmit(); out !== undefined; out = endpoint.pollTransmit()) {
      moved = true;
      device.port ??= this.#freePort();
      const port = out.fromFormer === true ? device.left?.port : device.port;
      if (port !== undefined) this.#launch(out.data, this.#outside(port), true);
    }
    return moved;
  }

  #outside(port: number): PeerAddress {
    const address = this.#hasManyHosts ? `203.0.113.${port % 200}` : NAT;
    return { address, family: 'IPv4', port };
  }

  #allOutside(): PeerAddress[] {
    return PORTS.map((port) => this.#outside(port));
  }

  #freePort(): number {
    const taken = this.#devices.flatMap(({ port }) => (port === undefined ? [] : [port]));
    return this.#random.pick(PORTS.filter((port) => !taken.includes(port)));
  }

  #launch(data: Uint8Array, at: PeerAddress, up: boolean): void {
    if (this.#random.chance(this.#loss)) return;
    const arrives = this.#now + 10 + this.#random.fraction() * this.#jitter;
    const datagram = { data, outside: at, up, at: arrives };
    const later = this.#flying.findIndex((other) => other.at > arrives);
    if (later < 0) this.#flying.push(datagram);
    else this.#flying.splice(later, 0, datagram);
  }

  #onServerEvent(entry: ConnectionEntry, event: ConnectionEvent): void {
    if (event.type === 'job') {
      const answer = performNow(event.job, entry.connection.security);
      this.#server.answer(entry, event.id, answer, this.#now);
      return;
    }
    const { holder } = stateOf(entry);
    const account = holder instanceof Account ? holder : assert.fail('an event of nobody');
    assert.ok(this.#accounts.has(account), 'an event after the end');
    if (event.type === 'checkpoint-due' && account.store !== undefined) account.store.isDue = true;
    if (event.type === 'connected') {
      account.isOpen = true;
      account.store = this.#newStore();
    }
    if (event.type === 'migrated' && !event.validated) this.#note('followed');
    if (event.type === 'message' || event.type === 'early-data')
      this.#onMessage(entry, account, new TextDecoder().decode(event.data), event.type === 'early-data');
    if (event.type === 'closed') this.#onServerEnd(entry, account, event.error?.code);
  }

  #onMessage(entry: ConnectionEntry, account: Account, text: string, isEarly: boolean): void {
    const [owner = ''] = text.split(' ');
    const [number, generation] = owner.split('.');
    const device = this.#devices[Number(number)];
    assert.ok(device?.sent.has(`${generation} ${text}`), `${text} was never sent`);
    const delivered = isEarly ? this.#deliveredEarly : this.#delivered;
    assert.ok(!delivered.has(text), `${text} is delivered twice`);
    delivered.add(text);
    if (isEarly) this.#note('early data');
    else if (this.#deliveredEarly.has(text)) this.#onTakenTwice(device as Device, generation, text);
    account.owner ??= owner;
    assert.equal(account.owner, owner, 'a message came to the session of another device');
    if (entry.connection.maySend) this.#server.send(entry, utf8(`${text} back`));
  }

  /** A server that ended, or gave up the handshake, took it early, so that the device sends it again to one that refuses that. */
  #onTakenTwice(device: Device, generation: string | undefined, text: string): void {
    this.#note('early data taken twice');
    const isSame = device.generation === Number(generation);
    assert.ok(!(isSame && device.entry?.connection.earlyData === 'accepted'), `${text} is sent twice`);
  }

  /** A session of a device that still has it, and whose records have an ID, ends by none but the device. */
  #onServerEnd(entry: ConnectionEntry, account: Account, code: string | undefined): void {
    const { owner, isOpen } = account;
    this.#accounts.delete(account);
    if (account.sleeps > 0) this.#note('slept without an entry');
    if (!isOpen) return this.#noteFailure(code);
    // A client may still refuse the last flight of a server, which has said nothing to it yet.
    const isRefused = code === 'ERR_DTLS_PEER_ALERT' && owner === undefined;
    assert.ok(isRefused || ENDS.includes(code), `an open session ends with ${code}`);
    const [number, generation] = (owner ?? '').split('.');
    const device = owner === undefined ? undefined : this.#devices[Number(number)];
    if (device === undefined || device.isOver || device.generation !== Number(generation)) return;
    const { receive } = entry.connection.connectionIds ?? {};
    assert.ok(receive === undefined || receive.length === 0, `the session of ${owner} was ended by others`);
  }

  #onDeviceEvent(device: Device, entry: ConnectionEntry, event: ConnectionEvent): void {
    if (event.type === 'job') {
      const answer = performNow(event.job, entry.connection.security);
      device.endpoint.answer(entry, event.id, answer, this.#now);
    }
    if (event.type === 'connected' && device.hasMoved) this.#note('connected after a move');
    if (event.type === 'connected') {
      device.store = this.#newStore();
      if (event.session.resumed) this.#note('resumed');
    }
    if (event.type === 'ticket') device.saved = savedFrom(event.ticket);
    if (event.type === 'checkpoint-due' && device.store !== undefined) device.store.isDue = true;
    if (event.type === 'message') this.#onAnswer(device, new TextDecoder().decode(event.data));
    if (event.type !== 'closed') return;
    const code = event.error?.code;
    if (entry.connection.session === undefined) this.#noteFailure(code);
    else if (!device.isOver) {
      // The server's process may have ended without the handshake that a client of DTLS 1.3 had done, or does not find it where
      // it moved without a word.
      const isUnheard = code === 'ERR_DTLS_HANDSHAKE_TIMEOUT' && (device.isForgotten || !device.hasHeard);
      assert.ok(isUnheard || code === 'ERR_DTLS_IDLE_TIMEOUT', `device ${device.number} ends with ${code}`);
    }
    device.isOver = true;
  }

  #onAnswer(device: Device, answer: string): void {
    const text = answer.replace(/ back$/, '');
    assert.ok(device.sent.has(`${device.generation} ${text}`), `device ${device.number} never said ${text}`);
    assert.ok(!device.answered.has(text), `${answer} is delivered twice`);
    device.answered.add(text);
    device.hasHeard = true;
  }

  #noteFailure(code: string | undefined): void {
    this.#note('failed handshake');
    const name = String(code);
    this.failures.set(name, (this.failures.get(name) ?? 0) + 1);
    assert.ok(code === undefined || FAILURES.includes(code), `a handshake ends with ${code}`);
  }

  #note(what: Happening): void {
    this.happened.set(what, (this.happened.get(what) ?? 0) + 1);
  }
}

function newDevice(number: number): Device {
  return {
    number,
    endpoint: new Endpoint(UNLIMITED),
    entry: undefined,
    port: undefined,
    left: undefined,
    generation: 0,
    sent: new Set(),
    answered: new Set(),
    saved: undefined,
    hasMoved: false,
    isOver: false,
    isForgotten: false,
    hasHeard: false,
    store: undefined,
  };
}

/** What an application keeps of a ticket. */
function savedFrom(ticket: NewTicket): SavedSession | undefined {
  return resolveSession(encodeSession(nodeProvider, ticket, JUDGEMENT_DAY), ticket.identity, nodeProvider);
}

/** As messages of its present session begin. */
function nameOf({ number, generation }: Device): string {
  return `${number}.${generation}`;
}

function isOpen({ connection: { phase } }: ConnectionEntry): boolean {
  return phase === 'open' || phase === 'finishing';
}

function mannerOf(random: Random, role: Role): BehaviourOptions {
  return {
    handshakeTimeout: HANDSHAKE,
    idleTimeout: IDLE,
    retransmission: { initial: random.pick([100, 1000]), max: 5000 },
    connectionId: random.pick(role === 'client' ? [0, 0, 3, false] : [8, 8, 1, 20, false]),
    returnRoutability: random.pick(['basic', 'enhanced', 'never']),
    hibernateAfter: random.pick([0, 40, 3000]),
  };
}

function isAttacker({ port }: PeerAddress): boolean {
  return ATTACKERS.some((each) => each.port === port);
}
