import { EMPTY } from '../base/bytes.js';
import { ExtensionType } from '../wire/codes.js';
import { Reader, readItems, Writer } from '../wire/cursor.js';
import { FACTS_13 } from '../wire/version.js';
import { type Extension, extension } from './extension.js';

/** Its body is empty until the binders, which cover all the rest of the ClientHello, are there. */
export const preSharedKeyRow: Extension = extension(
  ExtensionType.pre_shared_key,
  ['CH', 'SH'],
  ({ hasPsks }) => (hasPsks ? EMPTY : undefined),
  FACTS_13,
);

/** RFC 8446 §4.2.11. */
export interface PskIdentity {
  readonly identity: Uint8Array;
  /** Milliseconds since the ticket was received plus its ticket_age_add, modulo 2^32; 0 for an external PSK. */
  readonly obfuscatedTicketAge: number;
}

/** A client's offer. The caller checks that there is a binder for each identity (illegal_parameter). */
export interface OfferedPsks {
  readonly identities: readonly PskIdentity[];
  /** Each is an HMAC over the ClientHello without its last {@link bindersLength} bytes. */
  readonly binders: readonly Uint8Array[];
}

/** `undefined` when malformed: the caller answers decode_error. Byte fields are views into `body`. */
export function decodePreSharedKeyRequest(body: Uint8Array): OfferedPsks | undefined {
  const r = new Reader(body);
  const offer = {
    identities: readItems(r, r.vec16(7), readIdentity),
    binders: readItems(r, r.vec16(33), (list) => list.vec8(32)),
  };
  return r.finished() ? offer : undefined;
}

/** Called first with zeros of the right lengths for binders, then with the binders over the first result. */
export function encodePreSharedKeyRequest({ identities, binders }: OfferedPsks): Uint8Array {
  const w = new Writer();
  const identityList = w.openVec16();
  for (const { identity, obfuscatedTicketAge } of identities) w.vec16(identity).u32(obfuscatedTicketAge);
  w.closeVec16(identityList);
  const binderList = w.openVec16();
  for (const binder of binders) w.vec8(binder);
  return w.closeVec16(binderList).finish();
}

/**
 * Bytes of the encoded binder list with its length field. The extension is the last in its ClientHello, so the list
 * is at its end, and this is what a binder leaves out of the message (RFC 8446 §4.2.11.2).
 */
export function bindersLength(binders: readonly Uint8Array[]): number {
  return binders.reduce((length, binder) => length + 1 + binder.length, 2);
}

/** The index, from 0, of the identity that a server chose; `undefined` when malformed. */
export function decodePreSharedKeyResponse(body: Uint8Array): number | undefined {
  const r = new Reader(body);
  const selectedIdentity = r.u16();
  return r.finished() ? selectedIdentity : undefined;
}

export function encodePreSharedKeyResponse(selectedIdentity: number): Uint8Array {
  return new Writer().u16(selectedIdentity).finish();
}

function readIdentity(r: Reader): PskIdentity {
  return { identity: r.vec16(1), obfuscatedTicketAge: r.u32() };
}
