import { concat, EMPTY } from '../base/bytes.js';
import type { CryptoProvider, HashName } from '../crypto/provider.js';
import { prf12 } from './prf12.js';

/**
 * Keying material for the application in DTLS 1.2 (RFC 5705 §4). An absent context and an empty one differ.
 * The caller has checked that `context` is shorter than 2^16 bytes.
 */
export function exportKeyingMaterial12(
  crypto: CryptoProvider,
  hash: HashName,
  masterSecret: Uint8Array,
  clientRandom: Uint8Array,
  serverRandom: Uint8Array,
  label: string,
  context: Uint8Array | undefined,
  length: number,
): Uint8Array {
  const master = crypto.mac(hash, masterSecret);
  return prf12(master, label, length, clientRandom, serverRandom, prefixed(context));
}

/** The context with its length in two bytes, or nothing. */
function prefixed(context: Uint8Array | undefined): Uint8Array {
  if (context === undefined) return EMPTY;
  return concat(Uint8Array.of(context.length >>> 8, context.length), context);
}
