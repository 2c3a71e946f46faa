/**
 * What a record costs a server's core, in CPU: with a connection ID and without one, and among very many associations, of which
 * one, some or all are in use. A record comes in, its message is told, and the same message goes out. Everything happens in this
 * process, without sockets: endpoints, and the ciphers of as many associations alone, take turns with some hundred records each,
 * and each turn gives one ratio. Prints one JSON object.
 *
 *   node --max-old-space-size=8192 bench/dist/records.js [--rounds 200] [--associations 100000]
 *   node --expose-gc --max-old-space-size=8192 bench/dist/records.js --growth 1,100,10000    instead: at these numbers
 */
import { parseArgs } from 'node:util';
// Internal: records of many clients are made with the keys of one, whose session is copied with other IDs and addresses.
import { resolveBehaviour } from '../../packages/datagram-tls/build/src/config/behaviour.js';
import { resolveLimits } from '../../packages/datagram-tls/build/src/config/limits.js';
import { resolveSecurity } from '../../packages/datagram-tls/build/src/config/resolve.js';
import { dtls12 } from '../../packages/datagram-tls/build/src/connection/dtls12.js';
import { dtls13 } from '../../packages/datagram-tls/build/src/connection/dtls13.js';
import { decodeState, encodeState } from '../../packages/datagram-tls/build/src/connection/saved-state.js';
import { nodeProvider } from '../../packages/datagram-tls/build/src/crypto/node.js';
import { nativeFailure } from '../../packages/datagram-tls/build/src/crypto/node-native.js';
import { nativeProvider } from '../../packages/datagram-tls/build/src/crypto/node-native-layer.js';
import type { CryptoProvider } from '../../packages/datagram-tls/build/src/crypto/provider.js';
import { Endpoint, type EndpointEvent } from '../../packages/datagram-tls/build/src/endpoint/endpoint.js';
import type { Session } from '../../packages/datagram-tls/build/src/handshake/session.js';
import { deriveKeyBlock12 } from '../../packages/datagram-tls/build/src/keys/prf12.js';
import { deriveTrafficKeys13 } from '../../packages/datagram-tls/build/src/keys/schedule13.js';
import { performJob } from '../../packages/datagram-tls/build/src/policy/perform-job.js';
import { records12 } from '../../packages/datagram-tls/build/src/record/protect12.js';
import { records13 } from '../../packages/datagram-tls/build/src/record/protect13.js';
import type { RecordWriter } from '../../packages/datagram-tls/build/src/record/reader-writer.js';
import type { GrowthRow } from './growth.js';
import type { Over, RecordRow, Turned } from './record-cost.js';

type Entry = Extract<EndpointEvent, { type: 'session' }>['entry'];
type Version = 'DTLSv1.2' | 'DTLSv1.3';

const VERSIONS: readonly Version[] = ['DTLSv1.2', 'DTLSv1.3'];
const CID_LENGTH = 8;
const SIZE = 64;
const PROVIDERS: Readonly<Record<Over, CryptoProvider>> = {
  'node:crypto': nodeProvider,
  'native code': nativeProvider(nodeProvider),
};
/** Records of one endpoint in one turn. */
const TURN = 100;
const WARM_UP = 200;
/** Of very many clients: what they have in common is warm by then. */
const WARM_UP_OF_MANY = 40;
const APPLICATION_DATA = 23;
/** Numbers before it are those of the handshake. */
const FIRST_RECORD = 100;
/** What a record has beside its content at most: without an ID, in either version. */
const MAX_OVERHEAD = 64;
const NONE = new Uint8Array(0);
const PSK = { identity: 'bench', key: new Uint8Array(16).fill(7) };
const BEHAVIOUR = {
  connectionId: CID_LENGTH,
  hibernateAfter: 0,
  idleTimeout: 0,
  returnRoutability: 'never',
} as const;
const FAMILY = 'IPv4' as const;
const SERVER = { address: '192.0.2.1', port: 5684, family: FAMILY } as const;
const CLIENT = { address: '192.0.2.2', port: 40_000, family: FAMILY } as const;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    associations: { type: 'string', default: '100000' },
    growth: { type: 'string' },
  },
});

interface Datagram {
  readonly data: Uint8Array;
  readonly address: string;
  readonly port: number;
}

/** A server's endpoint whose associations are copies of one session, and what makes records of their clients. */
class Bed {
  readonly endpoint = new Endpoint(
    resolveLimits({ maxSessions: 0, maxSessionsPerHost: 0, maxHandshakes: 0, maxHeldBytes: 0 }),
  );
  readonly #writer: RecordWriter;
  readonly #peers: { readonly cid: Uint8Array; readonly address: string; readonly port: number }[] = [];
  /** Numbers of the clients' next records: one writer makes them all. */
  readonly #next: Uint32Array;
  readonly #message = new Uint8Array(SIZE);
  #moves = 0;

  constructor(version: Version, over: Over, withIds: boolean, count: number) {
    const { state, makeWriter, cid } = sessionOf(version, withIds);
    this.#writer = makeWriter();
    this.#next = new Uint32Array(count).fill(FIRST_RECORD);
    const service = {
      security: securityOf('server', version, PROVIDERS[over]),
      behaviour: resolveBehaviour(BEHAVIOUR, false),
    };
    for (let number = 0; number < count; number++) {
      const saved = decodeState(state);
      const mine = cid.slice();
      if (withIds) new DataView(mine.buffer).setUint32(0, Math.imul(number + 1, 0x9e37_79b1));
      const address = `10.${(number >> 16) & 0xff}.${(number >> 8) & 0xff}.${number & 0xff}`;
      const peer = { address, family: FAMILY, port: 1024 + (number % 60_000) };
      const current = saved.current.slice();
      if (withIds) current.set(mine, placeOf(current, cid));
      this.endpoint.restore(encodeState({ ...saved, peer, current }), service, { age: 0, now: 0 });
      this.#peers.push({ cid: mine, address, port: peer.port });
      if (number % 100 === 0) this.#drain();
    }
    this.#drain();
    // A restored session makes its ciphers for its first record. A writer never goes back, so each client has another one.
    for (let client = 0; client < count; client++)
      if (this.#echo(this.#datagramOf(client, makeWriter())) !== 1) fail('a client has no answer');
  }

  /** µs of CPU for each of {@link TURN} records, of clients that `choose` names. */
  turn(choose: (count: number) => number, moves = false): number {
    const datagrams: Datagram[] = [];
    for (let i = 0; i < TURN; i++) {
      const datagram = this.#datagramOf(choose(this.#peers.length), this.#writer);
      datagrams.push(moves ? { ...datagram, port: 1024 + (this.#moves++ % 60_000) } : datagram);
    }
    const before = process.cpuUsage();
    let answers = 0;
    for (const datagram of datagrams) answers += this.#echo(datagram);
    const { user, system } = process.cpuUsage(before);
    if (answers !== TURN) fail(`${answers} answers to ${TURN} records`);
    return (user + system) / TURN;
  }

  #datagramOf(client: number, writer: RecordWriter): Datagram {
    const { cid, address, port } = this.#peers[client] ?? fail('no such client');
    writer.useConnectionId(cid);
    writer.goOnAt(this.#next[client] ?? 0);
    const room = new Uint8Array(SIZE + writer.overhead);
    const data = room.subarray(0, writer.seal(APPLICATION_DATA, this.#message, room, 0));
    this.#next[client] = writer.sequence;
    return { data, address, port };
  }

  /** Returns the number of answers. */
  #echo({ data, address, port }: Datagram): number {
    let answers = 0;
    this.endpoint.receive(data, address, port, FAMILY, 1);
    for (let event = this.endpoint.pollEvent(); event !== undefined; event = this.endpoint.pollEvent())
      if (event.type === 'connection' && event.event.type === 'message')
        this.endpoint.send(event.entry, event.event.data);
    while (this.endpoint.pollTransmit() !== undefined) answers++;
    return answers;
  }

  get migrations(): number {
    let count = 0;
    for (const { connection } of this.endpoint.entries()) count += connection.counters.migrations;
    return count;
  }

  #drain(): void {
    while (this.endpoint.pollEvent() !== undefined);
    while (this.endpoint.pollTransmit() !== undefined);
  }
}

function securityOf(role: 'client' | 'server', version: Version, provider: CryptoProvider = nodeProvider) {
  const psk = role === 'client' ? PSK : { [PSK.identity]: PSK.key };
  const versions = { minVersion: version, maxVersion: version };
  const ciphers = version === 'DTLSv1.2' ? 'TLS_PSK_WITH_AES_128_GCM_SHA256' : 'TLS_AES_128_GCM_SHA256';
  const platform = { provider, versions: [dtls13, dtls12] as const };
  return resolveSecurity(
    { psk, ciphers, ...versions, ...(role === 'server' && { ticketKeys: false }) },
    role,
    platform,
  );
}

/** The state of a server's session, its client's records, and the ID on them. */
function sessionOf(
  version: Version,
  withIds: boolean,
): { state: Uint8Array; makeWriter: () => RecordWriter; cid: Uint8Array } {
  const server = new Endpoint(resolveLimits({}));
  const client = new Endpoint(resolveLimits({}));
  const behaviour = resolveBehaviour({ ...BEHAVIOUR, ...(!withIds && { connectionId: false }) }, false);
  server.serve({ security: securityOf('server', version), behaviour });
  const destination = { serverName: undefined, verifyName: undefined };
  client.connect(SERVER, securityOf('client', version), behaviour, destination, 0);
  let entry: Entry | undefined;
  let session: Session | undefined;
  let secret: Uint8Array | undefined;
  const drain = (side: Endpoint) => {
    for (let told = side.pollEvent(); told !== undefined; told = side.pollEvent()) {
      if (told.type === 'session') entry = told.entry;
      if (told.type !== 'connection') continue;
      const { event } = told;
      if (event.type === 'connected') ({ session } = event);
      if (event.type === 'secret' && event.label === 'CLIENT_TRAFFIC_SECRET_0') ({ secret } = event);
      if (event.type !== 'job') continue;
      const answer = performJob(event.job, told.entry.connection.security, Date.now());
      if (!(answer instanceof Promise)) side.answer(told.entry, event.id, answer, 0);
    }
  };
  for (let moved = true; moved; ) {
    moved = false;
    for (const [from, to, at] of [
      [client, server, CLIENT],
      [server, client, SERVER],
    ] as const) {
      drain(from);
      for (let out = from.pollTransmit(); out !== undefined; out = from.pollTransmit()) {
        moved = true;
        to.receive(out.data, at.address, at.port, FAMILY, 0);
        drain(to);
      }
    }
  }
  if (entry === undefined || session === undefined) return fail('no handshake');
  const cid = entry.connection.connectionIds?.receive.slice() ?? new Uint8Array(0);
  const made = session;
  return { state: server.save(entry, 0), makeWriter: () => writerOf(made, secret), cid };
}

function writerOf({ suite, secrets }: Session, secret: Uint8Array | undefined): RecordWriter {
  if (secrets.version === 'DTLSv1.2') {
    const { masterSecret, clientRandom, serverRandom } = secrets;
    const mac = nodeProvider.mac(suite.hash, masterSecret);
    const { clientKey: key, clientIv: iv } = deriveKeyBlock12(mac, suite, clientRandom, serverRandom);
    const none = new Uint8Array(0);
    return records12.writer(nodeProvider, suite, 1, { key, iv, mac: none, sn: none, secret: none });
  }
  const keys = deriveTrafficKeys13(nodeProvider, suite, secret ?? fail('no secret'));
  const none = new Uint8Array(0);
  return records13.writer(nodeProvider, suite, 3, { ...keys, mac: none });
}

/** What opens one record and seals another, for one association. */
interface Pair {
  open(): boolean;
  seal(): void;
}

/**
 * The floor of what is looked up among many: the keys of as many associations, each of its own in memory, and nothing else. A
 * record is opened by one and another is sealed, with the masks of record numbers in DTLS 1.3.
 */
class Ciphers {
  readonly #all: readonly Pair[];

  constructor(version: Version, over: Over, count: number) {
    const provider = PROVIDERS[over];
    const make = wholeRecords(provider, version) ?? parts(provider, version);
    this.#all = Array.from({ length: count }, make);
  }

  turn(choose: (count: number) => number): number {
    const chosen = Array.from({ length: TURN }, () => this.#all[choose(this.#all.length)] ?? fail('no key'));
    const before = process.cpuUsage();
    let opened = 0;
    for (const pair of chosen) {
      if (pair.open()) opened++;
      pair.seal();
    }
    const { user, system } = process.cpuUsage(before);
    if (opened !== TURN) fail(`${opened} of ${TURN} records opened`);
    return (user + system) / TURN;
  }
}

const AEAD = 'aes-128-gcm';
const KEY = new Uint8Array(16).fill(9);
const MESSAGE = new Uint8Array(SIZE);

/** As native code does it: a whole record in one call. `undefined`: the provider makes records of their parts. */
function wholeRecords(provider: CryptoProvider, version: Version): (() => Pair) | undefined {
  const is13 = version === 'DTLSv1.3';
  const secrets = { epoch: is13 ? 3 : 1, key: KEY, iv: new Uint8Array(is13 ? 12 : 4), sn: is13 ? KEY : NONE };
  const make = () => provider.recordKey?.(AEAD, secrets);
  const [sealed, out] = [new Uint8Array(SIZE + MAX_OVERHEAD), new Uint8Array(SIZE + MAX_OVERHEAD)];
  const end = make()?.seal(APPLICATION_DATA, 0, MESSAGE, sealed, 0);
  if (end === undefined) return undefined;
  const place = { start: 0, bodyStart: is13 ? 5 : 13, end, type: APPLICATION_DATA, sequence: 0 };
  const seen = { newest: -1, fresh: () => true };
  return () => {
    const [read, write] = [make() ?? fail('no key'), make() ?? fail('no key')];
    return {
      open: () => read.open(sealed, place, seen) instanceof Uint8Array,
      seal: () => void write.seal(APPLICATION_DATA, 0, MESSAGE, out, 0),
    };
  };
}

function parts(provider: CryptoProvider, version: Version): () => Pair {
  const make = () => provider.aead(AEAD, KEY);
  const [nonce, aad] = [new Uint8Array(12), new Uint8Array(13)];
  const sealed = new Uint8Array(SIZE + make().tagLength);
  const out = new Uint8Array(sealed.length);
  make().seal(nonce, aad, MESSAGE, sealed, 0);
  const sample = sealed.slice(0, 16);
  const mask = () => provider.recordNumberMask(AEAD, KEY);
  return () => {
    const [read, write] = [make(), make()];
    const masks = version === 'DTLSv1.3' ? [mask(), mask()] : [];
    return {
      open: () => {
        for (const each of masks) each.mask(sample);
        return read.open(nonce, aad, sealed) !== undefined;
      },
      seal: () => write.seal(nonce, aad, MESSAGE, out, 0),
    };
  };
}

/** What takes turns: each costs some µs of CPU a record. */
interface Turns {
  turn(choose: (count: number) => number, moves?: boolean): number;
}

function placeOf(bytes: Uint8Array, part: Uint8Array): number {
  const at = Buffer.from(bytes).indexOf(part);
  return at < 0 ? fail('the state has no such ID') : at;
}

function fail(text: string): never {
  throw new Error(text);
}

/** A client of so many. */
type Choice = (count: number) => number;

const first: Choice = () => 0;
const any: Choice = (count) => Math.floor(Math.random() * count);
const SOME = 1000;
const some: Choice = (count) => any(Math.min(SOME, count));

/** What takes a turn, and the clients whose records it handles. */
type Turn = readonly [Turns, Choice, moves?: boolean];

/** So many turns of each, in alternating order. */
function takeTurns(turns: readonly Turn[], rounds: number, warmUp: number): number[][] {
  const samples = turns.map((): number[] => []);
  for (let round = -warmUp; round < rounds; round++) {
    const order = [...turns.keys()];
    for (const i of round % 2 === 0 ? order : order.toReversed()) {
      const [what, choose, moves = false] = turns[i] ?? fail('no such turn');
      const cost = what.turn(choose, moves);
      if (round >= 0) samples[i]?.push(cost);
    }
  }
  return samples;
}

function compare(one: Turn, other: Turn, rounds = Number(values.rounds)): Turned {
  const [ones = [], others = []] = takeTurns([one, other], rounds, WARM_UP);
  return { one: ones, other: others };
}

/** Records of any of so many clients, and what their associations hold, in bytes for each. */
function growthOf(version: Version, count: number): GrowthRow {
  const before = memory();
  const bed = new Bed(version, 'node:crypto', false, count);
  const after = memory();
  const single = new Bed(version, 'node:crypto', false, 1);
  const each = (what: 'held' | 'rss') => Math.round((after[what] - before[what]) / count);
  return { version, count, ...compare([bed, any], [single, first]), held: each('held'), rss: each('rss') };
}

function memory(): { readonly held: number; readonly rss: number } {
  for (let pass = 0; pass < 3; pass++) globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { held: heapUsed + external, rss };
}

if (values.growth !== undefined) {
  const counts = values.growth.split(',').map(Number);
  // What code and its data take is there before the first reading.
  for (const version of VERSIONS) growthOf(version, 1);
  console.log(JSON.stringify(VERSIONS.flatMap((version) => counts.map((count) => growthOf(version, count)))));
  process.exit();
}

const many = Number(values.associations);
/** Their ratios have wider bounds. */
const fewer = Math.ceil(Number(values.rounds) / 4);

/** Of a session with connection IDs, beside one without, and from new addresses. */
function idRows(version: Version, over: Over): RecordRow[] {
  const rounds = Number(values.rounds);
  const [plain, withIds] = [new Bed(version, over, false, 1), new Bed(version, over, true, 1)];
  const moving = new Bed(version, over, true, 1);
  const rows = [
    { version, over, what: 'with a connection ID', ...compare([withIds, first], [plain, first]) },
    { version, over, what: 'from a new address', ...compare([moving, first, true], [withIds, first]) },
  ];
  if (moving.migrations < rounds * TURN) fail('a client at a new address was not followed');
  return rows;
}

/** Of very many sessions, of which one, some or any are in use, each beside the ciphers of as many alone. */
function crowdRows(version: Version, over: Over, ids: boolean): RecordRow[] {
  const [ciphers, cipher] = [new Ciphers(version, over, many), new Ciphers(version, over, 1)];
  const single = new Bed(version, over, ids, 1);
  // One for each: a bed's writer never goes back, and beyond 65,536 records DTLS 1.3 could not tell the number of the next of a
  // client that was silent meanwhile.
  return (
    [
      ['one', first, 1],
      [`any of ${SOME}`, some, Math.min(SOME, many)],
      ['any', any, many],
    ] as const
  ).map(([who, choose, used]) => {
    const crowd = new Bed(version, over, ids, many);
    const [one = [], other = [], floorOne = [], floorOther = []] = takeTurns(
      [
        [crowd, choose],
        [single, first],
        [ciphers, choose],
        [cipher, first],
      ],
      fewer,
      WARM_UP_OF_MANY,
    );
    const what = `${who} of ${many} clients, by ${ids ? 'connection ID' : 'address'}`;
    return { version, over, what, used, one, other, floor: { one: floorOne, other: floorOther } };
  });
}

const overs: readonly Over[] =
  nativeFailure() === undefined ? ['node:crypto', 'native code'] : ['node:crypto'];
const rows = VERSIONS.flatMap((version) =>
  overs.flatMap((over) => [
    ...idRows(version, over),
    ...(many === 1 ? [] : crowdRows(version, over, false)),
    ...(many === 1 || over === 'native code' ? [] : crowdRows(version, over, true)),
  ]),
);
console.log(JSON.stringify(rows));
