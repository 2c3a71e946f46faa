/**
 * Random calls of a module that is built with the sanitizers: `npm run native -- --fuzz N`. What it is given is of
 * random types, lengths and places; good calls are compared with node:crypto. A failure prints the seed.
 */
'use strict';

const crypto = require('node:crypto');
const { datagramCalls } = require('./datagram-calls.cjs');

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

const IV = 12;
const SALT = 4;

/** A sequence number of 48 bits, in 6 bytes. */
const u48 = (number) => Buffer.from(number.toString(16).padStart(12, '0'), 'hex');

/** RFC 8446 §5.3. */
function maskedNonce(iv, number) {
  const nonce = Buffer.from(iv);
  for (const [i, byte] of number.entries()) nonce[i + nonce.length - number.length] ^= byte;
  return nonce;
}

/** RFC 9147 §4.2.3. */
function maskOf(nodes, sn, sample) {
  const name = nodes.startsWith('chacha') ? 'chacha20' : `aes-${sn.length * 8}-ecb`;
  const stream = name === 'chacha20';
  const cipher = crypto.createCipheriv(name, sn, stream ? sample : null);
  return stream ? cipher.update(Buffer.alloc(16)) : cipher.setAutoPadding(false).update(sample);
}

/** The parts of a record of DTLS 1.2 (RFC 5288 §3, RFC 6655 §3, RFC 7905 §2; RFC 9146 §5.3) or 1.3 (RFC 9147 §4). */
function partsOf({ nodes, tagLength, encrypts, epoch, iv, cid, type, sequence, content }) {
  const number = Buffer.concat([Buffer.of(epoch >> 8, epoch & 255), u48(sequence)]);
  const hasType = encrypts || cid.length > 0;
  const text = hasType ? Buffer.concat([content, Buffer.of(type)]) : Buffer.from(content);
  const explicit = !encrypts && iv.length === SALT ? number : Buffer.alloc(0);
  const body = explicit.length + text.length + tagLength;
  const ends = [body >> 8, body & 255];
  if (encrypts) {
    const header = Buffer.of(
      0x2c | (epoch & 3) | (cid.length > 0 ? 16 : 0),
      ...cid,
      ...number.subarray(6),
      ...ends,
    );
    return { header, explicit, text, aad: header, nonce: maskedNonce(iv, number.subarray(2)) };
  }
  const outer = cid.length > 0 ? 25 : type;
  const header = Buffer.of(outer, 254, 253, ...number, ...cid, ...ends);
  const length = [text.length >> 8, text.length & 255];
  const start = [...new Uint8Array(8).fill(255), 25, cid.length, 25, 254, 253, ...number, ...cid];
  const aad =
    cid.length > 0 ? Buffer.of(...start, ...length) : Buffer.of(...number, type, 254, 253, ...length);
  const nonce = nodes.startsWith('chacha') ? maskedNonce(iv, number) : Buffer.concat([iv, explicit]);
  return { header, explicit, text, aad, nonce };
}

/** A record that node:crypto puts together from its parts, sealed, opened, and refused when a bit differs. */
function goodRecord() {
  const encrypts = below(2) === 0;
  const [name, nodes, keyLength, tagLength] = pick(AEADS.filter((each) => !encrypts || each[3] === 16));
  const ivLength = encrypts || nodes.startsWith('chacha') ? IV : SALT;
  const [secret, iv, sn] = [bytes(keyLength), bytes(ivLength), bytes(encrypts ? keyLength : 0)];
  const cid = bytes(pick([0, 0, 8, below(256)]));
  const [epoch, type] = [below(0x10000), 1 + below(255)];
  const sequence = pick([below(1000), below(2 ** 31), 2 ** 48 - 1 - below(1000)]);
  const content = bytes(below(pick([100, 16_385])));
  const key = native.createRecordKey(
    newOwner(),
    name,
    epoch,
    new Uint8Array(Buffer.concat([secret, iv, sn])),
  );
  keys[below(200)] = key;
  if (cid.length > 0) native.useConnectionId(key, cid);
  const given = { nodes, tagLength, encrypts, epoch, iv, cid, type, sequence, content };
  const { header, explicit, text, aad, nonce } = partsOf(given);
  const cipher = crypto.createCipheriv(nodes, secret, nonce, { authTagLength: tagLength });
  cipher.setAAD(aad, { plaintextLength: text.length });
  const sealed = Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
  const expected = Buffer.concat([header, explicit, sealed]);
  if (encrypts) {
    const mask = maskOf(nodes, sn, sealed.subarray(0, 16));
    for (const i of [0, 1]) expected[header.length - 4 + i] ^= mask[i];
  }
  const offset = below(20);
  const room = new Uint8Array(offset + expected.length);
  room.set(content, offset + header.length + explicit.length);
  native.sealRecord(key, type, sequence, room, offset, content.length);
  const what = `${name} of ${content.length} bytes, ${cid.length} of an ID`;
  if (!expected.equals(room.subarray(offset))) throw new Error(`${what}: another record`);
  openAll({ key, what, room, offset, header, text, content, type, sequence, encrypts });
}

function openAll({ key, what, room, offset, header, text, content, type, sequence, encrypts }) {
  const bodyAt = offset + header.length;
  const forged = below(4) === 0;
  if (forged) room[pick([offset + 3, bodyAt + below(room.length - bodyAt)])] ^= 1 << below(8);
  const at = below(10);
  const out = new Uint8Array(at + text.length);
  const open = (expected) => native.openRecord(key, expected, room, offset, bodyAt, room.length, out, at);
  const back = encrypts && !forged && sequence + 100 < 2 ** 48 ? below(100) : 0;
  if (back > 0 && open(sequence + back) !== -back - 1) throw new Error(`${what}: another number`);
  const found = open(sequence);
  // A number that was changed may be taken for an older one.
  const good = content.length * 256 + type;
  if (forged ? found >= 0 : found !== good) throw new Error(`${what}: ${found}`);
  const shown = out.subarray(at, at + content.length);
  if (!shown.every((byte, i) => byte === (forged ? 0 : content[i]))) throw new Error(`${what}: another text`);
}

const HASHES = { 32: 'sha256', 48: 'sha384', 64: 'sha512' };
const hmacOf = (name, key, ...parts) =>
  parts.reduce((hmac, part) => hmac.update(part), crypto.createHmac(name, key)).digest();

/** RFC 5246 §5. */
function prfOf(name, secret, seed, length) {
  const blocks = [Buffer.alloc(0)];
  for (let a = hmacOf(name, secret, seed), have = 0; have < length; a = hmacOf(name, secret, a))
    have += blocks[blocks.push(hmacOf(name, secret, a, seed)) - 1].length;
  return Buffer.concat(blocks).subarray(0, length);
}

/** RFC 5869 §2.3. */
function expansionOf(name, key, info, length) {
  const blocks = [Buffer.alloc(0)];
  for (let have = 0; have < length; have += blocks.at(-1).length)
    blocks.push(hmacOf(name, key, blocks.at(-1), info, Buffer.of(blocks.length)));
  return Buffer.concat(blocks).subarray(0, length);
}

/** A key and a text in memory, and what native code makes of them. */
function goodDerivation() {
  const hash = Number(pick(Object.keys(HASHES)));
  const name = HASHES[hash];
  const [key, text, length] = [bytes(someLength()), bytes(someLength()), below(pick([50, 300, 1025]))];
  const memory = new Uint8Array(Math.max(key.length + text.length, length, hash) + below(20));
  const fill = () => {
    memory.set(key);
    memory.set(text, key.length);
  };
  const check = (what, expected) => {
    if (!expected.equals(memory.subarray(0, expected.length))) throw new Error(`${what} of ${name} differs`);
    if (memory.subarray(expected.length, key.length + text.length).some((byte) => byte !== 0))
      throw new Error(`${what} leaves its input behind`);
  };
  fill();
  native.hmac(hash, memory, key.length, text.length);
  check('HMAC', hmacOf(name, key, text));
  fill();
  native.prf(hash, memory, key.length, text.length, length);
  check('the PRF', prfOf(name, key, text, length));
  fill();
  native.hkdfExpand(hash, memory, key.length, text.length, length);
  check('HKDF', expansionOf(name, key, text, length));
  goodSteps(hash, key);
  native.digest(hash, text, text.length, memory);
  const expected = crypto.createHash(name).update(text).digest();
  if (!expected.equals(memory.subarray(0, hash))) throw new Error(`${name} differs at ${text.length} bytes`);
}

/** Steps behind a key, each of that key or of an output before. */
function goodSteps(hash, key) {
  const name = HASHES[hash];
  const outputs = [key];
  const steps = Array.from({ length: below(8) }, (_, number) => {
    const [from, kind, text] = [below(number + 1), below(2), bytes(below(150))];
    const length = kind === 1 ? hash : below(60);
    const secret = outputs[from];
    outputs.push(kind === 1 ? hmacOf(name, secret, text) : expansionOf(name, secret, text, length));
    return Uint8Array.of(from, kind, length >> 8, length, text.length >> 8, text.length, ...text);
  });
  const input = Buffer.concat([key, ...steps]);
  const expected = Buffer.concat(outputs.slice(1));
  const memory = new Uint8Array(Math.max(input.length, expected.length) + below(20));
  memory.set(input);
  native.deriveAll(hash, memory, key.length, input.length - key.length);
  if (!expected.equals(memory.subarray(0, expected.length))) throw new Error(`steps of ${name} differ`);
  if (memory.subarray(expected.length).some((byte) => byte !== 0))
    throw new Error(`steps of ${name} leave their input behind`);
}

/** A text under a key and a nonce that HKDF makes of a root and of information, as node:crypto seals it. */
function goodDerived() {
  const [aead, nodes, keyLength, tagLength] = pick(AEADS);
  const hash = Number(pick(Object.keys(HASHES)));
  const [text, root, info, aad] = [someLength(), someLength(), below(300), below(300)].map(bytes);
  const made = expansionOf(HASHES[hash], root, info, keyLength + 12);
  const cipher = crypto.createCipheriv(nodes, made.subarray(0, keyLength), made.subarray(keyLength), {
    authTagLength: tagLength,
  });
  cipher.setAAD(aad, { plaintextLength: text.length });
  const sealed = Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
  const { length } = sealed;
  const memory = new Uint8Array(length + root.length + info.length + aad.length + below(20));
  const fill = (first) => {
    memory.set(first);
    let at = length;
    for (const part of [root, info, aad]) {
      memory.set(part, at);
      at += part.length;
    }
  };
  const lengths = [length, root.length, info.length, aad.length];
  const check = (what, expected) => {
    if (!expected.every((byte, i) => memory[i] === byte)) throw new Error(`${aead}: ${what} differs`);
    if (memory.subarray(expected.length).some((byte) => byte !== 0))
      throw new Error(`${aead}: ${what} leaves its input behind`);
  };
  fill(text);
  native.sealDerived(hash, aead, memory, ...lengths);
  check('a sealed text', sealed);
  const forged = below(4) === 0;
  fill(sealed);
  if (forged) memory[below(length)] ^= 1 << below(8);
  if (native.openDerived(hash, aead, memory, ...lengths) === forged)
    throw new Error(`${aead} opens a text that it must not`);
  check('an opened text', forged ? bytes(0) : text);
}

const GROUPS = {
  x25519: ['x25519', 32],
  secp256r1: ['P-256', 65],
  secp384r1: ['P-384', 97],
  secp521r1: ['P-521', 133],
};
/** One in some: they cost more than all other calls. */
const EXCHANGES = 20;

/** A share and what node:crypto makes of it, with a key that both have. */
function goodExchange() {
  if (below(EXCHANGES) > 0) return;
  const group = pick(['x25519', 'secp256r1', 'secp256r1', 'x25519', 'secp384r1', 'secp521r1']);
  const [namedCurve, length] = GROUPS[group];
  const generate = () =>
    group === 'x25519'
      ? crypto.generateKeyPairSync('x25519')
      : crypto.generateKeyPairSync('ec', { namedCurve });
  const [ours, theirs] = [generate(), generate()];
  const shareOf = ({ publicKey }) => publicKey.export({ format: 'der', type: 'spki' }).subarray(-length);
  const key = native.importPrivateKey(
    newOwner(),
    new Uint8Array(ours.privateKey.export({ format: 'der', type: 'pkcs8' })),
  );
  keys[below(200)] = key;
  const memory = new Uint8Array(length + below(20));
  memory.set(shareOf(theirs));
  if (!native.deriveSecret(key, memory, length)) throw new Error(`${group} refuses a good share`);
  const expected = crypto.diffieHellman({ privateKey: ours.privateKey, publicKey: theirs.publicKey });
  if (!expected.equals(memory.subarray(0, expected.length))) throw new Error(`${group} gives another secret`);
  const answer = new Uint8Array(length + expected.length + below(20));
  answer.set(shareOf(ours));
  if (!native.answerExchange(group, answer, length)) throw new Error(`${group} does not answer a good share`);
  memory.set(answer.subarray(0, length));
  native.deriveSecret(key, memory, length);
  if (
    !Buffer.from(answer.slice(length, length + expected.length)).equals(memory.subarray(0, expected.length))
  )
    throw new Error(`${group}: the answer has another secret`);
  const made = native.generateKey(newOwner(), group, memory);
  keys[below(200)] = made;
  const share = memory.slice(0, length);
  memory.set(shareOf(ours));
  native.deriveSecret(made, memory, length);
  const mine = memory.slice(0, expected.length);
  memory.set(share);
  native.deriveSecret(key, memory, length);
  if (!Buffer.from(mine).equals(memory.subarray(0, mine.length)))
    throw new Error(`${group}: two sides differ`);
}

const SIGNERS = [
  ['secp256r1', 65, crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  ['secp384r1', 97, crypto.generateKeyPairSync('ec', { namedCurve: 'P-384' })],
  ['ed25519', 32, crypto.generateKeyPairSync('ed25519')],
];
const SCHEMES = [
  [0x0403, 'sha256'],
  [0x0503, 'sha384'],
  [0x0603, 'sha512'],
];

/** A signature that is good, or has one bit changed: the verdict is that of node:crypto. */
function goodVerification() {
  if (below(EXCHANGES) > 0) return;
  const [type, length, { publicKey, privateKey }] = pick(SIGNERS);
  const [scheme, hash] = type === 'ed25519' ? [0x0807, null] : pick(SCHEMES);
  const point = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-length));
  const key = native.importPublicKey(newOwner(), type, point);
  keys[below(200)] = key;
  const text = bytes(someLength());
  const signature = new Uint8Array(crypto.sign(hash, text, privateKey));
  if (below(2) === 0) signature[below(signature.length)] ^= 1 << below(8);
  const expected = crypto.verify(hash, text, publicKey, signature);
  if (native.verify(key, scheme, text, signature) !== expected) throw new Error(`${type}: another verdict`);
}

/** A signature of a key that node:crypto has, too. */
function goodSignature() {
  if (below(EXCHANGES) > 0) return;
  const { privateKey, publicKey } = SIGNERS[below(2)][2];
  const pkcs8 = new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' }));
  const key = native.importPrivateKey(newOwner(), pkcs8);
  keys[below(200)] = key;
  for (let i = below(3); i >= 0; i--) {
    const [scheme, hash] = pick(SCHEMES);
    const text = bytes(someLength());
    const out = new Uint8Array(141 + below(20));
    const length = native.sign(key, scheme, text, out);
    if (!crypto.verify(hash, text, publicKey, out.subarray(0, length))) throw new Error('a bad signature');
  }
}

const PKCS8 = ['x25519', 'ed25519'].map((type) =>
  crypto.generateKeyPairSync(type).privateKey.export({ format: 'der', type: 'pkcs8' }),
);

/** A key of PKCS#8 in which a byte may differ. */
function somePkcs8() {
  const der = new Uint8Array(pick(PKCS8));
  if (below(2) === 0) der[below(der.length)] = below(256);
  return der.subarray(0, below(4) === 0 ? below(der.length) : der.length);
}

const someHash = () => pick([32, 48, 64, 20, below(70), any()]);

const CALLS = [
  ...datagramCalls(native, { below, pick, any, newOwner }),
  ...[
    goodCall,
    goodCall,
    goodCall,
    goodRecord,
    goodRecord,
    goodRecord,
    goodRecord,
    goodDerivation,
    goodDerived,
    goodExchange,
    goodVerification,
    goodSignature,
  ],
  () => (keys[below(200)] = native.importPrivateKey(newOwner(), somePkcs8())),
  () => native.importPrivateKey(any(), any()),
  () => native.generateKey(any(), any(), any()),
  () => native.importPublicKey(any(), any(), any()),
  () => native.importPublicKey(newOwner(), pick(['secp256r1', 'ed25519', any()]), someBytes()),
  () => native.verify(any(), any(), any(), any()),
  () => native.verify(pick(keys), pick([0x0403, 0x0807, below(0x10000)]), someBytes(), someBytes()),
  () => native.sign(any(), any(), any(), any()),
  () => native.sign(pick(keys), pick([0x0403, 0x0807, below(0x10000)]), someBytes(), someBytes()),
  () => native.answerExchange(any(), any(), any()),
  () => native.answerExchange(pick(Object.keys(GROUPS)), someBytes(), pick([32, 65, 97, below(200)])),
  () => native.generateKey(newOwner(), pick(['x25519', 'x448', any()]), someBytes()),
  () => native.deriveSecret(any(), any(), any()),
  () => native.deriveSecret(pick(keys), someBytes(), pick([32, 65, 97, below(200)])),
  () => native.hasHash(someHash()),
  () => native.digest(someHash(), pick([someBytes, any])(), below(3000), pick([someBytes, any])()),
  () => native.hmac(someHash(), pick([someBytes, any])(), below(3000), below(3000)),
  () => native.prf(someHash(), pick([someBytes, any])(), below(100), below(100), below(20_000)),
  () => native.hkdfExpand(someHash(), pick([someBytes, any])(), below(100), below(100), below(20_000)),
  () => native[pick(['prf', 'hkdfExpand'])](any(), any(), any(), any(), any()),
  () => native[pick(['digest', 'hmac', 'deriveAll'])](any(), any(), any(), any()),
  () => native.deriveAll(someHash(), pick([someBytes, any])(), below(100), below(300)),
  () => native[pick(['sealDerived', 'openDerived'])](any(), any(), any(), any(), any(), any(), any()),
  () =>
    native[pick(['sealDerived', 'openDerived'])](
      ...[someHash(), pick(AEADS)[0], pick([someBytes, any])()],
      ...[below(100), below(100), below(100), below(3000)],
    ),
  () => native.createKey(any(), any(), any()),
  () => native.createKey(newOwner(), pick(['aes-128-gcm', 'aes-128-mask', any()]), someBytes()),
  () => native.seal(any(), any(), any(), any(), any(), any()),
  () => native.seal(pick(keys), bytes(12), someBytes(), someBytes(), below(3000), below(3000)),
  () => native.open(any(), any(), any(), any(), any()),
  () => native.open(pick(keys), bytes(12), someBytes(), someBytes(), someBytes()),
  () => native.createRecordKey(any(), any(), any(), any()),
  () =>
    native.createRecordKey(newOwner(), pick(['aes-128-gcm', 'aes-128-ccm-8']), below(70_000), someBytes()),
  () => native.useConnectionId(any(), any()),
  () => native.useConnectionId(pick(keys), someBytes()),
  () => native.sealRecord(any(), any(), any(), any(), any(), any()),
  () => native.sealRecord(pick(keys), below(300), below(2 ** 31), someBytes(), below(60), below(3000)),
  () => native.openRecord(any(), any(), any(), any(), any(), any(), any(), any()),
  () => {
    const start = below(60);
    const body = start + pick([13, 5, below(300)]);
    const end = body + below(3000);
    native.openRecord(pick(keys), below(2 ** 31), someBytes(), start, body, end, someBytes(), below(60));
  },
  () => native.mask(pick(keys), someBytes(), someBytes()),
  () => native.closeKey(pick([pick(keys), any()])),
];

/** Callbacks of the event loop run between the calls. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

async function callAll() {
  let thrown = 0;
  for (let i = 0; i < Number(count); i++) {
    const call = pick(CALLS);
    try {
      call();
    } catch (error) {
      if (!/^ERR_/.test(error.code)) throw error;
      thrown++;
    }
    if (i % 500 === 0) await turn();
    if (i % 5000 === 0) globalThis.gc?.();
  }
  console.log(`seed ${seed}: ${count} calls, ${thrown} refused`);
}

// Sockets that are watched would keep it running.
callAll().then(
  () => process.exit(),
  (error) => {
    console.error(`seed ${seed}`, error);
    process.exit(1);
  },
);
