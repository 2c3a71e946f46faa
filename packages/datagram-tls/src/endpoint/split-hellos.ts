import type { Duration, Instant } from '../base/instant.js';
import type { PeerAddress } from '../base/peer-address.js';
import { Reassembler } from '../connection/reassembly.js';
import { createHeader, readHeader } from '../record/header.js';
import { ContentType, HandshakeType } from '../wire/codes.js';
import { type ClientHelloPrefix, peekClientHello } from '../wire/messages/client-hello.js';
import { type HandshakeFragment, readHandshakeFragments } from '../wire/messages/handshake-header.js';
import type { Numbers } from './answers.js';
import { peerKey } from './peer.js';

/**
 * What unvalidated addresses may make an endpoint keep, bytes: in total, and each of them. A ClientHello with an
 * ML-KEM share has 1.4 to 2 KB; a ticket may add 3 KB, the identities of pre-shared keys 4 KB.
 */
export const SPLIT_HELLO_BUDGET = 0x40000;
const PER_PEER = 0x4000;
/** The cost of an entry beyond its bytes. */
const ENTRY_COST = 256;
/**
 * Fragments are sent together; a client that lost one retransmits all of them, 1, 3, 7 and 15 s after the first time.
 */
const LIFE: Duration = 20_000;

interface Entry {
  readonly reassembler: Reassembler;
  readonly numbers: Numbers;
  readonly until: Instant;
  /** Counted in the budget. */
  cost: number;
}

/** A fragmented ClientHello. */
export interface JoinedHello extends Numbers {
  readonly body: Uint8Array;
}

/**
 * ClientHellos in several datagrams, without a valid cookie. Nothing is sent for them until they are complete. When
 * the budget is spent the oldest are dropped: real fragments arrive together, so a flood only displaces itself.
 */
export class SplitHellos {
  /** In the order in which they began. */
  readonly #entries = new Map<string, Entry>();
  #held = 0;

  /** Bytes charged, at most {@link SPLIT_HELLO_BUDGET}. */
  get held(): number {
    return this.#held;
  }

  /** Whether fragments of a ClientHello from this address are here. */
  expects(address: string, port: number): boolean {
    return this.#entries.size > 0 && this.#entries.has(peerKey(address, port));
  }

  /** Keeps `parts`, which belong to one ClientHello; returns and removes it once it is complete. */
  add(peer: PeerAddress, parts: readonly HelloPart[], now: Instant): JoinedHello | undefined {
    const [first] = parts;
    if (first === undefined) return undefined;
    this.#expire(now);
    const entry = this.#entryFor(peer, first, now);
    for (const { fragment } of parts) entry.reassembler.add(fragment, 0, now);
    const message = entry.reassembler.take();
    if (message !== undefined) {
      this.forget(peer);
      return { ...entry.numbers, body: message.body };
    }
    const cost = entry.reassembler.held + ENTRY_COST;
    this.#held += cost - entry.cost;
    entry.cost = cost;
    this.#shrink();
    return undefined;
  }

  forget(peer: PeerAddress): void {
    if (this.#entries.size > 0) this.#forget(peerKey(peer.address, peer.port));
  }

  /** Another ClientHello from the same address replaces the earlier one. */
  #entryFor(peer: PeerAddress, { fragment, recordSequence }: HelloPart, now: Instant): Entry {
    const key = peerKey(peer.address, peer.port);
    const { messageSeq } = fragment;
    const known = this.#entries.get(key);
    if (known?.numbers.messageSeq === messageSeq) return known;
    this.#forget(key);
    const reassembler = new Reassembler(messageSeq, { maxMessage: PER_PEER, budget: PER_PEER });
    const entry = { reassembler, numbers: { messageSeq, recordSequence }, until: now + LIFE, cost: 0 };
    this.#entries.set(key, entry);
    return entry;
  }

  #expire(now: Instant): void {
    for (const [key, entry] of this.#entries) {
      if (entry.until > now) return;
      this.#forget(key);
    }
  }

  #shrink(): void {
    for (const key of this.#entries.keys()) {
      if (this.#held <= SPLIT_HELLO_BUDGET) return;
      this.#forget(key);
    }
  }

  #forget(key: string): void {
    this.#held -= this.#entries.get(key)?.cost ?? 0;
    this.#entries.delete(key);
  }
}

/** A fragment of a ClientHello, or all of it, and its record. Byte fields are views into the datagram. */
interface HelloPart {
  readonly fragment: HandshakeFragment;
  readonly recordSequence: number;
}

const header = createHeader();

/** Whether a datagram starts with a handshake record of epoch 0 that holds a ClientHello; reads five bytes. */
export function looksLikeClientHello(datagram: Uint8Array): boolean {
  return (
    datagram.length >= 14 &&
    datagram[0] === ContentType.handshake &&
    datagram[3] === 0 &&
    datagram[4] === 0 &&
    datagram[13] === HandshakeType.client_hello
  );
}

/** The fragments of one ClientHello at the start of a datagram; empty when there are none. */
export function readHelloParts(datagram: Uint8Array): readonly HelloPart[] {
  let parts: HelloPart[] | undefined;
  for (let offset = 0; offset < datagram.length; offset = header.end) {
    if (readHeader(datagram, offset, header) !== undefined) break;
    if (header.unified || header.type !== ContentType.handshake || header.epoch !== 0) break;
    let count = 0;
    for (const fragment of readHandshakeFragments(datagram, header.bodyStart, header.end) ?? []) {
      if (isEmpty(fragment)) continue;
      count++;
      const { messageSeq } = parts?.[0]?.fragment ?? fragment;
      if (fragment.type !== HandshakeType.client_hello || fragment.messageSeq !== messageSeq)
        return parts ?? [];
      const part = { fragment, recordSequence: header.sequence };
      if (parts === undefined) parts = [part];
      else parts.push(part);
    }
    if (count === 0) break;
  }
  return parts ?? [];
}

/** It carries no information. */
function isEmpty({ fragmentLength, length }: HandshakeFragment): boolean {
  return fragmentLength === 0 && length > 0;
}

/** The fields of a ClientHello in its first fragment; `undefined` for other fragments, and before the cookie field. */
export function readPrefix({ fragment }: HelloPart): ClientHelloPrefix | undefined {
  return fragment.fragmentOffset === 0 ? peekClientHello(fragment.fragment) : undefined;
}
