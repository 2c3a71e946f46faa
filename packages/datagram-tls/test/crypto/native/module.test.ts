import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { createRequire } from 'node:module';
import { suite, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { nativeFailure } from '#lib/crypto/node-native.js';
import { detached, shared, shrunk } from '../../support/bad-memory.js';

/*
 * The module by itself: whatever JavaScript gives it, it throws or does its work.
 */

interface Module {
  createKey(...args: unknown[]): number | undefined;
  seal(...args: unknown[]): void;
  open(...args: unknown[]): boolean;
  createRecordKey(...args: unknown[]): number | undefined;
  useConnectionId(...args: unknown[]): void;
  sealRecord(...args: unknown[]): void;
  openRecord(...args: unknown[]): number;
  mask(...args: unknown[]): void;
  closeKey(...args: unknown[]): void;
  hasHash(...args: unknown[]): boolean;
  digest(...args: unknown[]): void;
  hmac(...args: unknown[]): void;
  prf(...args: unknown[]): void;
  hkdfExpand(...args: unknown[]): void;
  deriveAll(...args: unknown[]): void;
  sealDerived(...args: unknown[]): void;
  openDerived(...args: unknown[]): boolean;
  importPrivateKey(...args: unknown[]): number | undefined;
  generateKey(...args: unknown[]): number | undefined;
  deriveSecret(...args: unknown[]): boolean;
  importPublicKey(...args: unknown[]): number | undefined;
  answerExchange(...args: unknown[]): boolean;
  verify(...args: unknown[]): boolean;
  sign(...args: unknown[]): number;
}

const skip = nativeFailure() ?? false;
const file = skip === false ? createRequire(import.meta.url).resolve('datagram-tls-native') : '';
const module = (skip === false ? createRequire(import.meta.url)(file) : undefined) as Module;

const owner = {};
const NONCE = new Uint8Array(12);
const AAD = new Uint8Array(13);

function newKey(name = 'aes-128-gcm', length = 16): number {
  return module.createKey(owner, name, new Uint8Array(length)) ?? assert.fail('no key');
}

/** Secrets of a plain record of AES-128-GCM or AES-128-CCM, and of a unified one. */
const PLAIN = 16 + 4;
const UNIFIED = 16 + 12 + 16;

function newRecordKey(length = PLAIN, name = 'aes-128-gcm', cid = 0): number {
  const key = module.createRecordKey(owner, name, 1, new Uint8Array(length)) ?? assert.fail('no key');
  if (cid > 0) module.useConnectionId(key, new Uint8Array(cid));
  return key;
}

function newPair(group = 'x25519'): number {
  return module.generateKey(owner, group, new Uint8Array(133)) ?? assert.fail('no key');
}

const NO_BYTES: readonly (readonly [string, unknown, string])[] = [
  ['undefined', undefined, 'ERR_INVALID_ARG_TYPE'],
  ['null', null, 'ERR_INVALID_ARG_TYPE'],
  ['a string', 'text', 'ERR_INVALID_ARG_TYPE'],
  ['an object', { length: 12 }, 'ERR_INVALID_ARG_TYPE'],
  ['an array', [1, 2, 3], 'ERR_INVALID_ARG_TYPE'],
  ['an ArrayBuffer', new ArrayBuffer(40), 'ERR_INVALID_ARG_TYPE'],
  ['a DataView', new DataView(new ArrayBuffer(40)), 'ERR_INVALID_ARG_TYPE'],
  ['a Float64Array', new Float64Array(40), 'ERR_INVALID_ARG_TYPE'],
  ['an Int8Array', new Int8Array(40), 'ERR_INVALID_ARG_TYPE'],
  ['shared memory', shared(40), 'ERR_INVALID_ARG_VALUE'],
];

/** Every function with good arguments, and the places of bytes among them. */
function calls() {
  return [
    { name: 'createKey', args: [owner, 'aes-128-gcm', new Uint8Array(16)], bytes: [2] },
    { name: 'seal', args: [newKey(), NONCE, AAD, new Uint8Array(40), 0, 24], bytes: [1, 2, 3] },
    {
      name: 'open',
      args: [newKey(), NONCE, AAD, new Uint8Array(40), new Uint8Array(24)],
      bytes: [1, 2, 3, 4],
    },
    { name: 'createRecordKey', args: [owner, 'aes-128-gcm', 1, new Uint8Array(PLAIN)], bytes: [3] },
    { name: 'useConnectionId', args: [newRecordKey(), new Uint8Array(8)], bytes: [1] },
    { name: 'sealRecord', args: [newRecordKey(), 23, 5, new Uint8Array(60), 3, 20], bytes: [3] },
    {
      name: 'openRecord',
      args: [newRecordKey(), 5, new Uint8Array(60), 3, 16, 60, new Uint8Array(25), 5],
      bytes: [2, 6],
    },
    { name: 'mask', args: [newKey('aes-128-mask'), new Uint8Array(16), new Uint8Array(16)], bytes: [1, 2] },
    { name: 'hasHash', args: [32], bytes: [] },
    { name: 'digest', args: [32, new Uint8Array(40), 40, new Uint8Array(40)], bytes: [1, 3] },
    { name: 'hmac', args: [32, new Uint8Array(40), 20, 20], bytes: [1] },
    { name: 'prf', args: [32, new Uint8Array(40), 20, 20, 40], bytes: [1] },
    { name: 'hkdfExpand', args: [32, new Uint8Array(40), 20, 20, 40], bytes: [1] },
    { name: 'deriveAll', args: [32, new Uint8Array(40), 20, 18], bytes: [1] },
    { name: 'sealDerived', args: [32, 'aes-128-gcm', new Uint8Array(80), 20, 20, 20, 20], bytes: [2] },
    { name: 'openDerived', args: [32, 'aes-128-gcm', new Uint8Array(80), 20, 20, 20, 20], bytes: [2] },
    { name: 'importPrivateKey', args: [owner, new Uint8Array(40)], bytes: [1] },
    { name: 'generateKey', args: [owner, 'x25519', new Uint8Array(40)], bytes: [2] },
    { name: 'deriveSecret', args: [newPair(), new Uint8Array(40), 32], bytes: [1] },
    { name: 'answerExchange', args: ['x25519', new Uint8Array(80), 32], bytes: [1] },
    { name: 'importPublicKey', args: [owner, 'ed25519', new Uint8Array(32)], bytes: [2] },
    {
      name: 'verify',
      args: [newPair('secp256r1'), 0x0403, new Uint8Array(40), new Uint8Array(70)],
      bytes: [2, 3],
    },
    {
      name: 'sign',
      args: [newPair('secp256r1'), 0x0403, new Uint8Array(40), new Uint8Array(141)],
      bytes: [2, 3],
    },
  ] as const;
}

function call(name: keyof Module, args: readonly unknown[]): unknown {
  return module[name](...args);
}

suite('the native module', { skip }, () => {
  for (const [what, value, code] of NO_BYTES) {
    test(`refuses ${what} in place of bytes, in every argument`, () => {
      for (const { name, args, bytes } of calls()) {
        call(name, args);
        for (const place of bytes)
          assert.throws(() => call(name, args.with(place, value as never)), { code }, `${name} ${place}`);
      }
    });
  }

  for (const [what, make] of [
    ['of a detached buffer', detached],
    ['of a buffer that has shrunk', shrunk],
    ['that is empty', () => new Uint8Array(0)],
    ['that is one byte too short', (length: number) => new Uint8Array(length - 1)],
  ] as const) {
    test(`refuses an array ${what} where bytes of some length are needed`, () => {
      const outOfRange = { code: 'ERR_OUT_OF_RANGE' };
      assert.throws(() => module.createKey(owner, 'aes-128-gcm', make(16)), outOfRange);
      assert.throws(() => module.seal(newKey(), make(12), AAD, new Uint8Array(40), 0, 24), outOfRange);
      assert.throws(() => module.seal(newKey(), NONCE, AAD, make(40), 0, 24), outOfRange);
      assert.throws(
        () => module.open(newKey(), make(12), AAD, new Uint8Array(40), new Uint8Array(24)),
        outOfRange,
      );
      assert.throws(() => module.open(newKey(), NONCE, AAD, new Uint8Array(40), make(24)), outOfRange);
      for (const length of [PLAIN, UNIFIED])
        assert.throws(() => module.createRecordKey(owner, 'aes-128-gcm', 1, make(length)), outOfRange);
      const [plain, unified, withId] = [
        newRecordKey(),
        newRecordKey(UNIFIED),
        newRecordKey(PLAIN, undefined, 4),
      ];
      assert.throws(() => module.sealRecord(plain, 23, 0, make(57), 0, 20), outOfRange);
      assert.throws(() => module.sealRecord(withId, 23, 0, make(62), 0, 20), outOfRange);
      assert.throws(() => module.sealRecord(unified, 23, 0, make(42), 0, 20), outOfRange);
      const [sealed, out] = [new Uint8Array(57), new Uint8Array(20)];
      assert.throws(() => module.openRecord(plain, 0, make(57), 0, 13, 57, out, 0), outOfRange);
      assert.throws(() => module.openRecord(plain, 0, sealed, 0, 13, 57, make(20), 0), outOfRange);
      assert.throws(() => module.openRecord(unified, 0, make(42), 0, 5, 42, out, 0), outOfRange);
      assert.throws(() => module.openRecord(unified, 0, sealed, 0, 5, 42, make(21), 0), outOfRange);
      assert.throws(() => module.mask(newKey('aes-128-mask'), make(16), new Uint8Array(16)), outOfRange);
      assert.throws(() => module.mask(newKey('aes-128-mask'), new Uint8Array(16), make(16)), outOfRange);
      assert.throws(() => module.digest(32, make(40), 40, new Uint8Array(32)), outOfRange);
      assert.throws(() => module.digest(32, new Uint8Array(40), 40, make(32)), outOfRange);
      assert.throws(() => module.hmac(32, make(40), 20, 20), outOfRange);
      assert.throws(() => module.prf(32, make(40), 20, 20, 12), outOfRange);
      assert.throws(() => module.hkdfExpand(32, make(40), 20, 20, 12), outOfRange);
      assert.throws(() => module.sealDerived(32, 'aes-128-gcm', make(80), 20, 20, 20, 20), outOfRange);
      assert.throws(() => module.openDerived(32, 'aes-128-gcm', make(80), 20, 20, 20, 20), outOfRange);
      assert.throws(() => module.generateKey(owner, 'x25519', make(32)), outOfRange);
      assert.throws(() => module.deriveSecret(newPair(), make(32), 32), outOfRange);
    });
  }

  test('takes what is left of a detached or shrunk array as empty where any length is good', () => {
    for (const make of [detached, shrunk]) {
      assert.equal(module.open(newKey(), NONCE, make(13), new Uint8Array(40), new Uint8Array(24)), false);
      assert.equal(module.open(newKey(), NONCE, AAD, make(40), new Uint8Array(24)), false);
      module.seal(newKey(), NONCE, make(13), new Uint8Array(40), 0, 24);
    }
  });

  test('refuses keys of another length, and names that are none', () => {
    for (const length of [0, 1, 15, 17, 24, 32])
      assert.throws(() => module.createKey(owner, 'aes-128-gcm', new Uint8Array(length)), {
        code: 'ERR_OUT_OF_RANGE',
      });
    const named = (name: unknown) => () => module.createKey(owner, name, new Uint8Array(16));
    for (const name of ['', 'aes', 'AES-128-GCM', 'aes-128-gcm\0', 'x'.repeat(1000)])
      assert.throws(named(name), { code: 'ERR_INVALID_ARG_VALUE' });
    for (const name of [undefined, 7, {}, Symbol('aes')])
      assert.throws(named(name), { code: 'ERR_INVALID_ARG_TYPE' });
  });

  test('refuses nonces of another length', () => {
    for (const length of [0, 1, 8, 11, 13, 16])
      assert.throws(() => module.seal(newKey(), new Uint8Array(length), AAD, new Uint8Array(40), 0, 24), {
        code: 'ERR_OUT_OF_RANGE',
      });
  });

  test('refuses places outside the array', () => {
    const places: readonly (readonly [number, number])[] = [
      [-1, 0],
      [0, -1],
      [25, 0],
      [0, 25],
      [24, 1],
      [40, 0],
      [0.5, 0],
      [0, 1.5],
      [Number.NaN, 0],
      [0, Number.POSITIVE_INFINITY],
      [2 ** 53, 2 ** 53],
      [2 ** 32, 0],
      [0xffffff, 0xffffff],
    ];
    for (const [offset, length] of places)
      assert.throws(() => module.seal(newKey(), NONCE, AAD, new Uint8Array(40), offset, length), {
        code: 'ERR_OUT_OF_RANGE',
      });
  });

  test('refuses records outside the array, of no length that a record has, and numbers that are none', () => {
    const outOfRange = { code: 'ERR_OUT_OF_RANGE' };
    const room = new Uint8Array(0x9000);
    const last = room.length;
    const key = newRecordKey();
    const seal = (...args: number[]) => module.sealRecord(key, args[0], args[1], room, args[2], args[3]);
    for (const args of [
      ...[-1, 256, 0.5, Number.NaN].map((type) => [type, 0, 0, 0]),
      ...[-1, 2 ** 48, 0.5, Number.NaN].map((sequence) => [23, sequence, 0, 0]),
      ...[-1, last - 36, 0.5, Number.NaN, 2 ** 53, 0xffffff].map((offset) => [23, 0, offset, 0]),
      ...[-1, last, 0x4001, 1.5, Number.NaN].map((length) => [23, 0, 0, length]),
    ])
      assert.throws(() => seal(...args), outOfRange, args.join());
    seal(255, 2 ** 48 - 1, last - 37 - 0x4000, 0x4000);
    const open = (its: number, ...args: number[]) =>
      module.openRecord(its, args[0], room, args[1], args[2], args[3], room, args[4]);
    for (const args of [
      ...[-1, 2 ** 48 + 1, 0.5, Number.NaN].map((expected) => [expected, 0, 13, 40, 100]),
      // Less than a header, a tag and a nonce, more than an ID between, more than any text.
      ...[12, 0, 13 + 256, -1, 13.5, 401, Number.NaN].map((body) => [0, 0, body, 400, 500]),
      ...[36, 12, -1, 40.5, last + 1, 13 + 24 + 0x8000, Number.NaN].map((end) => [0, 0, 13, end, 100]),
      ...[14, -1, 0.5, Number.NaN].map((start) => [0, start, 13, 40, 100]),
      ...[last, last - 2, -1, 0.5, Number.NaN].map((at) => [0, 0, 13, 40, at]),
    ])
      assert.throws(() => open(key, ...args), outOfRange, args.join());
    room.fill(0);
    const unified = newRecordKey(UNIFIED);
    // The shortest header has flags and 8 bits of the number, and the shortest body is a sample.
    for (const [body, end] of [
      [0, 40],
      [1, 40],
      [2 + 256, 400],
      [2, 17],
    ] as const)
      assert.throws(() => open(unified, 0, 0, body, end, 1000), outOfRange);
    assert.equal(open(unified, 0, 0, 2, 18, 1000), -1);
    assert.throws(() => module.sealRecord(key, '23', 0, room, 0, 0), { code: 'ERR_INVALID_ARG_TYPE' });
    for (const epoch of [-1, 0x10000, 0.5])
      assert.throws(
        () => module.createRecordKey(owner, 'aes-128-gcm', epoch, new Uint8Array(PLAIN)),
        outOfRange,
      );
    assert.throws(() => module.useConnectionId(key, new Uint8Array(256)), outOfRange);
  });

  test('opens a record wherever its content goes, and of one that is not authentic zeros are left', () => {
    for (const [secrets, at, header] of [
      [PLAIN, 21 + 8, 13 + 8],
      [UNIFIED, 5 + 8, 5 + 8],
    ] as const) {
      const key = newRecordKey(secrets, 'aes-128-gcm', 8);
      const room = new Uint8Array(300).fill(7, 50 + at, 50 + at + 64);
      module.sealRecord(key, 23, 0, room, 50, 64);
      const end = 50 + at + 65 + 16;
      const open = (from: Uint8Array, into: Uint8Array, place: number) =>
        module.openRecord(key, 0, from, 50, 50 + header, end, into, place);
      const expected = new Uint8Array(80).fill(9).fill(7, 10, 74).fill(0, 74, 75);
      const out = new Uint8Array(80).fill(9);
      assert.equal(open(room, out, 10), 64 * 256 + 23);
      assert.deepEqual(out, expected);
      const forged = room.slice();
      forged[50 + at + 20] = (forged[50 + at + 20] ?? 0) ^ 1;
      const emptied = new Uint8Array(80).fill(9);
      assert.equal(open(forged, emptied, 10), -1);
      assert.deepEqual(emptied, new Uint8Array(80).fill(9).fill(0, 10, 75));
      for (const place of [-30, -1, 1, 64])
        assert.throws(() => open(room, room, 50 + at + place), { code: 'ERR_INVALID_ARG_VALUE' });
      assert.equal(open(room, room, 50 + at), 64 * 256 + 23);
      assert.deepEqual(room.subarray(50 + at, 50 + at + 65), expected.subarray(10, 75));
    }
  });

  test('tells the number of an older record, and opens it when that is the expected one', () => {
    const key = newRecordKey(UNIFIED);
    const room = new Uint8Array(100).fill(5, 5, 25);
    module.sealRecord(key, 21, 1000, room, 0, 20);
    const out = new Uint8Array(21).fill(9);
    const open = (expected: number) => module.openRecord(key, expected, room, 0, 5, 42, out, 0);
    for (const expected of [1001, 1002, 2000, 30_000]) {
      assert.equal(open(expected), 1000 - expected - 1);
      assert.deepEqual(out, new Uint8Array(21).fill(9));
    }
    for (const expected of [1000, 999, 0])
      assert.equal(open(expected), (1000 - expected) * 2 ** 23 + 20 * 256 + 21);
    assert.deepEqual(out, new Uint8Array(21).fill(5, 0, 20));
    assert.equal(open(1000 + 0x8001), -1);
  });

  test('has no records of masks, nor of DTLS 1.3 with short tags, and one kind of key is not another', () => {
    const wrong = { code: 'ERR_INVALID_ARG_VALUE' };
    assert.throws(() => module.createRecordKey(owner, 'aes-128-mask', 1, new Uint8Array(20)), wrong);
    assert.equal(module.createRecordKey(owner, 'aes-128-ccm-8', 1, new Uint8Array(UNIFIED)), undefined);
    for (const [name, lengths] of [
      ['aes-128-gcm', [20, 44]],
      ['aes-256-gcm', [36, 76]],
      ['chacha20-poly1305', [44, 76]],
      ['aes-128-ccm', [20, 44]],
      ['aes-128-ccm-8', [20]],
    ] as const)
      for (const length of [0, 16, 20, 28, 32, 36, 44, 76, 77])
        if (lengths.some((each) => each === length)) newRecordKey(length, name);
        else if (name !== 'aes-128-ccm-8' || length !== UNIFIED)
          assert.throws(() => module.createRecordKey(owner, name, 1, new Uint8Array(length)), {
            code: 'ERR_OUT_OF_RANGE',
          });
    const room = new Uint8Array(100);
    assert.throws(() => module.seal(newRecordKey(), NONCE, AAD, room, 0, 24), wrong);
    for (const key of [newKey(), newKey('aes-128-mask'), newPair()]) {
      assert.throws(() => module.sealRecord(key, 23, 0, room, 0, 20), wrong);
      assert.throws(() => module.openRecord(key, 0, room, 0, 13, 57, room, 60), wrong);
      assert.throws(() => module.useConnectionId(key, new Uint8Array(8)), wrong);
    }
    const closed = newRecordKey(UNIFIED, 'aes-128-gcm', 20);
    module.closeKey(closed);
    assert.throws(() => module.sealRecord(closed, 23, 0, room, 0, 20), { code: 'ERR_INVALID_STATE' });
    assert.throws(() => module.useConnectionId(closed, new Uint8Array(8)), { code: 'ERR_INVALID_STATE' });
  });

  test('refuses to open into memory that partly overlaps the sealed text', () => {
    const room = new Uint8Array(200);
    module.seal(newKey(), NONCE, AAD, room, 50, 64);
    for (const at of [1, 49, 51, 113])
      assert.throws(() => module.open(newKey(), NONCE, AAD, room.subarray(50, 130), room.subarray(at)), {
        code: 'ERR_INVALID_ARG_VALUE',
      });
    assert.equal(module.open(newKey(), NONCE, AAD, room.subarray(50, 130), room.subarray(50)), true);
    assert.deepEqual(room.subarray(50, 114), new Uint8Array(64));
  });

  test('wipes what it has written of a text that is not authentic', () => {
    for (const [name, length] of [
      ['aes-128-gcm', 16],
      ['chacha20-poly1305', 32],
      ['aes-128-ccm', 16],
    ] as const) {
      const sealed = new Uint8Array(1016).fill(7);
      const out = new Uint8Array(1010).fill(9);
      assert.equal(module.open(newKey(name, length), NONCE, AAD, sealed, out), false);
      assert.ok(out.subarray(0, 1000).every((byte) => byte === 0));
      assert.ok(out.subarray(1000).every((byte) => byte === 9));
    }
  });

  test('refuses a closed key, numbers that are none, and a key for another purpose', () => {
    const key = newKey();
    module.closeKey(key);
    module.closeKey(key);
    const open = (given: unknown) => () =>
      module.open(given, NONCE, AAD, new Uint8Array(40), new Uint8Array(24));
    assert.throws(open(key), { code: 'ERR_INVALID_STATE' });
    // The place is taken by another key, which the old number does not reach.
    const next = newKey();
    assert.throws(open(key), { code: 'ERR_INVALID_STATE' });
    assert.equal(open(next)(), false);
    for (const number of [0, 1, 7, 2 ** 40]) assert.throws(open(number), { code: 'ERR_INVALID_STATE' });
    for (const number of [-1, Number.NaN, 2 ** 60, 0.5])
      assert.throws(open(number), { code: 'ERR_OUT_OF_RANGE' });
    for (const none of [undefined, null, {}, '1', 1n])
      assert.throws(open(none), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(open(newKey('aes-128-mask')), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => module.mask(newKey(), new Uint8Array(16), new Uint8Array(16)), {
      code: 'ERR_INVALID_ARG_VALUE',
    });
  });

  test('a key that takes the place of a closed one keeps none of its bytes', () => {
    const seal = (key: number) => {
      const room = new Uint8Array(40);
      module.seal(key, NONCE, AAD, room, 0, 24);
      return room;
    };
    for (const [name, length] of [
      ['aes-128-gcm', 16],
      ['aes-256-ccm', 32],
      ['chacha20-poly1305', 32],
    ] as const) {
      const make = (fill: number) =>
        module.createKey(owner, name, new Uint8Array(length).fill(fill)) ?? assert.fail('no key');
      const first = make(1);
      const [byFirst, bySecond] = [seal(first), seal(make(2))];
      module.closeKey(first);
      // The last place to become free is the first to be taken.
      const next = make(2);
      assert.deepEqual(seal(next), bySecond);
      module.closeKey(next);
      assert.deepEqual(seal(make(1)), byFirst);
      assert.notDeepEqual(byFirst, bySecond);
    }
  });

  test('refuses what is no key of PKCS#8, and takes what is one, whatever it is for', () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const der = new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' }));
    const key = module.importPrivateKey(owner, der);
    assert.equal(typeof key, 'number');
    assert.throws(() => module.deriveSecret(key, new Uint8Array(40), 32), { code: 'ERR_INVALID_ARG_VALUE' });
    for (let length = 0; length < der.length; length++)
      assert.equal(module.importPrivateKey(owner, der.subarray(0, length)), undefined);
    assert.throws(() => module.importPrivateKey(owner, new Uint8Array(0x10001)), {
      code: 'ERR_OUT_OF_RANGE',
    });
  });

  test('refuses groups that are none, and keys of ciphers for an exchange', () => {
    const share = new Uint8Array(133);
    for (const name of ['', 'x448', 'X25519', 'x25519\0', 'x'.repeat(1000)])
      assert.throws(() => module.generateKey(owner, name, share), { code: 'ERR_INVALID_ARG_VALUE' });
    for (const name of [undefined, 7, {}, null])
      assert.throws(() => module.generateKey(owner, name, share), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => module.deriveSecret(newKey(), share, 32), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => module.seal(newPair(), NONCE, AAD, new Uint8Array(40), 0, 24), {
      code: 'ERR_INVALID_ARG_VALUE',
    });
    const closed = newPair();
    module.closeKey(closed);
    assert.throws(() => module.deriveSecret(closed, share, 32), { code: 'ERR_INVALID_STATE' });
  });

  test('refuses types and schemes that are none, or are not for the key', () => {
    const point = new Uint8Array(65);
    for (const type of ['', 'x25519', 'ed448', 'rsa', 'ed25519\0', 'secp256r1\0', 'x'.repeat(1000)])
      assert.throws(() => module.importPublicKey(owner, type, point), { code: 'ERR_INVALID_ARG_VALUE' });
    for (const type of [undefined, 7, {}, null])
      assert.throws(() => module.importPublicKey(owner, type, point), { code: 'ERR_INVALID_ARG_TYPE' });
    for (const type of ['secp256r1', 'secp384r1', 'secp521r1', 'ed25519'])
      for (const length of [0, 1, 31, 33, 64, 66, 200])
        assert.equal(module.importPublicKey(owner, type, new Uint8Array(length)), undefined);
    const verify = (key: unknown, scheme: unknown) => () => module.verify(key, scheme, point, point);
    const key = module.importPublicKey(owner, 'ed25519', new Uint8Array(32));
    assert.equal(verify(key, 0x0807)(), false);
    for (const scheme of [0, 1, 0x0804, 0x0808, 0xffff])
      assert.throws(verify(key, scheme), { code: 'ERR_INVALID_ARG_VALUE' });
    for (const scheme of [0x10000, -1, 0.5, Number.NaN])
      assert.throws(verify(key, scheme), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(verify(key, '0x0807'), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(verify(key, 0x0403), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(verify(newPair('secp256r1'), 0x0807), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(verify(newKey(), 0x0403), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => module.deriveSecret(key, new Uint8Array(40), 32), { code: 'ERR_INVALID_ARG_VALUE' });
  });

  test('signs with private keys of ECDSA alone, where there is room for a signature', () => {
    const [text, out] = [new Uint8Array(40), new Uint8Array(141)];
    const pair = newPair('secp521r1');
    assert.ok(module.sign(pair, 0x0403, text, out) > 0);
    assert.throws(() => module.sign(pair, 0x0403, text, out.subarray(1)), { code: 'ERR_OUT_OF_RANGE' });
    for (const scheme of [0, 0x0804, 0x0807])
      assert.throws(() => module.sign(pair, scheme, text, out), { code: 'ERR_INVALID_ARG_VALUE' });
    for (const key of [newPair('x25519'), newKey()])
      assert.throws(() => module.sign(key, 0x0403, text, out), { code: 'ERR_INVALID_ARG_VALUE' });
    const edwards = module.importPublicKey(owner, 'ed25519', new Uint8Array(32));
    assert.equal(module.sign(edwards, 0x0807, text, out), 0);
    const point = new Uint8Array(65);
    module.generateKey(owner, 'secp256r1', point);
    assert.equal(module.sign(module.importPublicKey(owner, 'secp256r1', point), 0x0403, text, out), 0);
    module.closeKey(pair);
    assert.throws(() => module.sign(pair, 0x0403, text, out), { code: 'ERR_INVALID_STATE' });
  });

  test('answers a share with a share and a secret, and nothing else', () => {
    const share = new Uint8Array(65);
    const key = module.generateKey(owner, 'secp256r1', share);
    const memory = new Uint8Array(133).fill(7);
    memory.set(share);
    assert.equal(module.answerExchange('secp256r1', memory, 65), true);
    const [answer, secret] = [memory.slice(0, 65), memory.slice(65, 97)];
    assert.deepEqual(memory.subarray(97), new Uint8Array(36).fill(7));
    assert.equal(module.deriveSecret(key, answer, 65), true);
    assert.deepEqual(answer.subarray(0, 32), secret);
    memory.fill(4);
    for (const length of [0, 1, 32, 64, 65, 66, 133])
      assert.equal(module.answerExchange('secp256r1', memory, length), false);
    assert.deepEqual(memory, new Uint8Array(133).fill(4));
    for (const length of [134, -1, 0.5, Number.NaN])
      assert.throws(() => module.answerExchange('secp256r1', memory, length), { code: 'ERR_OUT_OF_RANGE' });
    for (const room of [0, 65, 96])
      assert.throws(() => module.answerExchange('secp256r1', new Uint8Array(room), 0), {
        code: 'ERR_OUT_OF_RANGE',
      });
    for (const name of ['', 'x448', 'x25519\0'])
      assert.throws(() => module.answerExchange(name, memory, 32), { code: 'ERR_INVALID_ARG_VALUE' });
  });

  test('answers false to a share of another length, and leaves memory as it was', () => {
    const key = newPair('secp256r1');
    const memory = new Uint8Array(133).fill(4);
    for (const length of [0, 1, 32, 64, 65, 66, 133])
      assert.equal(module.deriveSecret(key, memory, length), false);
    assert.deepEqual(memory, new Uint8Array(133).fill(4));
    for (const length of [134, -1, 0.5, Number.NaN])
      assert.throws(() => module.deriveSecret(key, memory, length), { code: 'ERR_OUT_OF_RANGE' });
  });

  test('refuses an owner that cannot be collected', () => {
    for (const none of [undefined, null, 1, 'text', Symbol.iterator]) {
      assert.throws(() => module.importPublicKey(none, 'ed25519', new Uint8Array(32)), {
        code: 'ERR_INVALID_ARG_TYPE',
      });
      assert.throws(() => module.importPrivateKey(none, new Uint8Array(16)), {
        code: 'ERR_INVALID_ARG_TYPE',
      });
      assert.throws(() => module.generateKey(none, 'x25519', new Uint8Array(32)), {
        code: 'ERR_INVALID_ARG_TYPE',
      });
    }
    for (const none of [undefined, null, 1, 'text', Symbol.iterator])
      assert.throws(() => module.createKey(none, 'aes-128-gcm', new Uint8Array(16)), {
        code: 'ERR_INVALID_ARG_TYPE',
      });
  });

  test('refuses hashes that are none, and knows them', () => {
    for (const length of [32, 48, 64]) assert.equal(module.hasHash(length), true);
    for (const length of [0, 1, 16, 20, 31, 33]) {
      assert.equal(module.hasHash(length), false);
      assert.throws(() => module.digest(length, new Uint8Array(4), 4, new Uint8Array(64)), {
        code: 'ERR_INVALID_ARG_VALUE',
      });
    }
    for (const none of [-1, 65, 32.5, Number.NaN])
      assert.throws(() => module.hmac(none, new Uint8Array(64), 1, 1), { code: 'ERR_OUT_OF_RANGE' });
    for (const none of [undefined, 'sha256', {}, 32n])
      assert.throws(() => module.hmac(none, new Uint8Array(64), 1, 1), { code: 'ERR_INVALID_ARG_TYPE' });
  });

  test('refuses parts and outputs that memory has no room for', () => {
    const outOfRange = { code: 'ERR_OUT_OF_RANGE' };
    const memory = new Uint8Array(100).fill(7);
    for (const [key, text] of [
      [101, 0],
      [0, 101],
      [50, 51],
      [-1, 10],
      [10, -1],
      [0.5, 10],
      [2 ** 32, 0],
      [0xffffff, 0xffffff],
    ] as const) {
      assert.throws(() => module.hmac(32, memory, key, text), outOfRange);
      assert.throws(() => module.prf(32, memory, key, text, 12), outOfRange);
      assert.throws(() => module.hkdfExpand(32, memory, key, text, 12), outOfRange);
    }
    for (const derive of ['prf', 'hkdfExpand'] as const)
      assert.throws(() => call(derive, [32, new Uint8Array(2000), 10, 10, 1025]), outOfRange);
    for (const length of [101, -1, 0.5]) {
      assert.throws(() => module.prf(32, memory, 10, 10, length), outOfRange);
      assert.throws(() => module.hkdfExpand(32, memory, 10, 10, length), outOfRange);
      assert.throws(() => module.digest(32, memory, length, new Uint8Array(32)), outOfRange);
    }
    assert.throws(() => module.hmac(48, new Uint8Array(47), 1, 1), outOfRange);
    assert.deepEqual(memory, new Uint8Array(100).fill(7), 'what is refused changes nothing');
  });

  test('refuses texts under keys that are made for them without room for a tag, outside of memory, and of no AEAD', () => {
    for (const name of ['sealDerived', 'openDerived'] as const) {
      const run = (aead: unknown, length: number, ...rest: readonly number[]) => {
        module[name](32, aead, new Uint8Array(80), length, ...rest);
      };
      const outOfRange = { code: 'ERR_OUT_OF_RANGE' };
      run('aes-128-gcm', 80, 0, 0, 0);
      for (const [length, root, info, aad] of [
        ...[
          [15, 20, 20, 20],
          [81, 0, 0, 0],
          [80, 1, 0, 0],
          [80, 0, 1, 0],
          [80, 0, 0, 1],
        ],
        ...[
          [20, -1, 20, 20],
          [20, 20, 0.5, 20],
          [20, 20, 20, Number.NaN],
          [2 ** 53, 0, 0, 0],
          [0xffffff, 0xffffff, 0xffffff, 0xffffff],
        ],
      ] as const)
        assert.throws(() => run('aes-128-gcm', length, root, info, aad), outOfRange);
      run('aes-128-ccm-8', 8, 0, 0, 0);
      assert.throws(() => run('aes-128-mask', 40, 0, 0, 0), { code: 'ERR_INVALID_ARG_VALUE' });
      assert.throws(() => run('aes', 40, 0, 0, 0), { code: 'ERR_INVALID_ARG_VALUE' });
    }
  });

  test('wipes all of a text under a key that is made for it, and what it is made of, but for the result', () => {
    const memory = new Uint8Array(200).fill(7);
    module.sealDerived(32, 'aes-256-gcm', memory, 50, 30, 20, 10);
    assert.deepEqual(memory.subarray(50, 110), new Uint8Array(60));
    assert.deepEqual(memory.subarray(110), new Uint8Array(90).fill(7));
    const sealed = memory.slice(0, 50);
    const open = (from: Uint8Array) => {
      memory.fill(7);
      memory.set(from);
      return module.openDerived(32, 'aes-256-gcm', memory, 50, 30, 20, 10);
    };
    assert.equal(open(sealed), true);
    assert.deepEqual(memory.subarray(0, 110), new Uint8Array(110).fill(7, 0, 34));
    sealed[33] = (sealed[33] ?? 0) ^ 1;
    assert.equal(open(sealed), false);
    assert.deepEqual(memory.subarray(0, 110), new Uint8Array(110));
    assert.deepEqual(memory.subarray(110), new Uint8Array(90).fill(7));
  });

  test('puts an output in the place of its input, wipes the rest of that, and leaves what stands behind alone', () => {
    for (const [run, length] of [
      [(memory: Uint8Array) => module.hmac(32, memory, 50, 40), 32],
      [(memory: Uint8Array) => module.prf(32, memory, 50, 40, 12), 12],
      [(memory: Uint8Array) => module.hkdfExpand(32, memory, 50, 40, 0), 0],
    ] as const) {
      const memory = new Uint8Array(200).fill(7);
      run(memory);
      if (length > 0) assert.notDeepEqual(memory.subarray(0, length), new Uint8Array(length).fill(7));
      assert.deepEqual(memory.subarray(length, 90), new Uint8Array(90 - length));
      assert.deepEqual(memory.subarray(90), new Uint8Array(110).fill(7));
    }
  });

  test('refuses steps that are not whole or come of later ones, and outputs that are too long', () => {
    const derive = (steps: readonly number[], room = 2000) => {
      const memory = new Uint8Array(room).fill(7);
      memory.set(steps, 32);
      module.deriveAll(32, memory, 32, steps.length);
      return memory;
    };
    const step = [0, 0, 0, 3, 0, 2, 1, 9];
    const invalid = { code: 'ERR_INVALID_ARG_VALUE' };
    for (let length = 1; length < step.length; length++) {
      assert.throws(() => derive(step.slice(0, length)), invalid, `${length} bytes`);
      assert.throws(() => derive([...step, ...step.slice(0, length)]), invalid);
    }
    const head = (from: number, kind: number, output: number) => [
      ...[from, kind, output >>> 8, output & 0xff],
      ...[0, 0],
    ];
    for (const steps of [
      ...[head(1, 0, 3), head(255, 0, 3), [...head(0, 0, 3), ...head(2, 0, 3)]],
      ...[head(0, 2, 3), head(0, 255, 3), head(0, 1, 31), head(0, 1, 0)],
    ])
      assert.throws(() => derive(steps), invalid, steps.join());
    assert.deepEqual(derive([]).subarray(0, 33), new Uint8Array(33).fill(0, 0, 32).fill(7, 32));
    const made = derive([...step, ...step]);
    assert.deepEqual(made.slice(0, 3), made.slice(3, 6));
    assert.deepEqual(made.subarray(6, 48), new Uint8Array(42));
    assert.deepEqual(made.subarray(48), new Uint8Array(2000 - 48).fill(7));
    assert.equal(derive(head(0, 0, 1024)).length, 2000);
    const many = Array.from({ length: 31 }, () => head(0, 0, 1)).flat();
    assert.notEqual(derive(many)[0], 7);
    for (const steps of [
      ...[head(0, 0, 1025), head(0, 0, 65535), [...head(0, 0, 513), ...head(0, 0, 512)]],
      [...many, ...head(0, 0, 1)],
    ])
      assert.throws(() => derive(steps), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => derive(head(0, 0, 1024), 1023), { code: 'ERR_OUT_OF_RANGE' });
  });

  test('a digest may be written over its text', () => {
    const memory = new Uint8Array(64).fill(7);
    const apart = new Uint8Array(32);
    module.digest(32, memory, 40, apart);
    module.digest(32, memory, 40, memory);
    assert.deepEqual(memory.subarray(0, 32), apart);
  });

  test('refuses another number of arguments', () => {
    for (const { name, args } of calls()) {
      assert.throws(() => call(name, []), { code: 'ERR_MISSING_ARGS' });
      assert.throws(() => call(name, args.slice(1)), { code: 'ERR_MISSING_ARGS' });
      assert.throws(() => call(name, [...args, 1]), { code: 'ERR_MISSING_ARGS' });
    }
  });

  test('works in worker threads, each with its own keys, and when one ends in the middle of its work', async () => {
    const key = newKey();
    const source = `
      const { workerData, parentPort } = require('node:worker_threads');
      const native = require(workerData.file);
      const bytes = (length) => new Uint8Array(length);
      let foreign = 'taken';
      try {
        native.open(workerData.key, bytes(12), bytes(13), bytes(40), bytes(24));
      } catch (error) {
        foreign = error.code;
      }
      const owners = Array.from({ length: 500 }, () => ({}));
      const keys = owners.map((owner) => native.createKey(owner, 'aes-128-gcm', bytes(16)));
      parentPort.postMessage(foreign);
      const room = bytes(2000);
      for (;;)
        for (const key of keys) {
          native.seal(key, bytes(12), bytes(13), room, 0, 1900);
          native.prf(48, room, 48, 77, 100);
          native.deriveSecret(native.generateKey({}, 'x25519', room), room, 32);
        }
    `;
    for (let round = 0; round < 5; round++) {
      const worker = new Worker(source, { eval: true, workerData: { file, key } });
      const foreign = await new Promise((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
      assert.equal(foreign, 'ERR_INVALID_STATE');
      await worker.terminate();
    }
    assert.equal(module.open(key, NONCE, AAD, new Uint8Array(40), new Uint8Array(24)), false);
  });
});
