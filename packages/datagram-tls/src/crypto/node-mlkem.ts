import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';

export interface DecapsulationKey {
  /** The encapsulation key, to be sent. */
  readonly publicKey: Uint8Array;
  /** Never fails: a wrong ciphertext gives a secret that nobody else has (FIPS 203 §6.3). */
  decapsulate(ciphertext: Uint8Array): Uint8Array;
}

/** ML-KEM-768 (FIPS 203), which Node 20's OpenSSL does not have. Lengths in bytes. */
export const mlKem768 = {
  publicKeyLength: 1184,
  ciphertextLength: 1088,

  /** `seed` is for test vectors; without one the key is random. */
  generate(seed?: Uint8Array): DecapsulationKey {
    const { publicKey, secretKey } = ml_kem768.keygen(seed);
    return { publicKey, decapsulate: (ciphertext) => ml_kem768.decapsulate(ciphertext, secretKey) };
  },

  /** `undefined` for a key that FIPS 203 §7.2 refuses. `randomness` is for test vectors. */
  encapsulate(
    publicKey: Uint8Array,
    randomness?: Uint8Array,
  ): { ciphertext: Uint8Array; secret: Uint8Array } | undefined {
    try {
      const { cipherText, sharedSecret } = ml_kem768.encapsulate(publicKey, randomness);
      return { ciphertext: cipherText, secret: sharedSecret };
    } catch {
      return undefined;
    }
  },
};
