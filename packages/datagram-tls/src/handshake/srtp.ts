import { EMPTY } from '../base/bytes.js';
import { violation } from '../base/errors.js';
import type { Security } from '../config/config.js';
import { ExtensionType, SrtpProfile, type SrtpProfileName } from '../wire/codes.js';
import type { Extensions } from '../wire/extensions/block.js';
import {
  decodeUseSrtpRequest,
  decodeUseSrtpResponse,
  encodeUseSrtpRequest,
} from '../wire/extensions/use-srtp.js';
import { decoded } from './message.js';

/** Keys for SRTP (RFC 5764), the same in both versions. We use no master key identifier. */

/** The client's extension; `undefined` when it has no profiles. */
export function offerSrtp({ srtp }: Security): Uint8Array | undefined {
  if (srtp.length === 0) return undefined;
  return encodeUseSrtpRequest({ profiles: srtp.map((name) => SrtpProfile[name]), mki: EMPTY });
}

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
