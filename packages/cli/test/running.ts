import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

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

/** A `dtls` process whose output is kept and can be waited for. */
export class Running {
  stdout = '';
  stderr = '';
  readonly child: ChildProcessWithoutNullStreams;
  readonly finished: Promise<Finished>;

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const { SSLKEYLOGFILE: _keylog, NODE_DEBUG: _debug, ...inherited } = process.env;
    this.child = spawn(process.execPath, [BIN, ...args], {
      env: { ...inherited, ...env },
      timeout: LIFETIME_MS,
      killSignal: 'SIGKILL',
    });
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    // A process that ended earlier than its input.
    this.child.stdin.on('error', () => undefined);
    this.finished = once(this.child, 'close').then(([code]) => ({
      code: code as number | null,
      stdout: this.stdout,
      stderr: this.stderr,
    }));
  }

  /** Resolves with the match once `stream` holds it; fails when the process ends without it. */
  async shows(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this[stream]);
      if (match !== null) return match;
      const ended = await Promise.race([
        once(this.child[stream], 'data').then(() => false),
        this.finished.then(() => true),
      ]);
      if (ended) assert.match(this[stream], pattern);
    }
  }

  async interrupt(signal: NodeJS.Signals = 'SIGINT'): Promise<Finished> {
    this.child.kill(signal);
    return this.finished;
  }
}

/** Runs the command to its end with `input` as its standard input. */
export function dtls(args: readonly string[], input = '', env: NodeJS.ProcessEnv = {}): Promise<Finished> {
  const running = new Running(args, env);
  running.child.stdin.end(input);
  return running.finished;
}

/** A running command that is killed when the test is over. */
export function start(t: TestContext, args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  const running = new Running(args, env);
  t.after(async () => {
    running.child.kill('SIGKILL');
    await running.finished;
  });
  return running;
}

export interface Server {
  readonly process: Running;
  /** HOST:PORT as a client takes it. */
  readonly address: string;
  readonly port: string;
}

/** A server on a free port of `host`, listening. */
export async function startServer(
  t: TestContext,
  args: readonly string[] = [],
  host = '127.0.0.1',
): Promise<Server> {
  const process = start(t, ['server', `${host}:0`, ...args]);
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
