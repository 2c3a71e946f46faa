import { concat, EMPTY } from '../base/bytes.js';
import type { CryptoProvider, HashName } from '../crypto/provider.js';
import { prf12 } from './prf12.js';
import { deriveSecret, hkdfExpandLabel } from './schedule13.js';

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

/**
 * Keying material for the application in DTLS 1.3 (RFC 8446 §7.5), where an absent context is an empty one.
 * `exporterSecret` is the exporter master secret, or the early one.
 */
export function exportKeyingMaterial13(
  crypto: CryptoProvider,
  hash: HashName,
  exporterSecret: Uint8Array,
  label: string,
  context: Uint8Array | undefined,
  length: number,
): Uint8Array {
  const secret = deriveSecret(crypto, hash, exporterSecret, label, digestOf(crypto, hash, EMPTY));
  return hkdfExpandLabel(crypto, hash, secret, 'exporter', digestOf(crypto, hash, context ?? EMPTY), length);
}

function digestOf(crypto: CryptoProvider, hash: HashName, data: Uint8Array): Uint8Array {
  const running = crypto.hash(hash);
  running.update(data);
  return running.digest();
}
