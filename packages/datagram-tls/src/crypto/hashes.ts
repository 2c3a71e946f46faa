import type { HashName } from './provider.js';

/** Bytes of a digest, and so of every secret made with it. */
export const HASH_LENGTH: Readonly<Record<HashName, number>> = { sha256: 32, sha384: 48, sha512: 64 };
