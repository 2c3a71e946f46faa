import type { KeyExchange } from '../crypto/provider.js';
import { ExtensionType, Group } from '../wire/codes.js';
import { Reader, readItems, Writer } from '../wire/cursor.js';
import { FACTS_13 } from '../wire/version.js';
import { type Extension, extension } from './extension.js';

export const keyShareRow: Extension = extension(
  ExtensionType.key_share,
  ['CH', 'SH', 'HRR'],
  ({ exchanges }) => encodeShares(exchanges),
  FACTS_13,
);

/** A public key in the group's own encoding (RFC 8446 §4.2.8). */
export interface KeyShareEntry {
  readonly group: number;
  readonly keyExchange: Uint8Array;
}

/** The shares of a ClientHello; an empty list requests a HelloRetryRequest. `undefined` when malformed. */
export function decodeKeyShareRequest(body: Uint8Array): readonly KeyShareEntry[] | undefined {
  const r = new Reader(body);
  const shares = readItems(r, r.vec16(), readEntry);
  return r.finished() ? shares : undefined;
}

export function encodeKeyShareRequest(shares: readonly KeyShareEntry[]): Uint8Array {
  const w = new Writer();
  const list = w.openVec16();
  for (const share of shares) writeEntry(w, share);
  return w.closeVec16(list).finish();
}

/** Body of key_share with the share of each exchange (RFC 8446 §4.2.8). */
export function encodeShares(exchanges: readonly KeyExchange[]): Uint8Array {
  return encodeKeyShareRequest(
    exchanges.map(({ group, share }) => ({ group: Group[group], keyExchange: share })),
  );
}

/** The share of a ServerHello; `undefined` when malformed. */
export function decodeKeyShareResponse(body: Uint8Array): KeyShareEntry | undefined {
  const r = new Reader(body);
  const share = readEntry(r);
  return r.finished() ? share : undefined;
}

export function encodeKeyShareResponse(share: KeyShareEntry): Uint8Array {
  const w = new Writer();
  writeEntry(w, share);
  return w.finish();
}

/** The group whose share a HelloRetryRequest requests; `undefined` when malformed. */
export function decodeKeyShareRetry(body: Uint8Array): number | undefined {
  const r = new Reader(body);
  const selectedGroup = r.u16();
  return r.finished() ? selectedGroup : undefined;
}

export function encodeKeyShareRetry(selectedGroup: number): Uint8Array {
  return new Writer().u16(selectedGroup).finish();
}

function readEntry(r: Reader): KeyShareEntry {
  return { group: r.u16(), keyExchange: r.vec16(1) };
}

function writeEntry(w: Writer, { group, keyExchange }: KeyShareEntry): void {
  w.u16(group).vec16(keyExchange);
}
