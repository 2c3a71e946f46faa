import { Inbox } from '../inbox.js';
import type { Child } from '../process.js';
import type { Facts, ServerSide, Side } from './peer.js';

/** How to read and control one foreign program. */
export interface Manners {
  /** Appears in its output when the handshake is complete. */
  readonly established: RegExp;
  /** Appears when the session is over, for programs that then go on running. */
  readonly over?: RegExp;
  readonly facts: (output: string) => Facts;
  readonly close: (child: Child) => void;
}

/** Application data is distinguished from a program's other output by its start. */
export const MESSAGE = /^(?:Echo: )?ping /;

/** A side of a session that is a command-line program. */
export class ProgramSide implements Side {
  readonly inbox = new Inbox();
  protected readonly child: Child;
  readonly #manners: Manners;

  constructor(child: Child, manners: Manners) {
    this.child = child;
    this.#manners = manners;
    child.onLine((line) => {
      if (MESSAGE.test(line)) this.received(line);
    });
  }

  established(ms: number): Promise<boolean> {
    return this.child.printed(this.#manners.established, ms);
  }

  send(line: string): void {
    this.child.write(`${line}\n`);
  }

  close(): void {
    this.#manners.close(this.child);
  }

  async over(ms: number): Promise<boolean> {
    const { over } = this.#manners;
    if (over !== undefined) return await this.child.printed(over, ms);
    return await within(this.child.ended, ms);
  }

  facts(): Facts {
    return this.#manners.facts(this.child.output);
  }

  log(): string {
    return `$ ${this.child.command}\n${this.child.output}`;
  }

  async stop(): Promise<void> {
    await this.child.stop();
  }

  protected received(line: string): void {
    this.inbox.push(line);
  }
}

/** The same of a server, which sends its echoes as they came. */
export class ProgramServer extends ProgramSide implements ServerSide {
  readonly echoPrefix = '';
  readonly port: number;

  constructor(child: Child, port: number, manners: Manners) {
    super(child, manners);
    this.port = port;
  }
}

/** Whether `promise` settles within `ms` milliseconds. */
export async function within(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const settled = promise.then(
    () => true,
    () => true,
  );
  const result = await Promise.race([settled, late]);
  clearTimeout(timer);
  return result;
}
