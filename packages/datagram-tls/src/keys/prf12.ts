import { concat, EMPTY, sliceOf, utf8 } from '../base/bytes.js';
import type { CryptoProvider, HashName, MacKey } from '../crypto/provider.js';
import type { CipherSuite } from '../crypto/suites.js';

const MASTER_SECRET_LENGTH = 48;
const VERIFY_DATA_LENGTH = 12;

/** The labels of every handshake, encoded once. A bundler drops them where nothing speaks DTLS 1.2. */
const LABELS = /* @__PURE__ */ encodedLabels();

function encodedLabels(): ReadonlyMap<string, Uint8Array> {
  const labels = [
    'master secret',
    'extended master secret',
    'key expansion',
    'client finished',
    'server finished',
  ];
  return new Map(labels.map((label) => [label, utf8(label)]));
}

/** Keys of both directions, as the record layer takes them (RFC 5246 §6.3). The caller owns the bytes. */
export interface KeyBlock12 {
  /** MAC keys; empty where an AEAD needs none. */
  readonly clientMac: Uint8Array;
  readonly serverMac: Uint8Array;
  readonly clientKey: Uint8Array;
  readonly serverKey: Uint8Array;
  readonly clientIv: Uint8Array;
  readonly serverIv: Uint8Array;
}

/** RFC 5246 §8.1. `randoms` are the client's and the server's, 32 bytes each. */
export function deriveMasterSecret12(
  crypto: CryptoProvider,
  hash: HashName,
  preMasterSecret: Uint8Array,
  clientRandom: Uint8Array,
  serverRandom: Uint8Array,
): Uint8Array {
  const secret = crypto.mac(hash, preMasterSecret);
  return prf12(secret, 'master secret', MASTER_SECRET_LENGTH, clientRandom, serverRandom);
}

/** RFC 7627 §4. `sessionHash` covers the handshake from ClientHello to ClientKeyExchange. */
export function deriveExtendedMasterSecret12(
  crypto: CryptoProvider,
  hash: HashName,
  preMasterSecret: Uint8Array,
  sessionHash: Uint8Array,
): Uint8Array {
  return prf12(
    crypto.mac(hash, preMasterSecret),
    'extended master secret',
    MASTER_SECRET_LENGTH,
    sessionHash,
  );
}

/** RFC 5246 §6.3. `master` is the master secret as an HMAC key. Note that the server's random comes first. */
export function deriveKeyBlock12(
  master: MacKey,
  suite: CipherSuite,
  clientRandom: Uint8Array,
  serverRandom: Uint8Array,
): KeyBlock12 {
  const { macKeyLength, keyLength, fixedIvLength } = suite;
  const length = 2 * (macKeyLength + keyLength + fixedIvLength);
  const block = prf12(master, 'key expansion', length, serverRandom, clientRandom);
  const keysAt = 2 * macKeyLength;
  const ivsAt = keysAt + 2 * keyLength;
  return {
    clientMac: part(block, 0, macKeyLength),
    serverMac: part(block, macKeyLength, macKeyLength),
    clientKey: part(block, keysAt, keyLength),
    serverKey: part(block, keysAt + keyLength, keyLength),
    clientIv: part(block, ivsAt, fixedIvLength),
    serverIv: part(block, ivsAt + fixedIvLength, fixedIvLength),
  };
}

function part(block: Uint8Array, at: number, length: number): Uint8Array {
  return length === 0 ? EMPTY : sliceOf(block, at, length);
}

/** The content of Finished (RFC 5246 §7.4.9). `transcript` is the hash of all handshake messages before it. */
export function deriveVerifyData12(
  master: MacKey,
  label: 'client finished' | 'server finished',
  transcript: Uint8Array,
): Uint8Array {
  return prf12(master, label, VERIFY_DATA_LENGTH, transcript);
}

/** The PRF of TLS 1.2: P_hash over label and seed (RFC 5246 §5). `secret` is an HMAC key. */
export function prf12(secret: MacKey, label: string, length: number, ...seed: Uint8Array[]): Uint8Array {
  const encoded = LABELS.get(label) ?? utf8(label);
  const atOnce = secret.prf?.(length, encoded, ...seed);
  if (atOnce !== undefined) return atOnce;
  const labelled = concat(encoded, ...seed);
  const output = new Uint8Array(length);
  let a = secret.sign(labelled);
  for (let at = 0; ; ) {
    const block = secret.sign(a, labelled);
    output.set(block.subarray(0, length - at), at);
    at += block.length;
    if (at >= length) return output;
    a = secret.sign(a);
  }
}
