import { DTLSError, violation } from '../../base/errors.js';
import type { CipherSuite } from '../../crypto/suites.js';
import type { SchemeName } from '../../wire/codes.js';
import { ExtensionType, HandshakeType, Scheme } from '../../wire/codes.js';
import type { Extensions } from '../../wire/extensions/block.js';
import { decodeServerNameResponse } from '../../wire/extensions/server-name.js';
import { decodeSupportedGroups } from '../../wire/extensions/supported-groups.js';
import { encodeCertificateVerify } from '../../wire/messages/certificate-verify.js';
import { decodeEncryptedExtensions } from '../../wire/messages/encrypted-extensions.js';
import { decodeFinished, encodeFinished } from '../../wire/messages/finished.js';
import type { ServerHello } from '../../wire/messages/server-hello.js';
import { readAgreements } from '../agreed.js';
import { askVerdict } from '../ask-verdict.js';
import { type ClaimedChain, claimChain, type FinishedVerified, PeerIdentity } from '../authenticate.js';
import { type CertificateTypes, readCertificateTypes } from '../certificate-types.js';
import type { Context } from '../context.js';
import { decoded, expectType, outOfPlace } from '../decoded.js';
import type { JobAnswer } from '../jobs.js';
import type { Message } from '../message.js';
import { type Credential, chooseIdentity } from '../negotiate.js';
import type { Offer } from '../offer.js';
import type { OfferedPsk } from '../offered-psk.js';
import type { Agreed } from '../session.js';
import { askStaple } from '../staple.js';
import { onCertificate13 as readCertificate, sendCertificate13 } from './certificate.js';
import { onCertificateRequest13, type Request13 } from './certificate-request.js';
import { onCertificateVerify13, signedTranscript } from './certificate-verify.js';
import { onEarlyAnswer } from './client-early.js';
import { onFirstServerHello13, onSecondServerHello13, type ServerHello13 } from './client-start.js';
import { connected13 } from './connected.js';
import { checkAnswers } from './extensions.js';
import type { Established13 } from './post-handshake.js';
import { checkFinished13, deriveApplication13, finishedData13, HANDSHAKE_EPOCH } from './secrets.js';

/*
 * The client's side of a DTLS 1.3 handshake (RFC 8446 §4, RFC 9147 §5):
 *
 *   1. HelloRetryRequest      (may be absent) answered in client-retry.ts; a ServerHello has to follow
 *   2. ServerHello            checked against the offer; handshake keys
 *   3. EncryptedExtensions    checked against the offer
 *      (where the server chose a pre-shared key, 7. follows)
 *   4. CertificateRequest     (may be absent)
 *   5. Certificate            parsed
 *   6. CertificateVerify      signature checked
 *   7. Finished               checked; the chain is judged; then our flight:
 *      Certificate, CertificateVerify, Finished: connected, though the flight is sent until it is acknowledged
 */
export type ClientState13 =
  | { readonly at: 'wait-second-server-hello'; readonly offer: Offer; readonly suite: CipherSuite }
  | { readonly at: 'wait-encrypted-extensions'; readonly hello: ServerHello13 }
  | { readonly at: 'wait-certificate'; readonly hello: Greeting; readonly request: Request }
  | {
      readonly at: 'wait-certificate-verify';
      readonly hello: Greeting;
      readonly request: Request;
      readonly server: ClaimedChain;
    }
  | { readonly at: 'wait-finished'; readonly flight: ServerFlight }
  | {
      readonly at: 'wait-verdict';
      readonly flight: ServerFlight;
      readonly server: ClaimedChain;
      readonly finished: FinishedVerified;
    }
  | { readonly at: 'wait-staple'; readonly proof: Proof; readonly credential: Credential }
  | { readonly at: 'wait-signature'; readonly proof: Proof; readonly scheme: SchemeName };

/** With the EncryptedExtensions. */
interface Greeting extends ServerHello13 {
  readonly agreed: Agreed;
  readonly types: CertificateTypes;
}

/** `undefined` when the server asked for no certificate. */
type Request = Request13 | undefined;

/** What the server's flight told, with its signature verified. */
interface ServerFlight {
  readonly hello: Greeting;
  readonly request: Request;
  readonly vouched: Vouched;
}

/** What tells who the server is. */
type Vouched =
  | { readonly by: 'certificate'; readonly server: ClaimedChain; readonly scheme: SchemeName }
  | { readonly by: 'psk'; readonly psk: OfferedPsk };

/** All that the server had to prove. Our own flight is left. */
interface Proof {
  readonly hello: Greeting;
  readonly scheme: SchemeName | undefined;
  readonly peer: PeerIdentity;
  readonly finished: FinishedVerified;
  readonly application: ReturnType<typeof deriveApplication13>;
}

/** Step 2, where no HelloRetryRequest came. */
export function onServerHello13(
  ctx: Context,
  offer: Offer,
  hello: ServerHello,
  message: Message,
): ClientState13 {
  return { at: 'wait-encrypted-extensions', hello: onFirstServerHello13(ctx, offer, hello, message) };
}

/** Steps 2 to 7, each with the message that belongs there. */
export function onMessage13(
  ctx: Context,
  state: ClientState13,
  message: Message,
): ClientState13 | Established13 {
  switch (state.at) {
    case 'wait-second-server-hello':
      return {
        at: 'wait-encrypted-extensions',
        hello: onSecondServerHello13(ctx, state.offer, state.suite, message),
      };
    case 'wait-encrypted-extensions':
      return onEncryptedExtensions(ctx, state.hello, message);
    case 'wait-certificate':
      return onRequestOrCertificate(ctx, state.hello, state.request, message);
    case 'wait-certificate-verify': {
      const { hello, request, server } = state;
      const scheme = onCertificateVerify13(ctx, 'server', server, message);
      const vouched = { by: 'certificate', server, scheme } as const;
      return { at: 'wait-finished', flight: { hello, request, vouched } };
    }
    case 'wait-finished':
      return onFinished(ctx, state.flight, message);
    case 'wait-verdict':
    case 'wait-staple':
    case 'wait-signature':
      throw outOfPlace(message, 'nothing');
  }
}

export function onAnswer13(
  ctx: Context,
  state: ClientState13,
  answer: JobAnswer,
): ClientState13 | Established13 {
  if (state.at === 'wait-verdict' && answer.kind === 'verify-peer') {
    const peer = PeerIdentity.judged(state.server, answer.verdict, ctx.security.rejectUnauthorized);
    if (peer instanceof DTLSError) throw peer;
    return answerFlight(ctx, state.flight, state.finished, peer);
  }
  if (state.at === 'wait-staple' && answer.kind === 'find-staple')
    return sendChain(ctx, state.proof, state.credential, answer.staple);
  if (state.at === 'wait-signature' && answer.kind === 'sign') {
    const body = encodeCertificateVerify({
      signatureScheme: Scheme[state.scheme],
      signature: answer.signature,
    });
    ctx.send(HandshakeType.certificate_verify, body, HANDSHAKE_EPOCH);
    return sendFinished(ctx, state.proof);
  }
  return state;
}

function onEncryptedExtensions(ctx: Context, hello: ServerHello13, message: Message): ClientState13 {
  const body = expectType(message, HandshakeType.encrypted_extensions);
  const { extensions } = decoded(decodeEncryptedExtensions(body), 'EncryptedExtensions');
  checkAnswers(extensions, 'EE', hello.offer.hello.extensions);
  checkAnswerBodies(extensions);
  ctx.transcript.add(message.type, message.seq, message.body);
  const agreed = readAgreements(ctx, 'DTLSv1.3', extensions);
  onEarlyAnswer(ctx, hello, agreed, extensions);
  const greeting = { ...hello, agreed, types: readCertificateTypes(ctx.security, extensions) };
  if (hello.psk === undefined) return { at: 'wait-certificate', hello: greeting, request: undefined };
  const vouched = { by: 'psk', psk: hello.psk } as const;
  return { at: 'wait-finished', flight: { hello: greeting, request: undefined, vouched } };
}

function checkAnswerBodies(extensions: Extensions): void {
  const name = extensions.get(ExtensionType.server_name);
  if (name !== undefined) decoded(decodeServerNameResponse(name), 'server_name');
  // Groups that the server likes better: of use for a later connection, if at all (RFC 8446 §4.2.7).
  const groups = extensions.get(ExtensionType.supported_groups);
  if (groups !== undefined) decoded(decodeSupportedGroups(groups), 'supported_groups');
}

function onRequestOrCertificate(
  ctx: Context,
  hello: Greeting,
  request: Request,
  message: Message,
): ClientState13 {
  if (message.type === HandshakeType.certificate_request && request === undefined)
    return { at: 'wait-certificate', hello, request: onCertificateRequest13(ctx, message) };
  const { list, staple } = readCertificate(ctx, hello.offer.hello.extensions, message);
  const server = claimChain(ctx.security, hello.types.server, list, staple);
  return { at: 'wait-certificate-verify', hello, request, server };
}

function onFinished(ctx: Context, flight: ServerFlight, message: Message): ClientState13 | Established13 {
  const { hello, vouched } = flight;
  const body = expectType(message, HandshakeType.finished);
  const { verifyData } = decoded(decodeFinished(body, hello.handshake.server.length), 'Finished');
  const finished = checkFinished13(ctx, hello, 'server', verifyData);
  if (finished === undefined) throw violation('decrypt_error', "the server's Finished is wrong");
  ctx.transcript.add(message.type, message.seq, message.body);
  if (vouched.by === 'psk') return answerFlight(ctx, flight, finished, vouched.psk.peer);
  const { server } = vouched;
  askVerdict(ctx, server, ctx.security.requestStaple);
  return { at: 'wait-verdict', flight, server, finished };
}

function answerFlight(
  ctx: Context,
  { hello, request, vouched }: ServerFlight,
  finished: FinishedVerified,
  peer: PeerIdentity,
): ClientState13 | Established13 {
  const scheme = vouched.by === 'certificate' ? vouched.scheme : undefined;
  const proof = { hello, scheme, peer, finished, application: deriveApplication13(ctx, hello) };
  if (request === undefined) return sendFinished(ctx, proof);
  const { schemes, authorities } = request;
  const asked = { types: [hello.types.client], schemes, authorities };
  const credential = chooseIdentity(ctx.security, asked, 'DTLSv1.3');
  if (credential !== undefined) {
    if (askStaple(ctx, request.wantsStaple, credential.identity))
      return { at: 'wait-staple', proof, credential };
    return sendChain(ctx, proof, credential, undefined);
  }
  sendCertificate13(ctx, undefined, undefined);
  return sendFinished(ctx, proof);
}

function sendChain(
  ctx: Context,
  proof: Proof,
  credential: Credential,
  staple: Uint8Array | undefined,
): ClientState13 {
  sendCertificate13(ctx, credential.identity, staple);
  const data = signedTranscript(ctx, 'client');
  ctx.emit({
    do: 'ask',
    job: { kind: 'sign', scheme: credential.scheme, key: credential.identity.key, data },
  });
  return { at: 'wait-signature', proof, scheme: credential.scheme };
}

function sendFinished(ctx: Context, proof: Proof): Established13 {
  const verifyData = finishedData13(ctx, proof.hello, 'client');
  ctx.send(HandshakeType.finished, encodeFinished({ verifyData }), HANDSHAKE_EPOCH);
  ctx.emit({ do: 'end-flight', awaits: 'ack' });
  const { agreed, psk } = proof.hello;
  return connected13(ctx, { ...proof, negotiated: proof.hello, agreed, psk });
}
