import { own, sameBytes } from '../../base/bytes.js';
import { violation } from '../../base/errors.js';
import { type CipherSuite, needsEncryptThenMac } from '../../crypto/suites.js';
import { ExtensionType } from '../../wire/codes.js';
import { decodeEcPointFormats, UNCOMPRESSED } from '../../wire/extensions/ec-point-formats.js';
import { decodeEncryptThenMac } from '../../wire/extensions/encrypt-then-mac.js';
import { decodeExtendedMasterSecret } from '../../wire/extensions/extended-master-secret.js';
import { decodeRenegotiationInfo } from '../../wire/extensions/renegotiation-info.js';
import { decodeServerNameResponse } from '../../wire/extensions/server-name.js';
import { decodeSessionTicketResponse } from '../../wire/extensions/session-ticket.js';
import { decodeStatusResponse } from '../../wire/extensions/status-request.js';
import { DOWNGRADE_TO_12, type ServerHello } from '../../wire/messages/server-hello.js';
import { readAgreements } from '../agreed.js';
import { readCertificateTypes } from '../certificate-types.js';
import type { Context } from '../context.js';
import { decoded } from '../decoded.js';
import type { Offer } from '../offer.js';
import type { ClientHello12 } from './client-ready.js';

/** A ServerHello that selected DTLS 1.2, checked against the offer. */
export function readServerHello12(ctx: Context, offer: Offer, serverHello: ServerHello): ClientHello12 {
  const suite = offer.suites.find((s) => s.code === serverHello.cipherSuite && s.version === 'DTLSv1.2');
  if (suite === undefined)
    throw violation('illegal_parameter', 'the server chose a cipher suite that was not offered');
  if (serverHello.compressionMethod !== 0)
    throw violation('illegal_parameter', 'the server chose a compression method');
  refuseDowngrade(ctx, serverHello);
  const extensions = checkExtensions(offer, serverHello);
  checkEncryptThenMac(suite, extensions.get(ExtensionType.encrypt_then_mac));
  const status = extensions.get(ExtensionType.status_request);
  if (status !== undefined) decoded(decodeStatusResponse(status), 'status_request');
  return {
    offer,
    suite,
    clientRandom: offer.hello.random,
    serverRandom: own(serverHello.random),
    extendedMasterSecret: extensions.has(ExtensionType.extended_master_secret),
    serverName: ctx.destination.serverName,
    agreed: readAgreements(ctx, 'DTLSv1.2', extensions),
    types: readCertificateTypes(ctx.security, extensions),
    announcesStaple: status !== undefined,
    sessionId: own(serverHello.sessionId),
    promisesTicket: extensions.has(ExtensionType.session_ticket),
  };
}

/** A server that knows 1.3 says so in its random when it is made to choose 1.2 (RFC 8446 §4.1.3). */
function refuseDowngrade(ctx: Context, serverHello: ServerHello): void {
  if (ctx.security.maxVersion === 'DTLSv1.2') return;
  if (sameBytes(serverHello.random.subarray(24), DOWNGRADE_TO_12)) {
    throw violation(
      'illegal_parameter',
      'somebody between made the server choose DTLS 1.2',
      'ERR_DTLS_DOWNGRADE',
    );
  }
}

function checkExtensions(offer: Offer, serverHello: ServerHello): ReadonlyMap<number, Uint8Array> {
  const { extensions } = serverHello;
  for (const type of extensions.keys()) {
    if (!offer.hello.extensions.has(type)) {
      throw violation(
        'unsupported_extension',
        `the server answered extension ${type}, which was not offered`,
      );
    }
  }
  const formats = extensions.get(ExtensionType.ec_point_formats);
  if (
    formats !== undefined &&
    !decoded(decodeEcPointFormats(formats), 'ec_point_formats').includes(UNCOMPRESSED)
  ) {
    throw violation('illegal_parameter', 'the server cannot take uncompressed points');
  }
  const name = extensions.get(ExtensionType.server_name);
  if (name !== undefined) decoded(decodeServerNameResponse(name), 'server_name');
  const master = extensions.get(ExtensionType.extended_master_secret);
  if (master !== undefined) decoded(decodeExtendedMasterSecret(master), 'extended_master_secret');
  const ticket = extensions.get(ExtensionType.session_ticket);
  if (ticket !== undefined) decoded(decodeSessionTicketResponse(ticket), 'session_ticket');
  requireSecureRenegotiation(extensions.get(ExtensionType.renegotiation_info));
  return extensions;
}

/** ADR 12: no CBC without it. With anything else it would say nothing (RFC 7366 §3). */
function checkEncryptThenMac(suite: CipherSuite, body: Uint8Array | undefined): void {
  if (body !== undefined) decoded(decodeEncryptThenMac(body), 'encrypt_then_mac');
  const needed = needsEncryptThenMac(suite);
  if (needed && body === undefined) {
    throw violation(
      'handshake_failure',
      `the server chose ${suite.name} without encrypt-then-MAC (RFC 7366)`,
      'ERR_DTLS_NO_ENCRYPT_THEN_MAC',
    );
  }
  if (!needed && body !== undefined)
    throw violation('illegal_parameter', 'the server wants encrypt-then-MAC for a suite without a MAC');
}

/** RFC 5746 §3.4: a first handshake is told apart from a renegotiation by an empty renegotiated_connection. */
function requireSecureRenegotiation(body: Uint8Array | undefined): void {
  if (body === undefined) {
    throw violation('handshake_failure', 'the server does not signal secure renegotiation (RFC 5746)');
  }
  if (decoded(decodeRenegotiationInfo(body), 'renegotiation_info').length > 0) {
    throw violation('handshake_failure', 'the server takes this handshake for a renegotiation');
  }
}
