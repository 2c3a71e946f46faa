import { DTLSError, decoded } from '../base/errors.js';
import type { Duration, Instant } from '../base/instant.js';
import type { PeerAddress } from '../base/peer-address.js';
import type { InitialNumbers } from '../connection/beginning.js';
import { partsOf, type Security } from '../connection/version.js';
import { chooseVersion, readClientOffer } from '../handshake/client-wishes.js';
import type { Retry13 } from '../handshake/v13/hellos.js';
import type { CookieRequest } from '../handshake/version.js';
import { HandshakeType } from '../wire/codes.js';
import { type ClientHelloPrefix, decodeClientHello, peekClientHello } from '../wire/messages/client-hello.js';
import { type Numbers, refusal, wholeMessage } from './answers.js';
import { Cookies } from './cookies.js';
import { type JoinedHello, readHelloParts, readPrefix, SplitHellos } from './split-hellos.js';

/** The result of a datagram without an association. */
export type StatelessDecision =
  /** It holds no ClientHello. */
  | { readonly act: 'reject' }
  /** The rest of the ClientHello is missing. */
  | { readonly act: 'wait' }
  /** `data` answers it, and no state of it is kept. */
  | {
      readonly act: 'reply';
      readonly data: Uint8Array;
      /** Distinguishes the ClientHello that is asked for a cookie from others; `undefined` for an alert. */
      readonly mark: number | undefined;
    }
  /** It has early data that may be accepted, and no cookie. {@link StatelessResponder.answer} is for a refusal. */
  | {
      readonly act: 'probe';
      readonly beginning: InitialNumbers;
      readonly hello: JoinedHello;
      /** Distinguishes its ticket from others. */
      readonly ticket: string;
      readonly random: Uint8Array;
      readonly datagram: Uint8Array;
    }
  /** It needs no cookie now: `datagram` is the first of an association on a path that is not validated. */
  | {
      readonly act: 'admit-unvalidated';
      readonly beginning: InitialNumbers;
      readonly hello: JoinedHello;
      readonly random: Uint8Array;
      readonly datagram: Uint8Array;
    }
  /** Its cookie is valid: `datagram` is the first of an association. */
  | {
      readonly act: 'admit';
      readonly beginning: InitialNumbers;
      readonly random: Uint8Array;
      readonly datagram: Uint8Array;
    };

const REJECT: StatelessDecision = { act: 'reject' };
const WAIT: StatelessDecision = { act: 'wait' };

/**
 * Answers datagrams without an association: requests proof of the address before state is kept, in the form of the
 * version that would be negotiated (RFC 6347 §4.2.1, RFC 9147 §5.1).
 */
export class StatelessResponder {
  readonly #cookies: Cookies;
  readonly #split = new SplitHellos();

  constructor(security: Security, cookieLifetime: Duration) {
    this.#cookies = new Cookies(security.provider, cookieLifetime);
  }

  /** Bytes kept of fragmented ClientHellos. */
  get partBytes(): number {
    return this.#split.held;
  }

  /** Whether the rest of a ClientHello from this address is missing. */
  expects(address: string, port: number): boolean {
    return this.#split.expects(address, port);
  }

  /** `lenient`: a first ClientHello needs no cookie now. */
  receive(
    datagram: Uint8Array,
    peer: PeerAddress,
    security: Security,
    now: Instant,
    lenient: boolean,
  ): StatelessDecision {
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
    const [latest] = partsOf(security.versions);
    const whole = fragment.fragmentLength === fragment.length;
    if (prefix !== undefined && latest.server.cookies.askAtOnce !== undefined && !(lenient && whole))
      return this.#ask(latest.server.cookies.askAtOnce, prefix, numbers, peer, now);
    if (whole) {
      const hello = { messageSeq, recordSequence, body: fragment.fragment };
      const ticket = prefix === undefined ? undefined : ticketOfEarlyData(prefix, hello, security);
      if (prefix !== undefined && ticket !== undefined)
        return {
          act: 'probe',
          beginning: beginningAt(hello, 'early-data'),
          hello,
          ticket,
          random: prefix.random,
          datagram,
        };
      return this.answer(hello, peer, security, now, lenient);
    }
    const joined = this.#split.add(peer, parts, now);
    return joined === undefined ? WAIT : this.#onJoined(joined, peer, security, now, lenient);
  }

  #onJoined(
    joined: JoinedHello,
    peer: PeerAddress,
    security: Security,
    now: Instant,
    lenient: boolean,
  ): StatelessDecision {
    const prefix = peekClientHello(joined.body);
    const beginning = prefix === undefined ? undefined : this.#open(prefix, joined, peer, security, now);
    if (prefix === undefined || beginning === undefined)
      return this.answer(joined, peer, security, now, lenient);
    const datagram = wholeMessage(HandshakeType.client_hello, joined, joined.body);
    return { act: 'admit', beginning, random: prefix.random, datagram };
  }

  /** The start of an association whose ClientHello has a valid cookie of either kind. */
  #open(
    prefix: ClientHelloPrefix,
    numbers: Numbers,
    peer: PeerAddress,
    security: Security,
    now: Instant,
  ): InitialNumbers | undefined {
    for (const { server } of partsOf(security.versions)) {
      const cookie = server.cookies.shown(prefix);
      if (cookie === undefined) continue;
      const carried = this.#cookies.open(peer, prefix, cookie, now);
      const good = carried === undefined ? undefined : server.cookies.opened(carried, cookie);
      return good === undefined ? undefined : beginningAt(numbers, 'validated', good.retry);
    }
    return undefined;
  }

  /** A whole ClientHello without a valid cookie. */
  answer(
    hello: JoinedHello,
    peer: PeerAddress,
    security: Security,
    now: Instant,
    lenient: boolean,
  ): StatelessDecision {
    try {
      const wishes = readClientOffer(decoded(decodeClientHello(hello.body), 'ClientHello'));
      const { server } = chooseVersion(partsOf(security.versions), wishes);
      const request = server.cookies.ask(security, wishes, hello.body);
      const first = hello.messageSeq === 0 && wishes.hello.cookie.length === 0;
      return lenient && first && !request.asksForMore
        ? withoutCookie(hello, wishes.hello.random)
        : this.#ask(request, wishes.hello, hello, peer, now);
    } catch (error) {
      const alert = error instanceof DTLSError ? error.alert : 'internal_error';
      return { act: 'reply', data: refusal(hello, alert ?? 'internal_error'), mark: undefined };
    }
  }

  #ask(
    { carried, type, encode }: CookieRequest,
    hello: ClientHelloPrefix,
    numbers: Numbers,
    peer: PeerAddress,
    now: Instant,
  ): StatelessDecision {
    const cookie = this.#cookies.make(peer, hello, now, carried);
    return { act: 'reply', data: wholeMessage(type, numbers, encode(cookie)), mark: Cookies.markOf(cookie) };
  }
}

function withoutCookie(hello: JoinedHello, random: Uint8Array): StatelessDecision {
  return {
    act: 'admit-unvalidated',
    beginning: beginningAt(hello, 'unvalidated'),
    hello,
    random,
    datagram: wholeMessage(HandshakeType.client_hello, hello, hello.body),
  };
}

function beginningAt(
  { messageSeq, recordSequence }: Numbers,
  contact: InitialNumbers['contact'],
  retry?: Retry13,
): InitialNumbers {
  return { sendSeq: messageSeq, receiveSeq: messageSeq, recordSequence, retry, contact };
}

/** Bytes at the end of a ticket that distinguish it from others: those of its seal. */
const TICKET_TAIL = 16;

/**
 * The end of the ticket of a first ClientHello with early data, without a cookie of either kind; `undefined` for any
 * other ClientHello, and where no early data is accepted.
 */
function ticketOfEarlyData(
  prefix: ClientHelloPrefix,
  { messageSeq }: Numbers,
  { tickets, versions }: Security,
): string | undefined {
  if (tickets?.early === undefined || messageSeq !== 0 || prefix.cookie.length > 0) return undefined;
  for (const { server } of partsOf(versions)) {
    const ticket = server.cookies.earlyTicket?.(prefix);
    if (ticket !== undefined) return String.fromCharCode(...ticket.subarray(-TICKET_TAIL));
  }
  return undefined;
}
