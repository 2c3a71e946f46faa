import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

const ANSWER_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 5_000;

/** A program of the benchmark: it prints one JSON object a line and ends when its standard input does. */
export class Child {
  readonly #name: string;
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(name: string, command: readonly string[]) {
    const [file = '', ...args] = command;
    this.#name = name;
    this.#process = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#process.stdin.on('error', () => undefined);
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** `undefined`: it did not start. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** The next object it prints; rejects when the program ends or needs half a minute longer than `workMs`. */
  async next<Answer>(workMs = 0): Promise<Answer> {
    const timer = setTimeout(() => this.#process.kill(), workMs + ANSWER_TIMEOUT_MS);
    const line = await this.#lines.next();
    clearTimeout(timer);
    if (line.done === true)
      throw new Error(`${this.#name} ended before it answered${await this.#howItEnded()}`);
    return JSON.parse(line.value) as Answer;
  }

  async #howItEnded(): Promise<string> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode === null && signalCode === null) await once(this.#process, 'exit');
    return ` (${this.#process.signalCode ?? `exit code ${this.#process.exitCode}`})`;
  }

  /** Writes a line and waits for the object that answers it. */
  async ask<Answer>(line: string, workMs = 0): Promise<Answer> {
    this.#process.stdin.write(`${line}\n`);
    return this.next<Answer>(workMs);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_TIMEOUT_MS);
    const exited = once(this.#process, 'exit');
    this.#process.stdin.end();
    await exited;
    clearTimeout(timer);
  }
}
