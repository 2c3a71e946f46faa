import { EMPTY } from '../base/bytes.js';
import { groupFits } from '../crypto/groups.js';
import type { CipherSuite } from '../crypto/suites.js';
import { ExtensionType, Group, ProtocolVersion, RENEGOTIATION_SCSV, Scheme } from '../wire/codes.js';
import { encodeEcPointFormats, UNCOMPRESSED } from '../wire/extensions/ec-point-formats.js';
import { encodeExtendedMasterSecret } from '../wire/extensions/extended-master-secret.js';
import { encodeRenegotiationInfo } from '../wire/extensions/renegotiation-info.js';
import { encodeServerNameRequest } from '../wire/extensions/server-name.js';
import { encodeSignatureAlgorithms } from '../wire/extensions/signature-algorithms.js';
import { encodeSupportedGroups } from '../wire/extensions/supported-groups.js';
import type { ClientHello } from '../wire/messages/client-hello.js';
import type { Context } from './context.js';
import { isAtLeast } from './negotiate.js';

/** What a client put into its ClientHello; answers are checked against it. */
export interface Offer {
  readonly hello: ClientHello;
  readonly suites: readonly CipherSuite[];
}

/** The first ClientHello. The one that answers a cookie request differs from it in the cookie alone (RFC 6347 §4.2.1). */
export function makeOffer(ctx: Context): Offer {
  const { security } = ctx;
  const suites = security.suites.filter(
    (suite) => isAtLeast(suite.version, security.minVersion) && isAtLeast(security.maxVersion, suite.version),
  );
  const hello: ClientHello = {
    legacyVersion: ProtocolVersion.dtls12,
    random: ctx.provider.randomBytes(32),
    sessionId: EMPTY,
    cookie: EMPTY,
    cipherSuites: [...suites.map((suite) => suite.code), RENEGOTIATION_SCSV],
    compressionMethods: Uint8Array.of(0),
    extensions: offeredExtensions(ctx),
  };
  return { hello, suites };
}

export function withCookie(offer: Offer, cookie: Uint8Array): Offer {
  return { ...offer, hello: { ...offer.hello, cookie } };
}

function offeredExtensions(ctx: Context): Map<number, Uint8Array> {
  const { security, destination } = ctx;
  const extensions = new Map<number, Uint8Array>();
  if (destination.serverName !== undefined) {
    extensions.set(ExtensionType.server_name, encodeServerNameRequest({ hostName: destination.serverName }));
  }
  const groups = security.groups.filter((name) => groupFits(name, security.maxVersion));
  extensions.set(ExtensionType.supported_groups, encodeSupportedGroups(groups.map((name) => Group[name])));
  extensions.set(
    ExtensionType.signature_algorithms,
    encodeSignatureAlgorithms(security.sigalgs.map((name) => Scheme[name])),
  );
  extensions.set(ExtensionType.ec_point_formats, encodeEcPointFormats(Uint8Array.of(UNCOMPRESSED)));
  extensions.set(ExtensionType.extended_master_secret, encodeExtendedMasterSecret());
  extensions.set(ExtensionType.renegotiation_info, encodeRenegotiationInfo(EMPTY));
  return extensions;
}
