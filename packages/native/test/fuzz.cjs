/**
 * Random calls of a module that is built with the sanitizers: `npm run native -- --fuzz N`. What it is given is of
 * random types, lengths and places; good calls are compared with node:crypto. A failure prints the seed.
 */
'use strict';

const crypto = require('node:crypto');

const [file, count, given] = process.argv.slice(2);
const native = require(file);
const seed = Number(given ?? crypto.randomInt(2 ** 31));
const AEADS = [
  ['aes-128-gcm', 'aes-128-gcm', 16, 16],
  ['aes-256-gcm', 'aes-256-gcm', 32, 16],
  ['chacha20-poly1305', 'chacha20-poly1305', 32, 16],
  ['aes-128-ccm', 'aes-128-ccm', 16, 16],
  ['aes-256-ccm', 'aes-256-ccm', 32, 16],
  ['aes-128-ccm-8', 'aes-128-ccm', 16, 8],
  ['aes-256-ccm-8', 'aes-256-ccm', 32, 8],
];

let state = seed;

/** mulberry32: a whole number below `most`. */
function below(most) {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % most;
}

const pick = (values) => values[below(values.length)];

/** Its memory ends where the array ends, so that AddressSanitizer sees one byte too many. */
function bytes(length) {
  const array = new Uint8Array(length);
  for (let i = 0; i < length; i += 1 + (i >> 5)) array[i] = below(256);
  return array;
}

function detached(length) {
  const array = bytes(length);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

function shrunk(length) {
  const buffer = new ArrayBuffer(length, { maxByteLength: length + 100 });
  const array = pick([() => new Uint8Array(buffer), () => new Uint8Array(buffer, 0, length)])();
  buffer.resize(below(length + 100));
  return array;
}

const someLength = () => pick([0, 1, 8, 11, 12, 13, 16, 17, 32, 40, 63, 64, 65, below(2000), below(20_000)]);
const someBytes = () => pick([bytes, bytes, bytes, detached, shrunk])(someLength());
const ANY = [
  ...[() => undefined, () => null, () => 'aes-128-gcm', () => ({}), () => [1, 2], () => below(100), () => -1],
  ...[() => 2 ** 60, () => Number.NaN, () => 1n, () => Symbol('x'), () => new DataView(new ArrayBuffer(16))],
  ...[
    () => new Float64Array(3),
    () => new Uint8Array(new SharedArrayBuffer(20)),
    () => pick(keys),
    someBytes,
  ],
];
const any = () => pick(ANY)();

const keys = [];
/** Owners of keys; one that is replaced is collected. */
const owners = Array.from({ length: 50 }, () => ({}));

function newOwner() {
  const owner = {};
  owners[below(owners.length)] = owner;
  return owner;
}

function goodCall() {
  const [name, nodes, keyLength, tagLength] = pick(AEADS);
  const [secret, nonce, aad, text] = [bytes(keyLength), bytes(12), bytes(below(300)), bytes(someLength())];
  const key = native.createKey(newOwner(), name, secret);
  keys[below(200)] = key;
  const offset = below(20);
  const room = new Uint8Array(offset + text.length + tagLength);
  room.set(text, offset);
  native.seal(key, nonce, aad, room, offset, text.length);
  const cipher = crypto.createCipheriv(nodes, secret, nonce, { authTagLength: tagLength });
  cipher.setAAD(aad, { plaintextLength: text.length });
  const expected = [cipher.update(text), cipher.final(), cipher.getAuthTag()];
  const sealed = room.subarray(offset);
  if (!Buffer.concat(expected).equals(sealed)) throw new Error(`${name} differs at ${text.length} bytes`);
  const out = pick([() => sealed, () => new Uint8Array(text.length)])();
  const forged = below(4) === 0;
  if (forged) sealed[below(sealed.length)] ^= 1 << below(8);
  if (native.open(key, nonce, aad, sealed, out) === forged) throw new Error(`${name} opens what it must not`);
  const shown = out.subarray(0, text.length);
  if (!shown.every((byte, i) => byte === (forged ? 0 : text[i])))
    throw new Error(`${name} gives another text`);
}

const CALLS = [
  ...[goodCall, goodCall, goodCall],
  () => native.createKey(any(), any(), any()),
  () => native.createKey(newOwner(), pick(['aes-128-gcm', 'aes-128-mask', any()]), someBytes()),
  () => native.seal(any(), any(), any(), any(), any(), any()),
  () => native.seal(pick(keys), bytes(12), someBytes(), someBytes(), below(3000), below(3000)),
  () => native.open(any(), any(), any(), any(), any()),
  () => native.open(pick(keys), bytes(12), someBytes(), someBytes(), someBytes()),
  () => native.mask(pick(keys), someBytes(), someBytes()),
  () => native.closeKey(pick([pick(keys), any()])),
];

let thrown = 0;
try {
  for (let i = 0; i < Number(count); i++) {
    const call = pick(CALLS);
    try {
      call();
    } catch (error) {
      if (!/^ERR_/.test(error.code)) throw error;
      thrown++;
    }
    if (i % 5000 === 0) globalThis.gc?.();
  }
} catch (error) {
  console.error(`seed ${seed}`);
  throw error;
}
console.log(`seed ${seed}: ${count} calls, ${thrown} refused`);
