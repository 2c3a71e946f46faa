import { concat, EMPTY, own, utf8 } from '../../base/bytes.js';
import { decoded, violation } from '../../base/errors.js';
import type { Identity, Role, Security } from '../../config/config.js';
import { decodeCertificateAuthorities } from '../../extensions/certificate-authorities.js';
import {
  decodeSignatureAlgorithms,
  encodeSignatureAlgorithms,
} from '../../extensions/signature-algorithms.js';
import { decodeStatusResponse, encodeStatusResponse } from '../../extensions/status-request.js';
import { checkAnswers, checkPlaces, requireExtension } from '../../extensions/table.js';
import { ExtensionType, HandshakeType, Scheme, type SchemeName } from '../../wire/codes.js';
import type { Extensions } from '../../wire/extension-block.js';
import {
  decodeCertificateRequest13,
  encodeCertificateRequest13,
} from '../../wire/messages/certificate-request13.js';
import { decodeCertificateStatus, encodeCertificateStatus } from '../../wire/messages/certificate-status.js';
import { decodeCertificateVerify } from '../../wire/messages/certificate-verify.js';
import { decodeCertificate13, encodeCertificate13 } from '../../wire/messages/certificate13.js';
import { FACTS_13 } from '../../wire/version.js';
import { type ClaimedChain, checkSignature } from '../authenticate.js';
import type { Context } from '../context.js';
import { expectType, type Message } from '../message.js';
import { HANDSHAKE_EPOCH } from './secrets.js';

/** Sends our chain, with the leaf's staple; `undefined` for a client without one (RFC 8446 §4.4.2). */
export function sendCertificate13(
  ctx: Context,
  identity: Identity | undefined,
  staple: Uint8Array | undefined,
): void {
  const known = identity !== undefined && staple === undefined ? bodies.get(identity) : undefined;
  const body = known ?? encodeChain(identity?.chain ?? [], staple);
  if (identity !== undefined && staple === undefined) bodies.set(identity, body);
  ctx.send(HandshakeType.certificate, body, HANDSHAKE_EPOCH);
}

/** Without a staple, one for all handshakes with an identity. */
const bodies = /* @__PURE__ */ new WeakMap<Identity, Uint8Array>();

function encodeChain(chain: readonly Uint8Array[], staple: Uint8Array | undefined): Uint8Array {
  return encodeCertificate13({
    certificateRequestContext: EMPTY,
    certificateList: chain.map((certData, i) => ({
      certData,
      extensions: i === 0 ? stapleExtension(staple) : new Map(),
    })),
  });
}

function stapleExtension(response: Uint8Array | undefined): Extensions {
  if (response === undefined) return new Map();
  return new Map([[ExtensionType.status_request, encodeCertificateStatus({ response })]]);
}

/** The content of a Certificate. */
interface Shown {
  /** DER, leaf first. */
  readonly list: readonly Uint8Array[];
  /** The leaf's OCSP response, DER. Those of other certificates are not used. */
  readonly staple: Uint8Array | undefined;
}

/**
 * The peer's Certificate, which then is in the transcript. `asked`: the extensions of the message that this one
 * answers; those of its entries have to answer them (RFC 8446 §4.4.2).
 */
export function onCertificate13(ctx: Context, asked: Extensions, message: Message): Shown {
  const body = expectType(message, HandshakeType.certificate);
  const certificate = decoded(decodeCertificate13(body), 'Certificate');
  // Empty in the handshake, where there is only one request (RFC 8446 §4.4.2).
  if (certificate.certificateRequestContext.length > 0)
    throw violation('illegal_parameter', 'certificate_request_context is not that of the request');
  for (const { extensions } of certificate.certificateList) checkAnswers(extensions, 'CT', asked);
  const [staple] = certificate.certificateList.map(({ extensions }) => readStaple(extensions));
  ctx.transcript.add(message.type, message.seq, message.body);
  return { list: certificate.certificateList.map(({ certData }) => certData), staple };
}

function readStaple(extensions: Extensions): Uint8Array | undefined {
  const body = extensions.get(ExtensionType.status_request);
  return body && decoded(decodeCertificateStatus(body), 'status_request').response;
}

/** A server's conditions for a client's certificate. */
export interface Request13 {
  /** Schemes that it accepts. */
  readonly schemes: readonly number[];
  /** DER names of CAs that it accepts, in their own memory; empty for any. */
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

/** The issuers that the sender accepts (RFC 8446 §4.2.4), in their own memory; empty for any. */
export function readAuthorities(extensions: Extensions): readonly Uint8Array[] {
  const body = extensions.get(ExtensionType.certificate_authorities);
  if (body === undefined) return [];
  return decoded(decodeCertificateAuthorities(body), 'certificate_authorities').map(own);
}

/** RFC 8446 §4.4.3: spaces, the signer's role, a zero. */
const PREFIX: Readonly<Record<Role, Uint8Array>> = {
  client: signedPrefix('TLS 1.3, client CertificateVerify'),
  server: signedPrefix('TLS 1.3, server CertificateVerify'),
};

function signedPrefix(context: string): Uint8Array {
  return utf8(`${' '.repeat(64)}${context}\0`);
}

/** The signed bytes of `signer`, with its Certificate as the last message of the transcript. */
export function signedTranscript(ctx: Context, signer: Role): Uint8Array {
  return concat(PREFIX[signer], ctx.transcript.digest());
}

/** Checks the CertificateVerify of `signer` and adds it to the transcript; returns its scheme. */
export function onCertificateVerify13(
  ctx: Context,
  signer: Role,
  peer: ClaimedChain,
  message: Message,
): SchemeName {
  const body = expectType(message, HandshakeType.certificate_verify);
  const { signatureScheme, signature } = decoded(decodeCertificateVerify(body), 'CertificateVerify');
  const data = signedTranscript(ctx, signer);
  const scheme = checkSignature(ctx.security, FACTS_13.name, signatureScheme, peer.key, data, signature);
  ctx.transcript.add(message.type, message.seq, message.body);
  return scheme;
}
