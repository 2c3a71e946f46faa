// Forged connection IDs that name servers: of right and wrong servers, and encrypted under other keys.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import type { PeerAddress } from '#lib/base/peer-address.js';
import { BlockCipher } from '#lib/load-balancing/block-cipher.js';
import { decodeServerId } from '#lib/load-balancing/encoding.js';
import {
  loadBalancedConnectionIds,
  type RoutableConnectionIds,
  serverIdReader,
} from '#lib/load-balancing.js';
import { assertAlive } from '../support/alive.js';
import { Pair } from '../support/pair.js';
import { type TestedVersion, VERSIONS } from '../support/settings.js';

const KEY = new Uint8Array(16).fill(0x3c);
const OTHER_KEY = new Uint8Array(16).fill(0x3d);
/** Of each flood. */
const COUNT = 2_000;
const SERVERS = 2;
/** No server has it. */
const NO_SERVER = 200;

interface Form {
  readonly name: string;
  readonly nonceLength: number;
  readonly key: Uint8Array | undefined;
  /** Blocks of AES that a reading takes. */
  readonly blocks: number;
}

const FORMS: readonly Form[] = [
  { name: 'readable', nonceLength: 6, key: undefined, blocks: 0 },
  { name: 'encrypted in four passes', nonceLength: 6, key: KEY, blocks: 3 },
  { name: 'encrypted in one pass', nonceLength: 15, key: KEY, blocks: 1 },
];

function idsOf(server: number, { nonceLength }: Form, key: Uint8Array | undefined): RoutableConnectionIds {
  return loadBalancedConnectionIds({ serverId: Uint8Array.of(server), nonceLength, key });
}

/** Each datagram of a flood comes from another one. */
function unvalidatedPeer(n: number): PeerAddress {
  return { address: `198.51.100.${n >>> 8}`, family: 'IPv4', port: 1024 + (n & 255) };
}

/** A balancer in front of two servers, each with a session that is under way. */
class Cluster {
  readonly pairs: readonly Pair[];
  /** By server; the last one: to the server of its address, as no ID leads anywhere. */
  readonly forwarded = new Array<number>(SERVERS + 1).fill(0);
  readonly #read: ReturnType<typeof serverIdReader>;

  constructor(version: TestedVersion, form: Form) {
    const { nonceLength, key } = form;
    this.#read = serverIdReader({ serverIdLength: 1, nonceLength, key });
    this.pairs = Array.from({ length: SERVERS }, (_, server) => {
      const connectionId = idsOf(server, form, key);
      return new Pair({ version, seed: server + 1, serverBehaviour: { connectionId } }).handshake();
    });
  }

  /** A record to that server, which does not arrive. */
  record(server: number): Uint8Array {
    const pair = this.pairs[server] as Pair;
    let record: Uint8Array | undefined;
    pair.intercept = (data, from) => {
      if (from === 'client') record ??= data.slice();
      return from === 'client' ? [] : [data];
    };
    pair.send(pair.client, utf8('seen'));
    pair.runFor(100);
    pair.intercept = undefined;
    assert.ok(record);
    return record;
  }

  /** Once, to one server or none. */
  forward(datagram: Uint8Array, from: PeerAddress): void {
    const server = this.#read(datagram).serverId?.[0] ?? SERVERS;
    const pair = this.pairs[server];
    this.forwarded[Math.min(server, SERVERS)] = (this.forwarded[Math.min(server, SERVERS)] as number) + 1;
    pair?.server.endpoint.receive(datagram, from.address, from.port, from.family, pair.now);
  }

  get unknown(): readonly number[] {
    return this.pairs.map(({ server }) => server.endpoint.counters.unknownConnectionIds);
  }

  /** Nothing is held or sent for unvalidated peers, both sessions go on where they are, and only the second one has tried records. */
  keepsQuiet(droppedBySecond: Readonly<Record<string, number>> = {}): void {
    for (const [server, pair] of this.pairs.entries()) {
      const { endpoint, entry, dropped, migrated } = pair.server;
      assert.deepEqual(dropped, server === 1 ? droppedBySecond : {});
      pair.runFor(1000);
      assert.deepEqual(pair.strays, []);
      assert.deepEqual([endpoint.size, endpoint.handshakes, endpoint.heldBytes], [1, 0, 0]);
      assert.deepEqual([entry.peer, migrated], [pair.client.address, []]);
      assertAlive(pair);
    }
  }
}

for (const version of VERSIONS) {
  const at = version === 'DTLSv1.3' ? 1 : 11;
  const withId = (record: Uint8Array, cid: Uint8Array): Uint8Array => {
    const forged = record.slice();
    forged.set(cid, at);
    return forged;
  };

  for (const form of FORMS)
    suite(`floods of connection IDs that name servers, ${version}, ${form.name}`, () => {
      /** Records with IDs of another generator with these settings. */
      const flood = (cluster: Cluster, server: number, key: Uint8Array | undefined): void => {
        const record = cluster.record(0);
        const forger = idsOf(server, form, key);
        for (let n = 0; n < COUNT; n++)
          cluster.forward(withId(record, forger.generate()), unvalidatedPeer(n));
      };

      test('of a right server they reach that one alone, which counts each and tries none', () => {
        const cluster = new Cluster(version, form);
        flood(cluster, 1, form.key);
        assert.deepEqual(cluster.forwarded, [0, COUNT, 0]);
        assert.deepEqual(cluster.unknown, [0, COUNT]);
        cluster.keepsQuiet();
      });

      test('of no server they reach none', () => {
        const cluster = new Cluster(version, form);
        flood(cluster, NO_SERVER, form.key);
        assert.deepEqual(cluster.forwarded, [0, 0, COUNT]);
        assert.deepEqual(cluster.unknown, [0, 0]);
        cluster.keepsQuiet();
      });

      test('under a wrong key they reach a server by chance alone, once, and are counted there', () => {
        const cluster = new Cluster(version, form);
        flood(cluster, 1, OTHER_KEY);
        const [first = 0, second = 0, none = 0] = cluster.forwarded;
        assert.equal(first + second + none, COUNT);
        assert.deepEqual(cluster.unknown, [first, second]);
        // One byte names the server: of 256 values two are servers.
        assert.ok(first + second < COUNT / 32, `${first} and ${second} reached a server`);
        cluster.keepsQuiet();
      });

      test('with the ID of a session in them and forged behind it they end nothing, three openings a datagram', () => {
        const cluster = new Cluster(version, form);
        const record = cluster.record(1);
        record[record.length - 1] = (record.at(-1) as number) ^ 1;
        const full = Uint8Array.from(
          { length: 8 * record.length },
          (_, i) => record[i % record.length] as number,
        );
        const count = 300;
        for (let n = 0; n < count; n++) cluster.forward(full, unvalidatedPeer(n));
        assert.deepEqual(cluster.forwarded, [0, count, 0]);
        cluster.keepsQuiet({ bad_record: 3 * count, rest_of_datagram: count });
      });

      test('those that are cut, or of no configuration, name no server, and cost no block of AES', () => {
        const cluster = new Cluster(version, form);
        const record = cluster.record(0);
        const { length } = idsOf(0, form, form.key);
        let n = 0;
        for (let end = at; end < at + length; end++)
          cluster.forward(record.slice(0, end), unvalidatedPeer(n++));
        for (let configId = 1; configId < 8; configId++) {
          const other = record.slice();
          other[at] = (configId << 5) | ((other[at] as number) & 0x1f);
          cluster.forward(other, unvalidatedPeer(n++));
        }
        assert.deepEqual(cluster.forwarded, [0, 0, n]);
        cluster.keepsQuiet();
      });
    });
}

for (const form of FORMS)
  test(`a reading of any ID takes ${form.blocks} blocks of AES: ${form.name}`, () => {
    const { nonceLength, key } = form;
    let blocks = 0;
    class Counting extends BlockCipher {
      override encrypt(block: Uint8Array): Uint8Array {
        blocks++;
        return super.encrypt(block);
      }

      override decrypt(block: Uint8Array): Uint8Array {
        blocks++;
        return super.decrypt(block);
      }
    }
    const cipher = key && new Counting(key);
    const configuration = { configId: 0, serverIdLength: 1, nonceLength, cipher };
    const forgers = [idsOf(0, form, key), idsOf(NO_SERVER, form, key), idsOf(0, form, OTHER_KEY)];
    for (const forger of forgers)
      for (let n = 0; n < 100; n++) {
        blocks = 0;
        decodeServerId(configuration, forger.generate(), 0);
        assert.equal(blocks, form.blocks);
      }
  });
