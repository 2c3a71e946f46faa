import { fileURLToPath } from 'node:url';
import type { KeyPair } from '../pki.js';
import { Child } from '../process.js';
import { capture, captures } from '../text.js';
import { ALL_SUITES } from '../vocabulary.js';
import { type Facts, HERE, type Peer, REFUSALS, type SideOptions } from './peer.js';
import { ProgramSide } from './program.js';

const PROGRAM = fileURLToPath(new URL('../../../packages/cli/bin/dtls.js', import.meta.url));
const START_MS = 20_000;

/** Our own `dtls` command, as a user would start it. */
export const cli: Peer = {
  name: 'dtls',
  suites: ALL_SUITES,
  refusals: REFUSALS,
  closing: { answers: true, waits: true },
  probe: () => Promise.resolve(HERE),

  cannot(role, demand) {
    if (role === 'server' && demand.cookie === false) return 'the dtls server always asks for a cookie';
    if (demand.scheme !== undefined) return 'the dtls command has no option for signature schemes';
    if (role === 'server' && demand.clientIdentity !== undefined)
      return 'the dtls server asks for no certificate';
    return undefined;
  },

  async startServer(options) {
    const child = start([
      'server',
      authority(options.host, 0),
      ...certificate(options.pair),
      ...common(options),
    ]);
    await child.printed(/listening on \S+:\d+\n/, START_MS);
    const port = Number(capture(child.output, /listening on \S+:(\d+)\n/));
    const side = new ProgramSide(child, {
      established: / open: /,
      over: / closed | failed: /,
      facts,
      // It serves until it is interrupted, and then closes its sessions.
      close: () => child.interrupt(),
    });
    return Object.assign(side, { port, echoPrefix: 'Echo: ' });
  },

  startClient(options) {
    const child = start([
      ...['client', authority(options.host, options.port), '--servername', options.name, '--ca', options.ca],
      ...certificate(options.pair),
      ...common(options),
    ]);
    return Promise.resolve(
      new ProgramSide(child, { established: / open: /, facts, close: () => child.endInput() }),
    );
  },
};

/** `dtls server` at `port` of `host`, listening. */
export async function startServerAt(
  host: string,
  port: number,
  { cert, key }: KeyPair,
  more: readonly string[],
): Promise<Child> {
  const child = start(['server', authority(host, port), '--cert', cert, '--key', key, '-v', ...more]);
  if (await child.printed(/listening on \S+:\d+\n/, START_MS)) return child;
  throw new Error(`dtls server does not listen: ${child.output}`);
}

function start(args: readonly string[]): Child {
  return new Child(process.execPath, [PROGRAM, ...args]);
}

function certificate(pair: KeyPair | undefined): string[] {
  return pair === undefined ? [] : ['--cert', pair.cert, '--key', pair.key];
}

function authority(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function common({ version, suite, groups, psk, mtu, keylog }: SideOptions): string[] {
  return [
    '-v',
    ...(version === undefined ? [] : ['--min-version', version, '--max-version', version]),
    ...(suite === undefined ? [] : ['--ciphers', suite]),
    ...(groups === undefined ? [] : ['--groups', groups.join(':')]),
    ...(psk === undefined ? [] : ['--psk', `${psk.identity}:${psk.key}`]),
    ...(mtu === undefined ? [] : ['--mtu', String(mtu)]),
    ...(keylog === undefined ? [] : ['--keylog', keylog]),
  ];
}

function facts(output: string): Facts {
  return {
    established: / open: /.test(output),
    version: capture(output, / open: (\S+),/),
    suite: capture(output, / suite (\S+),/),
    group: capture(output, / group (\S+),/),
    scheme: capture(output, / signature (\S+),/),
    cookie: /hello_verify_request/.test(output),
    alertsSent: captures(output, / sent \w+ alert (\S+)$/gm),
    alertsReceived: captures(output, / received \w+ alert (\S+)$/gm),
    error: capture(output, / failed: (.*)$/m),
  };
}
