import { EMPTY, own, sameBytes } from '../../base/bytes.js';
import { decoded, violation } from '../../base/errors.js';
import type { Duration } from '../../base/instant.js';
import type { PskCredential } from '../../config/config.js';
import type { NewTicket } from '../../config/saved-session.js';
import { groupFits } from '../../crypto/groups.js';
import type { KeyExchangeAnswer } from '../../crypto/provider.js';
import { type CipherSuite, needsEncryptThenMac, needsPsk } from '../../crypto/suites.js';
import { type CertificateTypes, readCertificateTypes } from '../../extensions/certificate-types.js';
import { decodeEcPointFormats, UNCOMPRESSED } from '../../extensions/ec-point-formats.js';
import { decodeEncryptThenMac } from '../../extensions/encrypt-then-mac.js';
import { decodeExtendedMasterSecret } from '../../extensions/extended-master-secret.js';
import { decodeRenegotiationInfo } from '../../extensions/renegotiation-info.js';
import { decodeServerNameResponse } from '../../extensions/server-name.js';
import { decodeSessionTicketResponse } from '../../extensions/session-ticket.js';
import { decodeStatusResponse } from '../../extensions/status-request.js';
import { checkAnswers12 } from '../../extensions/table.js';
import { NO_EARLY_DATA } from '../../keys/resumption-state.js';
import { ExtensionType, type GroupName, HandshakeType, Scheme, type SchemeName } from '../../wire/codes.js';
import {
  type CertificateRequest12,
  decodeCertificateRequest12,
} from '../../wire/messages/certificate-request12.js';
import { decodeCertificateStatus } from '../../wire/messages/certificate-status.js';
import { encodeCertificateVerify } from '../../wire/messages/certificate-verify.js';
import { encodeClientKeyExchange } from '../../wire/messages/client-key-exchange.js';
import {
  decodeEcdhePskServerKeyExchange,
  encodeEcdhePskClientKeyExchange,
} from '../../wire/messages/ecdhe-psk-key-exchange.js';
import { transcriptHeader12 } from '../../wire/messages/handshake-header.js';
import {
  decodeNewSessionTicket12,
  type NewSessionTicket12,
} from '../../wire/messages/new-session-ticket12.js';
import {
  decodePskServerKeyExchange,
  encodePskClientKeyExchange,
} from '../../wire/messages/psk-key-exchange.js';
import { DOWNGRADE_TO_12, type ServerHello } from '../../wire/messages/server-hello.js';
import { decodeServerHelloDone } from '../../wire/messages/server-hello-done.js';
import { decodeServerKeyExchange, type ServerEcdhParams } from '../../wire/messages/server-key-exchange.js';
import { FACTS_12, isLatest } from '../../wire/version.js';
import { readAgreements, readConnectionIds } from '../agreements.js';
import { acceptPeer, askVerdict } from '../ask-verdict.js';
import { type ClaimedChain, checkSignature, PeerIdentity } from '../authenticate.js';
import type { Context } from '../context.js';
import type { Verdict } from '../jobs.js';
import { expectType, type Message } from '../message.js';
import { type Asked, chooseIdentity, keyFitsSuite, offeredGroup, suitesOf } from '../negotiate.js';
import type { Offer } from '../offer.js';
import { LARGEST_TICKET_TAKEN, LONGEST_LIFE, type OldSession, shownBy } from '../resumption.js';
import { Stage, type StateTable } from '../stage.js';
import type { ClientSide } from '../version.js';
import { onCertificate12, sendCertificate12 } from './certificate.js';
import { connected12, OPEN_12, type Open12, openRow12 } from './open.js';
import {
  deriveSecrets12,
  installKeys12,
  type Negotiated12,
  pskPremaster,
  readFinished12,
  resumeSecrets12,
  type Secrets12,
  sendFinished12,
  signedParams,
} from './secrets.js';

/*
 * The client's side of a DTLS 1.2 handshake after the ServerHello (RFC 5246 §7.3, RFC 6347 §4.2):
 *
 *   1. ServerHello            checked against the offer
 *      (a suite with a pre-shared key, and a session from before, have flows of their own below)
 *   2. Certificate            parsed; its key must suit the suite
 *      CertificateStatus      (may be absent) if the server announced it
 *   3. ServerKeyExchange      signature checked, our own share made
 *   4. CertificateRequest     (may be absent)
 *   5. ServerHelloDone        the chain is judged; then our flight:
 *      Certificate, ClientKeyExchange, CertificateVerify, ChangeCipherSpec, Finished
 *   6. NewSessionTicket       if the ServerHello promised one
 *   7. Finished               checked: connected
 */
export type ClientState12 =
  | ClientPskState12
  | { readonly at: 'wait-certificate'; readonly hello: ClientHello12 }
  | { readonly at: 'wait-server-key-exchange'; readonly hello: ClientHello12; readonly server: ClaimedChain }
  | { readonly at: 'wait-server-hello-done'; readonly flight: ServerFlight }
  | { readonly at: 'wait-verdict'; readonly flight: ServerFlight }
  | { readonly at: 'wait-signature'; readonly ready: ClientReady12; readonly scheme: SchemeName }
  | ClientEnd12
  | Open12;

/** The server's flight, with its signature verified. */
interface ServerFlight {
  readonly hello: ClientHello12;
  readonly server: ClaimedChain;
  readonly scheme: SchemeName;
  readonly exchange: ClientShare12;
  /** The server's conditions for our certificate; `undefined` when it requested none. */
  readonly wanted: CertificateRequest12 | undefined;
}

const CLIENT: StateTable<ClientState12> = {
  'wait-psk-key-exchange': { epoch: 0, awaits: 'message', on: onPskKeyExchange },
  'wait-psk-hello-done': {
    epoch: 0,
    awaits: 'message',
    on: (ctx, { hello, terms }, message) => onHelloDone(ctx, hello, terms, message),
  },
  'wait-psk': {
    epoch: 0,
    awaits: 'choose-psk',
    on: (ctx, { hello, terms }, { credentials }) => onPskChosen(ctx, hello, terms, credentials),
  },
  'wait-certificate': {
    epoch: 0,
    awaits: 'message',
    on: (ctx, { hello }, message) => onCertificate(ctx, hello, message),
  },
  'wait-server-key-exchange': {
    epoch: 0,
    awaits: 'message',
    on: (ctx, { hello, server }, message) => onStatusOrKeyExchange(ctx, hello, server, message),
  },
  'wait-server-hello-done': {
    epoch: 0,
    awaits: 'message',
    on: (ctx, { flight }, message) => onRequestOrDone(ctx, flight, message),
  },
  'wait-verdict': {
    epoch: 0,
    awaits: 'verify-peer',
    on: (ctx, { flight }, { verdict }) => onVerdict(ctx, flight, verdict),
  },
  'wait-signature': {
    epoch: 0,
    awaits: 'sign',
    on: (ctx, { ready, scheme }, { signature }) => sendCertificateVerify(ctx, ready, scheme, signature),
  },
  'wait-new-session-ticket': {
    epoch: 0,
    awaits: 'message',
    on: (ctx, { ready }, message) => onNewSessionTicket(ctx, ready, message),
    doubtsPsk: isUnproved,
  },
  'wait-finished': {
    epoch: 1,
    awaits: 'message',
    on: (ctx, { ready, given }, message) => onFinished(ctx, ready, given, message),
    doubtsPsk: isUnproved,
  },
  open: openRow12,
};

/** DTLS 1.2 for a client. */
export const client12: ClientSide = {
  offer: (_ctx, session12) => ({ session12 }),
  complete: (_ctx, offer) => offer,
  onOffered: () => undefined,
  onServerHello: (ctx, offer, serverHello, message) => {
    ctx.transcript.add(message.type, message.seq, message.body);
    return Stage.of(FACTS_12, CLIENT, onServerHello(ctx, offer, serverHello));
  },
};

/** The server has yet to prove that it has the pre-shared key. */
function isUnproved({ ready }: { readonly ready: ClientReady12 }): boolean {
  return ready.peer.pskIdentity !== undefined;
}

/** Step 1. The transcript already holds the ServerHello. */
function onServerHello(ctx: Context, offer: Offer, serverHello: ServerHello): ClientState12 {
  const hello = readServerHello12(ctx, offer, serverHello);
  const { suite } = hello;
  const resumed = resumedBy(hello);
  const signs = resumed === undefined && ctx.security.identities.length > 0;
  ctx.transcript.begin(transcriptHeader12, suite.hash, signs);
  if (resumed !== undefined) return resume12(ctx, hello, resumed);
  return { at: needsPsk(suite) ? 'wait-psk-key-exchange' : 'wait-certificate', hello };
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
    FACTS_12.name,
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

/** The message does not outlive the validation of the server. */
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

function onVerdict(ctx: Context, flight: ServerFlight, verdict: Verdict): ClientState12 {
  const peer = acceptPeer(ctx, flight.server, verdict);
  return sendKeyExchange(ctx, flight, peer);
}

function sendKeyExchange(ctx: Context, flight: ServerFlight, peer: PeerIdentity): ClientState12 {
  const credential =
    flight.wanted && chooseIdentity(ctx.security, asked(flight, flight.wanted), FACTS_12.name);
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

/** A ServerHello that selected DTLS 1.2, checked against the offer. */
function readServerHello12(ctx: Context, offer: Offer, serverHello: ServerHello): ClientHello12 {
  const suite = suitesOf(offer.suites, FACTS_12).find(({ code }) => code === serverHello.cipherSuite);
  if (suite === undefined)
    throw violation('illegal_parameter', 'the server chose a cipher suite that was not offered');
  if (serverHello.compressionMethod !== 0)
    throw violation('illegal_parameter', 'the server chose a compression method');
  refuseDowngrade(ctx, serverHello);
  const extensions = checkExtensions(offer, serverHello);
  checkEncryptThenMac(suite, extensions.get(ExtensionType.encrypt_then_mac));
  const agreed = readAgreements(ctx, FACTS_12.rules, extensions);
  readConnectionIds(ctx, extensions);
  const status = extensions.get(ExtensionType.status_request);
  if (status !== undefined) decoded(decodeStatusResponse(status), 'status_request');
  return {
    offer,
    suite,
    clientRandom: offer.hello.random,
    serverRandom: own(serverHello.random),
    extendedMasterSecret: extensions.has(ExtensionType.extended_master_secret),
    serverName: ctx.destination.serverName,
    agreed,
    types: readCertificateTypes(ctx.security, extensions),
    announcesStaple: status !== undefined,
    sessionId: own(serverHello.sessionId),
    promisesTicket: extensions.has(ExtensionType.session_ticket),
  };
}

/** A server that supports 1.3 marks its random when 1.2 is chosen (RFC 8446 §4.1.3). */
function refuseDowngrade(ctx: Context, serverHello: ServerHello): void {
  if (isLatest(ctx.security.versions, FACTS_12)) return;
  if (sameBytes(serverHello.random.subarray(24), DOWNGRADE_TO_12)) {
    throw violation(
      'illegal_parameter',
      'downgrade to DTLS 1.2 detected: the server knows DTLS 1.3, and something on the path hid that we do. Do not lower the version',
      'ERR_DTLS_DOWNGRADE',
    );
  }
}

function checkExtensions(offer: Offer, serverHello: ServerHello): ReadonlyMap<number, Uint8Array> {
  const { extensions } = serverHello;
  checkAnswers12(extensions, offer.hello.extensions);
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

/** ADR 12: no CBC without it. With other suites it has no meaning (RFC 7366 §3). */
function checkEncryptThenMac(suite: CipherSuite, body: Uint8Array | undefined): void {
  if (body !== undefined) decoded(decodeEncryptThenMac(body), 'encrypt_then_mac');
  const needed = needsEncryptThenMac(suite);
  if (needed && body === undefined) {
    throw violation(
      'handshake_failure',
      `the server chose ${suite.name} without encrypt-then-MAC (RFC 7366). Allow a suite with GCM or CCM`,
      'ERR_DTLS_NO_ENCRYPT_THEN_MAC',
    );
  }
  if (!needed && body !== undefined)
    throw violation('illegal_parameter', 'the server wants encrypt-then-MAC for a suite without a MAC');
}

/** RFC 5746 §3.4: an empty renegotiated_connection marks a first handshake. */
function requireSecureRenegotiation(body: Uint8Array | undefined): void {
  if (body === undefined) {
    throw violation(
      'handshake_failure',
      'unsafe legacy renegotiation disabled: the server does not signal secure renegotiation (RFC 5746). Update it',
    );
  }
  if (decoded(decodeRenegotiationInfo(body), 'renegotiation_info').length > 0) {
    throw violation(
      'handshake_failure',
      'the server treats this handshake as a renegotiation, which is not supported',
    );
  }
}

/** Our share in answer to the server's, and the secret of both. */
export interface ClientShare12 extends KeyExchangeAnswer {
  readonly group: GroupName;
}

/** Answers the share of a ServerKeyExchange, whose group must be one of ours. */
function answerShare12(ctx: Context, { namedCurve, point }: ServerEcdhParams): ClientShare12 {
  const offered = ctx.security.groups.filter((name) => groupFits(name, FACTS_12.name));
  const group = offeredGroup(namedCurve, offered);
  if (group === undefined)
    throw violation('illegal_parameter', 'the server chose a group that was not offered');
  const answer = ctx.provider.answerKeyExchange(group, point);
  if (answer === undefined) throw violation('illegal_parameter', "the server's key share is not valid");
  return { ...answer, group };
}

/*
 * The client's side of a DTLS 1.2 handshake with a pre-shared key, after the ServerHello (RFC 4279 §2, RFC 5489 §2):
 *
 *   1. ServerKeyExchange      the hint, and with ECDHE the server's share; without ECDHE it may be absent
 *   2. ServerHelloDone        the application chooses identity and key; then our flight:
 *      ClientKeyExchange, ChangeCipherSpec, Finished
 */
export type ClientPskState12 =
  | { readonly at: 'wait-psk-key-exchange'; readonly hello: ClientHello12 }
  | { readonly at: 'wait-psk-hello-done'; readonly hello: ClientHello12; readonly terms: Terms }
  | { readonly at: 'wait-psk'; readonly hello: ClientHello12; readonly terms: Terms };

/** The content of the server's flight. */
interface Terms {
  /** Empty where there was none. */
  readonly hint: Uint8Array;
  /** `undefined` where the pre-shared key is used alone. */
  readonly share: ClientShare12 | undefined;
}

function onPskKeyExchange(
  ctx: Context,
  { hello }: { readonly hello: ClientHello12 },
  message: Message,
): ClientPskState12 {
  if (hello.suite.keyExchange === 'psk' && message.type === HandshakeType.server_hello_done)
    return onHelloDone(ctx, hello, { hint: EMPTY, share: undefined }, message);
  const terms = readTerms(ctx, hello, expectType(message, HandshakeType.server_key_exchange));
  ctx.transcript.add(message.type, message.seq, message.body);
  return { at: 'wait-psk-hello-done', hello, terms };
}

function readTerms(ctx: Context, { suite }: ClientHello12, body: Uint8Array): Terms {
  if (suite.keyExchange === 'psk') {
    const { pskIdentityHint } = decoded(decodePskServerKeyExchange(body), 'ServerKeyExchange');
    return { hint: pskIdentityHint, share: undefined };
  }
  const exchange = decoded(decodeEcdhePskServerKeyExchange(body), 'ServerKeyExchange');
  return { hint: exchange.pskIdentityHint, share: answerShare12(ctx, exchange) };
}

function onHelloDone(ctx: Context, hello: ClientHello12, terms: Terms, message: Message): ClientPskState12 {
  decoded(decodeServerHelloDone(expectType(message, HandshakeType.server_hello_done)), 'ServerHelloDone');
  ctx.transcript.add(message.type, message.seq, message.body);
  ctx.emit({ do: 'ask', job: { kind: 'choose-psk', hint: terms.hint } });
  return { at: 'wait-psk', hello, terms };
}

/** The application's choice; our flight follows. */
function onPskChosen(
  ctx: Context,
  hello: ClientHello12,
  terms: Terms,
  [credential]: readonly PskCredential[],
): ClientEnd12 {
  if (credential === undefined)
    throw violation(
      'handshake_failure',
      'the server wants a pre-shared key, and options.psk has none for it. Return { identity, key }',
      'ERR_DTLS_NO_PSK',
    );
  const { identity, key } = credential;
  const { share } = terms;
  const body =
    share === undefined
      ? encodePskClientKeyExchange({ pskIdentity: identity })
      : encodeEcdhePskClientKeyExchange({ pskIdentity: identity, point: share.share });
  ctx.send(HandshakeType.client_key_exchange, body, 0);
  const secrets = deriveSecrets12(ctx, hello, pskPremaster(key, share?.secret));
  const peer = PeerIdentity.keyHolder(identity);
  return endFlight12(ctx, {
    hello,
    peer,
    scheme: undefined,
    group: share?.group,
    secrets,
    resumed: undefined,
  });
}

/*
 * The client's side of an abbreviated DTLS 1.2 handshake after the ServerHello (RFC 5246 §7.3, RFC 5077 §3.1):
 *
 *   1. NewSessionTicket       if the ServerHello promised one
 *   2. Finished               checked; then our ChangeCipherSpec, Finished: connected
 */

/** The session that the server resumes, which it shows by the session ID of the offer (RFC 5077 §3.4). */
function resumedBy({ offer, sessionId }: ClientHello12): OldSession | undefined {
  return sessionId.length > 0 && sameBytes(sessionId, offer.hello.sessionId) ? offer.session12 : undefined;
}

/** The transcript holds both hellos. */
function resume12(ctx: Context, hello: ClientHello12, resumed: OldSession): ClientEnd12 {
  const { state } = resumed.saved;
  if (hello.suite !== state.suite)
    throw violation('illegal_parameter', 'the server resumes a session under another cipher suite');
  // RFC 7627 §5.3. Sessions without it are never offered.
  if (!hello.extendedMasterSecret)
    throw violation(
      'handshake_failure',
      'inconsistent extms: the server resumes a session without the extended master secret. Connect without options.session',
    );
  const secrets = resumeSecrets12(ctx, hello, state.secret);
  const { peer } = resumed;
  return awaitServersEnd12(ctx, { hello, peer, scheme: undefined, group: undefined, secrets, resumed });
}

/** For every key exchange, a client's handshake ends in these states. */
export type ClientEnd12 =
  | { readonly at: 'wait-new-session-ticket'; readonly ready: ClientReady12 }
  | { readonly at: 'wait-finished'; readonly ready: ClientReady12; readonly given: Given12 };

/** A full handshake: our ChangeCipherSpec and Finished end our flight. */
function endFlight12(ctx: Context, ready: ClientReady12): ClientEnd12 {
  sendFinished12(ctx, ready.hello, ready.secrets, 'answer');
  return awaitServersEnd12(ctx, ready);
}

/**
 * The server's last messages follow. Its protected records wait until the plaintext NewSessionTicket before them has
 * arrived.
 */
function awaitServersEnd12(ctx: Context, ready: ClientReady12): ClientEnd12 {
  return ready.hello.promisesTicket
    ? { at: 'wait-new-session-ticket', ready }
    : awaitFinished(ctx, ready, undefined);
}

function awaitFinished(ctx: Context, ready: ClientReady12, given: Given12): ClientEnd12 {
  installKeys12(ctx, ready.hello, ready.secrets, 'server');
  return { at: 'wait-finished', ready, given };
}

function onNewSessionTicket(ctx: Context, ready: ClientReady12, message: Message): ClientEnd12 {
  const body = expectType(message, HandshakeType.new_session_ticket);
  const given = decoded(decodeNewSessionTicket12(body), 'NewSessionTicket');
  ctx.transcript.add(message.type, message.seq, message.body);
  return awaitFinished(ctx, ready, given);
}

function onFinished(ctx: Context, ready: ClientReady12, given: Given12, message: Message): Open12 {
  const { hello, secrets, resumed } = ready;
  const finished = readFinished12(ctx, secrets, message);
  if (resumed !== undefined) {
    ctx.transcript.add(message.type, message.seq, message.body);
    sendFinished12(ctx, hello, secrets, 'nothing');
  }
  ctx.emit({ do: 'connected', session: connected12(ready, finished) });
  tellTicket12(ctx, ready, given);
  ctx.endTranscript();
  return OPEN_12;
}

/** Used by DTLS 1.3 only. */
const FOR_13 = { ageAdd: 0, early: NO_EARLY_DATA, recordLimit: 0 };

/** The server's handle of a session, and its lifetime. */
type Handle = Pick<NewTicket, 'ticket' | 'sessionId' | 'lifetime'>;

/** Without a lifetime of the server: RFC 5246 §F.1.4 limits session IDs to this, ms. */
const UNSAID_LIFE: Duration = 86_400_000;

/**
 * Reports the server's data for a resumption; a resumed session may be resumed again. Only with the extended master
 * secret does a session belong to one handshake (RFC 7627 §5.3), and pre-shared keys need no resumption.
 */
function tellTicket12(ctx: Context, ready: ClientReady12, given: Given12): void {
  const { hello, peer, secrets, resumed } = ready;
  if (!hello.extendedMasterSecret || peer.pskIdentity !== undefined) return;
  const handle = ticketHandle(given) ?? heldHandle(ready) ?? idHandle(hello.sessionId);
  if (handle === undefined) return;
  const { suite, extendedMasterSecret, serverName } = hello;
  const state = {
    suite,
    secret: secrets.masterSecret,
    extendedMasterSecret,
    serverName,
    since: resumed?.saved.state.since,
    ...shownBy(peer),
  };
  const identity = ctx.destination.verifyName ?? '';
  ctx.emit({ do: 'ticket', ticket: { ...handle, ...FOR_13, state, identity } });
}

/** An empty ticket counts as none (RFC 5077 §3.3). */
function ticketHandle(given: Given12): Handle | undefined {
  if (given === undefined || given.ticket.length === 0 || given.ticket.length > LARGEST_TICKET_TAKEN)
    return undefined;
  const { ticketLifetimeHint: hint } = given;
  const lifetime = hint === 0 ? UNSAID_LIFE : Math.min(hint * 1000, LONGEST_LIFE);
  return { ticket: own(given.ticket), sessionId: EMPTY, lifetime };
}

/** The data of this resumption, for the rest of its lifetime. */
function heldHandle({ resumed }: ClientReady12): Handle | undefined {
  if (resumed === undefined) return undefined;
  const { ticket, sessionId, lifetime } = resumed.saved;
  return { ticket, sessionId, lifetime: lifetime - resumed.age };
}

function idHandle(sessionId: Uint8Array): Handle | undefined {
  return sessionId.length === 0 ? undefined : { ticket: EMPTY, sessionId, lifetime: UNSAID_LIFE };
}

/** The result of both hellos, for a client. */
export interface ClientHello12 extends Negotiated12 {
  readonly offer: Offer;
  readonly types: CertificateTypes;
  /** The server may send a CertificateStatus (RFC 6066 §8). */
  readonly announcesStaple: boolean;
}

/** Only the proof that both sides saw the same is left. */
export interface ClientReady12 {
  readonly hello: ClientHello12;
  readonly peer: PeerIdentity;
  /** Of the server's signature, if there was one. */
  readonly scheme: SchemeName | undefined;
  readonly group: GroupName | undefined;
  readonly secrets: Secrets12;
  /** The resumed session: then the server's Finished comes first, and ours answers it. */
  readonly resumed: OldSession | undefined;
}

/**
 * The server's NewSessionTicket, if there was one. It is used once the server's Finished is verified (RFC 5077 §3.3).
 */
export type Given12 = NewSessionTicket12 | undefined;
