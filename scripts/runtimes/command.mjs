/** The `dtls` command of the packed packages on a runtime, started as its users start what they have installed. */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

const LIMIT_MS = 60_000;
const ADDRESS = /listening on (\S+)/;
const PIN = /--pin (sha256:[0-9a-f]{64})/;

/** What to start, and with which arguments before those of the command. */
const STARTERS = {
  node: () => ['npx', '--no-install', 'dtls'],
  deno: (program) => [
    program,
    'run',
    '-A',
    '--node-modules-dir=manual',
    'node_modules/datagram-tls-cli/bin/dtls.js',
  ],
  bun: (program) => [program, 'x', '--bun', '--no-install', 'dtls'],
};

export async function runCommand({ name, kind, program, cwd, tally }) {
  const [command, ...before] = STARTERS[kind](program);
  const env = { ...process.env, PATH: `${dirname(program)}${delimiter}${process.env.PATH}` };
  const options = { cwd, env, encoding: 'utf8', timeout: LIMIT_MS };
  const { version } = JSON.parse(
    readFileSync(join(cwd, 'node_modules/datagram-tls-cli/package.json'), 'utf8'),
  );
  const told = spawnSync(command, [...before, '--version'], options);
  tally.check(`${name}: dtls --version`, told.stdout === `${version}\n`, told.stdout + told.stderr);

  const server = spawn(command, [...before, 'server', '127.0.0.1:0'], {
    cwd,
    env,
    timeout: LIMIT_MS,
    detached: true,
  });
  try {
    const said = await until(server.stderr, PIN);
    const args = ['client', ADDRESS.exec(said)?.[1], '--pin', PIN.exec(said)?.[1], '--linger', `${LIMIT_MS}`];
    const client = spawnSync(command, [...before, ...args], { ...options, input: 'hello\n' });
    tally.check(
      `${name}: dtls client talks to dtls server`,
      client.stdout === 'Echo: hello\n' && client.status === 0,
      said + client.stdout + client.stderr,
    );
  } finally {
    // npx and bun x start the command as a process of their own.
    process.kill(-server.pid);
  }
}

async function until(stream, pattern) {
  let said = '';
  for await (const data of stream) {
    said += data;
    if (pattern.test(said)) break;
  }
  return said;
}
