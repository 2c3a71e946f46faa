import { EMPTY, own } from '../../base/bytes.js';
import { violation } from '../../base/errors.js';
import type { Security } from '../../config/config.js';
import { ExtensionType, HandshakeType, Scheme } from '../../wire/codes.js';
import type { Extensions } from '../../wire/extensions/block.js';
import { decodeCertificateAuthorities } from '../../wire/extensions/certificate-authorities.js';
import {
  decodeSignatureAlgorithms,
  encodeSignatureAlgorithms,
} from '../../wire/extensions/signature-algorithms.js';
import { decodeStatusResponse, encodeStatusResponse } from '../../wire/extensions/status-request.js';
import {
  decodeCertificateRequest13,
  encodeCertificateRequest13,
} from '../../wire/messages/certificate-request13.js';
import type { Context } from '../context.js';
import { decoded } from '../decoded.js';
import type { Message } from '../message.js';
import { checkPlaces, requireExtension } from './extensions.js';
import { HANDSHAKE_EPOCH } from './secrets.js';

/** What a server asks of a client's certificate. */
export interface Request13 {
  /** Schemes that it accepts. */
  readonly schemes: readonly number[];
  /** DER names of CAs that it accepts, in memory of their own; empty for any. */
  readonly authorities: readonly Uint8Array[];
  readonly wantsStaple: boolean;
}

/** A server's CertificateRequest (RFC 8446 §4.3.2). */
export function sendCertificateRequest13(ctx: Context): void {
  const extensions = requestExtensions13(ctx.security);
  const body = encodeCertificateRequest13({ certificateRequestContext: EMPTY, extensions });
  ctx.send(HandshakeType.certificate_request, body, HANDSHAKE_EPOCH);
}

/** Its extensions, which those of the client's Certificate answer. */
export function requestExtensions13({ sigalgs, requestStaple }: Security): Extensions {
  const schemes = encodeSignatureAlgorithms(sigalgs.map((name) => Scheme[name]));
  const extensions = new Map<number, Uint8Array>([[ExtensionType.signature_algorithms, schemes]]);
  if (requestStaple) extensions.set(ExtensionType.status_request, encodeStatusResponse());
  return extensions;
}

/** Reads the server's and adds it to the transcript. */
export function onCertificateRequest13(ctx: Context, message: Message): Request13 {
  const { certificateRequestContext, extensions } = decoded(
    decodeCertificateRequest13(message.body),
    'CertificateRequest',
  );
  if (certificateRequestContext.length > 0)
    throw violation('illegal_parameter', 'certificate_request_context is for requests after the handshake');
  checkPlaces(extensions, 'CR');
  const schemes = requireExtension(extensions, ExtensionType.signature_algorithms, 'CR');
  const status = extensions.get(ExtensionType.status_request);
  if (status !== undefined) decoded(decodeStatusResponse(status), 'status_request');
  const authorities = readAuthorities(extensions);
  ctx.transcript.add(message.type, message.seq, message.body);
  return {
    authorities,
    schemes: decoded(decodeSignatureAlgorithms(schemes), 'signature_algorithms'),
    wantsStaple: status !== undefined,
  };
}

/** The issuers that the sender wants to see (RFC 8446 §4.2.4), in memory of their own; none where it says nothing. */
export function readAuthorities(extensions: Extensions): readonly Uint8Array[] {
  const body = extensions.get(ExtensionType.certificate_authorities);
  if (body === undefined) return [];
  return decoded(decodeCertificateAuthorities(body), 'certificate_authorities').map(own);
}
