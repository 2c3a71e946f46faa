import { createHash, createHmac } from 'node:crypto';
import { fromBase64, sameBytes, utf8 } from '../base/bytes.js';
import type { GroupName, SchemeName } from '../wire/codes.js';
import { NodeAead, NodeAesCbc, recordNumberMask } from './node-ciphers.js';
import { startKeyExchange } from './node-exchange.js';
import { NodeHash } from './node-hash.js';
import { KNOWN_KEYS, KNOWN_SIGNATURES, SIGNED_TEXT } from './node-known-answers.js';
import { verifyWith } from './node-signatures.js';
import { importSpki } from './node-spki.js';
import { once } from './once.js';
import type { AeadName, Capabilities, HashName, KeyType } from './provider.js';
import { scheme } from './signatures.js';
import { AEADS } from './suites.js';

/**
 * What the runtime supports. Its lists of names are not used: Deno lists P-521 for ECDH and has none. Each answer is
 * found by trying once, when it is first needed, and then kept: importing the library costs nothing.
 */
export const nodeCapabilities: Capabilities = {
  hash: once(canHash),
  aead: once(canSeal),
  aesCbc: once(canEncrypt),
  recordNumberMask: once(canMask),
  group: once(canExchange),
  signature: once(canVerify),
};

const TEXT = utf8(SIGNED_TEXT);
/** Tried as a hash object, as the provider hashes, and as HMAC. */
function canHash(name: HashName | 'sha1'): boolean {
  const hash = new NodeHash(name);
  hash.update(TEXT);
  const digest = createHash(name).update(TEXT).digest();
  return sameBytes(hash.digest(), digest) && createHmac(name, TEXT).update(TEXT).digest().length > 0;
}

function canSeal(name: AeadName): boolean {
  const aead = new NodeAead(name, new Uint8Array(AEADS[name].keyLength));
  const nonce = new Uint8Array(12);
  const sealed = new Uint8Array(TEXT.length + aead.tagLength);
  aead.seal(nonce, TEXT, TEXT, sealed, 0);
  const opened = aead.open(nonce, TEXT, sealed);
  return opened !== undefined && sameBytes(opened, TEXT);
}

function canEncrypt(): boolean {
  const cbc = new NodeAesCbc(new Uint8Array(16));
  const block = new Uint8Array(16);
  const text = new Uint8Array(16);
  cbc.encrypt(block, block, text, 0);
  return sameBytes(cbc.decrypt(block, text), block);
}

function canMask(name: AeadName): boolean {
  return recordNumberMask(name, new Uint8Array(AEADS[name].keyLength)).mask(new Uint8Array(16)).length >= 2;
}

/** ML-KEM is supported everywhere, if necessary in JavaScript; a hybrid group is supported where its curve is. */
function canExchange(group: GroupName): boolean {
  if (group === 'X25519MLKEM768') return nodeCapabilities.group('x25519');
  const exchange = startKeyExchange(group);
  // Our own share serves as the peer's here, which saves another key pair.
  return exchange.finish(exchange.share) !== undefined;
}

function canVerify(name: SchemeName, type: KeyType): boolean {
  const signature = KNOWN_SIGNATURES[type]?.[name];
  if (signature === undefined) return false;
  const key = importSpki(bytes(KNOWN_KEYS[type]));
  return verifyWith(scheme(name), key, TEXT, bytes(signature));
}

function bytes(text: string): Uint8Array {
  return fromBase64(text) ?? new Uint8Array(0);
}
