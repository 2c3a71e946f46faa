import { own } from '../../base/bytes.js';
import { DTLSError, violation } from '../../base/errors.js';
import { needsPsk } from '../../crypto/suites.js';
import type { SchemeName } from '../../wire/codes.js';
import { HandshakeType, Scheme } from '../../wire/codes.js';
import {
  type CertificateRequest12,
  decodeCertificateRequest12,
} from '../../wire/messages/certificate-request12.js';
import { decodeCertificateStatus } from '../../wire/messages/certificate-status.js';
import { encodeCertificateVerify } from '../../wire/messages/certificate-verify.js';
import { encodeClientKeyExchange } from '../../wire/messages/client-key-exchange.js';
import type { ServerHello } from '../../wire/messages/server-hello.js';
import { decodeServerHelloDone } from '../../wire/messages/server-hello-done.js';
import { decodeServerKeyExchange } from '../../wire/messages/server-key-exchange.js';
import { askVerdict } from '../ask-verdict.js';
import { type ClaimedChain, checkSignature, PeerIdentity } from '../authenticate.js';
import type { Context } from '../context.js';
import { decoded, expectType, outOfPlace } from '../decoded.js';
import type { JobAnswer } from '../jobs.js';
import type { Message } from '../message.js';
import { type Asked, chooseIdentity, keyFitsSuite } from '../negotiate.js';
import type { Offer } from '../offer.js';
import { onCertificate12, sendCertificate12 } from './certificate.js';
import { type ClientEnd12, endFlight12, onServersEnd12 } from './client-end.js';
import { type ClientPskState12, onPskChosen12, onServersPskFlight12 } from './client-psk.js';
import type { ClientHello12, ClientReady12 } from './client-ready.js';
import { resume12, resumedBy } from './client-resume.js';
import { answerShare12, type ClientShare12 } from './client-share.js';
import { readServerHello12 } from './read-server-hello.js';
import { deriveSecrets12, signedParams } from './secrets.js';

/*
 * The client's side of a DTLS 1.2 handshake after the ServerHello (RFC 5246 §7.3, RFC 6347 §4.2):
 *
 *   1. ServerHello            checked against the offer
 *      (a suite with a pre-shared key goes on in client-psk.ts, a session from before in client-resume.ts)
 *   2. Certificate            parsed; its key must suit the suite
 *      CertificateStatus      (may be absent) if the server announced it
 *   3. ServerKeyExchange      signature checked, our own share made
 *   4. CertificateRequest     (may be absent)
 *   5. ServerHelloDone        the chain is judged; then our flight:
 *      Certificate, ClientKeyExchange, CertificateVerify, ChangeCipherSpec, Finished
 *   6. NewSessionTicket       if the ServerHello promised one
 *   7. Finished               checked: connected (client-end.ts)
 */
export type ClientState12 =
  | ClientPskState12
  | { readonly at: 'wait-certificate'; readonly hello: ClientHello12 }
  | { readonly at: 'wait-server-key-exchange'; readonly hello: ClientHello12; readonly server: ClaimedChain }
  | { readonly at: 'wait-server-hello-done'; readonly flight: ServerFlight }
  | { readonly at: 'wait-verdict'; readonly flight: ServerFlight }
  | { readonly at: 'wait-signature'; readonly ready: ClientReady12; readonly scheme: SchemeName }
  | ClientEnd12;

/** What the server's flight told, with its signature verified. */
interface ServerFlight {
  readonly hello: ClientHello12;
  readonly server: ClaimedChain;
  readonly scheme: SchemeName;
  readonly exchange: ClientShare12;
  /** What the server accepts from us; `undefined` when it asked for no certificate. */
  readonly wanted: CertificateRequest12 | undefined;
}

/** Step 1: `serverHello` selected DTLS 1.2. The transcript already holds it. */
export function onServerHello12(ctx: Context, offer: Offer, serverHello: ServerHello): ClientState12 {
  const hello = readServerHello12(ctx, offer, serverHello);
  const { suite } = hello;
  const resumed = resumedBy(hello);
  ctx.transcript.begin('DTLSv1.2', suite.hash, resumed === undefined && ctx.security.identities.length > 0);
  if (resumed !== undefined) return resume12(ctx, hello, resumed);
  return { at: needsPsk(suite) ? 'wait-psk-key-exchange' : 'wait-certificate', hello };
}

/** Steps 2 to 7, each with the message that belongs there. */
export function onMessage12(
  ctx: Context,
  state: ClientState12,
  message: Message,
): ClientState12 | 'connected' {
  switch (state.at) {
    case 'wait-psk-key-exchange':
    case 'wait-psk-hello-done':
      return onServersPskFlight12(ctx, state, message);
    case 'wait-certificate':
      return onCertificate(ctx, state.hello, message);
    case 'wait-server-key-exchange':
      return onStatusOrKeyExchange(ctx, state.hello, state.server, message);
    case 'wait-server-hello-done':
      return onRequestOrDone(ctx, state.flight, message);
    case 'wait-new-session-ticket':
    case 'wait-finished':
      return onServersEnd12(ctx, state, message);
    case 'wait-psk':
    case 'wait-verdict':
    case 'wait-signature':
      throw outOfPlace(message, 'nothing');
  }
}

export function onAnswer12(ctx: Context, state: ClientState12, answer: JobAnswer): ClientState12 {
  if (state.at === 'wait-verdict' && answer.kind === 'verify-peer') {
    const peer = PeerIdentity.judged(state.flight.server, answer.verdict, ctx.security.rejectUnauthorized);
    if (peer instanceof DTLSError) throw peer;
    return sendKeyExchange(ctx, state.flight, peer);
  }
  if (state.at === 'wait-signature' && answer.kind === 'sign') {
    return sendCertificateVerify(ctx, state.ready, state.scheme, answer.signature);
  }
  if (state.at === 'wait-psk' && answer.kind === 'choose-psk')
    return onPskChosen12(ctx, state, answer.credentials);
  return state;
}

function onCertificate(ctx: Context, hello: ClientHello12, message: Message): ClientState12 {
  const server = onCertificate12(ctx, hello.types.server, message);
  if (server === undefined) throw violation('decode_error', 'the server sent an empty Certificate');
  if (!keyFitsSuite(server.key.type, hello.suite)) {
    throw violation('illegal_parameter', `the server's key does not suit ${hello.suite.name}`);
  }
  return { at: 'wait-server-key-exchange', hello, server };
}

function onStatusOrKeyExchange(
  ctx: Context,
  hello: ClientHello12,
  server: ClaimedChain,
  message: Message,
): ClientState12 {
  const isStatus = message.type === HandshakeType.certificate_status;
  if (!isStatus || !hello.announcesStaple || server.staple !== undefined)
    return onServerKeyExchange(ctx, hello, server, message);
  const { response } = decoded(decodeCertificateStatus(message.body), 'CertificateStatus');
  ctx.transcript.add(message.type, message.seq, message.body);
  return { at: 'wait-server-key-exchange', hello, server: { ...server, staple: own(response) } };
}

function onServerKeyExchange(
  ctx: Context,
  hello: ClientHello12,
  server: ClaimedChain,
  message: Message,
): ClientState12 {
  const body = expectType(message, HandshakeType.server_key_exchange);
  const params = decoded(decodeServerKeyExchange(body), 'ServerKeyExchange');
  const data = signedParams(hello, params.params);
  const scheme = checkSignature(
    ctx.security,
    'DTLSv1.2',
    params.signatureScheme,
    server.key,
    data,
    params.signature,
  );
  const exchange = answerShare12(ctx, params);
  ctx.transcript.add(message.type, message.seq, message.body);
  return { at: 'wait-server-hello-done', flight: { hello, server, scheme, exchange, wanted: undefined } };
}

function onRequestOrDone(ctx: Context, flight: ServerFlight, message: Message): ClientState12 {
  if (message.type === HandshakeType.certificate_request && flight.wanted === undefined) {
    const request = decoded(decodeCertificateRequest12(message.body), 'CertificateRequest');
    ctx.transcript.add(message.type, message.seq, message.body);
    return {
      at: 'wait-server-hello-done',
      flight: { ...flight, wanted: ownRequest(request) },
    };
  }
  decoded(decodeServerHelloDone(expectType(message, HandshakeType.server_hello_done)), 'ServerHelloDone');
  ctx.transcript.add(message.type, message.seq, message.body);
  askVerdict(ctx, flight.server, ctx.security.requestStaple);
  return { at: 'wait-verdict', flight };
}

/** The message does not live until the server is judged. */
function ownRequest(request: CertificateRequest12): CertificateRequest12 {
  return {
    certificateTypes: own(request.certificateTypes),
    supportedSignatureAlgorithms: request.supportedSignatureAlgorithms,
    certificateAuthorities: request.certificateAuthorities.map(own),
  };
}

function asked({ hello }: ServerFlight, request: CertificateRequest12): Asked {
  return {
    types: [hello.types.client],
    schemes: request.supportedSignatureAlgorithms,
    authorities: request.certificateAuthorities,
    certificateTypes: request.certificateTypes,
  };
}

function sendKeyExchange(ctx: Context, flight: ServerFlight, peer: PeerIdentity): ClientState12 {
  const credential = flight.wanted && chooseIdentity(ctx.security, asked(flight, flight.wanted), 'DTLSv1.2');
  if (flight.wanted !== undefined) sendCertificate12(ctx, credential?.identity);
  const { exchange, hello, scheme } = flight;
  ctx.send(HandshakeType.client_key_exchange, encodeClientKeyExchange({ point: exchange.share }), 0);
  const secrets = deriveSecrets12(ctx, hello, exchange.secret);
  const ready = { hello, peer, scheme, group: exchange.group, secrets, resumed: undefined };
  if (credential === undefined) return endFlight12(ctx, ready);
  const data = ctx.transcript.messages();
  ctx.emit({
    do: 'ask',
    job: { kind: 'sign', scheme: credential.scheme, key: credential.identity.key, data },
  });
  return { at: 'wait-signature', ready, scheme: credential.scheme };
}

function sendCertificateVerify(
  ctx: Context,
  ready: ClientReady12,
  scheme: SchemeName,
  signature: Uint8Array,
): ClientState12 {
  const body = encodeCertificateVerify({ signatureScheme: Scheme[scheme], signature });
  ctx.send(HandshakeType.certificate_verify, body, 0);
  return endFlight12(ctx, ready);
}
