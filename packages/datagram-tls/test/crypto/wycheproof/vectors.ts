import assert from 'node:assert/strict';
import { fromHex } from '#lib/base/bytes.js';
import { needs, readVector } from '../../support/vectors.js';

/** The files of the folder. Every file needs a test that runs it. */
export const WYCHEPROOF_FILES = [
  'aes_ccm',
  'aes_gcm',
  'chacha20_poly1305',
  'ecdh_secp256r1_ecpoint',
  'ecdh_secp384r1_ecpoint',
  'ecdsa_secp256r1_sha256',
  'ecdsa_secp384r1_sha384',
  'ed25519',
  'hkdf_sha256',
  'hkdf_sha384',
  'mlkem_768',
  'mlkem_768_encaps',
  'rsa_pss_2048_sha256_mgf1_32',
  'rsa_signature_2048_sha256',
  'x25519',
] as const;

export type WycheproofFile = (typeof WYCHEPROOF_FILES)[number];

/** `acceptable` leaves it to the implementation. */
export type Verdict = 'valid' | 'invalid' | 'acceptable';

export interface Vector {
  readonly tcId: number;
  readonly comment?: string;
  readonly flags: readonly string[];
  readonly result: Verdict;
}

/** A group's own fields, and its vectors with theirs. */
export type Group<G, V> = G & { readonly tests: readonly (Vector & V)[] };

export function needsWycheproof(name: WycheproofFile): { skip: string | false } {
  return needs(pathOf(name));
}

/** What the vectors of a file hold is for its test to say. */
export function wycheproof<G, V>(name: WycheproofFile): readonly Group<G, V>[] {
  const file = JSON.parse(new TextDecoder().decode(readVector(pathOf(name)))) as {
    testGroups: readonly Group<G, V>[];
  };
  return file.testGroups;
}

export function hex(text: string): Uint8Array {
  const bytes = fromHex(text);
  assert.ok(bytes, `${text} is not hexadecimal`);
  return bytes;
}

/** The vector by number, for the message of a failed assertion. */
export function which({ tcId, flags, comment = '' }: Vector): string {
  return `vector ${tcId} (${[...flags, comment].join(', ')})`;
}

/** Checks one verdict; returns 1 to be counted. */
export function judge(vector: Vector, accepted: boolean): number {
  if (vector.result !== 'acceptable') assert.equal(accepted, vector.result === 'valid', which(vector));
  return 1;
}

function pathOf(name: WycheproofFile): string {
  return `wycheproof/${name}_test.json`;
}
