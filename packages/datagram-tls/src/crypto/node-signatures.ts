import {
  constants,
  type KeyObject,
  sign as nodeSign,
  verify as nodeVerify,
  type SignKeyObjectInput,
} from 'node:crypto';
import type { SchemeName } from '../wire/codes.js';
import { plain } from './node-bytes.js';
import type { PrivateKey, PublicKey } from './provider.js';
import { canMake, type SignatureScheme, scheme } from './signatures.js';

/** @see CryptoProvider.sign */
export function sign(name: SchemeName, key: PrivateKey, data: Uint8Array): Uint8Array {
  const wanted = schemeFor(name, key);
  return plain(nodeSign(wanted.hash ?? null, data, keyInput(wanted, key.handle as KeyObject)));
}

/** @see CryptoProvider.signInThread */
export async function signInThread(name: SchemeName, key: PrivateKey, data: Uint8Array): Promise<Uint8Array> {
  const wanted = schemeFor(name, key);
  return await new Promise((resolve, reject) => {
    nodeSign(wanted.hash ?? null, data, keyInput(wanted, key.handle as KeyObject), (error, signature) => {
      if (error === null) resolve(plain(signature));
      else reject(error);
    });
  });
}

function schemeFor(name: SchemeName, key: PrivateKey): SignatureScheme {
  if (!canMake(name, key)) throw new TypeError(`This key of type ${key.type} cannot sign with ${name}`);
  return scheme(name);
}

/** @see CryptoProvider.verify */
export function verify(name: SchemeName, key: PublicKey, data: Uint8Array, signature: Uint8Array): boolean {
  const wanted = scheme(name);
  // By default the platform would verify another algorithm than the scheme's.
  if (!canMake(name, key)) return false;
  // RFC 8017 §8.1.2: OpenSSL also accepts one without its leading zeros.
  if (wanted.algorithm.startsWith('rsa') && signature.length !== Math.ceil(key.bits / 8)) return false;
  try {
    return verifyWith(wanted, key.handle as KeyObject, data, signature);
  } catch {
    return false;
  }
}

/** The platform's own verdict; throws the platform's errors. */
export function verifyWith(
  wanted: SignatureScheme,
  key: KeyObject,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  return nodeVerify(wanted.hash ?? null, data, keyInput(wanted, key), signature);
}

/**
 * RFC 8446 §4.2.3: the salt of RSASSA-PSS is as long as the hash, and is checked. Node reads missing properties from
 * the prototype, of a key object as well, so there is no prototype.
 */
function keyInput({ algorithm }: SignatureScheme, key: KeyObject): SignKeyObjectInput {
  const input = Object.create(null) as SignKeyObjectInput;
  input.key = key;
  if (algorithm === 'rsa-pkcs1') input.padding = constants.RSA_PKCS1_PADDING;
  if (algorithm === 'rsa-pss') {
    input.padding = constants.RSA_PKCS1_PSS_PADDING;
    input.saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
  }
  return input;
}
