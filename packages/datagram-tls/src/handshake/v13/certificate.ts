import { EMPTY } from '../../base/bytes.js';
import { violation } from '../../base/errors.js';
import type { Identity } from '../../config/config.js';
import { ExtensionType, HandshakeType } from '../../wire/codes.js';
import type { Extensions } from '../../wire/extensions/block.js';
import { decodeCertificateStatus, encodeCertificateStatus } from '../../wire/messages/certificate-status.js';
import { decodeCertificate13, encodeCertificate13 } from '../../wire/messages/certificate13.js';
import type { Context } from '../context.js';
import { decoded, expectType } from '../decoded.js';
import type { Message } from '../message.js';
import { checkAnswers } from './extensions.js';
import { HANDSHAKE_EPOCH } from './secrets.js';

/** Sends our chain, with the leaf's staple; `undefined` for a client that has none to show (RFC 8446 §4.4.2). */
export function sendCertificate13(
  ctx: Context,
  identity: Identity | undefined,
  staple: Uint8Array | undefined,
): void {
  const chain = identity?.chain ?? [];
  const body = encodeCertificate13({
    certificateRequestContext: EMPTY,
    certificateList: chain.map((certData, i) => ({
      certData,
      extensions: i === 0 ? stapleExtension(staple) : new Map(),
    })),
  });
  ctx.send(HandshakeType.certificate, body, HANDSHAKE_EPOCH);
}

function stapleExtension(response: Uint8Array | undefined): Extensions {
  if (response === undefined) return new Map();
  return new Map([[ExtensionType.status_request, encodeCertificateStatus({ response })]]);
}

/** What a Certificate carried. */
interface Shown {
  /** DER, leaf first. */
  readonly list: readonly Uint8Array[];
  /** The leaf's OCSP response, DER. Those of other certificates are not used. */
  readonly staple: Uint8Array | undefined;
}

/**
 * The peer's Certificate, which then is in the transcript. `asked`: the extensions of the message that this one answers,
 * which those of its entries have to answer (RFC 8446 §4.4.2).
 */
export function onCertificate13(ctx: Context, asked: Extensions, message: Message): Shown {
  const body = expectType(message, HandshakeType.certificate);
  const certificate = decoded(decodeCertificate13(body), 'Certificate');
  // Empty in the handshake, where nothing has to be told apart (RFC 8446 §4.4.2).
  if (certificate.certificateRequestContext.length > 0)
    throw violation('illegal_parameter', 'certificate_request_context is not the one that was asked under');
  for (const { extensions } of certificate.certificateList) checkAnswers(extensions, 'CT', asked);
  const [staple] = certificate.certificateList.map(({ extensions }) => readStaple(extensions));
  ctx.transcript.add(message.type, message.seq, message.body);
  return { list: certificate.certificateList.map(({ certData }) => certData), staple };
}

function readStaple(extensions: Extensions): Uint8Array | undefined {
  const body = extensions.get(ExtensionType.status_request);
  return body && decoded(decodeCertificateStatus(body), 'status_request').response;
}
