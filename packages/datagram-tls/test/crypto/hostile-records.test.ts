// Hostile datagrams to two servers with the same sessions: what native code and libsodium open is what node:crypto opens.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { toHex } from '#lib/base/bytes.js';
import type { PeerAddress } from '#lib/base/peer-address.js';
import { layerProvider } from '#lib/crypto/layered-provider.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { nativeFailure } from '#lib/crypto/node-native.js';
import { nativeLayer } from '#lib/crypto/node-native-layer.js';
import type { CryptoProvider } from '#lib/crypto/provider.js';
import { createSodium } from '#lib/crypto/sodium.js';
import type { ConnectionEntry } from '#lib/endpoint/connection-entry.js';
import { Endpoint } from '#lib/endpoint/endpoint.js';
import { casesOf } from '../support/long.js';
import { Pair } from '../support/pair.js';
import { Random } from '../support/random.js';
import { behaviour, security, type TestedVersion, UNLIMITED, VERSIONS } from '../support/settings.js';

const reason = nativeFailure();
const skip = reason === undefined ? false : reason;
const native = layerProvider(nodeProvider, nativeLayer(nodeProvider));

const sodium = layerProvider(nodeProvider, await createSodium());

const CIPHERS: Readonly<Record<TestedVersion, readonly string[]>> = {
  'DTLSv1.2': ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-CCM8', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
  'DTLSv1.3': ['TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256'],
};
const IDS = [0, 3, 20];
const CLIENTS = 2;
const MAX_DATAGRAM = 65_535;
/** Where datagrams stand in a longer memory, as those of a batch do. */
const BEFORE = 3;

/** A client, and the address that its session has on the servers. */
interface Peer {
  readonly pair: Pair;
  readonly state: Uint8Array;
  readonly address: PeerAddress;
}

function peersOf(version: TestedVersion, ciphers: string, connectionId: number): Peer[] {
  return Array.from({ length: CLIENTS }, (_, i) => {
    const ids = connectionId > 0 ? { connectionId } : {};
    const pair = new Pair({
      version,
      seed: 1 + i,
      client: { ciphers },
      server: { ciphers },
      clientBehaviour: ids,
      serverBehaviour: ids,
    }).handshake();
    const state = pair.server.endpoint.save(pair.server.entry, pair.now);
    return { pair, state, address: { address: '192.0.2.7', family: 'IPv4', port: 1000 + i } };
  });
}

/** All that a server with these sessions does, in order. */
class Host {
  readonly endpoint = new Endpoint(UNLIMITED);
  readonly log: string[] = [];
  readonly #entries: ConnectionEntry[];
  readonly #kept: { readonly data: Uint8Array; readonly copy: Uint8Array }[] = [];

  constructor(provider: CryptoProvider, version: TestedVersion, ciphers: string, peers: readonly Peer[]) {
    const service = { security: security('server', version, { ciphers }, provider), behaviour: behaviour() };
    this.#entries = peers.map(({ state, address }) =>
      this.endpoint.restore(state, service, { age: 0, now: 0 }, address),
    );
  }

  /** The messages that came, as text. */
  receive(datagram: Uint8Array, { address, port, family }: PeerAddress, now: number): void {
    this.endpoint.receive(datagram, address, port, family, now);
    for (let event = this.endpoint.pollEvent(); event !== undefined; event = this.endpoint.pollEvent()) {
      if (event.type !== 'connection') continue;
      const name = `${this.#entries.indexOf(event.entry)} ${event.event.type}`;
      if (event.event.type === 'message') {
        const { data } = event.event;
        this.#kept.push({ data, copy: data.slice() });
        this.log.push(`${name} ${toHex(data)}`);
      } else if (event.event.type !== 'trace') this.log.push(name);
    }
    for (let out = this.endpoint.pollTransmit(); out !== undefined; out = this.endpoint.pollTransmit())
      this.log.push(`sends ${out.data.length} to ${out.peer.port}`);
  }

  get counts(): unknown {
    return [this.endpoint.counters, ...this.#entries.map(({ connection }) => ({ ...connection.counters }))];
  }

  /** Messages are the application's: nothing that came later has changed one. */
  assertKept(): void {
    for (const { data, copy } of this.#kept) assert.deepEqual(data, copy);
  }
}

/** Records of a client, of which some repeat. */
function recordsOf(peers: readonly Peer[], random: Random, pool: Uint8Array[]): void {
  const { endpoint, entry } = random.pick(peers).pair.client;
  const lengths = [0, 1, 15, 16, 17, 64, 300, 1000];
  endpoint.send(entry, random.bytes(random.pick(lengths)));
  for (let out = endpoint.pollTransmit(); out !== undefined; out = endpoint.pollTransmit())
    pool.push(out.data.slice());
  if (pool.length > 12) pool.shift();
}

function damaged(record: Uint8Array, random: Random): Uint8Array {
  const bytes = record.slice();
  const at = random.below(bytes.length);
  switch (random.below(6)) {
    case 0:
      bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
      return bytes;
    case 1:
      return bytes.subarray(0, at);
    case 2:
      bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
      return bytes;
    case 3: {
      // Somewhere in the header: the type, the epoch, the connection ID, the length.
      const place = random.below(Math.min(bytes.length, 35));
      bytes[place] = random.pick([0, 1, 0xff, random.below(256)]);
      return bytes;
    }
    case 4:
      return Uint8Array.of(...bytes.subarray(0, Math.min(13, bytes.length - 2)), 0, 0);
    default:
      return random.bytes(random.below(60));
  }
}

function hostile(pool: readonly Uint8Array[], random: Random): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (let count = random.pick([0, 1, 1, 2, 3, 8]); count > 0; count--) {
    const record = random.pick(pool);
    pieces.push(random.chance(0.5) ? record : damaged(record, random));
  }
  const datagram = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
  if (!random.chance(0.01) || datagram.length === 0) return datagram;
  return Uint8Array.from({ length: MAX_DATAGRAM }, (_, i) => datagram[i % datagram.length] as number);
}

const WAYS = [
  { name: 'native code', provider: native, has: () => true, skip },
  {
    name: 'libsodium',
    provider: sodium,
    has: (ciphers: string) => ciphers.includes('CHACHA20'),
    skip: false,
  },
];

for (const { name, provider, has, ...way } of WAYS)
  suite(`records that ${name} opens where they are`, { skip: way.skip }, () => {
    for (const version of VERSIONS)
      for (const ciphers of CIPHERS[version].filter(has))
        for (const connectionId of IDS)
          test(`${ciphers}, ${version}, connection IDs of ${connectionId} bytes: hostile datagrams do the same as by node:crypto`, () => {
            const peers = peersOf(version, ciphers, connectionId);
            const [ours, nodes] = [provider, nodeProvider].map(
              (provider) => new Host(provider, version, ciphers, peers),
            ) as [Host, Host];
            const random = new Random(92);
            const pool: Uint8Array[] = [];
            const memory = new Uint8Array(MAX_DATAGRAM + 2 * BEFORE);
            for (let now = 1; now <= casesOf(8000); now++) {
              if (now === 1 || random.chance(0.5)) recordsOf(peers, random, pool);
              const datagram = hostile(pool, random);
              const from = random.pick(peers).address;
              for (const host of [ours, nodes]) {
                memory.set(datagram, BEFORE);
                host.receive(memory.subarray(BEFORE, BEFORE + datagram.length), from, now);
                // The next datagram of a batch stands in the same memory.
                memory.fill(0xa5, 0, BEFORE + datagram.length + BEFORE);
              }
              assert.equal(ours.log.at(-1), nodes.log.at(-1));
            }
            assert.deepEqual(ours.log, nodes.log);
            assert.deepEqual(ours.counts, nodes.counts);
            assert.ok(ours.log.filter((line) => line.includes('message')).length > 200);
            for (const host of [ours, nodes]) host.assertKept();
          });
  });
