import { EMPTY, own } from '../base/bytes.js';
import type { Reader, Writer } from '../wire/cursor.js';

/** What early data under a ticket has to keep to (RFC 8446 §4.2.10). */
export interface EarlyTerms {
  /** Bytes of it that the server takes; 0: it takes none. */
  readonly most: number;
  /** The application protocol of the session that gave the ticket. */
  readonly alpn: Uint8Array | undefined;
}

/** Of a session that never had a word of early data. */
export const NO_EARLY_DATA: EarlyTerms = { most: 0, alpn: undefined };

export function writeEarlyTerms(w: Writer, { most, alpn }: EarlyTerms): void {
  w.u32(most).vec8(alpn ?? EMPTY);
}

/** The caller looks whether the reader failed. */
export function readEarlyTerms(r: Reader): EarlyTerms {
  const most = r.u32();
  const alpn = own(r.vec8());
  return { most, alpn: alpn.length === 0 ? undefined : alpn };
}
