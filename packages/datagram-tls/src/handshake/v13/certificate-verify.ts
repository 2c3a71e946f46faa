import { concat, utf8 } from '../../base/bytes.js';
import type { Role } from '../../config/config.js';
import type { SchemeName } from '../../wire/codes.js';
import { HandshakeType } from '../../wire/codes.js';
import { decodeCertificateVerify } from '../../wire/messages/certificate-verify.js';
import { type ClaimedChain, checkSignature } from '../authenticate.js';
import type { Context } from '../context.js';
import { decoded, expectType } from '../decoded.js';
import type { Message } from '../message.js';

/** RFC 8446 §4.4.3: spaces, who signs what, a zero. */
const PREFIX: Readonly<Record<Role, Uint8Array>> = {
  client: signedPrefix('TLS 1.3, client CertificateVerify'),
  server: signedPrefix('TLS 1.3, server CertificateVerify'),
};

function signedPrefix(context: string): Uint8Array {
  return utf8(`${' '.repeat(64)}${context}\0`);
}

/** What `signer` signs, with its Certificate as the last message of the transcript. */
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
  const scheme = checkSignature(ctx.security, 'DTLSv1.3', signatureScheme, peer.key, data, signature);
  ctx.transcript.add(message.type, message.seq, message.body);
  return scheme;
}
