import { EMPTY } from '../../base/bytes.js';
import { DTLSError, decoded, violation } from '../../base/errors.js';
import type { Identity, Security } from '../../config/config.js';
import type { KeyExchange } from '../../crypto/provider.js';
import { type CipherSuite, needsEncryptThenMac } from '../../crypto/suites.js';
import {
  type CertificateTypes,
  encodeCertificateTypes,
  requireTypeToShow,
  typesToShow,
  typeToAsk,
} from '../../extensions/certificate-types.js';
import { encodeServerNameResponse } from '../../extensions/server-name.js';
import { clientWantsStaple, encodeStatusResponse } from '../../extensions/status-request.js';
import {
  ExtensionType,
  Group,
  type GroupName,
  HandshakeType,
  Scheme,
  type SchemeName,
  WireVersion,
} from '../../wire/codes.js';
import {
  ClientCertificateType,
  encodeCertificateRequest12,
} from '../../wire/messages/certificate-request12.js';
import { encodeCertificateStatus } from '../../wire/messages/certificate-status.js';
import { decodeCertificateVerify } from '../../wire/messages/certificate-verify.js';
import { decodeClientKeyExchange } from '../../wire/messages/client-key-exchange.js';
import {
  decodeEcdhePskClientKeyExchange,
  encodeEcdhePskServerKeyExchange,
} from '../../wire/messages/ecdhe-psk-key-exchange.js';
import { transcriptHeader12 } from '../../wire/messages/handshake-header.js';
import { encodeHelloVerifyRequest } from '../../wire/messages/hello-verify-request.js';
import {
  decodePskClientKeyExchange,
  encodePskServerKeyExchange,
} from '../../wire/messages/psk-key-exchange.js';
import { encodeServerHelloDone } from '../../wire/messages/server-hello-done.js';
import { encodeServerEcdhParams, encodeServerKeyExchange } from '../../wire/messages/server-key-exchange.js';
import { FACTS_12 } from '../../wire/version.js';
import { chooseAgreements } from '../agreements.js';
import { acceptPeer, askVerdict } from '../ask-verdict.js';
import { type ClaimedChain, checkSignature, PeerIdentity } from '../authenticate.js';
import type { ClientOffer } from '../client-wishes.js';
import type { Context } from '../context.js';
import type { Verdict } from '../jobs.js';
import { expectType, type Message } from '../message.js';
import { type Credential, chooseCredential12, chooseGroup, suitesOf } from '../negotiate.js';
import { noSharedCipher, noSharedGroup, unknownIdentity } from '../refusals.js';
import { Stage, type StateTable } from '../stage.js';
import { askStaple } from '../staple.js';
import type { CookieRequest, ServerSide } from '../version.js';
import { onCertificate12, sendCertificate12 } from './certificate.js';
import { type Open12, openRow12 } from './open.js';
import { deriveSecrets12, type Negotiated12, pskPremaster, signedParams } from './secrets.js';
import {
  askForSession12,
  handle12,
  NO_HANDLE,
  onFinished12,
  onTicketRenewed12,
  onTicketSealed12,
  resume12,
  type ServerEnd12,
  type ServerReady12,
  type ServerResumeState12,
  sendServerHello12,
  serverRandom12,
  waitFinished12,
} from './server-finish.js';

/*
 * The server's side of a DTLS 1.2 handshake after the ClientHello with a valid cookie (RFC 5246 §7.3, RFC 6347 §4.2):
 *
 *   1. ClientHello            suite, certificate and group chosen, its staple found; then our flight:
 *      ServerHello, Certificate, CertificateStatus, ServerKeyExchange, CertificateRequest, ServerHelloDone
 *      (a suite with a pre-shared key has a flow of its own below, a session from before in server-finish.ts)
 *   2. Certificate            if we asked; the chain is judged
 *   3. ClientKeyExchange      keys
 *   4. CertificateVerify      if there was a certificate: the signature over all messages so far
 *   5. Finished               checked; then our NewSessionTicket, ChangeCipherSpec, Finished: connected (server-finish.ts)
 */
export type ServerState12 =
  | ServerPskState12
  | { readonly at: 'wait-staple'; readonly client: ClientOffer; readonly choice: CertificateChoice12 }
  | ServerResumeState12
  | { readonly at: 'wait-signature'; readonly hello: Hello; readonly params: Uint8Array }
  | { readonly at: 'wait-certificate'; readonly hello: Hello }
  | { readonly at: 'wait-verdict'; readonly hello: Hello; readonly client: ClaimedChain }
  | { readonly at: 'wait-client-key-exchange'; readonly hello: Hello; readonly client: Client }
  | { readonly at: 'wait-certificate-verify'; readonly ready: ServerReady12; readonly client: ClaimedChain }
  | ServerEnd12
  | Open12;

/** The content of our flight. */
interface Hello {
  readonly negotiated: Negotiated12;
  readonly choice: CertificateChoice12;
  readonly types: CertificateTypes;
  readonly exchange: KeyExchange;
}

/** The client's claim, which a CertificateVerify has to prove. */
interface Client {
  readonly peer: PeerIdentity;
  readonly claim: ClaimedChain | undefined;
}

const SERVER: StateTable<ServerState12> = {
  'wait-old-ticket': {
    epoch: 0,
    awaits: 'open-ticket',
    on: (ctx, { client }, { found }) => resume12(ctx, client, found) ?? beginFull(ctx, client),
  },
  'wait-old-session': {
    epoch: 0,
    awaits: 'find-session',
    on: (ctx, { client }, { found }) =>
      resume12(ctx, client, found && { resumed: found, stale: false }) ?? beginFull(ctx, client),
  },
  'wait-renewal': {
    epoch: 0,
    awaits: 'seal-ticket',
    on: (ctx, { ready }, { sealed }) => onTicketRenewed12(ctx, ready, sealed),
  },
  'wait-staple': {
    epoch: 0,
    awaits: 'find-staple',
    on: (ctx, { client, choice }, { staple }) => sendFlight(ctx, client, choice, staple),
  },
  'wait-signature': {
    epoch: 0,
    awaits: 'sign',
    on: (ctx, { hello, params }, { signature }) => sendKeyExchange(ctx, hello, params, signature),
  },
  'wait-certificate': {
    epoch: 0,
    awaits: 'message',
    on: (ctx, { hello }, message) => onCertificate(ctx, hello, message),
  },
  'wait-verdict': {
    epoch: 0,
    awaits: 'verify-peer',
    on: (ctx, { hello, client }, { verdict }) => onVerdict(ctx, hello, client, verdict),
  },
  'wait-client-key-exchange': {
    epoch: 0,
    awaits: 'message',
    on: (ctx, { hello, client }, message) => onClientKeyExchange(ctx, hello, client, message),
  },
  'wait-certificate-verify': {
    epoch: 0,
    awaits: 'message',
    on: (ctx, { ready, client }, message) => onCertificateVerify(ctx, ready, client, message),
  },
  'wait-psk-key-exchange': {
    epoch: 0,
    awaits: 'message',
    on: (ctx, { hello }, message) => onPskKeyExchange12(ctx, hello, message),
  },
  'wait-psk': {
    epoch: 0,
    awaits: 'find-psk',
    on: (ctx, state, { found }) => onPskFound12(ctx, state.hello, state.claim, found?.key),
  },
  'wait-finished': {
    epoch: 1,
    awaits: 'message',
    on: (ctx, { ready }, message) => onFinished12(ctx, ready, message),
    // A resuming client protects only its last messages: its refusal of ours comes in plaintext.
    peerProtects: ({ ready }) => ready.resumed === undefined,
    doubtsPsk: ({ ready }) => ready.peer.pskIdentity !== undefined,
    hidesUnknownPsk: ({ ready }) => ready.unknownPsk === true,
  },
  'wait-ticket': {
    epoch: 1,
    awaits: 'seal-ticket',
    on: (ctx, state, { sealed }) => onTicketSealed12(ctx, state, sealed),
    peerProtects: true,
  },
  open: openRow12,
};

/** A HelloVerifyRequest, whose version is 1.0 whatever is negotiated later (RFC 6347 §4.2.1). */
const COOKIE_REQUEST: CookieRequest = {
  carried: EMPTY,
  type: HandshakeType.hello_verify_request,
  asksForMore: false,
  encode: (cookie) => encodeHelloVerifyRequest({ serverVersion: WireVersion.dtls10, cookie }),
};

/** DTLS 1.2 for a server. */
export const server12: ServerSide = {
  onClientHello: (ctx, client, _retry, message) => {
    ctx.transcript.add(message.type, message.seq, message.body);
    return Stage.of(FACTS_12, SERVER, askForSession12(ctx, client) ?? beginFull(ctx, client));
  },
  cookies: {
    shown: ({ cookie }) => cookie,
    opened: (carried) => (carried.length === 0 ? { retry: undefined } : undefined),
    ask: () => COOKIE_REQUEST,
    askAtOnce: COOKIE_REQUEST,
  },
};

/** Step 1. The transcript already holds the ClientHello. */
function beginFull(ctx: Context, client: ClientOffer): ServerState12 {
  const choice = choose12(ctx.security, client);
  const wantsStaple = clientWantsStaple(client.hello.extensions);
  if (choice.by === 'certificate' && askStaple(ctx, wantsStaple, choice.identity))
    return { at: 'wait-staple', client, choice };
  return sendFlight(ctx, client, choice, undefined);
}

function sendFlight(
  ctx: Context,
  client: ClientOffer,
  choice: CertificateChoice12 | PskChoice12,
  staple: Uint8Array | undefined,
): ServerState12 {
  const { suite, group } = choice;
  const { sessionId, promisesTicket } = choice.by === 'certificate' ? handle12(ctx, client) : NO_HANDLE;
  const negotiated: Negotiated12 = {
    suite,
    clientRandom: client.hello.random,
    serverRandom: serverRandom12(ctx),
    extendedMasterSecret: client.extendedMasterSecret,
    serverName: client.serverName,
    agreed: chooseAgreements(ctx, FACTS_12.rules, client.hello.extensions),
    sessionId,
    promisesTicket,
  };
  const asksForCertificate = choice.by === 'certificate' && ctx.security.requestCert;
  ctx.transcript.begin(transcriptHeader12, suite.hash, asksForCertificate);
  if (choice.by === 'certificate') {
    const types = { client: typeToAsk(ctx.security, client), server: choice.identity.type };
    const answers = isNamed(ctx, client) ? nameAnswer() : new Map<number, Uint8Array>();
    for (const [type, body] of encodeCertificateTypes(ctx.security, client, types)) answers.set(type, body);
    if (staple !== undefined) answers.set(ExtensionType.status_request, encodeStatusResponse());
    sendServerHello12(ctx, client, negotiated, group, answers);
    const exchange = ctx.provider.startKeyExchange(choice.group);
    return sendChain(ctx, { negotiated, choice, types, exchange }, staple);
  }
  sendServerHello12(ctx, client, negotiated, group, isNamed(ctx, client) ? nameAnswer() : undefined);
  const exchange = group === undefined ? undefined : ctx.provider.startKeyExchange(group);
  return sendPskFlight12(ctx, { negotiated, exchange });
}

/** Its name selected the settings; not said for a resumed session (RFC 6066 §3). */
function isNamed({ adopted }: Context, { serverName }: ClientOffer): boolean {
  return adopted && serverName !== undefined;
}

function nameAnswer(): Map<number, Uint8Array> {
  return new Map([[ExtensionType.server_name, encodeServerNameResponse()]]);
}

/** Everything before the signature, which may take time. */
function sendChain(ctx: Context, hello: Hello, staple: Uint8Array | undefined): ServerState12 {
  const { choice, exchange } = hello;
  sendCertificate12(ctx, choice.identity);
  if (staple !== undefined)
    ctx.send(HandshakeType.certificate_status, encodeCertificateStatus({ response: staple }), 0);
  const params = encodeServerEcdhParams({ namedCurve: Group[exchange.group], point: exchange.share });
  const data = signedParams(hello.negotiated, params);
  ctx.emit({ do: 'ask', job: { kind: 'sign', scheme: choice.scheme, key: choice.identity.key, data } });
  return { at: 'wait-signature', hello, params };
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
    // Any issuer: a client with one certificate sends it, and our verdict is more precise than a list of names.
    certificateAuthorities: [],
  });
  ctx.send(HandshakeType.certificate_request, body, 0);
}

function onCertificate(ctx: Context, hello: Hello, message: Message): ServerState12 {
  const client = onCertificate12(ctx, hello.types.client, message);
  if (client === undefined) {
    const peer = PeerIdentity.absent(ctx.security.rejectUnauthorized, FACTS_12.rules);
    if (peer instanceof DTLSError) throw peer;
    return { at: 'wait-client-key-exchange', hello, client: { peer, claim: undefined } };
  }
  // Only DTLS 1.3 has a way to ask a client.
  askVerdict(ctx, client, false);
  return { at: 'wait-verdict', hello, client };
}

function onVerdict(ctx: Context, hello: Hello, claim: ClaimedChain, verdict: Verdict): ServerState12 {
  const peer = acceptPeer(ctx, claim, verdict);
  return { at: 'wait-client-key-exchange', hello, client: { peer, claim } };
}

function onClientKeyExchange(ctx: Context, hello: Hello, client: Client, message: Message): ServerState12 {
  const body = expectType(message, HandshakeType.client_key_exchange);
  const { point } = decoded(decodeClientKeyExchange(body), 'ClientKeyExchange');
  const premaster = hello.exchange.finish(point);
  if (premaster === undefined) throw violation('illegal_parameter', "the client's key share is not valid");
  ctx.transcript.add(message.type, message.seq, message.body);
  const { scheme, group } = hello.choice;
  const { negotiated } = hello;
  const secrets = deriveSecrets12(ctx, negotiated, premaster);
  const ready = { hello: negotiated, peer: client.peer, scheme, group, secrets, resumed: undefined };
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
  checkSignature(
    ctx.security,
    FACTS_12.name,
    signatureScheme,
    client.key,
    ctx.transcript.messages(),
    signature,
  );
  ctx.transcript.add(message.type, message.seq, message.body);
  return waitFinished12(ctx, ready);
}

/** A suite whose server authenticates with a certificate. */
export interface CertificateChoice12 {
  readonly by: 'certificate';
  readonly suite: CipherSuite;
  readonly identity: Identity;
  readonly scheme: SchemeName;
  readonly group: GroupName;
}

/** A suite whose server authenticates with a pre-shared key; `group` is for ECDHE beside it. */
export interface PskChoice12 {
  readonly by: 'psk';
  readonly suite: CipherSuite;
  readonly group: GroupName | undefined;
}

/** Our first suite that the client offered and that both sides can serve. */
export function choose12(security: Security, client: ClientOffer): CertificateChoice12 | PskChoice12 {
  // RFC 8422 §4: a client without a list of groups leaves the choice to us; every implementation has P-256.
  const group = chooseGroup(security.groups, client.groups ?? [Group.secp256r1], FACTS_12.name);
  let lacksGroup = false;
  let lacksEncryptThenMac = false;
  for (const suite of suitesOf(security.suites, FACTS_12)) {
    if (!client.hello.cipherSuites.includes(suite.code)) continue;
    if (needsEncryptThenMac(suite) && !client.encryptThenMac) {
      lacksEncryptThenMac = true;
      continue;
    }
    if (suite.keyExchange === 'psk' && security.psk.role === 'server')
      return { by: 'psk', suite, group: undefined };
    const proof = chooseProof(security, client, suite);
    if (proof === undefined) continue;
    if (group === undefined) {
      lacksGroup = true;
      continue;
    }
    if (proof === 'psk') return { by: 'psk', suite, group };
    return { by: 'certificate', suite, identity: proof.identity, scheme: proof.scheme, group };
  }
  requireTypeToShow(security, client);
  if (lacksGroup) throw noSharedGroup();
  if (lacksEncryptThenMac) {
    const text =
      'no shared cipher: only CBC suites are in common, and the client lacks encrypt-then-MAC (RFC 7366). Allow a suite with GCM or CCM';
    throw violation('handshake_failure', text, 'ERR_DTLS_NO_ENCRYPT_THEN_MAC');
  }
  throw noSharedCipher();
}

/** The extensions beside a key exchange. */
function chooseProof(
  security: Security,
  client: ClientOffer,
  suite: CipherSuite,
): Credential | 'psk' | undefined {
  if (suite.keyExchange === 'ecdhe_psk') return security.psk.role === 'server' ? 'psk' : undefined;
  return chooseCredential12([suite], security.identities, security.sigalgs, {
    suites: client.hello.cipherSuites,
    schemes: client.schemes,
    groups: client.groups,
    types: typesToShow(client),
  });
}

/*
 * The server's side of a DTLS 1.2 handshake with a pre-shared key (RFC 4279 §2, RFC 5489 §2); the ServerHello is out:
 *
 *   1. ServerKeyExchange      with the hint, and with ECDHE our share; without both it is left out
 *      ServerHelloDone
 *   2. ClientKeyExchange      the identity: its key is at hand, or the application finds it
 *   3. Finished               see server-finish.ts
 */
export type ServerPskState12 =
  | { readonly at: 'wait-psk-key-exchange'; readonly hello: ServerPskHello12 }
  | { readonly at: 'wait-psk'; readonly hello: ServerPskHello12; readonly claim: Claim };

/** The content of our flight. */
export interface ServerPskHello12 {
  readonly negotiated: Negotiated12;
  /** `undefined` where the pre-shared key is used alone. */
  readonly exchange: KeyExchange | undefined;
}

/** The content of the client's ClientKeyExchange. */
interface Claim {
  readonly identity: Uint8Array;
  /** The secret of the key exchange. */
  readonly exchanged: Uint8Array | undefined;
}

/** Step 1. */
export function sendPskFlight12(ctx: Context, hello: ServerPskHello12): ServerPskState12 {
  const { exchange } = hello;
  const pskIdentityHint = hintOf(ctx.security);
  if (exchange !== undefined) {
    const params = { namedCurve: Group[exchange.group], point: exchange.share };
    const body = encodeEcdhePskServerKeyExchange({ pskIdentityHint, ...params });
    ctx.send(HandshakeType.server_key_exchange, body, 0);
  } else if (pskIdentityHint.length > 0) {
    ctx.send(HandshakeType.server_key_exchange, encodePskServerKeyExchange({ pskIdentityHint }), 0);
  }
  ctx.send(HandshakeType.server_hello_done, encodeServerHelloDone(), 0);
  ctx.emit({ do: 'end-flight', awaits: 'answer' });
  return { at: 'wait-psk-key-exchange', hello };
}

function hintOf({ psk }: Security): Uint8Array {
  return psk.role === 'server' ? psk.hint : EMPTY;
}

/** Step 2. */
export function onPskKeyExchange12(
  ctx: Context,
  hello: ServerPskHello12,
  message: Message,
): ServerPskState12 | ServerEnd12 {
  const claim = readClaim(hello, expectType(message, HandshakeType.client_key_exchange));
  ctx.transcript.add(message.type, message.seq, message.body);
  const { psk } = ctx.security;
  // The Finished mostly comes in the same datagram: without a job its keys are there, and it need not be held.
  if (psk.role === 'server' && psk.findAtHand !== undefined)
    return onPskFound12(ctx, hello, claim, psk.findAtHand(claim.identity)?.key);
  ctx.emit({ do: 'ask', job: { kind: 'find-psk', wanted: [{ identity: claim.identity, use: 'any' }] } });
  return { at: 'wait-psk', hello, claim };
}

function readClaim({ exchange }: ServerPskHello12, body: Uint8Array): Claim {
  if (exchange === undefined) {
    const { pskIdentity } = decoded(decodePskClientKeyExchange(body), 'ClientKeyExchange');
    return { identity: pskIdentity, exchanged: undefined };
  }
  const { pskIdentity, point } = decoded(decodeEcdhePskClientKeyExchange(body), 'ClientKeyExchange');
  const exchanged = exchange.finish(point);
  if (exchanged === undefined) throw violation('illegal_parameter', "the client's key share is not valid");
  return { identity: pskIdentity, exchanged };
}

/** `found`: the key of the client's identity; `undefined` where it is unknown. */
export function onPskFound12(
  ctx: Context,
  hello: ServerPskHello12,
  claim: Claim,
  found: Uint8Array | undefined,
): ServerEnd12 {
  const { psk } = ctx.security;
  const hidden = found === undefined && psk.role === 'server' && psk.hideUnknown;
  if (found === undefined && !hidden) throw unknownIdentity();
  const { negotiated, exchange } = hello;
  const key = found ?? ctx.provider.randomBytes(DECOY_LENGTH);
  const secrets = deriveSecrets12(ctx, negotiated, pskPremaster(key, claim.exchanged));
  const peer = PeerIdentity.keyHolder(claim.identity);
  const group = exchange?.group;
  return waitFinished12(ctx, {
    hello: negotiated,
    peer,
    scheme: undefined,
    group,
    secrets,
    resumed: undefined,
    unknownPsk: hidden,
  });
}

/** Bytes of the random key that replaces an unknown one. No client can have it. */
const DECOY_LENGTH = 32;
