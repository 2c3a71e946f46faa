import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import { layerProvider } from '#lib/crypto/layered-provider.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { nativeFailure } from '#lib/crypto/node-native.js';
import { nativeLayer } from '#lib/crypto/node-native-layer.js';
import type { AeadName, CryptoProvider } from '#lib/crypto/provider.js';
import { createSodium } from '#lib/crypto/sodium.js';
import { type AeadSuite, SUITES } from '#lib/crypto/suites.js';
import { createHeader, readHeader } from '#lib/record/header.js';
import { RecordReader12, RecordWriter12 } from '#lib/record/protect12.js';
import { RecordReader13, RecordWriter13 } from '#lib/record/protect13.js';
import type { RecordReader, RecordWriter } from '#lib/record/reader-writer.js';
import { LONG } from '../support/long.js';
import { Random } from '../support/random.js';

/** Every length of a record up to the longest (RFC 8446 §5.2) in a long run; otherwise those about blocks, and some others. */
const MAX_LENGTH = 0x4000;
const LENGTHS = LONG
  ? Array.from({ length: MAX_LENGTH + 1 }, (_, length) => length)
  : [...Array.from({ length: 66 }, (_, length) => length), 127, 255, 257, 1200, 4095, 4096, 9001, MAX_LENGTH];

const skip = nativeFailure() ?? false;
const native = layerProvider(nodeProvider, nativeLayer(nodeProvider));
const bytes = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const EPOCH = 3;
const TYPE = 23;
/** Of a record of DTLS 1.2. */
const EXPLICIT_NONCE = 8;
const SAMPLE = 16;

/** One suite for each AEAD of a version. */
const kinds = SUITES.filter((suite): suite is AeadSuite => suite.aead !== undefined).filter(
  ({ aead, version }, i, all) =>
    i === all.findIndex((other) => other.aead === aead && other.version === version),
);

/** What has keys of whole records, for which of its AEADs; the others it makes and opens of parts. */
const WAYS = [
  { name: 'native code', provider: native, skip, of: kinds, whole: () => true },
  {
    name: 'libsodium',
    provider: layerProvider(nodeProvider, await createSodium()),
    skip: false,
    of: kinds.filter(({ aead }) => aead === 'chacha20-poly1305'),
    whole: ({ version }: AeadSuite) => version === 'DTLSv1.2',
  },
];

/** Keys of one direction, and what protects and opens records with them. */
class Keyed {
  readonly of: AeadSuite;
  readonly keys;
  /** DTLS 1.3. */
  readonly encrypts: boolean;

  constructor(of: AeadSuite) {
    this.of = of;
    this.encrypts = of.version === 'DTLSv1.3';
    const { keyLength } = of;
    this.keys = {
      key: bytes(keyLength),
      iv: bytes(of.fixedIvLength),
      sn: bytes(keyLength),
      secret: bytes(32),
    };
  }

  writer(provider: CryptoProvider, cid: Uint8Array, sequence = 0): RecordWriter {
    const Writer = this.encrypts ? RecordWriter13 : RecordWriter12;
    const writer = new Writer(provider, this.of, EPOCH, this.keys, undefined, sequence);
    if (cid.length > 0) writer.useConnectionId(cid);
    return writer;
  }

  reader(provider: CryptoProvider, cid: Uint8Array): RecordReader {
    const Reader = this.encrypts ? RecordReader13 : RecordReader12;
    return new Reader(provider, this.of, EPOCH, this.keys, undefined, cid.length > 0);
  }

  /** A record that node:crypto puts together from its parts. */
  record(content: Uint8Array, given: Given = {}): Uint8Array {
    return this.encrypts ? this.unified(content, given) : this.plain(content, given);
  }

  /** RFC 5288 §3, RFC 6655 §3, RFC 7905 §2, and with a connection ID RFC 9146 §4, §5.3. */
  private plain(content: Uint8Array, { sequence = 0, cid = NONE, zeros = 0, nonce, type = TYPE }: Given) {
    const hasCid = cid.length > 0;
    const number = Uint8Array.of(0, EPOCH, ...u48(sequence));
    const text = hasCid ? Uint8Array.of(...content, type, ...new Uint8Array(zeros)) : content;
    const explicit = this.of.explicitNonceLength === 0 ? NONE : (nonce ?? number);
    const length = explicit.length + text.length + this.of.tagLength;
    const outer = hasCid ? 25 : type;
    const header = Uint8Array.of(outer, 0xfe, 0xfd, ...number, ...cid, length >>> 8, length);
    const end = [text.length >>> 8, text.length];
    const aad = hasCid
      ? [...new Uint8Array(8).fill(0xff), 25, cid.length, 25, 0xfe, 0xfd, ...number, ...cid, ...end]
      : [...number, outer, 0xfe, 0xfd, ...end];
    const iv = explicit.length > 0 ? [...this.keys.iv, ...explicit] : masked(this.keys.iv, number);
    return joined(header, explicit, this.sealed(Uint8Array.from(iv), Uint8Array.from(aad), text));
  }

  /** RFC 9147 §4, §4.2.3. */
  private unified(
    content: Uint8Array,
    { sequence = 0, cid = NONE, zeros = 0, type = TYPE, short = false, hasLength = true }: Given,
  ) {
    const text = joined(content, Uint8Array.of(type), new Uint8Array(zeros));
    const length = text.length + this.of.tagLength;
    const flags = 0x20 | (EPOCH & 3) | (cid.length > 0 ? 0x10 : 0) | (short ? 0 : 8) | (hasLength ? 4 : 0);
    const number = short ? [sequence] : [sequence >>> 8, sequence];
    const end = hasLength ? [length >>> 8, length] : [];
    const header = Uint8Array.of(flags, ...cid, ...number, ...end);
    const sealed = this.sealed(masked(this.keys.iv, Uint8Array.from(u48(sequence))), header, text);
    const mask = nodeProvider.recordNumberMask(this.of.aead, this.keys.sn).mask(sealed.slice(0, SAMPLE));
    for (const i of number.keys()) header[1 + cid.length + i] = (number[i] as number) ^ (mask[i] as number);
    return joined(header, sealed);
  }

  private sealed(nonce: Uint8Array, aad: Uint8Array, text: Uint8Array): Uint8Array {
    const out = new Uint8Array(text.length + this.of.tagLength);
    nodeProvider.aead(this.of.aead, this.keys.key).seal(nonce, aad, text, out, 0);
    return out;
  }
}

interface Given {
  readonly sequence?: number;
  readonly cid?: Uint8Array;
  readonly zeros?: number;
  readonly type?: number;
  /** A peer may choose its explicit nonces. */
  readonly nonce?: Uint8Array;
  /** 8 bits of the number. */
  readonly short?: boolean;
  readonly hasLength?: boolean;
}

const NONE = new Uint8Array(0);

function u48(number: number): number[] {
  return Array.from({ length: 6 }, (_, i) => Math.floor(number / 2 ** (8 * (5 - i))) % 256);
}

/** RFC 8446 §5.3. */
function masked(iv: Uint8Array, number: Uint8Array): Uint8Array {
  const from = iv.length - number.length;
  return iv.map((byte, i) => (i < from ? byte : byte ^ (number[i - from] as number)));
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** What becomes of the record at `from` of a datagram. */
function opened(reader: RecordReader, datagram: Uint8Array, cid: Uint8Array, from = 0) {
  const header = createHeader();
  const bad = readHeader(datagram, from, header, { lengthAt: () => cid.length });
  if (bad !== undefined) return { result: bad };
  // As it is in both forms.
  if (header.epoch !== EPOCH) return { result: 'unknown_epoch' };
  const result = reader.open(header, datagram);
  return typeof result === 'string' ? { result } : { result, type: header.type, sequence: header.sequence };
}

function changed(from: Uint8Array, bit: number): Uint8Array {
  const copy = from.slice();
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
  return copy;
}

const IDS = [NONE, bytes(1), bytes(8), bytes(20), bytes(255)];

for (const { provider, of: mine, whole, ...way } of WAYS)
  suite(`keys of records of ${way.name}`, { skip: way.skip }, () => {
    for (const of of mine) {
      const name = `${of.aead} in ${of.version}`;

      test(`${name} has such keys, or is put together of its parts`, () => {
        const { key, iv, sn } = new Keyed(of).keys;
        const made = provider.recordKey?.(of.aead, {
          ...{ epoch: 1, key, iv },
          sn: of.version === 'DTLSv1.3' ? sn : NONE,
        });
        assert.equal(made?.tagLength, whole(of) ? of.tagLength : undefined);
      });

      test(`${name} makes the records of node:crypto at every length, and opens them`, () => {
        const keyed = new Keyed(of);
        const source = bytes(MAX_LENGTH);
        for (const [i, cid] of [NONE, bytes(8)].entries()) {
          const [writer, reader] = [keyed.writer(provider, cid), keyed.reader(provider, cid)];
          // With a connection ID the content type is one of the bytes.
          for (const length of LENGTHS.filter((each) => each <= MAX_LENGTH - i)) {
            const content = source.subarray(0, length);
            const { sequence } = writer;
            const record = keyed.record(content, { cid, sequence });
            assert.equal(record.length, writer.overhead + length);
            const room = bytes(record.length + 60);
            const before = room.slice();
            assert.equal(writer.seal(TYPE, content, room, 30), record.length);
            assert.deepEqual(room.subarray(30, 30 + record.length), record, `${length} bytes`);
            assert.deepEqual(room.subarray(0, 30), before.subarray(0, 30));
            assert.deepEqual(room.subarray(30 + record.length), before.subarray(30 + record.length));
            const sealed = room.slice();
            assert.deepEqual(opened(reader, room, cid, 30), { result: content, type: TYPE, sequence });
            assert.deepEqual(room, sealed);
          }
        }
      });

      test(`${name} takes connection IDs of every length, and another one later`, () => {
        const keyed = new Keyed(of);
        const content = bytes(40);
        const writer = keyed.writer(provider, NONE);
        for (const cid of [...IDS, NONE, ...Array.from({ length: 255 }, (_, i) => bytes(i + 1))]) {
          writer.useConnectionId(cid);
          const { sequence } = writer;
          const record = keyed.record(content, { cid, sequence });
          const room = new Uint8Array(record.length);
          assert.equal(writer.seal(TYPE, content, room, 0), record.length);
          assert.deepEqual(room, record);
          const result = { result: content, type: TYPE, sequence };
          assert.deepEqual(opened(keyed.reader(provider, cid), record, cid), result);
        }
      });

      test(`${name} keeps its connection ID while it rests`, () => {
        const keyed = new Keyed(of);
        const [cid, content] = [bytes(8), bytes(40)] as const;
        const writer = keyed.writer(provider, cid);
        writer.rest({ keysOf: () => ({ crypto: provider, suite: of, keys: { ...keyed.keys, mac: NONE } }) });
        const record = keyed.record(content, { cid });
        const room = new Uint8Array(record.length);
        writer.seal(TYPE, content, room, 0);
        assert.deepEqual(room, record);
      });

      test(`${name} opens every form of a record: of header, explicit nonce, type and padding`, () => {
        const keyed = new Keyed(of);
        const contents = [0, 1, 40, 700, 40, 5000].map(bytes);
        const kept: [Uint8Array, unknown][] = [];
        for (const cid of IDS)
          for (const content of contents)
            for (const zeros of cid.length > 0 || keyed.encrypts ? [0, 1, 300] : [0])
              for (const [short, hasLength] of [
                [false, true],
                [true, true],
                [false, false],
                [true, false],
              ] as const) {
                const type = 22;
                const given = { cid, zeros, type, short, hasLength, nonce: bytes(EXPLICIT_NONCE) };
                const got = opened(keyed.reader(provider, cid), keyed.record(content, given), cid);
                assert.deepEqual(got, { result: content, type, sequence: 0 });
                kept.push([content, got.result]);
              }
        for (const [content, result] of kept) assert.deepEqual(result, content, 'contents are kept apart');
      });

      test(`${name} finds no type among zeros`, () => {
        const keyed = new Keyed(of);
        for (const cid of keyed.encrypts ? IDS : IDS.slice(1))
          for (const zeros of [0, 1, 50]) {
            const record = keyed.record(NONE, { cid, zeros, type: 0 });
            assert.deepEqual(opened(keyed.reader(provider, cid), record, cid), { result: 'no_content_type' });
          }
      });

      test(`${name} refuses a change of any bit, and every shorter record, and opens the next one`, () => {
        const keyed = new Keyed(of);
        for (const cid of [NONE, bytes(8)]) {
          const content = bytes(33);
          const record = keyed.record(content, { cid, sequence: 5 });
          const reader = keyed.reader(provider, cid);
          for (let bit = 0; bit < record.length * 8; bit++)
            assert.equal(typeof opened(reader, changed(record, bit), cid).result, 'string', `bit ${bit}`);
          for (let end = 0; end < record.length; end++)
            assert.equal(typeof opened(reader, record.slice(0, end), cid).result, 'string', `${end} bytes`);
          assert.deepEqual(opened(reader, record, cid), { result: content, type: TYPE, sequence: 5 });
          assert.equal(opened(reader, record, cid).result, 'replayed');
        }
      });

      test(`${name} tells what node:crypto does of records in any order, repeated, changed and lost`, (t) => {
        const seed = randomBytes(4).readUInt32LE();
        t.diagnostic(`seed ${seed}`);
        const random = new Random(seed);
        for (const cid of [NONE, bytes(8)]) {
          const keyed = new Keyed(of);
          const readers = [keyed.reader(provider, cid), keyed.reader(nodeProvider, cid)] as const;
          const sent: Uint8Array[] = [];
          let sequence = random.pick([0, 250, keyed.encrypts ? 65_500 : 2 ** 32 - 10]);
          for (let round = 0; round < 600; round++) {
            sequence += random.pick([0, 1, 1, 1, 1, 2, 100, 3000]);
            const given = { cid, sequence, short: random.chance(0.2), zeros: random.pick([0, 0, 3]) };
            sent.push(keyed.record(bytes(random.between(0, 60)), given));
            const one = sent[Math.max(0, sent.length - random.pick([1, 1, 1, 2, 5, 300]))] as Uint8Array;
            const datagram = random.chance(0.1) ? changed(one, random.below(one.length * 8)) : one;
            const [ours, nodes] = readers.map((reader) => opened(reader, datagram, cid));
            assert.deepEqual(ours, nodes);
            assert.equal(readers[0].newest, readers[1].newest);
            sequence = Math.max(sequence, readers[0].newest);
          }
        }
      });
    }

    test('the highest numbers of all are sealed and opened', () => {
      for (const of of mine) {
        const keyed = new Keyed(of);
        const content = bytes(5);
        for (const sequence of [2 ** 48 - 0x10001, 2 ** 48 - 2, 2 ** 48 - 1]) {
          const record = keyed.record(content, { sequence });
          const room = new Uint8Array(record.length);
          keyed.writer(provider, NONE, sequence).seal(TYPE, content, room, 0);
          assert.deepEqual(room, record);
        }
      }
    });

    test('keys of all kinds, more than there are contexts for, take turns', (t) => {
      const seed = randomBytes(4).readUInt32LE();
      t.diagnostic(`seed ${seed}`);
      const random = new Random(seed);
      const all = Array.from({ length: 100 }, () => mine.map((of) => new Keyed(of))).flat();
      const pairs = all.map((keyed) => {
        const cid = bytes(random.pick([0, 8]));
        return { keyed, cid, writer: keyed.writer(provider, cid), reader: keyed.reader(provider, cid) };
      });
      for (let round = 0; round < 4000; round++) {
        const { keyed, cid, writer, reader } = random.pick(pairs);
        const content = bytes(random.between(0, 100));
        const { sequence } = writer;
        const record = keyed.record(content, { cid, sequence });
        const room = new Uint8Array(record.length);
        writer.seal(TYPE, content, room, 0);
        assert.deepEqual(room, record, keyed.of.name);
        const bad = changed(record, random.below(8) + 8 * (record.length - 1));
        if (random.chance(0.3)) assert.equal(opened(reader, bad, cid).result, 'bad_record');
        assert.deepEqual(opened(reader, record, cid), { result: content, type: TYPE, sequence });
      }
    });
  });

suite('layers of native code', { skip }, () => {
  test('records of a layer with other masks, or another AEAD, are made of its parts', () => {
    const of = kinds.find(({ version }) => version === 'DTLSv1.3') ?? assert.fail();
    const secrets = { epoch: 3, key: bytes(of.keyLength), iv: bytes(12), sn: bytes(of.keyLength) };
    const plain = { ...secrets, iv: bytes(4), sn: NONE };
    const only = (aead: AeadName) => (name: AeadName) => name === aead;
    const aead: CryptoProvider['aead'] = (...given) => nodeProvider.aead(...given);
    const recordNumberMask: CryptoProvider['recordNumberMask'] = (...given) =>
      nodeProvider.recordNumberMask(...given);
    const other = layerProvider(native, { aeads: { has: only(of.aead), aead } });
    const masks = layerProvider(native, { recordNumberMasks: { has: only(of.aead), recordNumberMask } });
    for (const provider of [other, masks]) {
      assert.equal(provider.recordKey?.(of.aead, secrets), undefined);
      assert.notEqual(provider.recordKey?.('chacha20-poly1305', chacha(secrets)), undefined);
    }
    assert.notEqual(masks.recordKey?.(of.aead, plain), undefined);
    assert.equal(other.recordKey?.(of.aead, plain), undefined);
  });
});

function chacha(secrets: { readonly epoch: number; readonly iv: Uint8Array }) {
  return { ...secrets, key: bytes(32), sn: bytes(32) };
}
