import { decoded } from '../../base/errors.js';
import type { Identity } from '../../config/config.js';
import { type CertificateTypeName, HandshakeType } from '../../wire/codes.js';
import {
  decodeCertificate12,
  decodeRawPublicKey12,
  encodeCertificate12,
  encodeRawPublicKey12,
} from '../../wire/messages/certificate12.js';
import { type ClaimedChain, claimChain } from '../authenticate.js';
import type { Context } from '../context.js';
import { expectType, type Message } from '../message.js';

/**
 * Sends our chain or public key. `undefined` for a client without a suitable one: its list is empty (RFC 5246
 * §7.4.6), which has the same three bytes with a raw public key.
 */
export function sendCertificate12(ctx: Context, identity: Identity | undefined): void {
  ctx.send(HandshakeType.certificate, identity === undefined ? NO_CHAIN : bodyOf(identity), 0);
}

const NO_CHAIN = /* @__PURE__ */ encodeCertificate12({ certificateList: [] });

/** One for all handshakes with an identity. */
const bodies = /* @__PURE__ */ new WeakMap<Identity, Uint8Array>();

function bodyOf(identity: Identity): Uint8Array {
  const body = bodies.get(identity) ?? encodeIdentity(identity);
  bodies.set(identity, body);
  return body;
}

function encodeIdentity({ type, chain }: Identity): Uint8Array {
  const [subjectPublicKeyInfo] = chain;
  return type === 'RawPublicKey' && subjectPublicKeyInfo !== undefined
    ? encodeRawPublicKey12({ subjectPublicKeyInfo })
    : encodeCertificate12({ certificateList: chain });
}

/** The claim of the peer's Certificate, which then is in the transcript; `undefined` when it is empty. */
export function onCertificate12(
  ctx: Context,
  type: CertificateTypeName,
  message: Message,
): ClaimedChain | undefined {
  const body = expectType(message, HandshakeType.certificate);
  const list = type === 'X509' ? readChain(body) : readRawKey(body);
  ctx.transcript.add(message.type, message.seq, message.body);
  return list.length === 0 ? undefined : claimChain(ctx.security, type, list);
}

function readChain(body: Uint8Array): readonly Uint8Array[] {
  return decoded(decodeCertificate12(body), 'Certificate').certificateList;
}

function readRawKey(body: Uint8Array): readonly Uint8Array[] {
  const { subjectPublicKeyInfo } = decoded(decodeRawPublicKey12(body), 'Certificate');
  return subjectPublicKeyInfo.length === 0 ? [] : [subjectPublicKeyInfo];
}
