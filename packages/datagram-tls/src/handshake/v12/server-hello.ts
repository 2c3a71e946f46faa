import { EMPTY } from '../../base/bytes.js';
import { needsEncryptThenMac } from '../../crypto/suites.js';
import type { GroupName } from '../../wire/codes.js';
import { ExtensionType, HandshakeType, ProtocolVersion } from '../../wire/codes.js';
import { encodeEcPointFormats, UNCOMPRESSED } from '../../wire/extensions/ec-point-formats.js';
import { encodeEncryptThenMac } from '../../wire/extensions/encrypt-then-mac.js';
import { encodeExtendedMasterSecret } from '../../wire/extensions/extended-master-secret.js';
import { encodeRenegotiationInfo } from '../../wire/extensions/renegotiation-info.js';
import { encodeSessionTicketResponse } from '../../wire/extensions/session-ticket.js';
import { DOWNGRADE_TO_12, encodeServerHello } from '../../wire/messages/server-hello.js';
import { encodeAgreements } from '../agreed.js';
import type { ClientWishes } from '../client-wishes.js';
import type { Context } from '../context.js';
import type { Negotiated12 } from './secrets.js';

/** RFC 8446 §4.1.3: a server that could do 1.3 marks its random, so that a forged downgrade is noticed. */
export function serverRandom12(ctx: Context): Uint8Array {
  const random = ctx.provider.randomBytes(32);
  if (ctx.security.maxVersion === 'DTLSv1.3') random.set(DOWNGRADE_TO_12, 24);
  return random;
}

/** `group`: of the key exchange, if there is one; `answers`: further extensions, as the choice of a certificate asks for. */
export function sendServerHello12(
  ctx: Context,
  client: ClientWishes,
  hello: Negotiated12,
  group: GroupName | undefined,
  answers: ReadonlyMap<number, Uint8Array>,
): void {
  const extensions = new Map<number, Uint8Array>();
  if (client.secureRenegotiation)
    extensions.set(ExtensionType.renegotiation_info, encodeRenegotiationInfo(EMPTY));
  if (client.extendedMasterSecret)
    extensions.set(ExtensionType.extended_master_secret, encodeExtendedMasterSecret());
  if (needsEncryptThenMac(hello.suite))
    extensions.set(ExtensionType.encrypt_then_mac, encodeEncryptThenMac());
  if (group !== undefined && client.hello.extensions.has(ExtensionType.ec_point_formats)) {
    extensions.set(ExtensionType.ec_point_formats, encodeEcPointFormats(Uint8Array.of(UNCOMPRESSED)));
  }
  if (hello.promisesTicket) extensions.set(ExtensionType.session_ticket, encodeSessionTicketResponse());
  for (const [type, answer] of encodeAgreements(hello.agreed, 'DTLSv1.2')) extensions.set(type, answer);
  for (const [type, answer] of answers) extensions.set(type, answer);
  const body = encodeServerHello({
    legacyVersion: ProtocolVersion.dtls12,
    random: hello.serverRandom,
    sessionId: hello.sessionId,
    cipherSuite: hello.suite.code,
    compressionMethod: 0,
    extensions,
  });
  ctx.send(HandshakeType.server_hello, body, 0);
}
