import type { Duration } from '../base/instant.js';

/** How long ClientHellos are counted before another share of them is admitted, ms. */
export const ADMISSION_INTERVAL: Duration = 50;

/** So many times what was handled is admitted, so that no time of handshakes stays unused; and in each interval so many. */
const AMPLE = 2;
const MIN_ADMITTED = 32;
/** From the least share it takes half a second to admit all again. */
const MIN_SHARE = 2 ** -10;

/**
 * Which share of the ClientHellos the system lets through while more of them come than there is time for. What it drops is not
 * read, and wakes no thread. Which ones pass is left to chance: so it was before, when most found no room.
 */
export class HelloAdmission {
  #share = 1;
  #admitted = 0;
  #handled = 0;
  #dropped = 0;

  /** 1: all. */
  get share(): number {
    return this.#share;
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

  /** An interval begins. */
  restart(): void {
    this.#admitted = 0;
    this.#handled = 0;
    this.#dropped = 0;
  }

  /** An interval is over: sets the share for the next one. */
  adjust(): void {
    const enough = Math.max(AMPLE * this.#handled, MIN_ADMITTED);
    const factor = this.#dropped === 0 ? 2 : Math.min(enough / this.#admitted, 1);
    this.#share = Math.min(Math.max(this.#share * factor, MIN_SHARE), 1);
    this.restart();
  }

  /** The system admits all. */
  reset(): void {
    this.#share = 1;
    this.restart();
  }
}
