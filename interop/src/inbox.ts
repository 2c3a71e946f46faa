/** A growing list of lines that can be waited on. */
export class Inbox {
  readonly lines: string[] = [];
  readonly #waiters = new Set<() => void>();

  push(line: string): void {
    this.lines.push(line);
    for (const wake of [...this.#waiters]) wake();
  }

  /** Waits until a line equals `wanted`; `false` when `ms` milliseconds pass without it. */
  has(wanted: string, ms: number): Promise<boolean> {
    if (this.lines.includes(wanted)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (found: boolean) => {
        clearTimeout(timer);
        this.#waiters.delete(wake);
        resolve(found);
      };
      const wake = () => {
        if (this.lines.includes(wanted)) settle(true);
      };
      const timer = setTimeout(() => settle(false), ms);
      this.#waiters.add(wake);
    });
  }
}
