import { integer } from '../config/kinds.js';
import { type OptionsOf, option, readOptions, withDefaults } from '../config/option-table.js';
import { rulesOf } from '../wire/version.js';
import { Deferred } from './deferred.js';
import type { DTLSSession } from './session.js';

/** Between two turns, ms. */
const TURN = 10;
const SECOND = 1000;
/** Sessions that are looked at in one turn, for each that may get an ID: others are passed over. */
const LOOKS = 16;

/** Of `endpoint.renewConnectionIds`. */
export const RENEWAL_OPTIONS = {
  /**
   * Sessions that get another ID in a second, at most a hundredth of them in one turn of the event loop. A session that hibernates
   * is woken for it.
   * @defaultValue 1000
   */
  perSecond: option(integer(1, 100_000), { default: 1000, unit: 'sessions' }),
};

/**
 * What `endpoint.renewConnectionIds` takes.
 *
 * @example
 * ```ts
 * import type { DTLSEndpoint, RenewalOptions } from 'datagram-tls';
 *
 * const options: RenewalOptions = { perSecond: 200 };
 * const renew = (endpoint: DTLSEndpoint): Promise<number> => endpoint.renewConnectionIds(options);
 * ```
 */
export type RenewalOptions = OptionsOf<typeof RENEWAL_OPTIONS>;

/** Gives sessions other connection IDs, few in each turn of the event loop. */
export class Renewals {
  #left: DTLSSession[] = [];
  #given = 0;
  #timer: NodeJS.Timeout | undefined;
  #done: Deferred<number> | undefined;

  /** Replaces a round that is not over, and includes all of its sessions again. Resolves with how many were given one. */
  begin(sessions: Iterable<DTLSSession>, options: RenewalOptions): Promise<number> {
    const { perSecond } = withDefaults(readOptions(options, RENEWAL_OPTIONS), RENEWAL_OPTIONS);
    this.stop();
    this.#left = [...sessions].reverse();
    this.#given = 0;
    const done = new Deferred<number>();
    this.#done = done;
    const gap = Math.max(TURN, SECOND / perSecond);
    this.#turn(Math.floor((perSecond * gap) / SECOND), gap);
    return done.promise;
  }

  /** The endpoint is over, or another round begins. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#left = [];
    this.#done?.resolve(this.#given);
    this.#done = undefined;
  }

  #turn(count: number, gap: number): void {
    let left = count;
    for (let looks = LOOKS * count; looks > 0 && left > 0 && this.#left.length > 0; looks--)
      if (this.#renewNext()) left--;
    if (this.#left.length === 0) return this.stop();
    this.#timer = setTimeout(() => this.#turn(count, gap), gap).unref();
  }

  /** Returns whether the session could have another one. */
  #renewNext(): boolean {
    const session = this.#left.pop();
    if (session?.protocol === undefined || session.destroyed) return false;
    if (!rulesOf(session.protocol).newConnectionIds || !((session.connectionId?.receive.length ?? 0) > 0))
      return false;
    try {
      session.renewConnectionId();
      this.#given++;
      return true;
    } catch {
      // It is closing.
      return false;
    }
  }
}
