/** Messages in flight before the sender waits: twice as many large ones fit the receive buffer of a Linux socket. */
const WINDOW = 32;
/** Answers that take longer, in milliseconds, count as lost. */
const PATIENCE_MS = 200;
/** The same for a peer that has not answered yet: a peer that never answers only slows us down. */
const SILENT_PATIENCE_MS = 20;

/** Paces sending by the answers, since UDP drops datagrams that come too fast. */
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

  /** How many messages were not answered. */
  get missing(): number {
    return Math.max(0, this.#sent - this.#received);
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
      const patience = this.#received === 0 ? SILENT_PATIENCE_MS : PATIENCE_MS;
      if (!(await this.#arrival(patience))) this.#outstanding = 0;
    }
  }

  /** Resolves when as many messages arrived as were sent, or none for `quiet` milliseconds. */
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
