import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { nodeProvider } from '#lib/crypto/node.js';

import { CbcReader12, RecordReader12 } from '#lib/record/protect12.js';
import { aeadSuite, CBC_SUITES } from '../support/suites.js';
import { bytes, eachVersion, protections, received, sealed } from './protections.js';

const LENGTHS = [1, 8, 20, 255];

for (const protection of protections) {
  suite(`connection IDs under ${protection.name}`, () => {
    for (const length of LENGTHS) {
      const cid = bytes(length, 5);

      test(`a record with an ID of ${length} bytes opens, at any length and with any content type`, () => {
        const anyRecord = fc.record({
          content: fc.uint8Array({ maxLength: 600 }),
          type: fc.constantFrom(21, 22, 23, 26, 27),
          epoch: fc.integer({ min: 1, max: 0xffff }),
          sequence: fc.integer({ min: 0, max: 30_000 }),
        });
        fc.assert(
          fc.property(anyRecord, ({ content, type, epoch, sequence }) => {
            const record = sealed(protection.writer({ epoch, sequence, cid }), content, type);
            const { header, result } = received(protection.reader({ epoch, cid }), record, length);
            assert.deepEqual(result, content);
            assert.deepEqual([header.type, header.sequence, header.end], [type, sequence, record.length]);
            assert.deepEqual(record.slice(header.cidStart, header.cidStart + header.cidLength), cid);
          }),
          { numRuns: 20 },
        );
      });

      test(`with an ID of ${length} bytes overhead and capacity hold`, () => {
        const writer = protection.writer({ cid });
        for (let content = 0; content < 40; content++)
          assert.ok(sealed(writer, bytes(content)).length <= content + writer.overhead);
        for (let size = writer.overhead; size < writer.overhead + 40; size++) {
          const capacity = writer.capacity(size);
          assert.ok(sealed(writer, bytes(capacity)).length <= size, `${capacity} bytes in ${size}`);
          assert.ok(sealed(writer, bytes(capacity + 1)).length > size, `${capacity + 1} bytes in ${size}`);
        }
      });
    }

    test('every flipped bit makes a record with an ID unreadable, and the genuine one is still accepted', () => {
      const cid = bytes(3, 5);
      const record = sealed(protection.writer({ cid }), bytes(5));
      const reader = protection.reader({ cid });
      for (let bit = 0; bit < record.length * 8; bit++) {
        const forged = record.slice();
        forged[bit >>> 3] = (forged[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
        assert.equal(typeof received(reader, forged, 3).result, 'string', `bit ${bit} was flipped`);
      }
      assert.deepEqual(received(reader, record, 3).result, bytes(5));
    });

    test('a writer may change its ID from record to record', () => {
      const writer = protection.writer();
      const plain = protection.reader();
      assert.deepEqual(received(plain, sealed(writer, bytes(4))).result, bytes(4));
      const reader = protection.reader({ cid: bytes(1) });
      for (const length of [20, 1, 8]) {
        writer.useConnectionId(bytes(length, 9));
        assert.deepEqual(received(reader, sealed(writer, bytes(4)), length).result, bytes(4));
      }
      writer.useConnectionId(new Uint8Array(0));
      const { overhead } = writer;
      assert.equal(overhead, protection.writer().overhead);
      assert.deepEqual(received(plain, sealed(writer, bytes(4))).result, bytes(4));
    });
  });
}

for (const protection of eachVersion) {
  const { name, suite: of } = protection;
  test(`the content type of ${of.version} is within the protection: ${name}`, () => {
    const record = sealed(protection.writer({ cid: bytes(4) }), bytes(5), 22);
    if (of.version === 'DTLSv1.2') assert.equal(record[0], 25);
    else assert.equal((record[0] ?? 0) & 0xf0, 0x30);
  });
}

suite('the additional data of RFC 9146', () => {
  const cid = bytes(5, 3);
  /** §5.3: placeholder, tls12_cid, length, tls12_cid, version, epoch, sequence number, connection ID. */
  const start = [
    ...[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 25, 5, 25, 0xfe, 0xfd],
    ...[0, 1, 0, 0, 0, 0, 0, 7],
    ...cid,
  ];
  const header = (length: number): number[] => [
    ...[25, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 7],
    ...cid,
    ...[length >>> 8, length & 0xff],
  ];

  test('an AEAD seals content, type and zeros, and counts them', () => {
    const keys = { key: bytes(16), iv: bytes(4) };
    const gcm = aeadSuite('ECDHE-ECDSA-AES128-GCM-SHA256');
    const inner = Uint8Array.of(...bytes(3), 23, 0, 0);
    const number = Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 7);
    const length = 8 + inner.length + 16;
    const record = new Uint8Array(13 + 5 + length);
    record.set(header(length));
    record.set(number, 18);
    const aad = Uint8Array.of(...start, 0, inner.length);
    nodeProvider
      .aead('aes-128-gcm', keys.key)
      .seal(Uint8Array.of(...keys.iv, ...number), aad, inner, record, 26);
    const reader = new RecordReader12(nodeProvider, gcm, 1, keys, undefined, true);
    const opened = received(reader, record, 5);
    assert.deepEqual(opened.result, bytes(3));
    assert.equal(opened.header.type, 23);
  });

  test('with encrypt-then-MAC the MAC covers the length of IV and ciphertext', () => {
    const keys = { key: bytes(16), mac: bytes(32, 2), iv: new Uint8Array(0) };
    const cbc = CBC_SUITES.find((of) => of.keyLength === 16);
    assert.ok(cbc);
    const iv = bytes(16, 4);
    const inner = Uint8Array.of(...bytes(3), 22, ...new Array<number>(12).fill(11));
    const record = new Uint8Array(18 + 64);
    record.set(header(64));
    record.set(iv, 18);
    nodeProvider.aesCbc(keys.key).encrypt(iv, inner, record, 34);
    const mac = nodeProvider.mac('sha256', keys.mac);
    record.set(mac.sign(Uint8Array.of(...start, 0, 32), record.subarray(18, 50)), 50);
    const reader = new CbcReader12(nodeProvider, cbc, 1, keys, undefined, true);
    const opened = received(reader, record, 5);
    assert.deepEqual(opened.result, bytes(3));
    assert.equal(opened.header.type, 22);
  });

  test('content and type have at most 2^14 bytes in DTLS 1.2', () => {
    for (const protection of protections.filter(({ suite: of }) => of.version === 'DTLSv1.2')) {
      const writer = protection.writer({ cid });
      const reader = protection.reader({ cid });
      assert.equal(writer.capacity(0x10000), 0x3fff);
      assert.deepEqual(received(reader, sealed(writer, bytes(0x3fff)), 5).result, bytes(0x3fff));
      assert.equal(received(reader, sealed(writer, bytes(0x4000)), 5).result, 'record_overflow');
    }
  });

  test('an inner plaintext of zeros has no content type', () => {
    const keys = { key: bytes(16), iv: bytes(4) };
    const gcm = aeadSuite('ECDHE-ECDSA-AES128-GCM-SHA256');
    const number = Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 7);
    const record = new Uint8Array(18 + 8 + 4 + 16);
    record.set(header(8 + 4 + 16));
    record.set(number, 18);
    nodeProvider
      .aead('aes-128-gcm', keys.key)
      .seal(
        Uint8Array.of(...keys.iv, ...number),
        Uint8Array.of(...start, 0, 4),
        new Uint8Array(4),
        record,
        26,
      );
    const reader = new RecordReader12(nodeProvider, gcm, 1, keys, undefined, true);
    assert.equal(received(reader, record, 5).result, 'no_content_type');
  });
});
