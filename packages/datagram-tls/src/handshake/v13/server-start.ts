import { EMPTY, sameBytes } from '../../base/bytes.js';
import { decoded, violation } from '../../base/errors.js';
import type { Duration } from '../../base/instant.js';
import { HASH_LENGTH, type KeyExchangeAnswer } from '../../crypto/provider.js';
import type { CipherSuite } from '../../crypto/suites.js';
import { chooseAlpn, sameAlpn } from '../../extensions/alpn.js';
import { decodeCookie } from '../../extensions/cookie.js';
import { encodeEarlyData } from '../../extensions/early-data.js';
import { encodeKeyShareResponse } from '../../extensions/key-share.js';
import {
  bindersLength,
  encodePreSharedKeyResponse,
  type OfferedPsks,
} from '../../extensions/pre-shared-key.js';
import { encodeSupportedVersionsResponse } from '../../extensions/supported-versions.js';
import { deriveEarlyTrafficSecret13, deriveTrafficKeys13 } from '../../keys/schedule13.js';
import { ExtensionType, Group, type GroupName, HandshakeType, WireVersion } from '../../wire/codes.js';
import { transcriptHeader13 } from '../../wire/messages/handshake-header.js';
import { encodeServerHello } from '../../wire/messages/server-hello.js';
import { FACTS_13 } from '../../wire/version.js';
import type { EarlyRefusal } from '../actions.js';
import { chooseConnectionIds } from '../agreements.js';
import type { ClientOffer } from '../client-wishes.js';
import type { Context } from '../context.js';
import type { FoundPsk, OpenedTicket } from '../jobs.js';
import type { Message } from '../message.js';
import { earlySecretOf, externalPsk, importedPsk, type Psk13, resumptionPsk } from '../offered-psk.js';
import { hiddenIdentity, noSharedGroup } from '../refusals.js';
import { resumedPeer } from '../resumption.js';
import { computeBinder } from './binders.js';
import {
  type Choice13,
  type ClientWishes13,
  choose13,
  choosePskMode,
  encodeHelloRetryRequest13,
  hashName,
  pskCandidates,
  type Retry13,
  readClientWishes13,
  sharedGroup,
  shareFor,
} from './hellos.js';
import { EARLY_EPOCH, installKeys13, type Negotiated13, startHandshakeKeys13 } from './secrets.js';

/** The result of the first ClientHello: keys, or a HelloRetryRequest for the missing share, if it may be sent. */
type Start13 =
  | { readonly kind: 'retried'; readonly retry: Retry13 }
  | { readonly kind: 'no-share' }
  | { readonly kind: 'ready'; readonly hello: ReadyHello13 };

/** A ClientHello that leads to keys. The transcript has begun and ends before it. */
export interface ReadyHello13 {
  readonly client: ClientWishes13;
  readonly choice: Choice13;
  /** The client's, for the group of the choice. */
  readonly share: Uint8Array | undefined;
  readonly message: Message;
}

/** The shared key, by its index among those that the client offers. */
export interface ChosenPsk13 extends Psk13 {
  readonly index: number;
}

/** A ClientHello that answers no HelloRetryRequest. */
export function onFirstHello13(ctx: Context, wishes: ClientOffer, message: Message): Start13 {
  const client = readClientWishes13(wishes);
  // RFC 8446 §4.2.2: we sent no cookie, so this one is invalid.
  if (client.hello.extensions.has(ExtensionType.cookie))
    throw violation('illegal_parameter', 'the client answers a HelloRetryRequest that was not sent');
  const first = choose13(ctx.security, client);
  const group = ctx.early ? sharedGroup(ctx.security, client) : first.group;
  const choice = { suite: first.suite, group };
  const share = shareFor(client, group);
  if (share === undefined && ctx.early) return { kind: 'no-share' };
  if (group !== undefined && share === undefined)
    return { kind: 'retried', retry: sendHelloRetryRequest(ctx, client, choice, message) };
  ctx.transcript.begin(transcriptHeader13, choice.suite.hash, false);
  return { kind: 'ready', hello: { client, choice, share, message } };
}

function sendHelloRetryRequest(
  ctx: Context,
  client: ClientWishes13,
  choice: Choice13,
  message: Message,
): Retry13 {
  ctx.transcript.add(message.type, message.seq, message.body);
  const firstHello = ctx.transcript.digestWith(choice.suite.hash);
  const nameHash = hashName(client.serverName);
  const { suite, group } = choice;
  const retry: Retry13 = {
    version: FACTS_13.name,
    suite,
    group,
    askedFor: group,
    cookie: undefined,
    firstHello,
    nameHash,
  };
  ctx.endTranscript();
  ctx.send(HandshakeType.server_hello, encodeHelloRetryRequest13(retry), 0);
  ctx.emit({ do: 'end-flight', awaits: 'answer' });
  return retry;
}

/** A ClientHello whose cookie the endpoint opened: the HelloRetryRequest joins the transcript again. */
export function onRetriedHello13(
  ctx: Context,
  wishes: ClientOffer,
  retry: Retry13,
  message: Message,
): ReadyHello13 {
  ctx.transcript.add(HandshakeType.server_hello, 0, encodeHelloRetryRequest13(retry));
  return onSecondHello13(ctx, wishes, retry, message);
}

/** The ClientHello that answers `retry`, the end of the transcript so far. */
export function onSecondHello13(
  ctx: Context,
  wishes: ClientOffer,
  retry: Retry13,
  message: Message,
): ReadyHello13 {
  const { suite, group, firstHello } = retry;
  if (!wishes.versions.includes(FACTS_13.code))
    throw violation('illegal_parameter', 'the second ClientHello does not offer DTLS 1.3 any more');
  const client = readClientWishes13(wishes);
  if (client.hello.extensions.has(ExtensionType.early_data))
    throw violation('illegal_parameter', 'the second ClientHello offers early data');
  requireCookie(client, retry);
  const share = shareFor(client, group);
  if (!client.hello.cipherSuites.includes(suite.code) || (group !== undefined && share === undefined))
    throw violation('illegal_parameter', 'the second ClientHello contradicts the HelloRetryRequest');
  // RFC 8446 §4.2.8: the requested share is the only one.
  if (retry.askedFor !== undefined && client.shares.length > 1)
    throw violation('illegal_parameter', 'the second ClientHello holds more than the share asked for');
  // RFC 8446 §4.1.2: all else is unchanged; of that, the name decides our certificate.
  if (hashName(client.serverName) !== retry.nameHash)
    throw violation('illegal_parameter', 'the second ClientHello asks for another name');
  ctx.transcript.beginRetried(suite.hash, firstHello);
  return { client, choice: { suite, group }, share, message };
}

function requireCookie(client: ClientWishes13, retry: Retry13): void {
  const body = client.hello.extensions.get(ExtensionType.cookie);
  const cookie = body === undefined ? undefined : decoded(decodeCookie(body), 'cookie');
  const same = cookie === undefined ? retry.cookie === undefined : sameBytes(cookie, retry.cookie ?? EMPTY);
  if (!same) throw violation('illegal_parameter', 'the client does not return the cookie it was given');
}

/** ServerHello; the handshake keys follow from it. That the client has `psk` has been checked. */
export function agree13(ctx: Context, hello: ReadyHello13, psk: ChosenPsk13 | undefined): Negotiated13 {
  const { client, choice, message } = hello;
  const { suite } = choice;
  const exchange = answerShare(ctx, hello, psk);
  ctx.transcript.add(message.type, message.seq, message.body);
  sendServerHello(ctx, client, suite, exchange, psk);
  const { random: clientRandom } = client.hello;
  const hellos = { suite, group: exchange?.group, clientRandom, serverName: client.serverName };
  return startHandshakeKeys13(ctx, hellos, exchange?.secret, psk);
}

interface Exchange extends KeyExchangeAnswer {
  readonly group: GroupName;
}

/** `undefined` where the external key is used alone. */
function answerShare(
  { security, provider }: Context,
  { client, choice: { group }, share }: ReadyHello13,
  psk: ChosenPsk13 | undefined,
): Exchange | undefined {
  const external = psk !== undefined && psk.origin !== 'res';
  if (external && choosePskMode(security, client, share) === 'psk_ke') return undefined;
  if (group === undefined || share === undefined) throw noSharedGroup();
  const answer = provider.answerKeyExchange(group, share);
  if (answer === undefined) throw violation('illegal_parameter', "the client's key share is not valid");
  return { group, share: answer.share, secret: answer.secret };
}

/** RFC 8446 §4.2.11: a wrong one MUST end the handshake. */
export function requireBinder(ctx: Context, hello: ReadyHello13, psk: ChosenPsk13): void {
  if (hasBinder(ctx, hello, psk)) return;
  throw violation(
    'decrypt_error',
    'binder does not verify: the client has another pre-shared key for its identity. Compare the keys of both sides',
    'ERR_DTLS_PSK_MISMATCH',
  );
}

/**
 * With `pskHideUnknown` a client without a known identity fails like one with a wrong key: after as much work on a
 * binder, with the same alert (RFC 8446 appendix E.6). Only our own error distinguishes them.
 */
export function refuseHidden(ctx: Context, hello: ReadyHello13): void {
  const { psk } = ctx.security;
  if (psk.role !== 'server' || !psk.hideUnknown) return;
  const { hash } = hello.choice.suite;
  const decoy = externalPsk(EMPTY, ctx.provider.randomBytes(HASH_LENGTH[hash]));
  hasBinder(ctx, hello, { ...decoy, hash, index: 0 });
  throw hiddenIdentity();
}

/** The client has proved that it has `psk`. */
function hasBinder(ctx: Context, { client, message }: ReadyHello13, psk: ChosenPsk13): boolean {
  const binders = client.psks?.binders ?? [];
  const expected = computeBinder(ctx, psk, message.body, bindersLength(binders));
  return ctx.provider.equal(expected, binders[psk.index] ?? EMPTY);
}

function sendServerHello(
  ctx: Context,
  { hello }: ClientWishes13,
  suite: CipherSuite,
  exchange: Exchange | undefined,
  psk: ChosenPsk13 | undefined,
): void {
  const extensions = new Map<number, Uint8Array>([
    [ExtensionType.supported_versions, encodeSupportedVersionsResponse(WireVersion.dtls13)],
  ]);
  if (exchange !== undefined) {
    const { group, share } = exchange;
    const answer = encodeKeyShareResponse({ group: Group[group], keyExchange: share });
    extensions.set(ExtensionType.key_share, answer);
  }
  if (psk !== undefined) extensions.set(ExtensionType.pre_shared_key, encodePreSharedKeyResponse(psk.index));
  chooseConnectionIds(extensions, ctx, hello.extensions);
  const body = encodeServerHello({
    legacyVersion: WireVersion.dtls12,
    random: ctx.provider.randomBytes(32),
    sessionId: EMPTY,
    cipherSuite: suite.code,
    compressionMethod: 0,
    extensions,
  });
  ctx.send(HandshakeType.server_hello, body, 0);
}

/** Tickets that are opened. */
const MAX_TICKETS = 8;

/** Looks for the session of a ticket among the client's identities; returns whether there is a job. */
export function askForSession(ctx: Context, { client, choice, share }: ReadyHello13): boolean {
  if (client.psks === undefined || ctx.security.tickets === undefined) return false;
  if (!client.takesTickets || share === undefined) return false;
  const { serverName } = client;
  const tickets = identitiesOf(client.psks);
  ctx.emit({ do: 'ask', job: { kind: 'open-ticket', tickets, suites: [choice.suite], serverName } });
  return true;
}

export function chooseSession(ctx: Context, opened: OpenedTicket | undefined): ChosenPsk13 | undefined {
  const peer = opened === undefined ? undefined : resumedPeer(ctx.security, opened.resumed);
  if (opened === undefined || peer === undefined) return undefined;
  return chosen(resumptionPsk(opened.resumed.state, peer), opened.index);
}

function chosen({ key, hash, origin, peer, since }: Psk13, index: number): ChosenPsk13 {
  return { key, hash, origin, peer, since, index };
}

/** Looks for an external key; returns whether there is a job. */
export function askForPsk(ctx: Context, hello: ReadyHello13): boolean {
  const { client, share } = hello;
  if (client.psks === undefined || ctx.security.psk.role !== 'server') return false;
  if (choosePskMode(ctx.security, client, share) === undefined) return false;
  const candidates = pskCandidates(client.psks, hello.choice.suite.hash);
  ctx.emit({ do: 'ask', job: { kind: 'find-psk', wanted: candidates.map(({ wanted }) => wanted) } });
  return true;
}

export function choosePsk(
  ctx: Context,
  { client, choice }: ReadyHello13,
  found: FoundPsk | undefined,
): ChosenPsk13 | undefined {
  if (found === undefined || client.psks === undefined) return undefined;
  const meant = pskCandidates(client.psks, choice.suite.hash)[found.index];
  if (meant === undefined) return undefined;
  const { index, sent, wanted, hash } = meant;
  const { key, import: how } = found;
  if (how === undefined) return chosen(externalPsk(sent, key), index);
  return chosen(importedPsk(ctx.provider, { key, import: how }, wanted.identity, sent, hash), index);
}

function identitiesOf({ identities }: OfferedPsks): readonly Uint8Array[] {
  return identities.slice(0, MAX_TICKETS).map(({ identity }) => identity);
}

/** How much a ticket's age may differ from the client's statement: transit time and clocks (RFC 8446 §8.3); ms. */
const AGE_TOLERANCE: Duration = 10_000;

/** A ClientHello whose early data may be accepted if it is new. */
export interface EarlyHello {
  readonly hello: ReadyHello13;
  readonly psk: ChosenPsk13;
  /** Bytes that the client may send. */
  readonly most: number;
}

/** All conditions of RFC 8446 §4.2.10 for early data, except whether the ClientHello is new, which a job decides. */
export function considerEarly(
  ctx: Context,
  hello: ReadyHello13,
  opened: OpenedTicket | undefined,
): EarlyHello | EarlyRefusal {
  const psk = chooseSession(ctx, opened);
  const offered = hello.client.psks;
  const [identity] = offered?.identities ?? [];
  // The keys are those of the first identity.
  if (opened === undefined || psk?.index !== 0 || identity === undefined) return 'ticket';
  const { early, age, resumed } = opened;
  const allowed = ctx.security.tickets?.early?.most ?? 0;
  if (early.most === 0 || early.most > allowed) return 'terms';
  if (resumed.state.suite !== hello.choice.suite) return 'suite';
  if (!sameAlpn(early.alpn, chooseAlpn(ctx.security, hello.client.hello.extensions))) return 'alpn';
  const expected = age.issuedAt + claimedAge(identity.obfuscatedTicketAge, age.ageAdd);
  if (Math.abs(age.now - expected) > AGE_TOLERANCE) return 'age';
  if (!hasBinder(ctx, hello, psk)) return 'binder';
  const [binder] = offered?.binders ?? [];
  // Until then this ClientHello would count as fresh.
  if (binder !== undefined) askGuard(ctx, binder, expected + AGE_TOLERANCE + 1);
  return { hello, psk, most: early.most };
}

function askGuard(ctx: Context, binder: Uint8Array, until: number): void {
  const hash = ctx.provider.hash('sha256');
  hash.update(binder);
  ctx.emit({ do: 'ask', job: { kind: 'guard-replay', digest: hash.digest(), until } });
}

/** Modulo 2^32, in ms. */
function claimedAge(obfuscated: number, ageAdd: number): Duration {
  return (obfuscated - ageAdd) >>> 0;
}

/**
 * The early data is accepted: keys to read it with, and the answering extension. The transcript ends before the
 * ClientHello.
 */
export function acceptEarly(ctx: Context, { hello, psk, most }: EarlyHello): Map<number, Uint8Array> {
  const { provider, transcript } = ctx;
  const { choice, client, message } = hello;
  const { hash } = choice.suite;
  const header = transcriptHeader13(HandshakeType.client_hello, 0, message.body.length);
  const digest = transcript.digestWith(hash, header, message.body);
  const early = earlySecretOf(provider, psk);
  const secret = deriveEarlyTrafficSecret13(provider, hash, early, digest);
  ctx.emit({ do: 'early-data', accepted: true, most });
  const { random: clientRandom } = client.hello;
  ctx.emit({ do: 'log-secret', label: 'CLIENT_EARLY_TRAFFIC_SECRET', clientRandom, secret });
  installKeys13(ctx, choice.suite, 'read', EARLY_EPOCH, deriveTrafficKeys13(provider, choice.suite, secret));
  return new Map([[ExtensionType.early_data, encodeEarlyData()]]);
}
