import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { PIECE_COST } from '#lib/base/memory.js';
import type { Role } from '#lib/config/config.js';
import { ContentType, HandshakeType } from '#lib/wire/codes.js';
import { collectGarbage } from '../../support/garbage.js';
import { Pair } from '../../support/pair.js';
import { Random } from '../../support/random.js';
import { fragmentRecord, plainFragments, plainRecord, unifiedRecord } from '../../support/records.js';
import { VERSIONS } from '../../support/settings.js';

const ROLES = ['client', 'server'] as const;

/** The budgets of one connection, bytes at their real cost: handshake messages, records without keys. */
const MESSAGES_HELD = 0x18000;
const RECORDS_HELD = 8192;

for (const version of VERSIONS) {
  for (const role of ROLES) {
    suite(`floods at the ${role}, ${version}`, () => {
      test('fragments of future messages are held up to the budget, whatever lengths they claim', () => {
        const pair = midway(version, role);
        const size = 500;
        for (let messageSeq = 2; messageSeq < 40; messageSeq++) {
          for (let i = 0; i < 100; i++) {
            const fragment = new Uint8Array(size);
            const shape = {
              type: HandshakeType.certificate,
              messageSeq,
              length: 0xffff,
              fragmentOffset: i * size,
            };
            pair.inject(pair[role], fragmentRecord({ ...shape, fragment }));
          }
        }
        const { over_budget = 0, too_far_ahead = 0 } = pair[role].dropped;
        const held = pair[role].endpoint.heldBytes;
        assert.ok(held > MESSAGES_HELD / 2 && held <= MESSAGES_HELD, `${held} bytes are held`);
        assert.ok(over_budget > 0 && too_far_ahead > 0);
      });

      test('one-byte fragments count against the budget too', () => {
        const pair = midway(version, role);
        const sent = 5000;
        for (let i = 0; i < sent; i++) {
          const shape = {
            type: HandshakeType.certificate,
            messageSeq: 3,
            length: 0xffff,
            fragmentOffset: 2 * i,
          };
          pair.inject(pair[role], fragmentRecord({ ...shape, fragment: new Uint8Array(1) }));
        }
        const held = sent - (pair[role].dropped['over_budget'] ?? 0);
        assert.ok(held > 0 && held <= MESSAGES_HELD / PIECE_COST, `${held} fragments are held`);
        assert.ok(pair[role].endpoint.heldBytes <= MESSAGES_HELD);
      });

      test('a message that claims more than any certificate chain is discarded before it is stored', () => {
        const pair = midway(version, role);
        const shape = { type: HandshakeType.certificate, messageSeq: 3, length: 0xff_ffff };
        pair.inject(pair[role], fragmentRecord({ ...shape, fragment: new Uint8Array(100) }));
        assert.equal(pair[role].dropped['over_budget'], 1);
      });

      test('records of epochs without keys are held up to the budget', () => {
        const pair = midway(version, role);
        const before = pair[role].endpoint.heldBytes;
        const size = 87;
        const sent = 1000;
        for (let i = 0; i < sent; i++) {
          const body = new Uint8Array(size);
          const record =
            version === 'DTLSv1.3'
              ? unifiedRecord(3, i, body)
              : plainRecord(ContentType.handshake, body, { epoch: 1 + (i % 3), sequence: i });
          pair.inject(pair[role], record);
        }
        const { over_budget = 0 } = pair[role].dropped;
        const held = (sent - over_budget) * (size + PIECE_COST);
        assert.ok(held > 0 && held <= RECORDS_HELD, `${held} bytes are held`);
        assert.ok(pair[role].endpoint.heldBytes - before <= RECORDS_HELD);
      });

      test('a flood does not keep the handshake from succeeding once it is over', () => {
        const pair = midway(version, role);
        for (let i = 0; i < 500; i++) {
          pair.inject(
            pair[role],
            plainRecord(ContentType.handshake, new Uint8Array(40), { epoch: 1, sequence: i }),
          );
          const shape = { type: HandshakeType.finished, messageSeq: 30 + i, fragment: new Uint8Array(12) };
          pair.inject(pair[role], fragmentRecord(shape));
        }
        pair.explain(() => {
          assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 60_000));
        });
      });
    });
  }

  suite(`spoofed ClientHellos, ${version}`, () => {
    test('100,000 spoofed ClientHellos leave no state, and get at most three times their bytes', () => {
      const pair = new Pair({ version });
      const hello = firstClientHello(version);
      const { endpoint } = pair.server;
      const random = new Random(1);
      let bytesOut = 0;
      let answers = 0;
      const spoof = (i: number) => {
        const copy = hello.slice();
        copy.set(random.bytes(32), 13 + 12 + 2);
        endpoint.receive(
          copy,
          `10.${i >>> 16}.${(i >>> 8) & 255}.${i & 255}`,
          random.between(1, 65_535),
          'IPv4',
          i / 10,
        );
        for (let out = endpoint.pollTransmit(); out !== undefined; out = endpoint.pollTransmit()) {
          answers++;
          bytesOut += out.data.length;
          assert.ok(out.data.length <= 3 * hello.length);
        }
        assert.equal(endpoint.pollEvent(), undefined);
      };
      for (let i = 0; i < 1000; i++) spoof(i);
      const before = heapAfterCollection();
      for (let i = 1000; i < 100_000; i++) spoof(i);
      const grown = heapAfterCollection() - before;
      assert.ok(grown < 1_000_000, `the heap grew by ${grown} bytes`);
      assert.equal(endpoint.size, 0);
      assert.equal(endpoint.pollTimeout(), undefined);
      assert.equal(endpoint.counters.cookiesSent, answers);
      assert.ok(bytesOut <= 3 * 100_000 * hello.length);
    });

    test('no fragment of a ClientHello, however short, gets more than three times its bytes', () => {
      const pair = new Pair({ version });
      const hello = firstClientHello(version);
      const { endpoint } = pair.server;
      for (let length = 0; length <= hello.length; length++) {
        const part = fragmentRecord({
          type: HandshakeType.client_hello,
          messageSeq: 0,
          length: hello.length - 25,
          fragment: hello.slice(25, 25 + length),
        });
        endpoint.receive(part, '10.0.0.1', 1, 'IPv4', 0);
        for (let out = endpoint.pollTransmit(); out !== undefined; out = endpoint.pollTransmit())
          assert.ok(out.data.length <= 3 * part.length, `${out.data.length} bytes for ${part.length}`);
        assert.equal(endpoint.size, 0);
      }
      assert.ok(endpoint.counters.cookiesSent > 0 && endpoint.counters.rejected > 0);
    });
  });
}

/**
 * A pair whose `role` has begun its handshake and has no keys yet. A server of DTLS 1.3 has keys
 * with its first message, unless that lacks a part.
 */
function midway(version: (typeof VERSIONS)[number], role: Role): Pair {
  const split = version === 'DTLSv1.3' && role === 'server';
  const pair = new Pair({ version, clientBehaviour: split ? { mtu: 256 } : {} });
  if (split) pair.intercept = (data, from) => (isLaterPart(data) && from === 'client' ? [] : [data]);
  pair.connect();
  pair.runUntil(() => pair[role].phase === 'handshaking', 500);
  pair.intercept = undefined;
  return pair;
}

function isLaterPart(datagram: Uint8Array): boolean {
  return plainFragments(datagram).some(
    ({ messageSeq, fragmentOffset }) => messageSeq > 0 && fragmentOffset > 0,
  );
}

function firstClientHello(version: (typeof VERSIONS)[number]): Uint8Array {
  const pair = new Pair({ version });
  let hello: Uint8Array | undefined;
  pair.intercept = (data) => {
    hello ??= data;
    return [];
  };
  pair.connect().runFor(100);
  return hello ?? assert.fail();
}

function heapAfterCollection(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}
