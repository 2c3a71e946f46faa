import { DTLSError, decoded, violation } from '../../base/errors.js';
import type { GuardAnswer, Identity, Security } from '../../config/config.js';
import { HASH_LENGTH, type HashName } from '../../crypto/provider.js';
import type { CipherSuite } from '../../crypto/suites.js';
import {
  type CertificateTypes,
  encodeCertificateTypes,
  requireTypeToShow,
  typesToShow,
  typeToAsk,
} from '../../extensions/certificate-types.js';
import { encodeServerNameResponse } from '../../extensions/server-name.js';
import { clientWantsStaple } from '../../extensions/status-request.js';
import {
  type CertificateTypeName,
  ExtensionType,
  HandshakeType,
  PskKeyExchangeMode,
  Scheme,
  type SchemeName,
} from '../../wire/codes.js';
import { encodeCertificateVerify } from '../../wire/messages/certificate-verify.js';
import { decodeClientHello } from '../../wire/messages/client-hello.js';
import { encodeEncryptedExtensions } from '../../wire/messages/encrypted-extensions.js';
import { decodeFinished, encodeFinished } from '../../wire/messages/finished.js';
import { FACTS_13 } from '../../wire/version.js';
import { addAgreements, chooseAgreements } from '../agreements.js';
import { acceptPeer, askVerdict } from '../ask-verdict.js';
import { type ClaimedChain, claimChain, PeerIdentity } from '../authenticate.js';
import { type ClientOffer, readClientOffer } from '../client-wishes.js';
import type { Context } from '../context.js';
import type { OpenedTicket, Verdict } from '../jobs.js';
import { expectType, type Message } from '../message.js';
import { type Credential, chooseIdentity, suitesOf } from '../negotiate.js';
import { unknownIdentity } from '../refusals.js';
import type { Agreed } from '../session.js';
import { Stage, type StateTable } from '../stage.js';
import { askStaple } from '../staple.js';
import type { ServerSide } from '../version.js';
import {
  onCertificate13,
  onCertificateVerify13,
  requestExtensions13,
  sendCertificate13,
  sendCertificateRequest13,
  signedTranscript,
} from './certificates.js';
import { cookies13 } from './cookies.js';
import { type ClientWishes13, pskCandidates, type Retry13 } from './hellos.js';
import { connected13, type Established13, openRow13 } from './post-handshake.js';
import {
  APPLICATION_EPOCH,
  checkFinished13,
  deriveApplication13,
  finishedData13,
  HANDSHAKE_EPOCH,
  installKeys13,
  type Negotiated13,
} from './secrets.js';
import {
  acceptEarly,
  agree13,
  askForPsk,
  askForSession,
  type ChosenPsk13,
  choosePsk,
  chooseSession,
  considerEarly,
  type EarlyHello,
  onFirstHello13,
  onRetriedHello13,
  onSecondHello13,
  type ReadyHello13,
  refuseHidden,
  requireBinder,
} from './server-start.js';

/*
 * The server's side of a DTLS 1.3 handshake (RFC 8446 §4, RFC 9147 §5):
 *
 *   1. ClientHello            suite and group chosen; without a share of that group a HelloRetryRequest asks for one
 *   2. ClientHello            (may be absent) checked against that request; then our flight:
 *      ServerHello, EncryptedExtensions, CertificateRequest, Certificate, CertificateVerify, Finished
 *   3. Certificate            if we asked; the chain is judged once its owner has signed
 *   4. CertificateVerify      if there was a certificate
 *   5. Finished               checked, acknowledged: connected
 */
type ServerState13 =
  | { readonly at: 'wait-second-client-hello'; readonly retry: Retry13 }
  | { readonly at: 'wait-old-ticket'; readonly hello: ReadyHello13 }
  | { readonly at: 'wait-psk'; readonly hello: ReadyHello13 }
  | { readonly at: 'wait-guard'; readonly early: EarlyHello }
  /** The end, which the client is not told. */
  | { readonly at: 'declined' }
  | { readonly at: 'wait-staple'; readonly hello: ReadyHello13; readonly credential: Credential }
  | { readonly at: 'wait-signature'; readonly hello: Hello }
  | { readonly at: 'wait-certificate'; readonly flight: Flight; readonly type: CertificateTypeName }
  | { readonly at: 'wait-certificate-verify'; readonly flight: Flight; readonly client: ClaimedChain }
  | { readonly at: 'wait-verdict'; readonly flight: Flight; readonly client: ClaimedChain }
  | { readonly at: 'wait-finished'; readonly flight: Flight; readonly peer: PeerIdentity }
  | Established13;

const SERVER: StateTable<ServerState13> = {
  'wait-second-client-hello': {
    epoch: 0,
    awaits: 'message',
    on: (ctx, { retry }, message) => onSecondClientHello(ctx, retry, message),
  },
  'wait-old-ticket': {
    epoch: HANDSHAKE_EPOCH,
    awaits: 'open-ticket',
    on: (ctx, { hello }, { found }) => onSessionFound(ctx, hello, found),
  },
  'wait-psk': {
    epoch: HANDSHAKE_EPOCH,
    awaits: 'find-psk',
    on: (ctx, { hello }, { found }) => onPskFound(ctx, hello, choosePsk(ctx, hello, found)),
  },
  'wait-guard': {
    epoch: HANDSHAKE_EPOCH,
    awaits: 'guard-replay',
    on: (ctx, { early }, { answer }) => onGuarded(ctx, early, answer),
  },
  declined: { epoch: HANDSHAKE_EPOCH, awaits: 'nothing' },
  'wait-staple': {
    epoch: HANDSHAKE_EPOCH,
    awaits: 'find-staple',
    on: (ctx, { hello, credential }, { staple }) => sendChain(ctx, hello, credential, staple),
  },
  'wait-signature': {
    epoch: HANDSHAKE_EPOCH,
    awaits: 'sign',
    on: (ctx, { hello }, { signature }) => sendProof(ctx, hello, signature),
  },
  'wait-certificate': {
    epoch: HANDSHAKE_EPOCH,
    awaits: 'message',
    on: (ctx, { flight, type }, message) => onCertificate(ctx, flight, type, message),
  },
  'wait-certificate-verify': {
    epoch: HANDSHAKE_EPOCH,
    awaits: 'message',
    on: (ctx, { flight, client }, message) => onCertificateVerify(ctx, flight, client, message),
  },
  'wait-verdict': {
    epoch: HANDSHAKE_EPOCH,
    awaits: 'verify-peer',
    on: (ctx, { flight, client }, { verdict }) => onVerdict(ctx, flight, client, verdict),
  },
  'wait-finished': {
    epoch: HANDSHAKE_EPOCH,
    awaits: 'message',
    on: (ctx, { flight, peer }, message) => onFinished(ctx, flight, peer, message),
  },
  established: openRow13,
};

/** DTLS 1.3 for a server. */
export const server13: ServerSide = {
  onClientHello: (ctx, client, retry, message) =>
    Stage.of(FACTS_13, SERVER, onClientHello(ctx, client, retry, message)),
  cookies: cookies13,
};

interface Greeting {
  readonly negotiated: Negotiated13;
  readonly agreed: Agreed;
  /** The pre-shared key that replaces certificates. */
  readonly psk: ChosenPsk13 | undefined;
  /** The client can resume sessions in our mode. */
  readonly takesTickets: boolean;
}

interface Hello {
  readonly greeting: Greeting;
  readonly scheme: SchemeName;
  readonly types: CertificateTypes;
}

/** Our flight is sent. */
interface Flight {
  readonly greeting: Greeting;
  /** Of our signature, if a certificate of ours was needed. */
  readonly scheme: SchemeName | undefined;
  readonly application: ReturnType<typeof deriveApplication13>;
}

/** Steps 1 and 2. `retry`: the endpoint's stateless request, which this ClientHello answers. */
function onClientHello(
  ctx: Context,
  wishes: ClientOffer,
  retry: Retry13 | undefined,
  message: Message,
): ServerState13 {
  if (retry !== undefined) return findPsk(ctx, onRetriedHello13(ctx, wishes, retry, message));
  const start = onFirstHello13(ctx, wishes, message);
  if (start.kind === 'no-share') return ctx.decline('share');
  return start.kind === 'retried'
    ? { at: 'wait-second-client-hello', retry: start.retry }
    : findPsk(ctx, start.hello);
}

function onSecondClientHello(ctx: Context, retry: Retry13, message: Message): ServerState13 {
  const body = expectType(message, HandshakeType.client_hello);
  const wishes = readClientOffer(decoded(decodeClientHello(body), 'ClientHello'));
  return findPsk(ctx, onSecondHello13(ctx, wishes, retry, message));
}

/** What precedes a full handshake: a session to resume, then an external key. */
function findPsk(ctx: Context, hello: ReadyHello13): ServerState13 {
  if (askForSession(ctx, hello)) return { at: 'wait-old-ticket', hello };
  return ctx.early ? ctx.decline('ticket') : findExternalPsk(ctx, hello);
}

function findExternalPsk(ctx: Context, hello: ReadyHello13): ServerState13 {
  return askForPsk(ctx, hello) ? { at: 'wait-psk', hello } : sendFlight(ctx, hello);
}

/** An unvalidated client gets an answer only if its early data is accepted. */
function onSessionFound(ctx: Context, hello: ReadyHello13, opened: OpenedTicket | undefined): ServerState13 {
  if (ctx.early) {
    const early = considerEarly(ctx, hello, opened);
    return typeof early === 'string' ? ctx.decline(early) : { at: 'wait-guard', early };
  }
  const psk = chooseSession(ctx, opened);
  return psk === undefined ? findExternalPsk(ctx, hello) : resume(ctx, hello, psk);
}

function onPskFound(ctx: Context, hello: ReadyHello13, psk: ChosenPsk13 | undefined): ServerState13 {
  if (psk === undefined) refuseHidden(ctx, hello);
  return psk === undefined ? sendFlight(ctx, hello) : resume(ctx, hello, psk);
}

const REFUSED = { replayed: 'replayed', full: 'guard_full', stale: 'age' } as const;

function onGuarded(ctx: Context, early: EarlyHello, answer: GuardAnswer): ServerState13 {
  if (answer !== 'fresh') return ctx.decline(REFUSED[answer]);
  return sendPskFlight(ctx, early.hello, early.psk, acceptEarly(ctx, early));
}

function resume(ctx: Context, hello: ReadyHello13, psk: ChosenPsk13): ServerState13 {
  requireBinder(ctx, hello, psk);
  return sendPskFlight(ctx, hello, psk, new Map());
}

/** A pre-shared key replaces all certificates (RFC 8446 §2.2). */
function sendPskFlight(
  ctx: Context,
  hello: ReadyHello13,
  psk: ChosenPsk13,
  answers: ReadonlyMap<number, Uint8Array>,
): ServerState13 {
  const negotiated = agree13(ctx, hello, psk);
  const agreed = sendEncryptedExtensions(ctx, hello.client, answers);
  const { takesTickets } = hello.client;
  const flight = sendFinished(ctx, { negotiated, agreed, psk, takesTickets }, undefined);
  return { at: 'wait-finished', flight, peer: psk.peer };
}

/** The certificate's flight, once its staple is found. */
function sendFlight(ctx: Context, hello: ReadyHello13): ServerState13 {
  const credential = chooseCredential13(ctx.security, hello.client, hello.choice.suite);
  const wantsStaple = clientWantsStaple(hello.client.hello.extensions);
  if (askStaple(ctx, wantsStaple, credential.identity)) return { at: 'wait-staple', hello, credential };
  return sendChain(ctx, hello, credential, undefined);
}

/** Everything before the signature, which may take time. */
function sendChain(
  ctx: Context,
  hello: ReadyHello13,
  { identity, scheme }: Credential,
  staple: Uint8Array | undefined,
): ServerState13 {
  const types = { client: typeToAsk(ctx.security, hello.client), server: identity.type };
  const { takesTickets } = hello.client;
  const negotiated = agree13(ctx, hello, undefined);
  const answers = encodeCertificateTypes(ctx.security, hello.client, types);
  const agreed = sendEncryptedExtensions(ctx, hello.client, answers);
  if (ctx.security.requestCert) sendCertificateRequest13(ctx);
  sendCertificate13(ctx, identity, staple);
  const data = signedTranscript(ctx, 'server');
  ctx.emit({ do: 'ask', job: { kind: 'sign', scheme, key: identity.key, data } });
  const greeting = { negotiated, agreed, psk: undefined, takesTickets };
  return { at: 'wait-signature', hello: { greeting, scheme, types } };
}

function sendProof(ctx: Context, hello: Hello, signature: Uint8Array): ServerState13 {
  const verify = encodeCertificateVerify({ signatureScheme: Scheme[hello.scheme], signature });
  ctx.send(HandshakeType.certificate_verify, verify, HANDSHAKE_EPOCH);
  const flight = sendFinished(ctx, hello.greeting, hello.scheme);
  return ctx.security.requestCert
    ? { at: 'wait-certificate', flight, type: hello.types.client }
    : { at: 'wait-finished', flight, peer: PeerIdentity.unasked() };
}

/** The end of our flight; from here on we may send data. */
function sendFinished(ctx: Context, greeting: Greeting, scheme: SchemeName | undefined): Flight {
  const { negotiated } = greeting;
  const { suite, handshake } = negotiated;
  const verifyData = finishedData13(ctx, negotiated, 'server');
  ctx.send(HandshakeType.finished, encodeFinished({ verifyData }), HANDSHAKE_EPOCH);
  installKeys13(ctx, suite, 'write', HANDSHAKE_EPOCH, handshake.keys.server);
  ctx.emit({ do: 'end-flight', awaits: 'answer' });
  const application = deriveApplication13(ctx, negotiated);
  installKeys13(ctx, suite, 'write', APPLICATION_EPOCH, application.keys.server);
  return { greeting, scheme, application };
}

function onCertificate(
  ctx: Context,
  flight: Flight,
  type: CertificateTypeName,
  message: Message,
): ServerState13 {
  const { list, staple } = onCertificate13(ctx, requestExtensions13(ctx.security), message);
  if (list.length > 0)
    return { at: 'wait-certificate-verify', flight, client: claimChain(ctx.security, type, list, staple) };
  const peer = PeerIdentity.absent(ctx.security.rejectUnauthorized, FACTS_13.rules);
  if (peer instanceof DTLSError) throw peer;
  return { at: 'wait-finished', flight, peer };
}

function onCertificateVerify(
  ctx: Context,
  flight: Flight,
  client: ClaimedChain,
  message: Message,
): ServerState13 {
  onCertificateVerify13(ctx, 'client', client, message);
  askVerdict(ctx, client, ctx.security.requestStaple);
  return { at: 'wait-verdict', flight, client };
}

function onVerdict(ctx: Context, flight: Flight, client: ClaimedChain, verdict: Verdict): ServerState13 {
  const peer = acceptPeer(ctx, client, verdict);
  return { at: 'wait-finished', flight, peer };
}

function onFinished(ctx: Context, flight: Flight, peer: PeerIdentity, message: Message): Established13 {
  const { greeting, scheme, application } = flight;
  const { negotiated, agreed, psk, takesTickets } = greeting;
  const body = expectType(message, HandshakeType.finished);
  const { verifyData } = decoded(decodeFinished(body, HASH_LENGTH[negotiated.suite.hash]), 'Finished');
  const finished = checkFinished13(ctx, negotiated, 'client', verifyData);
  if (finished === undefined)
    throw violation(
      'decrypt_error',
      "digest check failed: the client's Finished is wrong. Something on the path changes datagrams, or the client is at fault",
    );
  ctx.emit({ do: 'acknowledge' });
  ctx.transcript.add(message.type, message.seq, message.body);
  return connected13(ctx, { negotiated, agreed, scheme, peer, psk, finished, application }, takesTickets);
}

/** Our certificate for this client, unless a key replaces it. */
export function chooseCredential13(
  security: Security,
  client: ClientWishes13,
  suite: CipherSuite,
): { readonly identity: Identity; readonly scheme: SchemeName } {
  const { schemes, authorities } = client;
  const asked = { types: typesToShow(client), schemes, authorities, certificateTypes: undefined };
  const choice = chooseIdentity(security, asked, FACTS_13.name);
  if (choice === undefined) throw noCredential(security, client, suite);
  return choice;
}

/** Neither a key nor a certificate is usable: the likely reason. */
function noCredential(security: Security, client: ClientWishes13, { name, hash }: CipherSuite): Error {
  const { identities, psk } = security;
  const usesKeys = client.psks !== undefined && psk.role === 'server';
  if (usesKeys && !security.pskModes.some((name) => client.pskModes.includes(PskKeyExchangeMode[name]))) {
    const text =
      'the client offers no use of pre-shared keys that pskModes allows. Compare pskModes of both sides';
    return violation('handshake_failure', text, 'ERR_DTLS_NO_SHARED_PSK_MODE');
  }
  const keysOnly = psk.role === 'server' && identities.length === 0;
  // A client leaves out keys that do not fit the suite of our HelloRetryRequest.
  const noneFits =
    client.psks === undefined
      ? !sharesHash(security, client, 'sha256')
      : pskCandidates(client.psks, hash).length === 0;
  if ((usesKeys || keysOnly) && noneFits) {
    return violation(
      'unknown_psk_identity',
      `psk identity not found: no pre-shared key of the client goes with the hash of ${name}: a key that is used as it is goes with SHA-256 alone ` +
        '(RFC 8446 §4.2.11). Import it on both sides (psk: { …, import: true }, RFC 9258), or allow a suite with SHA-256',
      'ERR_DTLS_UNKNOWN_PSK_IDENTITY',
    );
  }
  if (usesKeys || keysOnly) return unknownIdentity();
  requireTypeToShow(security, client);
  return violation(
    'handshake_failure',
    'no shared signature algorithms: the client accepts no signature that our certificates can make. Compare sigalgs of both sides with the type of the key here',
    'ERR_DTLS_NO_SHARED_SIGNATURE',
  );
}

function sharesHash({ suites }: Security, { hello }: ClientWishes13, hash: HashName): boolean {
  return suitesOf(suites, FACTS_13).some(
    (suite) => suite.hash === hash && hello.cipherSuites.includes(suite.code),
  );
}

/**
 * The answers beside keys and certificates, together with `answers`, those of the handshake itself (RFC 8446 §4.3.1).
 */
export function sendEncryptedExtensions(
  ctx: Context,
  client: ClientWishes13,
  answers: ReadonlyMap<number, Uint8Array>,
): Agreed {
  const agreed = chooseAgreements(ctx, FACTS_13.rules, client.hello.extensions);
  const extensions = new Map<number, Uint8Array>();
  addAgreements(extensions, agreed, FACTS_13.rules);
  for (const [type, answer] of answers) extensions.set(type, answer);
  if (ctx.adopted && client.serverName !== undefined)
    extensions.set(ExtensionType.server_name, encodeServerNameResponse());
  const body = encodeEncryptedExtensions({ extensions });
  ctx.send(HandshakeType.encrypted_extensions, body, HANDSHAKE_EPOCH);
  return agreed;
}
