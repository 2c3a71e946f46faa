import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { MAX_SEQUENCE } from '#lib/base/sequence.js';
import { nodeProvider } from '#lib/crypto/node.js';
import type { CryptoProvider } from '#lib/crypto/provider.js';
import { REPLAY_WINDOW } from '#lib/record/replay.js';
import { bytes, eachVersion, protections, received, sealed } from './protections.js';

for (const protection of protections) {
  suite(`records under ${protection.name}`, () => {
    test('one side opens what the other seals, at any length, epoch and sequence number', () => {
      const anyRecord = fc.record({
        content: fc.uint8Array({ maxLength: 2000 }),
        type: fc.constantFrom(20, 21, 22, 23),
        epoch: fc.integer({ min: 1, max: 0xffff }),
        skipped: fc.integer({ min: 0, max: 30_000 }),
      });
      fc.assert(
        fc.property(anyRecord, ({ content, type, epoch, skipped }) => {
          const record = sealed(protection.writer({ epoch, sequence: skipped }), content, type);
          const { header, result } = received(protection.reader({ epoch }), record);
          assert.deepEqual(result, content);
          assert.deepEqual(
            { type: header.type, epoch: header.epoch, sequence: header.sequence, end: header.end },
            { type, epoch, sequence: skipped, end: record.length },
          );
        }),
        { numRuns: 50 },
      );
    });

    test('both sides rest between records, and ask for their keys once for each of them', () => {
      const [writer, reader] = [protection.writer(), protection.reader()];
      const { overhead } = writer;
      const asked: string[] = [];
      for (const text of [bytes(3), bytes(4, 7), bytes(90)]) {
        writer.rest(protection.source(asked));
        reader.rest(protection.source(asked));
        assert.deepEqual([writer.overhead, asked], [overhead, []]);
        const record = sealed(writer, text);
        assert.deepEqual(received(reader, record).result, text);
        assert.equal(received(reader, record).result, 'replayed');
        assert.deepEqual(received(reader, sealed(writer, text)).result, text);
        assert.deepEqual(asked.splice(0), ['write', 'read']);
      }
    });

    test('the largest plaintext fits, and one more byte is an overflow', () => {
      const writer = protection.writer();
      const reader = protection.reader();
      assert.deepEqual(received(reader, sealed(writer, bytes(0x4000))).result, bytes(0x4000));
      assert.equal(received(reader, sealed(writer, bytes(0x4001))).result, 'record_overflow');
    });

    test('sealing adds no more than the overhead, and nothing longer than the capacity fits', () => {
      const writer = protection.writer();
      for (let length = 0; length < 100; length++)
        assert.ok(sealed(writer, bytes(length)).length <= length + writer.overhead);
      for (let size = writer.overhead; size < writer.overhead + 100; size++) {
        const capacity = writer.capacity(size);
        assert.ok(sealed(writer, bytes(capacity)).length <= size, `${capacity} bytes in ${size}`);
        assert.ok(sealed(writer, bytes(capacity + 1)).length > size, `${capacity + 1} bytes in ${size}`);
      }
    });

    test('every flipped bit makes a record unreadable, and the genuine one is still accepted', () => {
      const record = sealed(protection.writer(), bytes(5));
      const reader = protection.reader();
      for (let bit = 0; bit < record.length * 8; bit++) {
        const forged = record.slice();
        forged[bit >>> 3] = (forged[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
        const { result } = received(reader, forged);
        assert.equal(typeof result, 'string', `bit ${bit} was flipped and the record accepted`);
      }
      assert.deepEqual(received(reader, record).result, bytes(5));
    });

    test('every datagram too short for header and tag is discarded', () => {
      const { headerLength, suite: of } = protection;
      const record = sealed(protection.writer(), bytes(40));
      const reader = protection.reader();
      for (let length = 0; length < headerLength + of.explicitNonceLength + of.tagLength; length++) {
        assert.equal(received(reader, record.slice(0, length)).result, 'truncated');
        if (length < headerLength) continue;
        const honest = record.slice(0, length);
        new DataView(honest.buffer).setUint16(headerLength - 2, length - headerLength);
        assert.equal(received(reader, honest).result, 'too_short', `${length} bytes`);
      }
      assert.deepEqual(received(reader, record).result, bytes(40));
    });
  });
}

for (const protection of protections.filter((of) => of.suite.aead !== undefined)) {
  suite(`nonces under ${protection.name}`, () => {
    test('the nonce is made of the record number alone, and no two records share one', () => {
      const nonces: bigint[] = [];
      const provider = recordingNonces(nonces);
      const anyRun = fc.record({
        epoch: fc.integer({ min: 1, max: 0xffff }),
        first: fc.integer({ min: 0, max: MAX_SEQUENCE - 3 }),
      });
      fc.assert(
        fc.property(anyRun, ({ epoch, first }) => {
          nonces.length = 0;
          const writer = protection.writer({ epoch, sequence: first, provider });
          for (let i = 0; i < 3; i++) sealed(writer, bytes(3));
          assert.deepEqual(
            nonces,
            [0, 1, 2].map((i) => expectedNonce(epoch, first + i)),
          );
        }),
        { numRuns: 50 },
      );

      function expectedNonce(epoch: number, sequence: number): bigint {
        const iv = toBigInt(protection.iv);
        if (protection.suite.version === 'DTLSv1.3') return iv ^ BigInt(sequence);
        const number = (BigInt(epoch) << 48n) | BigInt(sequence);
        return protection.suite.explicitNonceLength === 0 ? iv ^ number : (iv << 64n) | number;
      }
    });
  });
}

for (const protection of eachVersion) {
  suite(`the record layer of ${protection.suite.version}`, () => {
    test('a record is accepted once', () => {
      const reader = protection.reader();
      const writer = protection.writer();
      const [older, newest] = [sealed(writer, bytes(1)), sealed(writer, bytes(2))];
      assert.deepEqual(received(reader, newest).result, bytes(2));
      assert.deepEqual(received(reader, older).result, bytes(1));
      assert.equal(received(reader, newest).result, 'replayed');
      assert.equal(received(reader, older).result, 'replayed');
    });

    test('a record older than the window is refused, the oldest inside it is accepted', () => {
      const reader = protection.reader();
      const newest = 1000;
      assert.deepEqual(received(reader, at(newest)).result, bytes(4));
      assert.equal(received(reader, at(newest - REPLAY_WINDOW)).result, 'replayed');
      assert.deepEqual(received(reader, at(newest - REPLAY_WINDOW + 1)).result, bytes(4));
    });

    for (const gap of [64, 128, 10_000]) {
      test(`reading goes on after ${gap} records were lost`, () => {
        const reader = protection.reader();
        for (const sequence of [0, gap + 1, gap, 2 * gap + 2, 2 * gap + 3]) {
          const { header, result } = received(reader, at(sequence));
          assert.deepEqual(result, bytes(4));
          assert.equal(header.sequence, sequence);
        }
      });
    }

    test('a forged record far ahead does not move the window', () => {
      const reader = protection.reader();
      received(reader, at(10));
      const forged = at(20_000);
      forged[forged.length - 1] = (forged[forged.length - 1] ?? 0) ^ 1;
      assert.equal(received(reader, forged).result, 'bad_record');
      assert.deepEqual(received(reader, at(9)).result, bytes(4));
    });

    test('several records in one buffer are sealed and opened in place', () => {
      const writer = protection.writer();
      const out = new Uint8Array(400);
      const first = writer.seal(22, bytes(30, 1), out, 7);
      const second = writer.seal(23, bytes(40, 2), out, 7 + first);
      const reader = protection.reader();
      assert.deepEqual(received(reader, out.slice(7, 7 + first)).result, bytes(30, 1));
      assert.deepEqual(received(reader, out.slice(7 + first, 7 + first + second)).result, bytes(40, 2));
      assert.deepEqual(out.slice(7 + first + second), new Uint8Array(400 - 7 - first - second));
    });

    test('a key is unusable after as many forgeries as its limit', () => {
      const reader = protection.reader({ limits: { sealed: 100, forged: 3 } });
      const forged = at(0);
      forged[forged.length - 1] = (forged[forged.length - 1] ?? 0) ^ 1;
      const results = [0, 1, 2, 3].map(() => received(reader, forged).result);
      assert.deepEqual(results, ['bad_record', 'bad_record', 'bad_record', 'forgery_limit']);
      assert.equal(received(reader, at(0)).result, 'forgery_limit');
    });

    test('a writer requests new keys at half of its limit and then stops', () => {
      const writer = protection.writer({ limits: { sealed: 4, forged: 1 } });
      const states = [0, 1, 2, 3].map(() => {
        const { state } = writer;
        sealed(writer, bytes(1));
        return state;
      });
      assert.deepEqual(states, ['open', 'open', 'update-due', 'last']);
      assert.equal(writer.state, 'exhausted');
    });

    test('the last sequence number is used and nothing after it', () => {
      const endless = { sealed: Number.MAX_SAFE_INTEGER, forged: 1 };
      const writer = protection.writer({ sequence: MAX_SEQUENCE, limits: endless });
      assert.notEqual(writer.state, 'exhausted');
      sealed(writer, bytes(1));
      assert.equal(writer.state, 'exhausted');
    });

    function at(sequence: number): Uint8Array {
      return sealed(protection.writer({ sequence }), bytes(4));
    }
  });
}

/** The provider, noting down every nonce that something is sealed with. */
function recordingNonces(nonces: bigint[]): CryptoProvider {
  return {
    ...nodeProvider,
    aead: (name, key) => {
      const aead = nodeProvider.aead(name, key);
      return {
        tagLength: aead.tagLength,
        open: (...args) => aead.open(...args),
        seal: (nonce, ...rest) => {
          nonces.push(toBigInt(nonce));
          aead.seal(nonce, ...rest);
        },
      };
    },
  };
}

function toBigInt(of: Uint8Array): bigint {
  return of.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}
