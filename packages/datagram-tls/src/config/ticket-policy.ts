import type { Awaitable } from '../base/awaitable.js';
import type { Duration } from '../base/instant.js';
import type { SessionCache } from '../keys/session-cache.js';
import type { TicketKey } from '../keys/ticket-keys.js';

/** How a server takes early data. */
export interface EarlyPolicy {
  /** Bytes of it in one session. */
  readonly most: number;
  /**
   * Whether a ClientHello, told by `digest`, is new; from then on it is not, as long as it is before `until`. `time` is now,
   * both ms since 1970. `full`, `stale`: that can not be told, now or any more. May throw what the application throws.
   */
  readonly guard: (digest: Uint8Array, until: number, time: number) => Awaitable<GuardAnswer>;
}

export type GuardAnswer = 'fresh' | 'replayed' | 'full' | 'stale';

/** How a server lets sessions be resumed. */
export interface TicketPolicy {
  /**
   * At `time`, ms since 1970: the first seals, all open; none: no tickets now. It may throw or reject with what the
   * application's function fails with: then there is no ticket. `undefined`: no tickets at all.
   */
  readonly keys: ((time: number) => Awaitable<readonly TicketKey[]>) | undefined;
  /** DTLS 1.2: for clients that take no tickets. */
  readonly sessions: SessionCache | undefined;
  /** How long after its full handshake a session can be resumed, ms. */
  readonly lifetime: Duration;
  /** Tickets of servers with another one do not open. */
  readonly context: Uint8Array;
  /** DTLS 1.3; `undefined`: not at all. */
  readonly early: EarlyPolicy | undefined;
}
