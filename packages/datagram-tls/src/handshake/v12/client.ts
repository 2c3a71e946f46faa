import { own, sameBytes } from '../../base/bytes.js';
import { DTLSError, violation } from '../../base/errors.js';
import { type CipherSuite, needsEncryptThenMac, needsPsk } from '../../crypto/suites.js';
import type { SchemeName } from '../../wire/codes.js';
import { ExtensionType, HandshakeType, Scheme } from '../../wire/codes.js';
import { decodeEcPointFormats, UNCOMPRESSED } from '../../wire/extensions/ec-point-formats.js';
import { decodeEncryptThenMac } from '../../wire/extensions/encrypt-then-mac.js';
import { decodeExtendedMasterSecret } from '../../wire/extensions/extended-master-secret.js';
import { decodeRenegotiationInfo } from '../../wire/extensions/renegotiation-info.js';
import { decodeServerNameResponse } from '../../wire/extensions/server-name.js';
import { decodeStatusResponse } from '../../wire/extensions/status-request.js';
import { decodeCertificateRequest12 } from '../../wire/messages/certificate-request12.js';
import { decodeCertificateStatus } from '../../wire/messages/certificate-status.js';
import { encodeCertificateVerify } from '../../wire/messages/certificate-verify.js';
import { encodeClientKeyExchange } from '../../wire/messages/client-key-exchange.js';
import { DOWNGRADE_TO_12, type ServerHello } from '../../wire/messages/server-hello.js';
import { decodeServerHelloDone } from '../../wire/messages/server-hello-done.js';
import { decodeServerKeyExchange } from '../../wire/messages/server-key-exchange.js';
import { readAgreements } from '../agreed.js';
import { askVerdict } from '../ask-verdict.js';
import { type ClaimedChain, checkSignature, PeerIdentity } from '../authenticate.js';
import { readCertificateTypes } from '../certificate-types.js';
import type { Context } from '../context.js';
import { decoded, expectType, outOfPlace } from '../decoded.js';
import type { JobAnswer } from '../jobs.js';
import type { Message } from '../message.js';
import { chooseIdentity, keyFitsSuite } from '../negotiate.js';
import type { Offer } from '../offer.js';
import { onCertificate12, sendCertificate12 } from './certificate.js';
import {
  type ClientEnd12,
  type ClientHello12,
  type ClientReady12,
  onFinished12,
  sendFinished12,
} from './client-end.js';
import { type ClientPskState12, onPskChosen12, onServersPskFlight12 } from './client-psk.js';
import { answerShare12, type ClientShare12 } from './client-share.js';
import { deriveSecrets12, signedParams } from './secrets.js';

/*
 * The client's side of a DTLS 1.2 handshake after the ServerHello (RFC 5246 §7.3, RFC 6347 §4.2):
 *
 *   1. ServerHello            checked against the offer
 *      (a suite with a pre-shared key goes on in client-psk.ts)
 *   2. Certificate            parsed; its key must suit the suite
 *      CertificateStatus      (may be absent) if the server announced it
 *   3. ServerKeyExchange      signature checked, our own share made
 *   4. CertificateRequest     (may be absent)
 *   5. ServerHelloDone        the chain is judged; then our flight:
 *      Certificate, ClientKeyExchange, CertificateVerify, ChangeCipherSpec, Finished
 *   6. Finished               checked: connected
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
  /** Schemes that the server accepts from us; `undefined` when it asked for no certificate. */
  readonly wanted: readonly number[] | undefined;
}

/** Step 1: `serverHello` selected DTLS 1.2. The transcript already holds it. */
export function onServerHello12(ctx: Context, offer: Offer, serverHello: ServerHello): ClientState12 {
  const suite = offer.suites.find((s) => s.code === serverHello.cipherSuite && s.version === 'DTLSv1.2');
  if (suite === undefined)
    throw violation('illegal_parameter', 'the server chose a cipher suite that was not offered');
  if (serverHello.compressionMethod !== 0)
    throw violation('illegal_parameter', 'the server chose a compression method');
  refuseDowngrade(ctx, serverHello);
  const extensions = checkExtensions(offer, serverHello);
  checkEncryptThenMac(suite, extensions.get(ExtensionType.encrypt_then_mac));
  ctx.transcript.begin('DTLSv1.2', suite.hash, ctx.security.identities.length > 0);
  const status = extensions.get(ExtensionType.status_request);
  if (status !== undefined) decoded(decodeStatusResponse(status), 'status_request');
  const hello = {
    offer,
    suite,
    clientRandom: offer.hello.random,
    serverRandom: own(serverHello.random),
    extendedMasterSecret: extensions.has(ExtensionType.extended_master_secret),
    serverName: ctx.destination.serverName,
    agreed: readAgreements(ctx.security, extensions),
    types: readCertificateTypes(ctx.security, extensions),
    announcesStaple: status !== undefined,
  };
  return { at: needsPsk(suite) ? 'wait-psk-key-exchange' : 'wait-certificate', hello };
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

/** Steps 2 to 6, each with the message that belongs there. */
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
    case 'wait-finished':
      return onFinished12(ctx, state.ready, message);
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
      flight: { ...flight, wanted: request.supportedSignatureAlgorithms },
    };
  }
  decoded(decodeServerHelloDone(expectType(message, HandshakeType.server_hello_done)), 'ServerHelloDone');
  ctx.transcript.add(message.type, message.seq, message.body);
  askVerdict(ctx, flight.server, ctx.security.requestStaple);
  return { at: 'wait-verdict', flight };
}

function sendKeyExchange(ctx: Context, flight: ServerFlight, peer: PeerIdentity): ClientState12 {
  const credential = chooseIdentity(
    ctx.security,
    [flight.hello.types.client],
    flight.wanted ?? [],
    'DTLSv1.2',
  );
  if (flight.wanted !== undefined) sendCertificate12(ctx, credential?.identity);
  const { exchange, hello, scheme } = flight;
  ctx.send(HandshakeType.client_key_exchange, encodeClientKeyExchange({ point: exchange.share }), 0);
  const secrets = deriveSecrets12(ctx, hello, exchange.secret);
  const ready = { hello, peer, scheme, group: exchange.group, secrets };
  if (credential === undefined) return sendFinished12(ctx, ready);
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
  return sendFinished12(ctx, ready);
}
