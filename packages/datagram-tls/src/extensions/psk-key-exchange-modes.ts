import { ExtensionType, PskKeyExchangeMode } from '../wire/codes.js';
import { Reader, Writer } from '../wire/cursor.js';
import { FACTS_13 } from '../wire/version.js';
import { type Extension, extension } from './extension.js';

/** Offered also for tickets, for which we ask thereby. */
export const pskKeyExchangeModesRow: Extension = extension(
  ExtensionType.psk_key_exchange_modes,
  ['CH'],
  ({ security }) =>
    encodePskKeyExchangeModes(Uint8Array.from(security.pskModes, (name) => PskKeyExchangeMode[name])),
  FACTS_13,
);

/** {@link PskKeyExchangeMode}s, one byte each; `undefined` when malformed. */
export function decodePskKeyExchangeModes(body: Uint8Array): Uint8Array | undefined {
  const r = new Reader(body);
  const modes = r.vec8(1);
  return r.finished() ? modes : undefined;
}

export function encodePskKeyExchangeModes(modes: Uint8Array): Uint8Array {
  return new Writer().vec8(modes).finish();
}
