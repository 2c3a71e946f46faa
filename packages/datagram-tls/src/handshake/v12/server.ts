import { EMPTY } from '../../base/bytes.js';
import { DTLSError, violation } from '../../base/errors.js';
import type { KeyExchange } from '../../crypto/provider.js';
import { needsEncryptThenMac } from '../../crypto/suites.js';
import type { GroupName } from '../../wire/codes.js';
import { ExtensionType, Group, HandshakeType, ProtocolVersion, Scheme } from '../../wire/codes.js';
import { encodeEcPointFormats, UNCOMPRESSED } from '../../wire/extensions/ec-point-formats.js';
import { encodeEncryptThenMac } from '../../wire/extensions/encrypt-then-mac.js';
import { encodeExtendedMasterSecret } from '../../wire/extensions/extended-master-secret.js';
import { encodeRenegotiationInfo } from '../../wire/extensions/renegotiation-info.js';
import { encodeStatusResponse } from '../../wire/extensions/status-request.js';
import {
  ClientCertificateType,
  encodeCertificateRequest12,
} from '../../wire/messages/certificate-request12.js';
import { encodeCertificateStatus } from '../../wire/messages/certificate-status.js';
import { decodeCertificateVerify } from '../../wire/messages/certificate-verify.js';
import { decodeClientKeyExchange } from '../../wire/messages/client-key-exchange.js';
import { DOWNGRADE_TO_12, encodeServerHello } from '../../wire/messages/server-hello.js';
import { encodeServerHelloDone } from '../../wire/messages/server-hello-done.js';
import { encodeServerEcdhParams, encodeServerKeyExchange } from '../../wire/messages/server-key-exchange.js';
import { chooseAgreements, encodeAgreements } from '../agreed.js';
import { askVerdict } from '../ask-verdict.js';
import { type ClaimedChain, checkSignature, PeerIdentity } from '../authenticate.js';
import { type CertificateTypes, encodeCertificateTypes, typeToAsk } from '../certificate-types.js';
import type { ClientWishes } from '../client-wishes.js';
import type { Context } from '../context.js';
import { decoded, expectType, outOfPlace } from '../decoded.js';
import type { JobAnswer } from '../jobs.js';
import type { Message } from '../message.js';
import { askStaple, clientWantsStaple } from '../staple.js';
import { onCertificate12, sendCertificate12 } from './certificate.js';
import { deriveSecrets12, type Negotiated12, signedParams } from './secrets.js';
import { type CertificateChoice12, choose12, type PskChoice12 } from './server-choice.js';
import { onFinished12, type ServerEnd12, type ServerReady12, waitFinished12 } from './server-end.js';
import { onPskFound12, onPskKeyExchange12, type ServerPskState12, sendPskFlight12 } from './server-psk.js';

/*
 * The server's side of a DTLS 1.2 handshake after the ClientHello with a valid cookie (RFC 5246 §7.3, RFC 6347 §4.2):
 *
 *   1. ClientHello            suite, certificate and group chosen, its staple found; then our flight:
 *      ServerHello, Certificate, CertificateStatus, ServerKeyExchange, CertificateRequest, ServerHelloDone
 *      (a suite with a pre-shared key goes on in server-psk.ts)
 *   2. Certificate            if we asked; the chain is judged
 *   3. ClientKeyExchange      keys
 *   4. CertificateVerify      if there was a certificate: the signature over all messages so far
 *   5. Finished               checked; then our ChangeCipherSpec, Finished: connected
 */
export type ServerState12 =
  | ServerPskState12
  | { readonly at: 'wait-staple'; readonly client: ClientWishes; readonly choice: CertificateChoice12 }
  | { readonly at: 'wait-signature'; readonly hello: Hello; readonly params: Uint8Array }
  | { readonly at: 'wait-certificate'; readonly hello: Hello }
  | { readonly at: 'wait-verdict'; readonly hello: Hello; readonly client: ClaimedChain }
  | { readonly at: 'wait-client-key-exchange'; readonly hello: Hello; readonly client: Client }
  | { readonly at: 'wait-certificate-verify'; readonly ready: ServerReady12; readonly client: ClaimedChain }
  | ServerEnd12;

interface Hello extends Negotiated12 {
  readonly choice: CertificateChoice12;
  readonly types: CertificateTypes;
  readonly exchange: KeyExchange;
}

/** Who the client says it is; `claim` is to be proved by a CertificateVerify. */
interface Client {
  readonly peer: PeerIdentity;
  readonly claim: ClaimedChain | undefined;
}

/** Step 1. The transcript already holds the ClientHello. */
export function onClientHello12(ctx: Context, client: ClientWishes): ServerState12 {
  const choice = choose12(ctx.security, client);
  const wantsStaple = clientWantsStaple(client.hello.extensions);
  if (choice.by === 'certificate' && askStaple(ctx, wantsStaple, choice.identity))
    return { at: 'wait-staple', client, choice };
  return sendFlight(ctx, client, choice, undefined);
}

function sendFlight(
  ctx: Context,
  client: ClientWishes,
  choice: CertificateChoice12 | PskChoice12,
  staple: Uint8Array | undefined,
): ServerState12 {
  const { suite, group } = choice;
  const negotiated: Negotiated12 = {
    suite,
    clientRandom: client.hello.random,
    serverRandom: serverRandom(ctx),
    extendedMasterSecret: client.extendedMasterSecret,
    serverName: client.serverName,
    agreed: chooseAgreements(ctx.security, client.hello.extensions),
  };
  const asksForCertificate = choice.by === 'certificate' && ctx.security.requestCert;
  ctx.transcript.begin('DTLSv1.2', suite.hash, asksForCertificate);
  if (choice.by === 'certificate') {
    const types = { client: typeToAsk(ctx.security, client), server: choice.identity.type };
    const answers = encodeCertificateTypes(ctx.security, client, types);
    if (staple !== undefined) answers.set(ExtensionType.status_request, encodeStatusResponse());
    sendServerHello(ctx, client, negotiated, group, answers);
    const exchange = ctx.provider.startKeyExchange(choice.group);
    return sendChain(ctx, { ...negotiated, choice, types, exchange }, staple);
  }
  sendServerHello(ctx, client, negotiated, group, new Map());
  const exchange = group === undefined ? undefined : ctx.provider.startKeyExchange(group);
  return sendPskFlight12(ctx, { ...negotiated, exchange });
}

/** Everything up to the signature, which may take time. */
function sendChain(ctx: Context, hello: Hello, staple: Uint8Array | undefined): ServerState12 {
  const { choice, exchange } = hello;
  sendCertificate12(ctx, choice.identity);
  if (staple !== undefined)
    ctx.send(HandshakeType.certificate_status, encodeCertificateStatus({ response: staple }), 0);
  const params = encodeServerEcdhParams({ namedCurve: Group[exchange.group], point: exchange.share });
  const data = signedParams(hello, params);
  ctx.emit({ do: 'ask', job: { kind: 'sign', scheme: choice.scheme, key: choice.identity.key, data } });
  return { at: 'wait-signature', hello, params };
}

/** RFC 8446 §4.1.3: a server that could do 1.3 marks its random, so that a forged downgrade is noticed. */
function serverRandom(ctx: Context): Uint8Array {
  const random = ctx.provider.randomBytes(32);
  if (ctx.security.maxVersion === 'DTLSv1.3') random.set(DOWNGRADE_TO_12, 24);
  return random;
}

function sendServerHello(
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
  for (const [type, answer] of encodeAgreements(hello.agreed)) extensions.set(type, answer);
  for (const [type, answer] of answers) extensions.set(type, answer);
  const body = encodeServerHello({
    legacyVersion: ProtocolVersion.dtls12,
    random: hello.serverRandom,
    sessionId: EMPTY,
    cipherSuite: hello.suite.code,
    compressionMethod: 0,
    extensions,
  });
  ctx.send(HandshakeType.server_hello, body, 0);
}

/** Steps 2 to 5, each with the message that belongs there. */
export function onMessage12(
  ctx: Context,
  state: ServerState12,
  message: Message,
): ServerState12 | 'connected' {
  switch (state.at) {
    case 'wait-psk-key-exchange':
      return onPskKeyExchange12(ctx, state.hello, message);
    case 'wait-certificate':
      return onCertificate(ctx, state.hello, message);
    case 'wait-client-key-exchange':
      return onClientKeyExchange(ctx, state.hello, state.client, message);
    case 'wait-certificate-verify':
      return onCertificateVerify(ctx, state.ready, state.client, message);
    case 'wait-finished':
      return onFinished12(ctx, state.ready, message);
    case 'wait-psk':
    case 'wait-staple':
    case 'wait-signature':
    case 'wait-verdict':
      throw outOfPlace(message, 'nothing');
  }
}

export function onAnswer12(ctx: Context, state: ServerState12, answer: JobAnswer): ServerState12 {
  if (state.at === 'wait-signature' && answer.kind === 'sign') {
    return sendKeyExchange(ctx, state.hello, state.params, answer.signature);
  }
  if (state.at === 'wait-verdict' && answer.kind === 'verify-peer') {
    const peer = PeerIdentity.judged(state.client, answer.verdict, ctx.security.rejectUnauthorized);
    if (peer instanceof DTLSError) throw peer;
    return { at: 'wait-client-key-exchange', hello: state.hello, client: { peer, claim: state.client } };
  }
  if (state.at === 'wait-staple' && answer.kind === 'find-staple')
    return sendFlight(ctx, state.client, state.choice, answer.staple);
  if (state.at === 'wait-psk' && answer.kind === 'find-psk') return onPskFound12(ctx, state, answer.found);
  return state;
}

function sendKeyExchange(
  ctx: Context,
  hello: Hello,
  params: Uint8Array,
  signature: Uint8Array,
): ServerState12 {
  const signatureScheme = Scheme[hello.choice.scheme];
  const body = encodeServerKeyExchange({ params, signatureScheme, signature });
  ctx.send(HandshakeType.server_key_exchange, body, 0);
  if (ctx.security.requestCert) sendCertificateRequest(ctx);
  ctx.send(HandshakeType.server_hello_done, encodeServerHelloDone(), 0);
  ctx.emit({ do: 'end-flight', awaits: 'answer' });
  if (ctx.security.requestCert) return { at: 'wait-certificate', hello };
  return {
    at: 'wait-client-key-exchange',
    hello,
    client: { peer: PeerIdentity.unasked(), claim: undefined },
  };
}

function sendCertificateRequest(ctx: Context): void {
  const { ecdsa_sign, rsa_sign } = ClientCertificateType;
  const body = encodeCertificateRequest12({
    certificateTypes: Uint8Array.of(ecdsa_sign, rsa_sign),
    supportedSignatureAlgorithms: ctx.security.sigalgs.map((name) => Scheme[name]),
    // Any issuer: a client with one certificate sends it, and our verdict says more than a list of names.
    certificateAuthorities: [],
  });
  ctx.send(HandshakeType.certificate_request, body, 0);
}

function onCertificate(ctx: Context, hello: Hello, message: Message): ServerState12 {
  const client = onCertificate12(ctx, hello.types.client, message);
  if (client === undefined) {
    const peer = PeerIdentity.absent(ctx.security.rejectUnauthorized, 'DTLSv1.2');
    if (peer instanceof DTLSError) throw peer;
    return { at: 'wait-client-key-exchange', hello, client: { peer, claim: undefined } };
  }
  // Only DTLS 1.3 has a way to ask a client.
  askVerdict(ctx, client, false);
  return { at: 'wait-verdict', hello, client };
}

function onClientKeyExchange(ctx: Context, hello: Hello, client: Client, message: Message): ServerState12 {
  const body = expectType(message, HandshakeType.client_key_exchange);
  const { point } = decoded(decodeClientKeyExchange(body), 'ClientKeyExchange');
  const premaster = hello.exchange.finish(point);
  if (premaster === undefined) throw violation('illegal_parameter', "the client's key share is not valid");
  ctx.transcript.add(message.type, message.seq, message.body);
  const { scheme, group } = hello.choice;
  const secrets = deriveSecrets12(ctx, hello, premaster);
  const ready = { hello, peer: client.peer, scheme, group, secrets };
  if (client.claim !== undefined) return { at: 'wait-certificate-verify', ready, client: client.claim };
  return waitFinished12(ctx, ready);
}

function onCertificateVerify(
  ctx: Context,
  ready: ServerReady12,
  client: ClaimedChain,
  message: Message,
): ServerState12 {
  const body = expectType(message, HandshakeType.certificate_verify);
  const { signatureScheme, signature } = decoded(decodeCertificateVerify(body), 'CertificateVerify');
  checkSignature(ctx.security, 'DTLSv1.2', signatureScheme, client.key, ctx.transcript.messages(), signature);
  ctx.transcript.add(message.type, message.seq, message.body);
  return waitFinished12(ctx, ready);
}
