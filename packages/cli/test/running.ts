import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { main } from '#lib/main.js';
import type { Terminal } from '#lib/terminal.js';
import type * as Ports from '../../../scripts/ports.mjs';

// The shell that runs the tests may ask for logs; tests ask for them themselves where they check them.
delete process.env['SSLKEYLOGFILE'];
delete process.env['NODE_DEBUG'];

/** The command, to be run by Node. */
export const BIN = fileURLToPath(new URL('../../bin/dtls.js', import.meta.url));

/** A process that hangs is killed after this long, so that its test fails. */
const LIFETIME_MS = 50_000;

/** The test that is skipped by this name needs an IPv6 loopback. */
export const NO_IPV6 = Object.values(networkInterfaces())
  .flat()
  .some((address) => address?.address === '::1')
  ? false
  : 'this machine has no ::1';

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command whose output is kept and can be waited for. */
export abstract class Running {
  stdout = '';
  stderr = '';
  abstract readonly stdin: Writable;
  abstract readonly finished: Promise<Finished>;
  /** Told when there is more of `stdout` or `stderr`. */
  readonly #output = new EventEmitter();

  abstract interrupt(signal?: NodeJS.Signals): Promise<Finished>;
  /** Ends it without a word. */
  abstract kill(): Promise<Finished>;

  /** Resolves with the match once `stream` holds it; fails when the command ends without it. */
  async shows(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this[stream]);
      if (match !== null) return match;
      const ended = await Promise.race([
        once(this.#output, stream).then(() => false),
        this.finished.then(() => true),
      ]);
      if (ended) assert.match(this[stream], pattern);
    }
  }

  protected keep(stream: 'stdout' | 'stderr', source: Readable): void {
    source.setEncoding('utf8').on('data', (text: string) => {
      this[stream] += text;
      this.#output.emit(stream);
    });
  }
}

/** The command in this process, with streams of its own in place of the terminal. */
class InProcess extends Running {
  readonly stdin = new PassThrough();
  readonly finished: Promise<Finished>;
  readonly #listeners: ((signal: NodeJS.Signals) => void)[] = [];
  #interrupted = false;

  constructor(args: readonly string[]) {
    super();
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    this.keep('stdout', stdout);
    this.keep('stderr', stderr);
    const terminal: Terminal = {
      stdin: this.stdin,
      stdout,
      stderr,
      onSignal: (listener) => this.#listeners.push(listener),
      exit: (status) => assert.fail(`the command wants to end this process with ${status}`),
    };
    this.finished = main(args, terminal).then(async (code) => {
      await Promise.all([stdout, stderr].map((stream) => finished(stream.end(), { readable: true })));
      return { code, stdout: this.stdout, stderr: this.stderr };
    });
  }

  override async interrupt(signal: NodeJS.Signals = 'SIGINT'): Promise<Finished> {
    this.#interrupted = true;
    for (const listener of this.#listeners) listener(signal);
    return this.finished;
  }

  override async kill(): Promise<Finished> {
    this.stdin.destroy();
    // A second signal would end this process.
    return this.#interrupted ? this.finished : this.interrupt();
  }
}

/** The command in a process of its own. */
class InItsOwnProcess extends Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly stdin: Writable;
  readonly finished: Promise<Finished>;

  constructor(args: readonly string[], env: NodeJS.ProcessEnv) {
    super();
    this.child = spawn(process.execPath, [BIN, ...args], {
      env: { ...process.env, ...env },
      timeout: LIFETIME_MS,
      killSignal: 'SIGKILL',
    });
    this.stdin = this.child.stdin;
    this.keep('stdout', this.child.stdout);
    this.keep('stderr', this.child.stderr);
    // A process that ended earlier than its input.
    this.stdin.on('error', () => undefined);
    this.finished = once(this.child, 'close').then(([code]) => ({
      code: code as number | null,
      stdout: this.stdout,
      stderr: this.stderr,
    }));
  }

  override async interrupt(signal: NodeJS.Signals = 'SIGINT'): Promise<Finished> {
    this.child.kill(signal);
    return this.finished;
  }

  override async kill(): Promise<Finished> {
    return this.interrupt('SIGKILL');
  }
}

/** Runs the command to its end with `input` as its standard input; with `env`, in a process of its own. */
export function dtls(args: readonly string[], input = '', env?: NodeJS.ProcessEnv): Promise<Finished> {
  const running = run(args, env);
  running.stdin.end(input);
  return running.finished;
}

/** A running command that is ended when the test is over; with `env`, in a process of its own. */
export function start(t: TestContext, args: readonly string[], env?: NodeJS.ProcessEnv): Running {
  const running = run(args, env);
  t.after(() => running.kill());
  return running;
}

/** The same, always in a process of its own. */
export function startProcess(t: TestContext, args: readonly string[]): InItsOwnProcess {
  const running = new InItsOwnProcess(args, {});
  t.after(() => running.kill());
  return running;
}

function run(args: readonly string[], env: NodeJS.ProcessEnv | undefined): Running {
  return env === undefined ? new InProcess(args) : new InItsOwnProcess(args, env);
}

export interface Server {
  readonly process: Running;
  /** HOST:PORT as a client takes it. */
  readonly address: string;
  readonly port: string;
}

const PORTS = new URL('../../../../scripts/ports.mjs', import.meta.url).href;

/** A server on a free port of `host`, listening. */
export async function startServer(
  t: TestContext,
  args: readonly string[] = [],
  host = '127.0.0.1',
): Promise<Server> {
  return serverOf(start(t, ['server', `${host}:0`, ...args]), host);
}

/** The same, in a process of its own, on a port that only another server gets that asks for it. */
export async function startServerProcess(t: TestContext, args: readonly string[] = []): Promise<Server> {
  const host = '127.0.0.1';
  const { freePort } = (await import(PORTS)) as typeof Ports;
  return serverOf(startProcess(t, ['server', `${host}:${await freePort()}`, ...args]), host);
}

async function serverOf(process: Running, host: string): Promise<Server> {
  const [, port = ''] = await process.shows('stderr', /listening on .*:(\d+)\n/);
  return { process, address: `${host}:${port}`, port };
}

/** The pin that a server with an ephemeral certificate printed. */
export async function pinOf(server: Server): Promise<string> {
  const [, pin = ''] = await server.process.shows('stderr', /--pin (sha256:[0-9a-f]{64})\n/);
  return pin;
}

/**
 * Asserts that a command said one line, and the usage where the command line itself is wrong; about a refused certificate
 * it says more.
 */
export function assertRefused(finished: Finished, code: 1 | 2, line: RegExp, usage = false): void {
  const [first = '', ...rest] = finished.stderr.trimEnd().split('\n');
  assert.match(first, line);
  assert.match(first, /^dtls: /);
  assert.equal(finished.code, code, finished.stderr);
  assert.equal(finished.stdout, '');
  if (/\(ERR_DTLS_CERTIFICATE\)$/.test(first))
    assert.match(rest.at(-1) ?? '', /^dtls: to trust it, .* --pin /);
  else if (usage) assert.match(rest[0] ?? '', /^Usage: dtls /);
  else assert.deepEqual(rest, []);
}
