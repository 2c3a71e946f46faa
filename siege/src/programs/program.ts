import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The commands that a program of the siege answers. */
export type Verbs = Readonly<Record<string, (argument: never) => unknown>>;

interface Question {
  readonly id: number;
  readonly verb: string;
  readonly argument: unknown;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

const STOP_TIMEOUT_MS = 3000;

/** A program of the siege in its own process, optionally in a network namespace. */
export class Program {
  readonly #name: string;
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #stopping = false;

  constructor(name: string, namespace: string | undefined, flags: readonly string[] = []) {
    this.#name = name;
    const file = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
    const command = [process.execPath, ...flags, file];
    const [program = '', ...rest] =
      namespace === undefined ? command : ['ip', 'netns', 'exec', namespace, ...command];
    this.#process = spawn(program, rest, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    this.#process.on('message', (answer: Answer) => this.#onAnswer(answer));
    this.#process.on('error', (error) => this.#fail(error));
    this.#process.on('exit', (code, signal) => {
      this.#fail(new Error(`the ${name} ended (${signal ?? `exit code ${String(code)}`})`));
    });
  }

  /** Rejects with the program's error, when it ends, and when it does not answer in time. */
  ask<Result>(verb: string, argument?: unknown, limitMs = 90_000): Promise<Result> {
    const id = this.#next++;
    return new Promise<Result>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new Error(`the ${this.#name} did not answer "${verb}" within ${limitMs} ms`));
      }, limitMs);
      this.#waiting.set(id, { resolve: (result) => resolve(result as Result), reject, timer });
      this.#process.send({ id, verb, argument } satisfies Question, (error) => {
        if (error !== null) this.#fail(error);
      });
    });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      child.once('exit', () => {
        clearTimeout(timer);
        resolve();
      });
      child.kill();
    });
  }

  #onAnswer({ id, result, error }: Answer): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    if (error === undefined) waiting.resolve(result);
    else waiting.reject(new Error(`${this.#name}: ${error}`));
  }

  #fail(error: Error): void {
    if (!this.#stopping && this.#waiting.size === 0) console.error(error.message);
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.#waiting.clear();
  }
}

/** The other side: answers commands until the parent has ended. */
export function serve(verbs: Verbs): void {
  process.on('disconnect', () => process.exit());
  process.on('message', (question: Question) => void answer(verbs, question));
}

async function answer(verbs: Verbs, { id, verb, argument }: Question): Promise<void> {
  try {
    const action = verbs[verb];
    if (action === undefined) throw new Error(`no verb "${verb}"`);
    const result = await action(argument as never);
    process.send?.({ id, result } satisfies Answer);
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.send?.({ id, error: text } satisfies Answer);
  }
}
