import { Buffer } from 'node:buffer';
import crypto, { type KeyObject } from 'node:crypto';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import type { DecapsulationKey, Encapsulated, MlKem768 } from './kem.js';
import { plain } from './node-bytes.js';

let chosen: MlKem768 | undefined;

/** The platform's own where available (Node 24.7 with OpenSSL 3.5), which takes a tenth of the time. Looked up once. */
export function mlKem768(): MlKem768 {
  chosen ??= nativeMlKem768() ?? nobleMlKem768;
  return chosen;
}

/** The parts of node:crypto that Node 24.7 added, as far as they are used here. */
interface KemApi {
  generateKeyPairSync(type: 'ml-kem-768'): { publicKey: KeyObject; privateKey: KeyObject };
  encapsulate(key: KeyObject): { ciphertext: Buffer; sharedKey: Buffer };
  decapsulate(key: KeyObject, ciphertext: Uint8Array): Buffer;
}

/** SubjectPublicKeyInfo of id-alg-ml-kem-768, 2.16.840.1.101.3.4.4.2, up to the key itself. */
const SPKI_PREFIX = Buffer.from('308204b2300b0609608648016503040402038204a100', 'hex');

/** `undefined` where Node or its OpenSSL is too old. */
export function nativeMlKem768(): MlKem768 | undefined {
  const api = crypto as unknown as KemApi;
  if (!('encapsulate' in crypto)) return undefined;
  try {
    api.generateKeyPairSync('ml-kem-768');
  } catch {
    return undefined;
  }
  return { generate: () => generate(api), encapsulate: (publicKey) => encapsulate(api, publicKey) };
}

function generate(api: KemApi): DecapsulationKey {
  const { publicKey, privateKey } = api.generateKeyPairSync('ml-kem-768');
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return {
    publicKey: plain(spki.subarray(SPKI_PREFIX.length)),
    decapsulate: (ciphertext) => plain(api.decapsulate(privateKey, ciphertext)),
  };
}

/** OpenSSL checks the key's coefficients when it reads it. */
function encapsulate(api: KemApi, publicKey: Uint8Array): Encapsulated | undefined {
  const key = Buffer.concat([SPKI_PREFIX, publicKey]);
  try {
    const { ciphertext, sharedKey } = api.encapsulate(
      crypto.createPublicKey({ key, format: 'der', type: 'spki' }),
    );
    return { ciphertext: plain(ciphertext), secret: plain(sharedKey) };
  } catch {
    return undefined;
  }
}

/** @see MlKem768. The optional arguments, random by default, exist for test vectors. */
export const nobleMlKem768 = {
  generate(seed?: Uint8Array): DecapsulationKey {
    const { publicKey, secretKey } = ml_kem768.keygen(seed);
    return { publicKey, decapsulate: (ciphertext) => ml_kem768.decapsulate(ciphertext, secretKey) };
  },

  encapsulate(publicKey: Uint8Array, randomness?: Uint8Array): Encapsulated | undefined {
    try {
      const { cipherText, sharedSecret } = ml_kem768.encapsulate(publicKey, randomness);
      return { ciphertext: cipherText, secret: sharedSecret };
    } catch {
      return undefined;
    }
  },
};
