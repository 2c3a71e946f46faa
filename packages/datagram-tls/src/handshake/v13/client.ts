import { sameBytes } from '../../base/bytes.js';
import { decoded, violation } from '../../base/errors.js';
import type { PskCredential } from '../../config/config.js';
import { HASH_LENGTH, type KeyExchange } from '../../crypto/provider.js';
import type { CipherSuite } from '../../crypto/suites.js';
import { sameAlpn } from '../../extensions/alpn.js';
import { type CertificateTypes, readCertificateTypes } from '../../extensions/certificate-types.js';
import { decodeCookie, encodeCookie } from '../../extensions/cookie.js';
import { decodeEarlyData } from '../../extensions/early-data.js';
import { decodeKeyShareResponse, decodeKeyShareRetry, encodeShares } from '../../extensions/key-share.js';
import { decodePreSharedKeyResponse } from '../../extensions/pre-shared-key.js';
import { decodeServerNameResponse } from '../../extensions/server-name.js';
import { decodeSupportedGroups } from '../../extensions/supported-groups.js';
import { decodeSupportedVersionsResponse } from '../../extensions/supported-versions.js';
import { checkAnswers, requireExtension } from '../../extensions/table.js';
import {
  deriveEarlySecret13,
  deriveEarlyTrafficSecret13,
  deriveTrafficKeys13,
} from '../../keys/schedule13.js';
import {
  ExtensionType,
  Group,
  type GroupName,
  HandshakeType,
  Scheme,
  type SchemeName,
} from '../../wire/codes.js';
import type { Extensions } from '../../wire/extension-block.js';
import { encodeCertificateVerify } from '../../wire/messages/certificate-verify.js';
import { encodeClientHello } from '../../wire/messages/client-hello.js';
import { decodeEncryptedExtensions } from '../../wire/messages/encrypted-extensions.js';
import { decodeFinished, encodeFinished } from '../../wire/messages/finished.js';
import { transcriptHeader13 } from '../../wire/messages/handshake-header.js';
import {
  decodeServerHello,
  isHelloRetryRequest,
  type ServerHello,
} from '../../wire/messages/server-hello.js';
import { FACTS_13 } from '../../wire/version.js';
import { readAgreements, readConnectionIds } from '../agreements.js';
import { acceptPeer, askVerdict } from '../ask-verdict.js';
import { type ClaimedChain, claimChain, type FinishedVerified, type PeerIdentity } from '../authenticate.js';
import type { Context } from '../context.js';
import type { Verdict } from '../jobs.js';
import { expectType, type Message } from '../message.js';
import { type Credential, chooseIdentity, offeredGroup } from '../negotiate.js';
import { type EarlyOffer, type Offer, type OfferParts, offersExternalPsk, withoutEarly } from '../offer.js';
import { type OfferedPsk, offerPsk, offerSession } from '../offered-psk.js';
import type { OldSession } from '../resumption.js';
import type { Agreed } from '../session.js';
import { Stage, type StateTable } from '../stage.js';
import { askStaple } from '../staple.js';
import type { ClientSide } from '../version.js';
import { bindOffer } from './binders.js';
import {
  onCertificateRequest13,
  onCertificateVerify13,
  type Request13,
  onCertificate13 as readCertificate,
  sendCertificate13,
  signedTranscript,
} from './certificates.js';
import { checkServerHello } from './hellos.js';
import { connected13, type Established13, openRow13 } from './post-handshake.js';
import {
  checkFinished13,
  deriveApplication13,
  EARLY_EPOCH,
  finishedData13,
  HANDSHAKE_EPOCH,
  installKeys13,
  type Negotiated13,
  startHandshakeKeys13,
} from './secrets.js';

/*
 * The client's side of a DTLS 1.3 handshake (RFC 8446 §4, RFC 9147 §5):
 *
 *   1. HelloRetryRequest      (may be absent) answered by a second ClientHello; a ServerHello has to follow
 *   2. ServerHello            checked against the offer; handshake keys
 *   3. EncryptedExtensions    checked against the offer
 *      (where the server chose a pre-shared key, 7. follows)
 *   4. CertificateRequest     (may be absent)
 *   5. Certificate            parsed
 *   6. CertificateVerify      signature checked
 *   7. Finished               checked; the chain is judged; then our flight:
 *      Certificate, CertificateVerify, Finished: connected, though the flight is sent until it is acknowledged
 */
type ClientState13 =
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
  | { readonly at: 'wait-signature'; readonly proof: Proof; readonly scheme: SchemeName }
  | Established13;

/** With the EncryptedExtensions. */
interface Greeting extends ServerHello13 {
  readonly agreed: Agreed;
  readonly types: CertificateTypes;
}

/** `undefined` when the server requested no certificate. */
type Request = Request13 | undefined;

/** The server's flight, with its signature verified. */
interface ServerFlight {
  readonly hello: Greeting;
  readonly request: Request;
  readonly vouched: Vouched;
}

/** What authenticates the server. */
type Vouched =
  | { readonly by: 'certificate'; readonly server: ClaimedChain; readonly scheme: SchemeName }
  | { readonly by: 'psk'; readonly psk: OfferedPsk };

/** The server's proofs are complete. Our own flight is left. */
interface Proof {
  readonly hello: Greeting;
  readonly scheme: SchemeName | undefined;
  readonly peer: PeerIdentity;
  readonly finished: FinishedVerified;
  readonly application: ReturnType<typeof deriveApplication13>;
}

/** After the ServerHello the server protects everything that it sends. */
const PROTECTED = { epoch: HANDSHAKE_EPOCH, peerProtects: true } as const;

const CLIENT: StateTable<ClientState13> = {
  'wait-second-server-hello': {
    epoch: 0,
    awaits: 'message',
    on: (ctx, { offer, suite }, message) => ({
      at: 'wait-encrypted-extensions',
      hello: onSecondServerHello(ctx, offer, suite, message),
    }),
    doubtsPsk: ({ offer }) => offersExternalPsk(offer),
    unansweredHello: ({ offer }) => offer.hello,
  },
  'wait-encrypted-extensions': {
    ...PROTECTED,
    awaits: 'message',
    on: (ctx, { hello }, message) => onEncryptedExtensions(ctx, hello, message),
  },
  'wait-certificate': {
    ...PROTECTED,
    awaits: 'message',
    on: (ctx, { hello, request }, message) => onRequestOrCertificate(ctx, hello, request, message),
  },
  'wait-certificate-verify': {
    ...PROTECTED,
    awaits: 'message',
    on: (ctx, { hello, request, server }, message) => {
      const scheme = onCertificateVerify13(ctx, 'server', server, message);
      const vouched = { by: 'certificate', server, scheme } as const;
      return { at: 'wait-finished', flight: { hello, request, vouched } };
    },
  },
  'wait-finished': {
    ...PROTECTED,
    awaits: 'message',
    on: (ctx, { flight }, message) => onFinished(ctx, flight, message),
  },
  'wait-verdict': {
    ...PROTECTED,
    awaits: 'verify-peer',
    on: (ctx, { flight, server, finished }, { verdict }) => onVerdict(ctx, flight, server, finished, verdict),
  },
  'wait-staple': {
    ...PROTECTED,
    awaits: 'find-staple',
    on: (ctx, { proof, credential }, { staple }) => sendChain(ctx, proof, credential, staple),
  },
  'wait-signature': {
    ...PROTECTED,
    awaits: 'sign',
    on: (ctx, { proof, scheme }, { signature }) => sendProof(ctx, proof, scheme, signature),
  },
  established: openRow13,
};

/** DTLS 1.3 for a client. */
export const client13: ClientSide = {
  offer: offerOf13,
  complete: bindOffer,
  onOffered: (ctx, { early, hello }) => {
    if (early !== undefined) sendEarly(ctx, early, hello.random);
  },
  onServerHello: (ctx, offer, hello, message) => {
    const onHello = isHelloRetryRequest(hello) ? onHelloRetryRequest : onFirstServerHello;
    return Stage.of(FACTS_13, CLIENT, onHello(ctx, offer, hello, message));
  },
};

function offerOf13(
  ctx: Context,
  session: OldSession | undefined,
  credentials: readonly PskCredential[],
): OfferParts {
  const { security, provider } = ctx;
  const resumed = session === undefined ? undefined : offerSession(session);
  const external = credentials.flatMap((credential) => offerPsk(security, credential));
  return {
    exchanges: security.keyShares.map((group) => provider.startKeyExchange(group)),
    psks: resumed === undefined ? external : [resumed, ...external],
    early: earlyOffer(ctx, resumed),
  };
}

function onVerdict(
  ctx: Context,
  flight: ServerFlight,
  server: ClaimedChain,
  finished: FinishedVerified,
  verdict: Verdict,
): ClientState13 {
  const peer = acceptPeer(ctx, server, verdict);
  return answerFlight(ctx, flight, finished, peer);
}

function sendProof(ctx: Context, proof: Proof, scheme: SchemeName, signature: Uint8Array): ClientState13 {
  const body = encodeCertificateVerify({ signatureScheme: Scheme[scheme], signature });
  ctx.send(HandshakeType.certificate_verify, body, HANDSHAKE_EPOCH);
  return sendFinished(ctx, proof);
}

function onEncryptedExtensions(ctx: Context, hello: ServerHello13, message: Message): ClientState13 {
  const body = expectType(message, HandshakeType.encrypted_extensions);
  const { extensions } = decoded(decodeEncryptedExtensions(body), 'EncryptedExtensions');
  checkAnswers(extensions, 'EE', hello.offer.hello.extensions);
  checkAnswerBodies(extensions);
  ctx.transcript.add(message.type, message.seq, message.body);
  const agreed = readAgreements(ctx, FACTS_13.rules, extensions);
  onEarlyAnswer(ctx, hello, agreed, extensions);
  const greeting = { ...hello, agreed, types: readCertificateTypes(ctx.security, extensions) };
  if (hello.psk === undefined) return { at: 'wait-certificate', hello: greeting, request: undefined };
  const vouched = { by: 'psk', psk: hello.psk } as const;
  return { at: 'wait-finished', flight: { hello: greeting, request: undefined, vouched } };
}

function checkAnswerBodies(extensions: Extensions): void {
  const name = extensions.get(ExtensionType.server_name);
  if (name !== undefined) decoded(decodeServerNameResponse(name), 'server_name');
  // Groups that the server prefers: useful only for a later connection (RFC 8446 §4.2.7).
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

function onFinished(ctx: Context, flight: ServerFlight, message: Message): ClientState13 {
  const { hello, vouched } = flight;
  const body = expectType(message, HandshakeType.finished);
  const { verifyData } = decoded(decodeFinished(body, HASH_LENGTH[hello.suite.hash]), 'Finished');
  const finished = checkFinished13(ctx, hello, 'server', verifyData);
  if (finished === undefined)
    throw violation(
      'decrypt_error',
      "digest check failed: the server's Finished is wrong. Something on the path changes datagrams, or the server is at fault",
    );
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
): ClientState13 {
  const scheme = vouched.by === 'certificate' ? vouched.scheme : undefined;
  const proof = { hello, scheme, peer, finished, application: deriveApplication13(ctx, hello) };
  if (request === undefined) return sendFinished(ctx, proof);
  const { schemes, authorities } = request;
  const asked = { types: [hello.types.client], schemes, authorities, certificateTypes: undefined };
  const credential = chooseIdentity(ctx.security, asked, FACTS_13.name);
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
  return connected13(ctx, { ...proof, negotiated: proof.hello, agreed, psk }, false);
}

/** The result of a ServerHello, for the client. */
export interface ServerHello13 extends Negotiated13 {
  readonly offer: Offer;
  /** The pre-shared key that the server chose instead of a certificate. */
  readonly psk: OfferedPsk | undefined;
}

/** Without a HelloRetryRequest. */
function onFirstServerHello(ctx: Context, offer: Offer, hello: ServerHello, message: Message): ClientState13 {
  const suite = checkServerHello(offer, hello);
  ctx.transcript.begin(transcriptHeader13, suite.hash, false);
  const greeting = agreeOnKeys(ctx, offer, suite, hello, message);
  return { at: 'wait-encrypted-extensions', hello: greeting };
}

/** After a HelloRetryRequest, which the ServerHello must not contradict (RFC 8446 §4.1.4). */
function onSecondServerHello(
  ctx: Context,
  offer: Offer,
  suite: CipherSuite,
  message: Message,
): ServerHello13 {
  const body = expectType(message, HandshakeType.server_hello);
  const hello = decoded(decodeServerHello(body), 'ServerHello');
  if (isHelloRetryRequest(hello))
    throw violation('unexpected_message', 'the server sent a second HelloRetryRequest');
  const version = requireExtension(hello.extensions, ExtensionType.supported_versions, 'SH');
  const code = decoded(decodeSupportedVersionsResponse(version), 'supported_versions');
  if (code !== FACTS_13.code || checkServerHello(offer, hello) !== suite)
    throw violation('illegal_parameter', 'the ServerHello contradicts the HelloRetryRequest');
  return agreeOnKeys(ctx, offer, suite, hello, message);
}

function agreeOnKeys(
  ctx: Context,
  offer: Offer,
  suite: CipherSuite,
  hello: ServerHello,
  message: Message,
): ServerHello13 {
  checkAnswers(hello.extensions, 'SH', offer.hello.extensions);
  readConnectionIds(ctx, hello.extensions);
  const psk = chosenPsk(offer, suite, hello);
  const exchange = standsAlone(ctx, psk, hello) ? undefined : finishExchange(offer, hello);
  ctx.transcript.add(message.type, message.seq, message.body);
  const hellos = {
    suite,
    group: exchange?.group,
    clientRandom: offer.hello.random,
    serverName: ctx.destination.serverName,
  };
  return { ...startHandshakeKeys13(ctx, hellos, exchange?.secret, psk), offer, psk };
}

/** Whether the server uses the key alone, in one of the modes that we offered (RFC 8446 §4.2.9). */
function standsAlone({ security }: Context, psk: OfferedPsk | undefined, hello: ServerHello): boolean {
  if (psk === undefined) return false;
  const mode = hello.extensions.has(ExtensionType.key_share) ? 'psk_dhe_ke' : 'psk_ke';
  if (mode === 'psk_dhe_ke' && !security.pskModes.includes(mode))
    throw violation('illegal_parameter', 'the server uses a pre-shared key in a mode that was not offered');
  return security.pskModes.includes(mode) && mode === 'psk_ke';
}

function finishExchange(
  { exchanges }: Offer,
  { extensions }: ServerHello,
): { readonly group: GroupName; readonly secret: Uint8Array } {
  const body = requireExtension(extensions, ExtensionType.key_share, 'SH');
  const share = decoded(decodeKeyShareResponse(body), 'key_share');
  const exchange = exchanges.find(({ group }) => Group[group] === share.group);
  if (exchange === undefined)
    throw violation('illegal_parameter', "the server's key share answers none of ours");
  const secret = exchange.finish(share.keyExchange);
  if (secret === undefined) throw violation('illegal_parameter', "the server's key share is not valid");
  return { group: exchange.group, secret };
}

/** RFC 8446 §4.2.11: one of ours, with the hash of the suite. */
function chosenPsk(offer: Offer, suite: CipherSuite, hello: ServerHello): OfferedPsk | undefined {
  const body = hello.extensions.get(ExtensionType.pre_shared_key);
  if (body === undefined) return undefined;
  const psk = offer.psks[decoded(decodePreSharedKeyResponse(body), 'pre_shared_key')];
  if (psk === undefined || psk.hash !== suite.hash)
    throw violation('illegal_parameter', 'selected_identity is out of range or has another hash');
  return psk;
}

/** The HelloRetryRequest that answered our first ClientHello: a second one goes out (RFC 8446 §4.1.4). */
function onHelloRetryRequest(
  ctx: Context,
  offer: Offer,
  hello: ServerHello,
  message: Message,
): ClientState13 {
  const suite = checkServerHello(offer, hello);
  // RFC 8446 §4.2: the cookie is the one extension that a server may send without an offer.
  checkAnswers(hello.extensions, 'HRR', offer.hello.extensions);
  const retried = withoutUnfit(secondOffer(ctx, refuseEarly(ctx, offer), hello), suite);
  const firstHello = ctx.transcript.digestWith(suite.hash);
  ctx.endTranscript();
  ctx.transcript.add(message.type, message.seq, message.body);
  ctx.transcript.beginRetried(suite.hash, firstHello);
  const second = bindOffer(ctx, retried);
  ctx.send(HandshakeType.client_hello, encodeClientHello(second.hello), 0);
  ctx.emit({ do: 'end-flight', awaits: 'answer' });
  return { at: 'wait-second-server-hello', offer: second, suite };
}

/** Changes only what the server requested (RFC 8446 §4.1.2). */
function secondOffer(ctx: Context, offer: Offer, hello: ServerHello): Offer {
  const cookie = hello.extensions.get(ExtensionType.cookie);
  const exchange = askedExchange(ctx, offer, hello);
  if (cookie === undefined && exchange === undefined)
    throw violation('illegal_parameter', 'the HelloRetryRequest asks for no change');
  const exchanges = exchange === undefined ? offer.exchanges : [exchange];
  const extensions = new Map<number, Uint8Array>();
  // First, so that a server finds it in the first fragment before it keeps state.
  if (cookie !== undefined)
    extensions.set(ExtensionType.cookie, encodeCookie(decoded(decodeCookie(cookie), 'cookie')));
  for (const [type, body] of offer.hello.extensions) extensions.set(type, body);
  extensions.set(ExtensionType.key_share, encodeShares(exchanges));
  return { ...offer, exchanges, hello: { ...offer.hello, extensions } };
}

/** Pre-shared keys with another hash than the suite's are useless now (RFC 8446 §4.1.4). */
function withoutUnfit(offer: Offer, { hash }: CipherSuite): Offer {
  const psks = offer.psks.filter((psk) => psk.hash === hash);
  if (psks.length > 0 || offer.psks.length === 0) return { ...offer, psks };
  const extensions = new Map(offer.hello.extensions);
  extensions.delete(ExtensionType.pre_shared_key);
  return { ...offer, psks, hello: { ...offer.hello, extensions } };
}

/** A key pair of the group that the server wants, which must be one that we offered without a share (§4.2.8). */
function askedExchange(ctx: Context, offer: Offer, hello: ServerHello): KeyExchange | undefined {
  const body = hello.extensions.get(ExtensionType.key_share);
  if (body === undefined) return undefined;
  const group = offeredGroup(decoded(decodeKeyShareRetry(body), 'key_share'), offer.groups);
  if (group === undefined || offer.exchanges.some((exchange) => exchange.group === group))
    throw violation(
      'illegal_parameter',
      'the HelloRetryRequest asks for a share of a group that was not offered or already has one',
    );
  return ctx.provider.startKeyExchange(group);
}

/**
 * The early data along with the ClientHello that offers `psk` first: none unless the application has some, the
 * session's server accepts it, and suite and protocol would be those of that session (RFC 8446 §4.2.10).
 */
function earlyOffer({ security, destination }: Context, psk: OfferedPsk | undefined): EarlyOffer | undefined {
  const { session, earlyData = [] } = destination;
  if (psk === undefined || session === undefined || session.early.most === 0) return undefined;
  const { early, recordLimit, state } = session;
  const sameSuite = security.suites.includes(state.suite);
  const spoken =
    early.alpn === undefined ? security.alpn.length === 0 : includesBytes(security.alpn, early.alpn);
  if (earlyData.length === 0 || !sameSuite || !spoken) return undefined;
  return { suite: state.suite, key: psk.key, ...early, recordLimit };
}

function includesBytes(list: readonly Uint8Array[], wanted: Uint8Array): boolean {
  return list.some((item) => sameBytes(item, wanted));
}

/** The ClientHello is the only message so far. */
function sendEarly(ctx: Context, offer: EarlyOffer, clientRandom: Uint8Array): void {
  const { provider, transcript } = ctx;
  const { suite, key, most, recordLimit } = offer;
  const early = deriveEarlySecret13(provider, suite.hash, key);
  const digest = transcript.digestWith(suite.hash);
  const secret = deriveEarlyTrafficSecret13(provider, suite.hash, early, digest);
  ctx.emit({ do: 'log-secret', label: 'CLIENT_EARLY_TRAFFIC_SECRET', clientRandom, secret });
  installKeys13(ctx, suite, 'write', EARLY_EPOCH, deriveTrafficKeys13(provider, suite, secret));
  ctx.emit({ do: 'send-early-data', most, recordLimit });
}

/** The server's HelloRetryRequest refuses the early data. */
function refuseEarly(ctx: Context, offer: Offer): Offer {
  if (offer.early === undefined) return offer;
  ctx.emit({ do: 'early-data', accepted: false });
  return withoutEarly(offer);
}

/** The EncryptedExtensions' answer to early data. That it was offered has been checked (RFC 8446 §4.2.10, §4.2.11). */
export function onEarlyAnswer(
  ctx: Context,
  { offer, psk, suite }: ServerHello13,
  agreed: Agreed,
  answers: Extensions,
): void {
  const { early } = offer;
  if (early === undefined) return;
  const body = answers.get(ExtensionType.early_data);
  if (body === undefined) return ctx.emit({ do: 'early-data', accepted: false });
  decoded(decodeEarlyData(body), 'early_data');
  if (psk !== offer.psks[0] || suite !== early.suite || !sameAlpn(agreed.alpn, early.alpn)) {
    const text = 'the server accepts early data but resumes another session';
    throw violation('illegal_parameter', text);
  }
  ctx.emit({ do: 'early-data', accepted: true, most: early.most });
}
