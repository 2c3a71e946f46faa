/**
 * Seals and opens many records, under a new key for every hundred after a key exchange, and fails where resident memory still grows after
 * the first fifth: `npm run native -- --records N`.
 */
'use strict';

const [file, given] = process.argv.slice(2);
const native = require(file);
const count = Number(given);
const AEADS = [
  ['aes-128-gcm', 16],
  ['chacha20-poly1305', 32],
  ['aes-128-ccm', 16],
];
const RECORDS_OF_A_KEY = 100;
/** More than the collector leaves at one time or another. */
const MOST_GROWTH = 16 * 2 ** 20;

const [nonce, aad, room, out] = [12, 13, 1300, 1300].map((length) => new Uint8Array(length));
const memory = new Uint8Array(133);
const resident = [];
let exchanges = 0;

async function main() {
  for (let done = 0; done < count; done += RECORDS_OF_A_KEY) {
    if (done % Math.ceil(count / 100) < RECORDS_OF_A_KEY) await settle();
    const [name, length] = AEADS[(done / RECORDS_OF_A_KEY) % AEADS.length];
    exchangeKeys();
    const key = native.createKey({}, name, new Uint8Array(length));
    sealRecords(name, length);
    for (let i = 0; i < RECORDS_OF_A_KEY; i++) {
      native.seal(key, nonce, aad, room, 0, 1200);
      // Every tenth is not authentic.
      if (i % 10 === 0) room[0] ^= 1;
      const opened = native.open(key, nonce, aad, room.subarray(0, 1216), out);
      if (opened !== (i % 10 !== 0)) throw new Error(`${name} opens what it must not, or the reverse`);
    }
  }
  await settle();
  const growth = resident.at(-1) - resident[Math.floor(resident.length / 5)];
  console.log(`${count} records; resident memory grew by ${(growth / 2 ** 20).toFixed(1)} MiB`);
  if (growth > MOST_GROWTH) process.exitCode = 1;
}

/** Whole ones of DTLS 1.3, with connection IDs that change, of which every tenth is not authentic. */
function sealRecords(name, length) {
  const key = native.createRecordKey({}, name, 3, new Uint8Array(length + 12 + length));
  for (let i = 0; i < RECORDS_OF_A_KEY; i++) {
    if (i % 10 === 0) native.useConnectionId(key, nonce.subarray(i % 12));
    const header = i - (i % 10);
    const bodyAt = 5 + 12 - (header % 12);
    native.sealRecord(key, 23, i, room, 0, 1200);
    if (i % 10 === 0) room[bodyAt] ^= 1;
    const told = native.openRecord(key, i, room, 0, bodyAt, bodyAt + 1217, out, 0);
    if (told >= 0 === (i % 10 === 0))
      throw new Error(`${name} opens a record that it must not, or the reverse`);
  }
}

/** Every fifth share is refused. */
function exchangeKeys() {
  const [ours, theirs] = [
    native.generateKey({}, 'x25519', memory),
    native.generateKey({}, 'secp256r1', memory),
  ];
  const isGood = exchanges++ % 5 !== 0;
  if (!isGood) memory[64] ^= 1;
  if (native.deriveSecret(theirs, memory, 65) !== isGood)
    throw new Error('a share is taken that must not be');
  memory.fill(9, 0, 32);
  native.deriveSecret(ours, memory, 32);
  native.prf(32, memory, 32, 60, 104);
  const other = native.generateKey({}, 'secp256r1', memory);
  if (native.verify(native.importPublicKey({}, 'secp256r1', memory.subarray(0, 65)), 0x0403, memory, memory))
    throw new Error('a signature is taken that must not be');
  native.closeKey(other);
}

/** Keys are closed by finalizers, which run in a later turn. */
async function settle() {
  globalThis.gc();
  await new Promise((resolve) => setImmediate(resolve));
  resident.push(process.memoryUsage.rss());
}

void main();
