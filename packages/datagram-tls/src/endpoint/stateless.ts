import { DTLSError } from '../base/errors.js';
import type { Duration, Instant } from '../base/instant.js';
import type { Security } from '../config/config.js';
import type { InitialNumbers } from '../connection/machine.js';
import { groupByCode } from '../crypto/groups.js';
import { suiteByCode } from '../crypto/suites.js';
import { type ClientOffer, chooseVersion, readClientOffer } from '../handshake/client-wishes.js';
import { decoded } from '../handshake/message.js';
import {
  choose13,
  encodeHelloRetryRequest13,
  hashName,
  type Retry13,
  readClientWishes13,
  shareFor,
} from '../handshake/v13/hellos.js';
import { ExtensionType, Group, HandshakeType } from '../wire/codes.js';
import { Reader, Writer } from '../wire/cursor.js';
import { decodeCookie } from '../wire/extensions/cookie.js';
import { decodePreSharedKeyRequest } from '../wire/extensions/pre-shared-key.js';
import { type ClientHelloPrefix, decodeClientHello, peekClientHello } from '../wire/messages/client-hello.js';
import { encodeHandshake13 } from '../wire/messages/handshake-header.js';
import { helloRetryRequest, helloVerifyRequest, type Numbers, refusal, wholeMessage } from './answers.js';
import { Cookies } from './cookies.js';
import type { PeerAddress } from './peer.js';
import { type JoinedHello, readHelloParts, readPrefix, SplitHellos } from './split-hellos.js';

/** What a datagram without an association leads to. */
export type StatelessDecision =
  /** It holds no ClientHello. */
  | { readonly act: 'reject' }
  /** The ClientHello's rest is to come. */
  | { readonly act: 'wait' }
  /** `data` answers it, and nothing of it is kept. */
  | { readonly act: 'reply'; readonly data: Uint8Array; readonly asksForCookie: boolean }
  /** It brings early data that may be taken, and no cookie: {@link StatelessResponder.answer} is for when it may not. */
  | {
      readonly act: 'probe';
      readonly beginning: InitialNumbers;
      readonly hello: JoinedHello;
      /** Tells its ticket from others. */
      readonly ticket: string;
      readonly random: Uint8Array;
      readonly datagram: Uint8Array;
    }
  /** Its cookie is good: `datagram` is the first of an association. */
  | {
      readonly act: 'admit';
      readonly beginning: InitialNumbers;
      readonly random: Uint8Array;
      readonly datagram: Uint8Array;
    };

const REJECT: StatelessDecision = { act: 'reject' };
const WAIT: StatelessDecision = { act: 'wait' };

/**
 * Answers datagrams without an association: asks for proof of the address before anything is kept, in the manner of the version that
 * it and we would speak (RFC 6347 §4.2.1, RFC 9147 §5.1).
 */
export class StatelessResponder {
  readonly #cookies: Cookies;
  readonly #split = new SplitHellos();

  constructor(security: Security, cookieLifetime: Duration) {
    this.#cookies = new Cookies(security.provider, cookieLifetime);
  }

  /** What is kept of ClientHellos in parts, bytes. */
  get partBytes(): number {
    return this.#split.held;
  }

  /** Whether the rest of a ClientHello from this address is to come. */
  expects(address: string, port: number): boolean {
    return this.#split.expects(address, port);
  }

  receive(datagram: Uint8Array, peer: PeerAddress, security: Security, now: Instant): StatelessDecision {
    const parts = readHelloParts(datagram);
    const [first] = parts;
    if (first === undefined) return REJECT;
    const { fragment, recordSequence } = first;
    const { messageSeq } = fragment;
    const numbers = { messageSeq, recordSequence };
    const prefix = readPrefix(first);
    const beginning = prefix === undefined ? undefined : this.#open(prefix, numbers, peer, security, now);
    if (prefix !== undefined && beginning !== undefined) {
      this.#split.forget(peer);
      return { act: 'admit', beginning, random: prefix.random, datagram };
    }
    if (prefix !== undefined && security.maxVersion === 'DTLSv1.2')
      return this.#verify(prefix, numbers, peer, now);
    if (fragment.fragmentLength === fragment.length) {
      const hello = { messageSeq, recordSequence, body: fragment.fragment };
      const ticket = prefix === undefined ? undefined : ticketOfEarlyData(prefix, hello, security);
      if (prefix !== undefined && ticket !== undefined)
        return {
          act: 'probe',
          beginning: beginningAt(hello, true),
          hello,
          ticket,
          random: prefix.random,
          datagram,
        };
      return this.answer(hello, peer, security, now);
    }
    const joined = this.#split.add(peer, parts, now);
    return joined === undefined ? WAIT : this.#onJoined(joined, peer, security, now);
  }

  #onJoined(joined: JoinedHello, peer: PeerAddress, security: Security, now: Instant): StatelessDecision {
    const prefix = peekClientHello(joined.body);
    const beginning = prefix === undefined ? undefined : this.#open(prefix, joined, peer, security, now);
    if (prefix === undefined || beginning === undefined) return this.answer(joined, peer, security, now);
    const datagram = wholeMessage(HandshakeType.client_hello, joined, joined.body);
    return { act: 'admit', beginning, random: prefix.random, datagram };
  }

  /** Where an association begins whose ClientHello shows a good cookie of either kind. */
  #open(
    prefix: ClientHelloPrefix,
    numbers: Numbers,
    peer: PeerAddress,
    security: Security,
    now: Instant,
  ): InitialNumbers | undefined {
    const extension = prefix.extensions.get(ExtensionType.cookie);
    if (extension === undefined || security.maxVersion === 'DTLSv1.2')
      return this.#cookies.accepts(peer, prefix, prefix.cookie, now)
        ? beginningAt(numbers, false)
        : undefined;
    const cookie = decodeCookie(extension);
    const carried = cookie === undefined ? undefined : this.#cookies.open(peer, prefix, cookie, now);
    const retry = carried === undefined ? undefined : decodeRetry(carried);
    if (retry === undefined || cookie === undefined) return undefined;
    const { suite, group, askedFor } = retry;
    // The views into the datagram end with this call, the handshake needs them later.
    const firstHello = retry.firstHello.slice();
    const nameHash = retry.nameHash.slice();
    return beginningAt(numbers, false, {
      suite,
      group,
      askedFor,
      firstHello,
      nameHash,
      cookie: cookie.slice(),
    });
  }

  /** A whole ClientHello without a good cookie. */
  answer(hello: JoinedHello, peer: PeerAddress, security: Security, now: Instant): StatelessDecision {
    try {
      const wishes = readClientOffer(decoded(decodeClientHello(hello.body), 'ClientHello'));
      return chooseVersion(security, wishes) === 'DTLSv1.3'
        ? this.#retry(wishes, hello, peer, security, now)
        : this.#verify(wishes.hello, hello, peer, now);
    } catch (error) {
      const alert = error instanceof DTLSError ? error.alert : 'internal_error';
      return { act: 'reply', data: refusal(hello, alert ?? 'internal_error'), asksForCookie: false };
    }
  }

  #verify(prefix: ClientHelloPrefix, numbers: Numbers, peer: PeerAddress, now: Instant): StatelessDecision {
    const data = helloVerifyRequest(numbers, this.#cookies.make(peer, prefix, now));
    return { act: 'reply', data, asksForCookie: true };
  }

  /** The share of the group that we want is asked for along with the cookie. */
  #retry(
    wishes: ClientOffer,
    hello: JoinedHello,
    peer: PeerAddress,
    security: Security,
    now: Instant,
  ): StatelessDecision {
    const client = readClientWishes13(wishes);
    // RFC 9147 §5.1: a cookie that is no good ends the handshake, so that the client begins without one.
    if (client.hello.extensions.has(ExtensionType.cookie))
      return { act: 'reply', data: refusal(hello, 'illegal_parameter'), asksForCookie: false };
    const choice = choose13(security, client);
    const hash = security.provider.hash(choice.suite.hash);
    hash.update(encodeHandshake13(HandshakeType.client_hello, hello.body));
    const { suite, group } = choice;
    const askedFor = shareFor(client, group) === undefined ? group : undefined;
    const nameHash = hashName(security.provider, client.serverName);
    const carried = encodeRetry({ suite, group, askedFor, firstHello: hash.digest(), nameHash });
    const cookie = this.#cookies.make(peer, client.hello, now, carried);
    const data = helloRetryRequest(hello, encodeHelloRetryRequest13({ suite, askedFor, cookie }));
    return { act: 'reply', data, asksForCookie: true };
  }
}

function beginningAt(
  { messageSeq, recordSequence }: Numbers,
  early: boolean,
  retry?: Retry13,
): InitialNumbers {
  return { sendSeq: messageSeq, receiveSeq: messageSeq, recordSequence, retry, early };
}

/** Bytes at the end of a ticket that tell it from others: those of its seal. */
const TICKET_TAIL = 16;

/**
 * The end of the ticket of a first ClientHello that announces early data, without a cookie of either kind; `undefined` for any
 * other ClientHello, and where no early data is taken.
 */
function ticketOfEarlyData(
  prefix: ClientHelloPrefix,
  { messageSeq }: Numbers,
  { tickets }: Security,
): string | undefined {
  const { early_data, pre_shared_key, cookie } = ExtensionType;
  const { extensions } = prefix;
  if (tickets?.early === undefined || messageSeq !== 0 || prefix.cookie.length > 0) return undefined;
  const psks = extensions.get(pre_shared_key);
  if (psks === undefined || !extensions.has(early_data) || extensions.has(cookie)) return undefined;
  const ticket = decodePreSharedKeyRequest(psks)?.identities[0]?.identity;
  return ticket === undefined ? undefined : String.fromCharCode(...ticket.subarray(-TICKET_TAIL));
}

/** Reserved (RFC 8446 §4.2.7 begins with 1): a pre-shared key needs none. */
const NO_GROUP = 0;

/** What a cookie carries of a HelloRetryRequest, so that the handshake can go on from it (RFC 9147 §5.1). */
function encodeRetry(retry: Omit<Retry13, 'cookie'>): Uint8Array {
  return new Writer()
    .u16(retry.suite.code)
    .u16(retry.group === undefined ? NO_GROUP : Group[retry.group])
    .u8(retry.askedFor === undefined ? 0 : 1)
    .vec8(retry.firstHello)
    .vec8(retry.nameHash)
    .finish();
}

/** `undefined` for what we did not encode, such as what a cookie of another kind carries. */
function decodeRetry(carried: Uint8Array): Omit<Retry13, 'cookie'> | undefined {
  const r = new Reader(carried);
  const suite = suiteByCode(r.u16());
  const code = r.u16();
  const group = groupByCode(code);
  const asked = r.u8() === 1;
  const firstHello = r.vec8();
  const nameHash = r.vec8();
  if (!r.finished() || suite === undefined || (group === undefined && code !== NO_GROUP)) return undefined;
  return { suite, group, askedFor: asked ? group : undefined, firstHello, nameHash };
}
