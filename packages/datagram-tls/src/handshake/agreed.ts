import { EMPTY } from '../base/bytes.js';
import type { Security } from '../config/config.js';
import { ExtensionType, SrtpProfile, type SrtpProfileName } from '../wire/codes.js';
import { encodeAlpnResponse } from '../wire/extensions/alpn.js';
import type { Extensions } from '../wire/extensions/block.js';
import { encodeUseSrtpResponse } from '../wire/extensions/use-srtp.js';
import { chooseAlpn, offerAlpn, readAlpnChoice } from './alpn.js';
import { chooseSrtp, offerSrtp, readSrtpChoice } from './srtp.js';

/** What both sides settled for the application, by extensions that are the same in both versions. */
export interface Agreed {
  /** The name of the application's protocol, as bytes. */
  readonly alpn: Uint8Array | undefined;
  readonly srtp: SrtpProfileName | undefined;
}

/** The client's extensions for it, in the order in which they are sent. */
export function offerAgreements(security: Security): Map<number, Uint8Array> {
  return withoutGaps([
    [ExtensionType.alpn, offerAlpn(security)],
    [ExtensionType.use_srtp, offerSrtp(security)],
  ]);
}

/** What the server makes of the client's extensions. */
export function chooseAgreements(security: Security, client: Extensions): Agreed {
  return { alpn: chooseAlpn(security, client), srtp: chooseSrtp(security, client) };
}

/** The server's extensions that say so: in its ServerHello, and in DTLS 1.3 in its EncryptedExtensions. */
export function encodeAgreements({ alpn, srtp }: Agreed): Map<number, Uint8Array> {
  return withoutGaps([
    [ExtensionType.alpn, alpn && encodeAlpnResponse(alpn)],
    [ExtensionType.use_srtp, srtp && encodeUseSrtpResponse({ profile: SrtpProfile[srtp], mki: EMPTY })],
  ]);
}

/** What the client learns from them. That they answer what was offered has been checked. */
export function readAgreements(security: Security, answers: Extensions): Agreed {
  return { alpn: readAlpnChoice(security, answers), srtp: readSrtpChoice(security, answers) };
}

function withoutGaps(list: readonly (readonly [number, Uint8Array | undefined])[]): Map<number, Uint8Array> {
  const extensions = new Map<number, Uint8Array>();
  for (const [type, body] of list) if (body !== undefined) extensions.set(type, body);
  return extensions;
}
