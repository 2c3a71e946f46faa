import { Buffer } from 'node:buffer';
import {
  createECDH,
  createPublicKey,
  diffieHellman,
  type ECDH,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';
import { concat } from '../base/bytes.js';
import type { GroupName } from '../wire/codes.js';
import { shareLength } from './groups.js';
import { CIPHERTEXT_LENGTH, type DecapsulationKey, PUBLIC_KEY_LENGTH } from './kem.js';
import { plain } from './node-bytes.js';
import { mlKem768 } from './node-mlkem.js';
import type { KeyExchange, KeyExchangeAnswer } from './provider.js';

type CurveName = 'secp256r1' | 'secp384r1' | 'secp521r1';

const OPENSSL_CURVE: Readonly<Record<CurveName, string>> = {
  secp256r1: 'prime256v1',
  secp384r1: 'secp384r1',
  secp521r1: 'secp521r1',
};

/** Node's types have no pair with one encoded half. */
const generatePair = generateKeyPairSync as unknown as (
  type: 'x25519',
  options: { readonly publicKeyEncoding: { readonly format: 'jwk' } },
) => { readonly privateKey: KeyObject; readonly publicKey: JsonWebKey };

export function startKeyExchange(group: GroupName): KeyExchange {
  switch (group) {
    case 'x25519':
      return X25519Exchange.generate();
    case 'X25519MLKEM768':
      return new HybridExchange();
    default:
      return EcdhExchange.generate(group);
  }
}

export function answerKeyExchange(group: GroupName, peerShare: Uint8Array): KeyExchangeAnswer | undefined {
  // Checked before a key pair is made.
  if (peerShare.length !== shareLength(group, 'client')) return undefined;
  if (group === 'X25519MLKEM768') return answerHybrid(peerShare);
  const exchange = startKeyExchange(group);
  const secret = exchange.finish(peerShare);
  return secret === undefined ? undefined : { share: exchange.share, secret };
}

/**
 * Keys are imported and exported as JWK: on Node 20 that costs a tenth of SubjectPublicKeyInfo, for which OpenSSL 3
 * tries its decoders one by one.
 */
export class X25519Exchange implements KeyExchange {
  readonly group = 'x25519';
  readonly share: Uint8Array;
  readonly #privateKey: KeyObject;

  /** `privateKey` was imported. A key that was just generated must not be: see {@link generate}. */
  constructor(privateKey: KeyObject, publicJwk: JsonWebKey = privateKey.export({ format: 'jwk' })) {
    this.#privateKey = privateKey;
    this.share = plain(Buffer.from(publicJwk.x ?? '', 'base64url'));
  }

  /**
   * The public half is requested along with the pair. On Node 20 a key that was just generated must not be exported:
   * its export holds the key's lock while it allocates. If that allocation collects the object that generated the
   * key, which takes the same lock, the process hangs forever. That happened once in tens of thousands of handshakes.
   */
  static generate(): X25519Exchange {
    const { privateKey, publicKey } = generatePair('x25519', { publicKeyEncoding: { format: 'jwk' } });
    return new X25519Exchange(privateKey, publicKey);
  }

  /** OpenSSL itself refuses an all-zero secret (RFC 7748 §6.1, RFC 8446 §7.4.2). */
  finish(peerShare: Uint8Array): Uint8Array | undefined {
    if (peerShare.length !== shareLength('x25519', 'server')) return undefined;
    const x = Buffer.from(peerShare).toString('base64url');
    try {
      const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
      return plain(diffieHellman({ privateKey: this.#privateKey, publicKey }));
    } catch {
      return undefined;
    }
  }
}

/** A NIST curve through ECDH, which on Node 20 costs a quarter of key objects. */
export class EcdhExchange implements KeyExchange {
  readonly group: CurveName;
  readonly share: Uint8Array;
  readonly #ecdh: ECDH;

  /** `ecdh` already holds its key pair. */
  constructor(group: CurveName, ecdh: ECDH) {
    this.group = group;
    this.#ecdh = ecdh;
    this.share = plain(ecdh.getPublicKey());
  }

  static generate(group: CurveName): EcdhExchange {
    const ecdh = createECDH(OPENSSL_CURVE[group]);
    ecdh.generateKeys();
    return new EcdhExchange(group, ecdh);
  }

  /** Only uncompressed points are allowed (RFC 8446 §4.2.8.2); OpenSSL checks that they are on the curve. */
  finish(peerShare: Uint8Array): Uint8Array | undefined {
    if (peerShare.length !== shareLength(this.group, 'server') || peerShare[0] !== 4) return undefined;
    try {
      return plain(this.#ecdh.computeSecret(peerShare));
    } catch {
      return undefined;
    }
  }
}

/** X25519MLKEM768: ML-KEM's part comes first in shares and secret (RFC 10024). */
class HybridExchange implements KeyExchange {
  readonly group = 'X25519MLKEM768';
  readonly share: Uint8Array;
  readonly #kem: DecapsulationKey;
  readonly #x25519 = startKeyExchange('x25519');

  constructor() {
    this.#kem = mlKem768().generate();
    this.share = concat(this.#kem.publicKey, this.#x25519.share);
  }

  finish(peerShare: Uint8Array): Uint8Array | undefined {
    if (peerShare.length !== shareLength(this.group, 'server')) return undefined;
    const classical = this.#x25519.finish(peerShare.subarray(CIPHERTEXT_LENGTH));
    if (classical === undefined) return undefined;
    return concat(this.#kem.decapsulate(peerShare.subarray(0, CIPHERTEXT_LENGTH)), classical);
  }
}

/** The server's half differs: it encapsulates to the client's key and has no key of its own. */
function answerHybrid(peerShare: Uint8Array): KeyExchangeAnswer | undefined {
  const classical = answerKeyExchange('x25519', peerShare.subarray(PUBLIC_KEY_LENGTH));
  if (classical === undefined) return undefined;
  const sealed = mlKem768().encapsulate(peerShare.subarray(0, PUBLIC_KEY_LENGTH));
  if (sealed === undefined) return undefined;
  return {
    share: concat(sealed.ciphertext, classical.share),
    secret: concat(sealed.secret, classical.secret),
  };
}
