const NEWLINE = 0x0a;

/** A line with its newline; the last one may lack it. */
export interface Line {
  /** Counted from 1. */
  readonly number: number;
  readonly length: number;
  /** `undefined` when the line is longer than the limit: it was counted, not kept. */
  readonly bytes: Uint8Array | undefined;
}

/** Cuts a byte stream into lines, and keeps at most `limit` bytes of an unfinished one. */
export async function* splitLines(source: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Line> {
  const pending = new Pending(limit);
  for await (const chunk of source) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      pending.add(chunk.subarray(start, end + 1));
      yield pending.take();
      start = end + 1;
    }
    pending.add(chunk.subarray(start));
  }
  if (pending.length > 0) yield pending.take();
}

class Pending {
  length = 0;
  #number = 1;
  #parts: Uint8Array[] = [];
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(part: Uint8Array): void {
    this.length += part.length;
    if (this.length > this.#limit) this.#parts = [];
    else if (part.length > 0) this.#parts.push(part);
  }

  take(): Line {
    const { length } = this;
    const bytes = length > this.#limit ? undefined : Buffer.concat(this.#parts);
    this.length = 0;
    this.#parts = [];
    return { number: this.#number++, length, bytes };
  }
}
