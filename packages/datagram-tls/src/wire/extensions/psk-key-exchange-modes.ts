import { Reader, Writer } from '../cursor.js';

/** RFC 8446 §4.2.9. */
export const PskKeyExchangeMode = { psk_ke: 0, psk_dhe_ke: 1 } as const;

export type PskModeName = keyof typeof PskKeyExchangeMode;

/** {@link PskKeyExchangeMode}s, one byte each; `undefined` when malformed. */
export function decodePskKeyExchangeModes(body: Uint8Array): Uint8Array | undefined {
  const r = new Reader(body);
  const modes = r.vec8(1);
  return r.finished() ? modes : undefined;
}

export function encodePskKeyExchangeModes(modes: Uint8Array): Uint8Array {
  return new Writer().vec8(modes).finish();
}
