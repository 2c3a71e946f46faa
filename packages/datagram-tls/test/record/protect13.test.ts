import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { unpack } from '#lib/base/packed.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { type AeadSuite, DEFAULT_SUITES } from '#lib/crypto/suites.js';
import { type RecordKeys13, RecordReader13, RecordWriter13 } from '#lib/record/protect13.js';
import { bytes, received, sealed } from './protections.js';

interface Form {
  readonly sequence16: boolean;
  readonly length: boolean;
}

const FORMS: readonly Form[] = [
  { sequence16: true, length: true },
  { sequence16: true, length: false },
  { sequence16: false, length: true },
  { sequence16: false, length: false },
];

for (const of of DEFAULT_SUITES['DTLSv1.3']) {
  suite(`unified records under ${of.name}`, () => {
    const keys = {
      key: bytes(of.keyLength, 1),
      iv: bytes(12, 2),
      sn: bytes(of.keyLength, 3),
      secret: bytes(32, 4),
    };
    const reader = () => new RecordReader13(nodeProvider, of, 3, keys);

    for (const form of FORMS) {
      test(`a header with ${describe(form)} is read`, () => {
        const record = build(of, keys, { ...form, sequence: 77, inner: Uint8Array.of(1, 2, 3, 23) });
        const { header, result } = received(reader(), record);
        assert.deepEqual(result, Uint8Array.of(1, 2, 3));
        assert.deepEqual([header.type, header.epoch, header.sequence], [23, 3, 77]);
      });
    }

    test('the longest form is written', () => {
      const writer = new RecordWriter13(nodeProvider, of, 3, keys, undefined, 0x1234567);
      const built = build(of, keys, {
        sequence16: true,
        length: true,
        sequence: 0x1234567,
        inner: Uint8Array.of(9, 8, 22),
      });
      assert.deepEqual(sealed(writer, Uint8Array.of(9, 8), 22), built);
    });

    test('a reader that rests makes its keys again for the next record, once', () => {
      const resting = reader();
      const first = build(of, keys, { sequence: 1, inner: Uint8Array.of(1, 23) });
      assert.deepEqual(received(resting, first).result, Uint8Array.of(1));
      const asked: unknown[] = [];
      resting.rest({
        keysOf: (direction, secret) => {
          asked.push([direction, unpack(secret)]);
          return { crypto: nodeProvider, suite: of, keys: { ...keys, mac: new Uint8Array(0) } };
        },
      });
      const short = build(of, keys, { sequence16: true, length: false, inner: Uint8Array.of(1, 23) });
      assert.equal(received(resting, short.slice(0, 10)).result, 'too_short');
      assert.deepEqual(asked, []);
      assert.equal(received(resting, first).result, 'replayed');
      for (const sequence of [2, 3]) {
        const record = build(of, keys, { sequence, inner: Uint8Array.of(sequence, 23) });
        assert.deepEqual(received(resting, record).result, Uint8Array.of(sequence));
      }
      assert.deepEqual(asked, [['read', keys.secret]]);
    });

    test('padding is removed', () => {
      const inner = Uint8Array.of(5, 0, 6, 0, 21, 0, 0, 0, 0);
      const { header, result } = received(reader(), build(of, keys, { inner }));
      assert.deepEqual(result, Uint8Array.of(5, 0, 6, 0));
      assert.equal(header.type, 21);
    });

    test('protected content may be empty', () => {
      const { header, result } = received(reader(), build(of, keys, { inner: Uint8Array.of(23, 0) }));
      assert.deepEqual([result, header.type], [new Uint8Array(0), 23]);
    });

    test('a record of only zeros, or of nothing, has no content type', () => {
      for (const length of [0, 1, 50]) {
        const record = build(of, keys, { inner: new Uint8Array(length) });
        assert.equal(received(reader(), record).result, 'no_content_type');
      }
    });

    test('a plaintext may be padded up to its limit and not beyond', () => {
      const inner = new Uint8Array(0x4001);
      inner[0] = 23;
      assert.deepEqual(received(reader(), build(of, keys, { inner })).result, new Uint8Array(0));
      const longer = new Uint8Array(0x4002);
      longer[0] = 23;
      assert.equal(received(reader(), build(of, keys, { inner: longer })).result, 'record_overflow');
    });

    test('a ciphertext longer than any plaintext requires is not decrypted', () => {
      const record = build(of, keys, { inner: new Uint8Array(0x4000 + 256 - of.tagLength + 1) });
      assert.equal(received(reader(), record).result, 'too_long');
    });
  });
}

suite('sequence numbers of DTLS 1.3', () => {
  const of = DEFAULT_SUITES['DTLSv1.3'][0];
  assert.ok(of);
  const keys = {
    key: bytes(of.keyLength, 1),
    iv: bytes(12, 2),
    sn: bytes(of.keyLength, 3),
    secret: bytes(32, 4),
  };
  const build13 = (sequence: number, sequence16: boolean) =>
    build(of, keys, { sequence, sequence16, inner: Uint8Array.of(1, 23) });

  for (const [sequence16, steps] of [
    [true, [0, 0x8000, 0xfffe, 0x17ffd, 0x17f80, 0x1fffd, 0x1ffff, 0x20000, 0x1fffe]],
    [false, [0, 0x80, 0xfe, 0x17d, 0xff, 0x100, 0x1fc]],
  ] as const) {
    test(`records with ${sequence16 ? 16 : 8} bits are followed over the carry and back`, () => {
      const reader = new RecordReader13(nodeProvider, of, 3, keys);
      for (const sequence of steps) {
        const { header, result } = received(reader, build13(sequence, sequence16));
        assert.deepEqual(result, Uint8Array.of(1), `record ${sequence}`);
        assert.equal(header.sequence, sequence);
      }
    });
  }

  test('the masked bits are not the sequence number', () => {
    const writer = new RecordWriter13(nodeProvider, of, 3, keys);
    const shown = Array.from({ length: 50 }, () => {
      const record = sealed(writer, bytes(3));
      return new DataView(record.buffer).getUint16(1);
    });
    const plain = shown.filter((number, sequence) => number === sequence);
    assert.ok(plain.length < 3, 'a mask of zeros is rare');
  });
});

interface Layout extends Partial<Form> {
  readonly sequence?: number;
  /** Content, its type and padding. */
  readonly inner: Uint8Array;
}

/** One record of epoch 3, made from RFC 9147's figures and not by the writer. */
function build(of: AeadSuite, keys: RecordKeys13, layout: Layout): Uint8Array {
  const { sequence16 = true, length = true, sequence = 0, inner } = layout;
  const bodyLength = inner.length + of.tagLength;
  const header = [0x20 | (sequence16 ? 0x08 : 0) | (length ? 0x04 : 0) | 3];
  if (sequence16) header.push((sequence >>> 8) & 0xff);
  header.push(sequence & 0xff);
  if (length) header.push(bodyLength >>> 8, bodyLength & 0xff);
  const nonce = keys.iv.slice();
  const view = new DataView(nonce.buffer);
  view.setBigUint64(4, view.getBigUint64(4) ^ BigInt(sequence));
  const record = new Uint8Array(header.length + bodyLength);
  const aead = nodeProvider.aead(of.aead, keys.key);
  aead.seal(nonce, Uint8Array.from(header), inner, record, header.length);
  const sample = record.subarray(header.length, header.length + 16);
  const mask = nodeProvider.recordNumberMask(of.aead, keys.sn).mask(sample);
  const masked = header.map((byte, i) =>
    i === 1 || (i === 2 && sequence16) ? byte ^ (mask[i - 1] ?? 0) : byte,
  );
  record.set(masked);
  return record;
}

function describe({ sequence16, length }: Form): string {
  return `${sequence16 ? 16 : 8} bits of sequence number and ${length ? 'a' : 'no'} length`;
}
