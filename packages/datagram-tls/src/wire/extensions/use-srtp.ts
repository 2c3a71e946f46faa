import { Reader, Writer } from '../cursor.js';

/** A client's offer (RFC 5764 §4.1.1). */
export interface UseSrtpRequest {
  readonly profiles: readonly number[];
  /** The master key identifier; empty for none. */
  readonly mki: Uint8Array;
}

/** A server's choice. */
export interface UseSrtpResponse {
  readonly profile: number;
  readonly mki: Uint8Array;
}

/** `undefined` when malformed: the caller answers decode_error. */
export function decodeUseSrtpRequest(body: Uint8Array): UseSrtpRequest | undefined {
  const r = new Reader(body);
  const request = { profiles: r.listU16(2), mki: r.vec8() };
  return r.finished() ? request : undefined;
}

export function encodeUseSrtpRequest({ profiles, mki }: UseSrtpRequest): Uint8Array {
  return new Writer().listU16(profiles).vec8(mki).finish();
}

/** `undefined` when malformed or not exactly one profile (RFC 5764 §4.1.1). */
export function decodeUseSrtpResponse(body: Uint8Array): UseSrtpResponse | undefined {
  const offer = decodeUseSrtpRequest(body);
  const [profile, another] = offer?.profiles ?? [];
  if (offer === undefined || profile === undefined || another !== undefined) return undefined;
  return { profile, mki: offer.mki };
}

export function encodeUseSrtpResponse({ profile, mki }: UseSrtpResponse): Uint8Array {
  return encodeUseSrtpRequest({ profiles: [profile], mki });
}
