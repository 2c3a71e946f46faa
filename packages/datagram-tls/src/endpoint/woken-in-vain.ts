import { Queue } from '../base/queue.js';
import { machineOf } from '../connection/connection.js';
import type { ConnectionEntry } from './connection-entry.js';

/** A session takes about 4 KB more awake than asleep. */
export const MAX_WOKEN_IN_VAIN = 4096;

/**
 * Sessions that were woken by a datagram without an authentic record. Each stays awake for a whole pause, so that junk
 * makes its keys only once in that time. Their number is limited, and the oldest hibernates again at once: junk from a
 * million addresses would otherwise take the memory of a million sessions awake.
 */
export class WokenInVain {
  readonly #entries = new Queue<ConnectionEntry>();

  /** `entry` was woken by a datagram; returns one that is to hibernate again. */
  add(entry: ConnectionEntry): ConnectionEntry | undefined {
    if (!isInVain(entry)) return undefined;
    this.forgetOthers();
    const entries = this.#entries;
    entries.push(entry);
    return entries.length > MAX_WOKEN_IN_VAIN ? entries.shift() : undefined;
  }

  /**
   * Lets go of the entries before the first that is still awake in vain. The timer of that one ends its pause, so that no
   * entry is kept for longer than a pause.
   */
  forgetOthers(): void {
    const entries = this.#entries;
    for (let first = entries.peek(); first !== undefined && !isInVain(first); first = entries.peek())
      entries.shift();
  }

  /** Entries that are kept. */
  get length(): number {
    return this.#entries.length;
  }
}

/** It is awake, and has heard nothing authentic since. */
function isInVain({ connection }: ConnectionEntry): boolean {
  return !connection.hibernates && connection.phase === 'open' && !machineOf(connection).hasHeard;
}
