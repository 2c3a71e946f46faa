import { EMPTY } from '../base/bytes.js';
import { decoded, violation } from '../base/errors.js';
import type { Security } from '../config/config.js';
import { ExtensionType, SrtpProfile, type SrtpProfileName } from '../wire/codes.js';
import { Reader, Writer } from '../wire/cursor.js';
import type { Extensions } from '../wire/extension-block.js';
import { type Extension, extension } from './extension.js';

export const useSrtpRow: Extension = extension(
  ExtensionType.use_srtp,
  ['CH', 'EE'],
  ({ security: { srtp } }) =>
    srtp.length === 0
      ? undefined
      : encodeUseSrtpRequest({ profiles: srtp.map((name) => SrtpProfile[name]), mki: EMPTY }),
);

/** Keys for SRTP (RFC 5764), the same in both versions. We use no master key identifier. */

/** The server's first profile that the client has, too; without one there is no SRTP, but a session (§4.1.1). */
export function chooseSrtp({ srtp }: Security, client: Extensions): SrtpProfileName | undefined {
  const body = client.get(ExtensionType.use_srtp);
  if (body === undefined) return undefined;
  const { profiles } = decoded(decodeUseSrtpRequest(body), 'use_srtp');
  return srtp.find((name) => profiles.includes(SrtpProfile[name]));
}

/** What the server chose, which must be one of ours, with our identifier, which is empty (§4.1.1, §4.1.3). */
export function readSrtpChoice({ srtp }: Security, answers: Extensions): SrtpProfileName | undefined {
  const body = answers.get(ExtensionType.use_srtp);
  if (body === undefined) return undefined;
  const { profile, mki } = decoded(decodeUseSrtpResponse(body), 'use_srtp');
  const name = srtp.find((candidate) => SrtpProfile[candidate] === profile);
  if (name === undefined || mki.length > 0)
    throw violation(
      'illegal_parameter',
      'the server chose an SRTP profile or identifier that was not offered',
    );
  return name;
}

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
