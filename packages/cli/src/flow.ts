/** Messages on their way before the sender waits: as many as fit a socket's usual receive buffer. */
const WINDOW = 64;
/** An answer that takes longer, in milliseconds, is taken for lost: a peer that never answers only slows us down. */
const PATIENCE_MS = 20;

/** Paces what is sent by what is answered, since UDP itself drops what comes too fast. */
export class Flow {
  #sent = 0;
  #received = 0;
  #outstanding = 0;
  #stopped = false;
  #wake: (() => void) | undefined;

  /** The session is over: every wait ends. */
  get stopped(): boolean {
    return this.#stopped;
  }

  onSent(): void {
    this.#sent++;
    this.#outstanding++;
  }

  onReceived(): void {
    this.#received++;
    this.#outstanding = Math.max(0, this.#outstanding - 1);
    this.#wake?.();
  }

  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  /** Resolves when one more message may be sent. */
  async room(): Promise<void> {
    while (this.#outstanding >= WINDOW && !this.#stopped) {
      if (!(await this.#arrival(PATIENCE_MS))) this.#outstanding = 0;
    }
  }

  /** Resolves when as many messages came as were sent, or none for `quiet` milliseconds. */
  async drained(quiet: number): Promise<void> {
    while (this.#received < this.#sent && !this.#stopped) {
      if (!(await this.#arrival(quiet))) return;
    }
  }

  /** `false` when nothing came for `ms` milliseconds. */
  #arrival(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (arrived: boolean): void => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve(arrived);
      };
      const timer = setTimeout(() => settle(false), ms);
      this.#wake = () => settle(true);
    });
  }
}
