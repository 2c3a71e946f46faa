import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { lineSplitter } from './text.js';

const OUTPUT_LIMIT = 2_000_000;
const GRACE_MS = 500;

const alive = new Set<ChildProcessWithoutNullStreams>();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

/** A foreign program with bounded output and a bounded life: none outlives the harness. */
export class Child {
  /** Exit code, or the signal's name; resolves when the output is complete too. */
  readonly ended: Promise<number | string>;
  readonly command: string;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #listeners = new Set<() => void>();
  #output = '';
  #running = true;

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.command = [command, ...args].join(' ');
    this.#process = spawn(command, args, { env: { ...process.env, LC_ALL: 'C', ...env } });
    alive.add(this.#process);
    this.#process.stdin.on('error', () => undefined);
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => this.#append(text));
    }
    this.ended = new Promise((resolve) => {
      const settle = (status: number | string) => {
        this.#running = false;
        alive.delete(this.#process);
        this.#notify();
        resolve(status);
      };
      this.#process.on('error', (error) => settle(error.message));
      this.#process.on('close', (code, signal) => settle(code ?? signal ?? 'gone'));
    });
  }

  /** All it has printed, to both outputs, in the order of arrival. */
  get output(): string {
    return this.#output;
  }

  /** Calls back with each complete line of standard output. */
  onLine(listener: (line: string) => void): void {
    this.#process.stdout.on('data', lineSplitter(listener));
  }

  write(text: string): void {
    if (this.#running) this.#process.stdin.write(text);
  }

  endInput(): void {
    this.#process.stdin.end();
  }

  /** Waits for `pattern` in the output; `false` when the program ends, or `ms` milliseconds pass, without it. */
  printed(pattern: RegExp, ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (found: boolean) => {
        clearTimeout(timer);
        this.#listeners.delete(look);
        resolve(found);
      };
      const look = () => {
        if (pattern.test(this.#output)) settle(true);
        else if (!this.#running) settle(false);
      };
      const timer = setTimeout(() => settle(false), ms);
      this.#listeners.add(look);
      look();
    });
  }

  /** What Ctrl-C does. */
  interrupt(): void {
    if (this.#running) this.#process.kill('SIGINT');
  }

  /** As a crash does. */
  async kill(): Promise<void> {
    if (this.#running) this.#process.kill('SIGKILL');
    await this.ended;
  }

  /** Asks it to end, then kills it. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#process.kill('SIGTERM');
    const killer = setTimeout(() => this.#process.kill('SIGKILL'), GRACE_MS);
    await this.ended;
    clearTimeout(killer);
  }

  #append(text: string): void {
    if (this.#output.length < OUTPUT_LIMIT) this.#output += text;
    this.#notify();
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

const execute = promisify(execFile);

/** Runs a command to its end and returns its standard output; rejects when it fails. */
export async function run(command: string, args: readonly string[]): Promise<string> {
  const { stdout } = await execute(command, args, { timeout: 60_000, maxBuffer: 64_000_000 });
  return stdout;
}

/** A program's version output, or `undefined` when it is not installed. */
export async function versionOf(command: string, args: readonly string[]): Promise<string | undefined> {
  try {
    return (await run(command, args)).split('\n')[0];
  } catch {
    return undefined;
  }
}
