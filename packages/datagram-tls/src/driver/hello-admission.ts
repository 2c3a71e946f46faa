import type { Duration, Instant } from '../base/instant.js';

/** How long ClientHellos are counted while all are admitted, ms. */
export const ADMISSION_INTERVAL: Duration = 50;
/** The same behind a burst: it may be over. While it is not, each interval is twice as long as the one before, up to a limit. */
const FIRST_INTERVAL: Duration = 5;
const LONGEST_INTERVAL: Duration = 20;

/** Twice as many are admitted as were handled, so that handshakes use all of their time. */
const AMPLE = 2;
/** The least number that is admitted in {@link ADMISSION_INTERVAL}. */
const MIN_ADMITTED = 32;
const MIN_SHARE = 2 ** -10;
/** The least share after a burst, which says little of what follows. */
const MIN_FIRST_SHARE = 1 / 16;
/** How many more ClientHellos may be expected to pass than did by chance. */
const MARGIN = 8;

/**
 * Decides which share of the ClientHellos the system lets through while more of them come than there is time for. The
 * system drops the others unread, and wakes no thread for them. Chance decides which ones pass, as it does without a share,
 * when most find no room.
 *
 * The share follows what came in the interval before, read or not. So all are admitted as soon as few come: between bursts,
 * clients find what room there is.
 */
export class HelloAdmission {
  #share = 1;
  #since: Instant = 0;
  #interval: Duration = ADMISSION_INTERVAL;
  #admitted = 0;
  #handled = 0;
  #dropped = 0;

  /** 1: all. */
  get share(): number {
    return this.#share;
  }

  /** When the interval is over: {@link adjust} is to be called. */
  get until(): Instant {
    return this.#since + this.#interval;
  }

  /** All are admitted, and so many found no room that the share is not to wait for the end of its interval. */
  get isFlooded(): boolean {
    return this.#share === 1 && this.#dropped >= MIN_ADMITTED;
  }

  /** A ClientHello came. */
  onAdmitted(): void {
    this.#admitted++;
  }

  /** One goes on. */
  onHandled(): void {
    this.#handled++;
  }

  /** One found no room. */
  onDropped(): void {
    this.#dropped++;
  }

  /** An interval begins in which the system admits all. */
  begin(now: Instant): void {
    this.#share = 1;
    this.#restart(now, ADMISSION_INTERVAL);
  }

  /** An interval is over, in which the system has dropped `unread` datagrams: sets the share for the next one. */
  adjust(unread: number, now: Instant): void {
    const intervals = (now - this.#since) / ADMISSION_INTERVAL;
    const enough = Math.max(AMPLE * this.#handled, MIN_ADMITTED * intervals);
    // What is unread may be other datagrams, which found no room in the socket.
    const came = Math.min(this.#admitted + unread, (this.#admitted + MARGIN) / this.#share);
    const isBurst = this.isFlooded && now < this.until;
    const least = isBurst ? MIN_FIRST_SHARE : MIN_SHARE;
    this.#share = came > enough ? Math.max(enough / came, least) : 1;
    this.#restart(now, isBurst ? FIRST_INTERVAL : Math.min(2 * this.#interval, LONGEST_INTERVAL));
  }

  #restart(now: Instant, interval: Duration): void {
    this.#since = now;
    this.#interval = interval;
    this.#admitted = 0;
    this.#handled = 0;
    this.#dropped = 0;
  }
}
