/**
 * `npm run demo`: the dtls command as server and as client, three lines in both directions, and what was negotiated.
 * Exits with 0 only if all of it was seen.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const DTLS = fileURLToPath(new URL('../../packages/cli/bin/dtls.js', import.meta.url));
const LINES = ['one', 'two', 'three'];
const TIME_LIMIT_MS = 30_000;
const CLOSE_SEEN = / received warning alert close_notify\n/;

interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly exit: Promise<number | null>;
  out: string;
  log: string;
}

process.exitCode = await main();

async function main(): Promise<number> {
  const server = run(['server', '127.0.0.1:0', '-v']);
  const command = await printedCommand(server);
  if (command === undefined) return failed('the server did not start');
  const client = run([...command, '-v'], LINES.map((line) => `${line}\n`).join(''));
  const clientStatus = await client.exit;
  server.child.kill('SIGINT');
  const serverStatus = await server.exit;
  return summary(server, client, [serverStatus, clientStatus]);
}

/** Starts the command and shows its output, as a terminal would; `input` ends its standard input. */
function run(args: string[], input?: string): Running {
  const [name = ''] = args;
  const pipe = input === undefined ? '' : `printf '${input.replaceAll('\n', '\\n')}' | `;
  console.log(`$ ${pipe}dtls ${args.join(' ')}`);
  const child = spawn(process.execPath, [DTLS, ...args], { timeout: TIME_LIMIT_MS });
  const exit = once(child, 'close').then(([status]) => status as number | null);
  const running: Running = { child, exit, out: '', log: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    running.out += text;
    show(`${name} stdout`, text);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    running.log += text;
    show(`${name} stderr`, text);
  });
  if (input !== undefined) child.stdin.end(input);
  return running;
}

function show(source: string, text: string): void {
  for (const line of text.trimEnd().split('\n')) console.log(`  ${source} | ${line}`);
}

/** The arguments of the client command that the server prints; `undefined` if it ends before. */
async function printedCommand(server: Running): Promise<string[] | undefined> {
  let ended = false;
  while (!ended) {
    const [, command] = / dtls (client \S+ --pin \S+)\n/.exec(server.log) ?? [];
    if (command !== undefined) return command.split(' ');
    ended = await Promise.race([
      once(server.child.stderr, 'data').then(() => false),
      server.exit.then(() => true),
    ]);
  }
  return undefined;
}

function summary(server: Running, client: Running, statuses: (number | null)[]): number {
  const [, version, suite, group] = / open: (\S+), suite (\S+), group (\S+),/.exec(client.log) ?? [];
  const [, fingerprint] = / certificate (sha256:\w+),/.exec(client.log) ?? [];
  if (client.out !== LINES.map((line) => `Echo: ${line}\n`).join('')) return failed('an echo is missing');
  if (version === undefined || suite === undefined || group === undefined || fingerprint === undefined) {
    return failed('the client did not say what was negotiated');
  }
  if (!CLOSE_SEEN.test(server.log) || !CLOSE_SEEN.test(client.log))
    return failed('close_notify was not seen');
  if (statuses.some((status) => status !== 0)) return failed(`exit statuses ${statuses.join(' and ')}`);
  console.log(`
version      ${version}
suite        ${suite}
group        ${group}
certificate  ${fingerprint}
echoed       ${LINES.length} lines
closed       close_notify seen by both sides`);
  return 0;
}

function failed(why: string): number {
  console.error(`demo failed: ${why}`);
  return 1;
}
