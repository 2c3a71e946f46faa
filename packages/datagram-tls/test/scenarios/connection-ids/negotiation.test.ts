import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Role } from '#lib/config/config.js';
import type { ConnectionIdOption } from '#lib/config/connection-ids.js';
import { ContentType, ExtensionType } from '#lib/wire/codes.js';
import { decodeClientHello } from '#lib/wire/messages/client-hello.js';
import { assertAlive } from '../../support/alive.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { plainFragments } from '../../support/records.js';
import { type TestedVersion, VERSIONS } from '../../support/settings.js';

const { connection_id } = ExtensionType;
const LENGTHS = [0, 1, 8, 20];
const psk = { identity: 'device', key: new Uint8Array(32).fill(7) };

/** One suite of each kind. */
const KINDS: Readonly<Record<TestedVersion, Readonly<Record<string, PairOptions>>>> = {
  'DTLSv1.2': {
    GCM: bothHave('ECDHE-ECDSA-AES128-GCM-SHA256'),
    CCM_8: bothHave('ECDHE-ECDSA-AES128-CCM8'),
    ChaCha20: bothHave('ECDHE-ECDSA-CHACHA20-POLY1305'),
    CBC: {
      client: { ciphers: 'ECDHE-PSK-AES128-CBC-SHA256', psk },
      server: { ciphers: 'ECDHE-PSK-AES128-CBC-SHA256', psk: () => psk.key },
    },
  },
  'DTLSv1.3': {
    GCM: bothHave('TLS_AES_128_GCM_SHA256'),
    CCM: bothHave('TLS_AES_128_CCM_SHA256'),
    ChaCha20: bothHave('TLS_CHACHA20_POLY1305_SHA256'),
  },
};

function bothHave(ciphers: string): PairOptions {
  return { client: { ciphers }, server: { ciphers } };
}

function pairWith(
  version: TestedVersion,
  client: ConnectionIdOption | undefined,
  server: ConnectionIdOption | undefined,
  more: PairOptions = {},
): Pair {
  return new Pair({
    version,
    clientBehaviour: { connectionId: client },
    serverBehaviour: { connectionId: server },
    ...more,
  });
}

/** Bytes of connection IDs on the protected records that each side sends. */
function seenLengths(pair: Pair, asked: Readonly<Record<Role, number>>): Record<Role, Set<number>> {
  const seen = { client: new Set<number>(), server: new Set<number>() };
  pair.onDelivery = ({ data, from }) => {
    const length = asked[from === 'client' ? 'server' : 'client'];
    for (let at = 0; at < data.length; ) {
      const first = data[at] as number;
      const is13 = (first & 0xe0) === 0x20;
      const hasCid = is13 ? (first & 0x10) !== 0 : first === ContentType.tls12_cid;
      const cid = hasCid ? length : 0;
      const epoch = is13 ? first & 3 : ((data[at + 3] as number) << 8) | (data[at + 4] as number);
      const lengthAt = is13 ? at + 3 + cid : at + 11 + cid;
      const body = ((data[lengthAt] as number) << 8) | (data[lengthAt + 1] as number);
      if (is13 || epoch > 0) seen[from].add(cid);
      else assert.ok(!hasCid, 'plaintext has a connection ID');
      at = lengthAt + 2 + body;
    }
  };
  return seen;
}

for (const version of VERSIONS) {
  suite(`connection IDs, ${version}`, () => {
    for (const [kind, settings] of Object.entries(KINDS[version])) {
      for (const client of LENGTHS) {
        for (const server of LENGTHS) {
          test(`${kind}: a client that asks for ${client} bytes and a server for ${server}`, () => {
            const pair = pairWith(version, client, server, settings);
            const seen = seenLengths(pair, { client, server });
            pair.explain(() => pair.handshake());
            assertAlive(pair);
            assert.deepEqual(pair.idsOf(pair.client).receive.length, client);
            assert.deepEqual(pair.idsOf(pair.server).receive.length, server);
            assert.deepEqual(pair.idsOf(pair.client).send, pair.idsOf(pair.server).receive);
            assert.deepEqual(pair.idsOf(pair.server).send, pair.idsOf(pair.client).receive);
            assert.deepEqual([...seen.client, ...seen.server], [server, client]);
            assert.deepEqual([pair.client.dropped, pair.server.dropped], [{}, {}]);
          });
        }
      }
    }

    test('a client that is told nothing takes the ID of the server, and asks for none', () => {
      const pair = pairWith(version, undefined, true).handshake();
      assert.equal(pair.idsOf(pair.client).send.length, 8);
      assert.equal(pair.idsOf(pair.server).send.length, 0);
      assertAlive(pair);
    });

    test('a server that is told nothing answers no offer', () => {
      const pair = pairWith(version, 8, undefined);
      const seen = seenLengths(pair, { client: 0, server: 0 });
      pair.handshake();
      assertAlive(pair);
      assert.deepEqual([...seen.client, ...seen.server], [0, 0]);
      assert.equal(pair.idsOf(pair.client).receive.length, 0);
    });

    test('a client with connectionId: false offers none', () => {
      const pair = pairWith(version, false, true);
      const bodies = helloIds(pair);
      pair.handshake();
      assertAlive(pair);
      assert.deepEqual(new Set(bodies), new Set([undefined]));
    });

    test('the second ClientHello offers the same ID as the first', () => {
      const pair = pairWith(version, 8, 8);
      const bodies = helloIds(pair);
      pair.handshake();
      assert.equal(bodies.length, 2);
      assert.equal(bodies[0]?.length, 18);
      assert.equal(bodies[0], bodies[1]);
    });

    test('a resumed session has IDs of its own', () => {
      const pair = pairWith(version, 8, 8).handshake();
      const first = pair.idsOf(pair.client);
      const state = pair.client.tickets.at(-1);
      assert.ok(state);
      const again = pairWith(version, 8, 8, { seed: 2 }).handshake();
      assert.notDeepEqual(pair.idsOf(pair.client), again.idsOf(again.client));
      assert.equal(first.send.length, 8);
    });

    test('flights and messages fit the datagrams with IDs of 20 bytes', () => {
      const pair = new Pair({
        version,
        clientBehaviour: { connectionId: 20, mtu: 256 },
        serverBehaviour: { connectionId: 20, mtu: 256 },
      });
      let largest = 0;
      pair.onDelivery = ({ data }) => {
        largest = Math.max(largest, data.length);
      };
      pair.explain(() => pair.handshake());
      for (const side of [pair.client, pair.server])
        pair.send(side, new Uint8Array(side.entry.connection.maxMessageSize));
      pair.runFor(1000);
      assert.equal(largest, 256);
      assert.deepEqual([pair.client.messages.length, pair.server.messages.length], [1, 1]);
    });

    test('a function makes the IDs', () => {
      let made = 0;
      const generate = () => Uint8Array.of(0xca, 0xfe, made++);
      const pair = pairWith(version, undefined, { generate }).handshake();
      assert.deepEqual(pair.idsOf(pair.client).send, Uint8Array.of(0xca, 0xfe, 0));
      assertAlive(pair);
    });

    const wrong: readonly [string, ConnectionIdOption, RegExp][] = [
      ['throws', { generate: () => assert.fail('no entropy') }, /no entropy/],
      ['returns text', { generate: () => 'id' as never }, /must answer an instance of Uint8Array/],
      [
        'returns another length',
        { length: 4, generate: () => new Uint8Array(5) },
        /It must be 4. Received 5/,
      ],
      ['returns no bytes', { generate: () => new Uint8Array(0) }, /It must be >= 1 && <= 20/],
      ['returns 21 bytes', { generate: () => new Uint8Array(21) }, /Received 21/],
    ];
    for (const [what, option, text] of wrong) {
      test(`a function that ${what} ends the session of a server, and is heard`, () => {
        const pair = pairWith(version, undefined, option).connect();
        pair.runUntil(() => pair.server.isClosed && pair.client.isClosed, 10_000);
        assert.equal(pair.server.error?.code, 'ERR_DTLS_CALLBACK');
        assert.match(pair.server.error.message, text);
        assert.equal(pair.client.error?.alert, 'internal_error');
      });

      test(`a function that ${what} ends the session of a client, and is heard`, () => {
        const pair = pairWith(version, option, undefined).connect();
        pair.runUntil(() => pair.client.isClosed, 10_000);
        assert.equal(pair.client.error?.code, 'ERR_DTLS_CALLBACK');
        assert.match(pair.client.error.message, text);
      });
    }
  });
}

/** The extension of each ClientHello, hexadecimal, without repetitions of the same datagram. */
function helloIds(pair: Pair): (string | undefined)[] {
  const bodies: (string | undefined)[] = [];
  pair.onDelivery = ({ data, from }) => {
    if (from !== 'client' || data[0] !== ContentType.handshake || data[13] !== 1) return;
    for (const { type, fragment: body } of plainFragments(data)) {
      if (type !== 1) continue;
      const id = decodeClientHello(body)?.extensions.get(connection_id);
      bodies.push(id && Buffer.from(id).toString('hex'));
    }
  };
  return bodies;
}
