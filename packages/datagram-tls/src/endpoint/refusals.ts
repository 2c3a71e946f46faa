import type { Duration, Instant } from '../base/instant.js';
import type { PeerAddress } from './peer.js';
import type { RefusalReason } from './places.js';

/** Clients whose address is proved, and that got no association because a limit is reached. */
export interface Refusal {
  /** The last of them. */
  readonly peer: PeerAddress;
  readonly reason: RefusalReason;
  /** ClientHellos refused for this reason since the last report of it; a client repeats its own. */
  readonly count: number;
}

/** ms between two reports of one reason. */
const INTERVAL: Duration = 1000;

/** Bounds how often refusals are reported: a flood of clients is no flood of events. */
export class RefusalReports {
  readonly #byReason = new Map<RefusalReason, { reportedAt: Instant; count: number }>();

  /** Returns what is to be reported now. */
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
