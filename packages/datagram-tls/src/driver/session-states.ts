import { toBuffer } from './buffers.js';
import { Checkpoints } from './checkpoints.js';
import { warnOfRejection } from './debug.js';
import { generations, type Lineage, type StateKey, type StoreState, sealState } from './sealed-state.js';
import type { Attached } from './session-life.js';

/** The states that one session gives away: each has the generation after the one before. */
export class SessionStates {
  /** Of states that were made, or of the one that it goes on from. */
  #lineage: Lineage | undefined;
  #checkpoints: Checkpoints | undefined;

  /** `lineage`: of the state that the session goes on from. */
  constructor(lineage: Lineage | undefined) {
    this.#lineage = lineage;
  }

  /** `state`: of the association; `unread`: messages that move along. */
  seal(key: StateKey, state: Uint8Array, unread: readonly Uint8Array[]): Buffer {
    const lineage = generations.next(this.#lineage);
    this.#lineage = lineage;
    return toBuffer(sealState(key, { lineage, unread, state }, Date.now()));
  }

  /**
   * Begins checkpoints, in place of former ones; resolves when the first is kept. `fail` ends the session, and returns whether
   * nobody has heard of that.
   */
  async keep(
    { port, entry }: Attached,
    { key, reserve, store }: { readonly key: StateKey; readonly reserve: number; readonly store: StoreState },
    fail: (thrown: unknown) => boolean,
  ): Promise<void> {
    this.end();
    const take = (): Buffer => this.seal(key, port.checkpointEntry(entry, reserve), []);
    const onKept = (): void => port.confirmEntry(entry);
    const onFailure = (thrown: unknown): void => {
      if (fail(thrown)) warnOfRejection(thrown);
    };
    this.#checkpoints = new Checkpoints({ take, onKept, onFailure }, store);
    try {
      await this.#checkpoints.keep();
    } catch (thrown) {
      fail(thrown);
      throw thrown;
    }
  }

  /** Another checkpoint is due. */
  renew(): void {
    this.#checkpoints?.renew();
  }

  /** The session is over. */
  end(): void {
    this.#checkpoints?.end();
  }
}
