import type { DTLSError } from '../base/errors.js';
import type { Instant } from '../base/instant.js';
import type { ReceivedData } from './application-data.js';
import type { Association } from './association.js';
import { idleTimeout, peerGone } from './errors.js';
import { isOpen } from './life.js';

/** What the watch may do. */
interface WatchHost {
  retire(error: DTLSError): void;
  /** Returns whether there is a probe that the peer has not answered yet. */
  askForLife(message: Uint8Array | undefined, now: Instant): boolean;
}

/** The peer was asked, and has not been heard since. */
interface Probe {
  readonly askedAt: Instant;
  /** When it counts as gone without a record after that. */
  readonly goneAt: Instant;
}

/**
 * Watches the silence of the peer of an open session: ends a session that is idle, and asks a silent peer whether it is
 * still there. Received records move `heardAt` and leave the timers alone: they look when they expire.
 */
export class PeerWatch {
  readonly #association: Association;
  readonly #inbound: ReceivedData;
  readonly #host: WatchHost;
  #probe: Probe | undefined;

  constructor(association: Association, inbound: ReceivedData, host: WatchHost) {
    this.#association = association;
    this.#inbound = inbound;
    this.#host = host;
  }

  /** The peer has not answered a probe. */
  get awaitsAnswer(): boolean {
    return this.#probe !== undefined && this.#probe.askedAt > this.#association.heardAt;
  }

  /** Sets the timers. */
  start(): void {
    this.watchIdle();
    const { behaviour, heardAt, timers } = this.#association;
    const { keepAlive } = behaviour;
    if (keepAlive !== undefined) timers.set('keep-alive', heardAt + keepAlive.interval);
  }

  /** Only the timer of an idle session. */
  watchIdle(): void {
    const { heardAt, timers } = this.#association;
    const limit = this.idleTimeout();
    if (limit > 0) timers.set('idle', heardAt + limit);
  }

  onIdle(now: Instant): void {
    const { life, heardAt, timers } = this.#association;
    // Where only our direction is closed, nothing else may end it.
    if (!isOpen(life) && (life.at !== 'closing' || timers.has('close'))) return;
    const limit = this.idleTimeout();
    // The same expression as when the timer was set: another rounding would make the timer due forever.
    if (now < heardAt + limit) this.watchIdle();
    else this.#host.retire(idleTimeout(limit));
  }

  /**
   * A silent peer is probed, or is gone. A peer that sent close_notify sends nothing more. A peer that was not probed
   * since is not gone, however late the timer is: it has its full time to answer.
   */
  onKeepAlive(now: Instant): void {
    const { behaviour, heardAt, timers, life } = this.#association;
    const { keepAlive } = behaviour;
    if (keepAlive === undefined || !isOpen(life) || this.#inbound.ended) return;
    const { interval, timeout, message } = keepAlive;
    if (now < heardAt + interval) return timers.set('keep-alive', heardAt + interval);
    const asked = this.awaitsAnswer ? this.#probe : undefined;
    if (asked !== undefined && now >= asked.goneAt) return this.#host.retire(peerGone(now - heardAt));
    const asks = this.#host.askForLife(message, now);
    const probe = asked ?? {
      askedAt: now,
      goneAt: Math.max(heardAt + timeout, now + (timeout - interval)),
    };
    const isUnderWay = asks || asked !== undefined;
    if (isUnderWay) this.#probe = probe;
    timers.set('keep-alive', isUnderWay ? Math.min(now + interval, probe.goneAt) : now + interval);
  }

  private idleTimeout(): number {
    const { behaviour, role } = this.#association;
    return behaviour.idleTimeout[role];
  }
}
