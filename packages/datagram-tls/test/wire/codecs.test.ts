import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { concat } from '#lib/base/bytes.js';
import { extensionCodecs } from './extension-codecs.js';
import { messageCodecs } from './message-codecs.js';

const allCodecs = [...messageCodecs, ...extensionCodecs];

for (const codec of allCodecs) {
  suite(codec.name, () => {
    test('decodes to what was encoded, and encodes to the same bytes again', () => {
      fc.assert(
        fc.property(codec.samples, ({ value, body }) => {
          assert.deepEqual(codec.decode(body), value);
          assert.deepEqual(codec.reencode(body), body);
        }),
      );
    });

    test('gives views into the body, never copies', () => {
      fc.assert(
        fc.property(codec.samples, ({ body }) => {
          for (const field of byteFields(codec.decode(body))) assert.equal(field.buffer, body.buffer);
        }),
      );
    });

    if (codec.anyLength) return;

    test('refuses a body cut at any length', () => {
      fc.assert(
        fc.property(codec.samples, ({ body, cuts }) => {
          for (let length = 0; length < body.length; length++) {
            if (cuts.includes(length)) continue;
            assert.equal(codec.decode(body.subarray(0, length)), undefined, `cut at ${length}`);
          }
        }),
      );
    });

    test('refuses a body with a byte too many', () => {
      fc.assert(
        fc.property(codec.samples, fc.integer({ min: 0, max: 255 }), ({ body }, extra) => {
          assert.equal(codec.decode(concat(body, Uint8Array.of(extra))), undefined);
        }),
      );
    });
  });
}

suite('every codec', () => {
  test('every codec reads random bytes without throwing, and re-encodes what it accepts', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (body) => {
        for (const codec of allCodecs) {
          const again = codec.reencode(body);
          if (again !== undefined) assert.deepEqual(codec.decode(again), codec.decode(body), codec.name);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('every codec reads a sample with any byte changed without throwing', () => {
    for (const codec of allCodecs) {
      fc.assert(
        fc.property(codec.samples, fc.nat(), fc.integer({ min: 1, max: 255 }), ({ body }, at, flip) => {
          if (body.length === 0) return;
          const changed = body.slice();
          const index = at % body.length;
          changed[index] = (changed[index] ?? 0) ^ flip;
          codec.reencode(changed);
        }),
        { numRuns: 50 },
      );
    }
  });
});

/** All non-empty byte arrays in a decoded value. */
function byteFields(value: unknown): Uint8Array[] {
  if (value instanceof Uint8Array) return value.length > 0 ? [value] : [];
  if (value instanceof Map) return [...value.values()].flatMap(byteFields);
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(byteFields);
  return [];
}
