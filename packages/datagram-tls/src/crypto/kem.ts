/** ML-KEM-768 (FIPS 203). The caller owns all bytes. */
export interface MlKem768 {
  generate(): DecapsulationKey;
  /** `publicKey` has 1184 bytes; `undefined` for one that FIPS 203 §7.2 refuses. */
  encapsulate(publicKey: Uint8Array): Encapsulated | undefined;
}

export interface DecapsulationKey {
  /** The encapsulation key, to be sent. */
  readonly publicKey: Uint8Array;
  /** Of 1088 bytes. A wrong one does not fail but gives an unpredictable secret (FIPS 203 §6.3). */
  decapsulate(ciphertext: Uint8Array): Uint8Array;
}

export interface Encapsulated {
  readonly ciphertext: Uint8Array;
  readonly secret: Uint8Array;
}

export const PUBLIC_KEY_LENGTH = 1184;
export const CIPHERTEXT_LENGTH = 1088;
