import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { MAX_SEQUENCE } from '#lib/base/sequence.js';
import { createHeader, PLAIN_HEADER_LENGTH, readHeader, writePlainHeader } from '#lib/record/header.js';

suite('record headers', () => {
  test('a plain header is read as it was written, anywhere in a datagram', () => {
    const anyHeader = fc.record({
      type: fc.constantFrom(20, 21, 22, 23, 26),
      version: fc.integer({ min: 0, max: 0xffff }),
      epoch: fc.integer({ min: 0, max: 0xffff }),
      sequence: fc.integer({ min: 0, max: MAX_SEQUENCE }),
      length: fc.integer({ min: 0, max: 2000 }),
      at: fc.integer({ min: 0, max: 50 }),
    });
    fc.assert(
      fc.property(anyHeader, ({ at, length, ...fields }) => {
        const datagram = new Uint8Array(at + PLAIN_HEADER_LENGTH + length + 3);
        writePlainHeader(datagram, at, fields.type, fields.version, fields.epoch, fields.sequence, length);
        const header = createHeader();
        assert.equal(readHeader(datagram, at, header), undefined);
        const bodyStart = at + PLAIN_HEADER_LENGTH;
        const place = { start: at, bodyStart, end: bodyStart + length, cidStart: at + 11, cidLength: 0 };
        assert.deepEqual(header, { ...fields, ...place, unified: false });
      }),
    );
  });

  const unified: readonly [string, number[], object][] = [
    ['16 bits and length', [0x2e, 1, 2, 0, 3, 9, 9, 9], { epoch: 2, sequence: 0x102, bodyStart: 5, end: 8 }],
    ['16 bits', [0x2b, 1, 2, 9, 9, 9], { epoch: 3, sequence: 0x102, bodyStart: 3, end: 6 }],
    ['8 bits and length', [0x25, 7, 0, 3, 9, 9, 9], { epoch: 1, sequence: 7, bodyStart: 4, end: 7 }],
    ['8 bits', [0x20, 7, 9, 9], { epoch: 0, sequence: 7, bodyStart: 2, end: 4 }],
  ];
  for (const [name, datagram, expected] of unified) {
    test(`a unified header with ${name} is read`, () => {
      const header = createHeader();
      assert.equal(readHeader(Uint8Array.from(datagram), 0, header), undefined);
      const none = { cidStart: 1, cidLength: 0 };
      assert.deepEqual(header, { type: 0, version: 0, start: 0, unified: true, ...none, ...expected });
    });
  }

  const withIds: readonly [string, number[], object][] = [
    [
      '1.2',
      [25, 0xfe, 0xfd, 0, 1, ...zeros(5), 7, 5, 6, 0, 1, 9, 8],
      { bodyStart: 15, end: 16, cidStart: 11 },
    ],
    ['1.3 with 16 bits', [0x3e, 5, 6, 1, 2, 0, 3, 9, 9, 9], { bodyStart: 7, end: 10, cidStart: 1 }],
    ['1.3 with 8 bits', [0x32, 5, 6, 7, 9, 9, 9], { bodyStart: 4, end: 7, cidStart: 1 }],
  ];
  for (const [name, datagram, expected] of withIds) {
    test(`a connection ID of 2 bytes in ${name} is found`, () => {
      const header = createHeader();
      assert.equal(readHeader(Uint8Array.from(datagram), 0, header, { lengthAt: () => 2 }), undefined);
      const { bodyStart, end, cidStart } = header;
      assert.deepEqual({ bodyStart, end, cidStart }, expected);
      assert.equal(header.cidLength, 2);
    });

    test(`a connection ID in ${name} that is none of ours makes the rest unreadable`, () => {
      assert.equal(
        readHeader(Uint8Array.from(datagram), 0, createHeader(), { lengthAt: () => 0 }),
        'unknown_cid',
      );
    });

    test(`a connection ID in ${name} that is cut short is refused`, () => {
      const cut = Uint8Array.from(datagram).subarray(0, (expected as { cidStart: number }).cidStart + 1);
      assert.equal(readHeader(cut, 0, createHeader(), { lengthAt: () => 2 }), 'truncated');
    });
  }

  const refused: readonly [string, number[], string][] = [
    ['an empty datagram', [], 'truncated'],
    ['a content type below all others', [19, 0xfe, 0xfd, ...zeros(10)], 'bad_type'],
    ['a content type above all others', [28, 0xfe, 0xfd, ...zeros(10)], 'bad_type'],
    ['a first byte that no version uses', [0x40, ...zeros(20)], 'bad_type'],
    ['STUN', [0, 1, ...zeros(18)], 'bad_type'],
    ['a QUIC long header', [0xc0, ...zeros(20)], 'bad_type'],
    ['a connection ID in 1.2', [25, 0xfe, 0xfd, ...zeros(20)], 'unknown_cid'],
    ['a connection ID in 1.3', [0x3e, ...zeros(20)], 'unknown_cid'],
    ['a plain header cut short', [22, 0xfe, 0xfd, ...zeros(9)], 'truncated'],
    ['a plain body cut short', [22, 0xfe, 0xfd, ...zeros(8), 0, 2, 9], 'truncated'],
    ['a unified header cut short', [0x2c, 0, 0, 0], 'truncated'],
    ['a unified body cut short', [0x2c, 0, 0, 0, 2, 9], 'truncated'],
    ['a plain record too long', [22, 0xfe, 0xfd, ...zeros(8), 0x48, 1, ...zeros(0x4801)], 'too_long'],
    ['a unified record too long', [0x2c, 0, 0, 0x48, 1, ...zeros(0x4801)], 'too_long'],
  ];
  for (const [name, datagram, reason] of refused) {
    test(`${name} is refused as ${reason}`, () => {
      assert.equal(readHeader(Uint8Array.from(datagram), 0, createHeader()), reason);
    });
  }

  test('no header throws or reads past the datagram', () => {
    const first = fc.integer({ min: 20, max: 63 });
    fc.assert(
      fc.property(first, fc.uint8Array({ maxLength: 40 }), (type, rest) => {
        const datagram = Uint8Array.of(type, ...rest);
        const header = createHeader();
        const cids = { lengthAt: () => type % 5 };
        if (readHeader(datagram, 0, header, cids) !== undefined) return;
        assert.ok(header.start < header.bodyStart && header.bodyStart <= header.end);
        assert.ok(header.end <= datagram.length);
      }),
      { numRuns: 2000 },
    );
  });
});

function zeros(length: number): number[] {
  return new Array<number>(length).fill(0);
}
