import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import type { DecapsulationKey, Encapsulated } from './kem.js';

/** @see MlKem768. The optional arguments, random unless given, are for test vectors. */
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
