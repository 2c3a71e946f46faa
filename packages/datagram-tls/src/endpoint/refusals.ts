import { keyOf } from '../base/bytes.js';
import type { Duration, Instant } from '../base/instant.js';
import type { PeerAddress } from '../base/peer-address.js';
import type { SentAlert } from '../connection/life.js';
import { createHeader, readHeader } from '../record/header.js';
import { ContentType } from '../wire/codes.js';
import { plainRecord } from './answers.js';
import { peerKey } from './peer.js';
import type { RefusalReason } from './places.js';
import { looksLikeClientHello, readHelloParts, readPrefix } from './split-hellos.js';

/**
 * Refused clients that are remembered, about 400 bytes each. The oldest is forgotten first; its next ClientHello is a
 * new handshake.
 */
const MAX_REFUSED = 1024;
/** How long, ms: as long as our client tries by default. */
const REFUSED_LIFE: Duration = 60_000;
/** How often the answer is repeated to one client. */
const MAX_REPEATS = 16;

interface Entry {
  readonly alert: SentAlert;
  /** Distinguishes the refused handshake from others of the same client. */
  readonly random: string;
  readonly until: Instant;
  /** Remaining repetitions. */
  left: number;
}

/**
 * Clients whose handshakes a server refused. What such a client repeats is answered with the same alert: it makes no
 * association, and the application is not called again.
 */
export class RefusedHandshakes {
  /** In the order in which they were refused. */
  readonly #entries = new Map<string, Entry>();

  get size(): number {
    return this.#entries.size;
  }

  add(peer: PeerAddress, random: string, alert: SentAlert, now: Instant): void {
    const key = peerKey(peer.address, peer.port);
    this.#entries.delete(key);
    this.#entries.set(key, { alert, random, until: now + REFUSED_LIFE, left: MAX_REPEATS });
    for (const [oldest, { until }] of this.#entries) {
      if (until > now && this.#entries.size <= MAX_REFUSED) return;
      this.#entries.delete(oldest);
    }
  }

  /**
   * The answer for a client that was refused; empty for nothing; `undefined` when `datagram` belongs to no refused
   * handshake.
   */
  answer(datagram: Uint8Array, { address, port }: PeerAddress, now: Instant): Uint8Array | undefined {
    if (this.#entries.size === 0) return undefined;
    const key = peerKey(address, port);
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.until > now && !beginsAnew(datagram, entry.random)) return repeat(entry, datagram);
    this.#entries.delete(key);
    return undefined;
  }
}

/** Whether it holds the beginning of another handshake's ClientHello. */
function beginsAnew(datagram: Uint8Array, random: string): boolean {
  if (!looksLikeClientHello(datagram)) return false;
  const [part] = readHelloParts(datagram);
  const prefix = part === undefined ? undefined : readPrefix(part);
  return prefix !== undefined && keyOf(prefix.random) !== random;
}

const NOTHING = new Uint8Array();
const header = createHeader();

/** A plaintext alert has the number of the record that it answers (RFC 6347 §4.2.1). */
function repeat(entry: Entry, datagram: Uint8Array): Uint8Array {
  const { body, sealed } = entry.alert;
  if (entry.left === 0 || readHeader(datagram, 0, header) !== undefined) return NOTHING;
  const answers = sealed !== undefined || (!header.unified && header.type === ContentType.handshake);
  if (!answers) return NOTHING;
  entry.left--;
  return sealed?.slice() ?? plainRecord(ContentType.alert, header.sequence, body);
}

/**
 * Validated clients that got no association because a limit is reached.
 *
 * @example
 * ```ts
 * import type { Refusal } from 'datagram-tls';
 *
 * endpoint.onrefused = ({ peer, reason, count }: Refusal) => console.warn(peer.address, reason, count);
 * ```
 */
export interface Refusal {
  /** The last such client. */
  readonly peer: PeerAddress;
  /** The limit that is reached. */
  readonly reason: RefusalReason;
  /** ClientHellos refused for this reason since its last report; a client repeats its ClientHello. */
  readonly count: number;
}

/** ms between two reports of one reason. */
const INTERVAL: Duration = 1000;

/** Bounds how often refusals are reported, so that a flood of clients is not a flood of events. */
export class RefusalReports {
  readonly #byReason = new Map<RefusalReason, { reportedAt: Instant; count: number }>();

  /** Returns the report that is due now. */
  add(peer: PeerAddress, reason: RefusalReason, now: Instant): Refusal | undefined {
    const state = this.#byReason.get(reason) ?? { reportedAt: Number.NEGATIVE_INFINITY, count: 0 };
    this.#byReason.set(reason, state);
    state.count++;
    if (now - state.reportedAt < INTERVAL) return undefined;
    const { count } = state;
    state.reportedAt = now;
    state.count = 0;
    return { peer, reason, count };
  }
}
