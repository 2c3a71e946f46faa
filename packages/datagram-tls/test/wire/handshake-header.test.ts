import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { concat } from '#lib/base/bytes.js';
import {
  readHandshakeFragments,
  transcriptHeader12,
  transcriptHeader13,
  writeHandshakeHeader,
} from '#lib/wire/messages/handshake-header.js';
import { hex } from './bytes.js';

const header = fc
  .record({
    type: fc.integer({ min: 0, max: 0xff }),
    messageSeq: fc.integer({ min: 0, max: 0xffff }),
    fragmentOffset: fc.integer({ min: 0, max: 0xff_0000 }),
    beyond: fc.integer({ min: 0, max: 0xff00 }),
    fragment: fc.uint8Array({ minLength: 1, maxLength: 60 }),
  })
  .map(({ beyond, ...rest }) => ({
    ...rest,
    length: rest.fragmentOffset + rest.fragment.length + beyond,
    fragmentLength: rest.fragment.length,
  }));

suite('handshake header', () => {
  test('reads a fragment field by field', () => {
    const record = hex('0b 00019e 0002 0000f0 000003 aabbcc');
    assert.deepEqual(readHandshakeFragments(record), [
      {
        type: 11,
        length: 0x19e,
        messageSeq: 2,
        fragmentOffset: 0xf0,
        fragmentLength: 3,
        fragment: hex('aabbcc'),
      },
    ]);
  });

  test('reads several fragments of one record in order', () => {
    const done = hex('0e 000000 0005 000000 000000');
    const types = readHandshakeFragments(concat(transcriptHeader12(12, 4, 2), hex('0102'), done));
    assert.deepEqual(
      types?.map(({ type, messageSeq, fragment }) => [type, messageSeq, fragment.length]),
      [
        [12, 4, 2],
        [14, 5, 0],
      ],
    );
  });

  test('the reader reads what the writer wrote', () => {
    fc.assert(
      fc.property(fc.array(header, { minLength: 1, maxLength: 4 }), (headers) => {
        const parts = headers.map((fragment) => {
          const part = new Uint8Array(12);
          writeHandshakeHeader(part, 0, fragment);
          return concat(part, fragment.fragment);
        });
        assert.deepEqual(readHandshakeFragments(concat(...parts)), headers);
      }),
    );
  });

  test('the writer writes only its twelve bytes', () => {
    const target = new Uint8Array(16).fill(0x55);
    const fields = { type: 1, length: 0x010203, messageSeq: 0x0405, fragmentOffset: 6, fragmentLength: 7 };
    writeHandshakeHeader(target, 2, fields);
    assert.deepEqual(target, hex('5555 01 010203 0405 000006 000007 5555'));
  });

  const malformed: readonly [string, string][] = [
    ['an empty record', ''],
    ['a cut header', '01 000004 0000 000000 0000'],
    ['a cut fragment', '01 000004 0000 000000 000004 010203'],
    ['a fragment longer than its message', '01 000002 0000 000000 000003 010203'],
    ['a fragment that ends beyond its message', '01 000004 0000 000002 000003 010203'],
    ['an offset beyond the message', '0e 000000 0000 000001 000000'],
    ['offset and length whose sum would wrap', '01 000004 0000 ffffff 000001 01'],
    ['a good fragment followed by rubbish', '0e 000000 0000 000000 000000 ff'],
  ];
  for (const [what, bytes] of malformed) {
    test(`refuses ${what}`, () => {
      assert.equal(readHandshakeFragments(hex(bytes)), undefined);
    });
  }

  test('an empty fragment of a message with bytes is read', () => {
    const [fragment] = readHandshakeFragments(hex('01 000004 0000 000002 000000')) ?? assert.fail();
    assert.deepEqual([fragment?.length, fragment?.fragmentOffset, fragment?.fragmentLength], [4, 2, 0]);
  });

  test('the 1.2 transcript has sequence and fragment fields', () => {
    assert.deepEqual(transcriptHeader12(16, 3, 2), hex('10 000002 0003 000000 000002'));
  });

  test('the 1.3 transcript has neither', () => {
    assert.deepEqual(transcriptHeader13(20, 3, 2), hex('14 000002'));
  });
});
