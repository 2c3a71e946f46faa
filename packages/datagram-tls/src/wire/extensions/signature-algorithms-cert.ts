import { decodeSignatureAlgorithms, encodeSignatureAlgorithms } from './signature-algorithms.js';

/** Schemes that may sign the certificates themselves (RFC 8446 §4.2.3); `undefined` when malformed. */
export const decodeSignatureAlgorithmsCert: (body: Uint8Array) => readonly number[] | undefined =
  decodeSignatureAlgorithms;

export const encodeSignatureAlgorithmsCert: (schemes: readonly number[]) => Uint8Array =
  encodeSignatureAlgorithms;
