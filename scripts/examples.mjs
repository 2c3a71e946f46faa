/**
 * Runs the examples as a reader would: an echo server with a certificate of the tests, and an echo client against it; the
 * examples of transports. The demo is run by a command of its own, the programs of the documents by scripts/blocks.mjs.
 * The output ends as report.mjs says.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './ports.mjs';
import { reportOf } from './report.mjs';

const TIME_LIMIT_MS = 30_000;
const GREETING = 'hello over DTLS';

const root = fileURLToPath(new URL('..', import.meta.url));
const examples = join(root, 'examples/dist');
const fixtures = join(root, 'packages/datagram-tls/test/support/fixtures');

const results = [
  ...(await echoExamples(String(await freePort()))),
  await saying('memory-link.js', [
    'DTLSv1.3 with',
    '20 messages sent, some echoed',
    'closed after more datagrams',
  ]),
  await saying(
    'metrics.js',
    [
      'echo of 5 bytes',
      'dtls_handshakes_completed_total{endpoint="echo"} 1',
      'dtls_sessions_ended_total{endpoint="echo",outcome="closed"} 1',
      'dtls_sessions_active{endpoint="echo"} 0',
    ],
    ['server-p256.pem', 'server-p256.key', 'ca.pem'].map((name) => join(fixtures, name)),
  ),
  await saying('ice-gate.js', [
    'before a path is validated: 0 datagrams sent',
    'open: DTLSv1.3',
    'hello over a validated path',
    'dropped from other addresses: 1',
  ]),
  await saying('load-balancer.js', [
    '6 clients moved, 6 of them are with their server',
    '6 handshakes in all',
    'the servers saw 6 changes of address',
    'by server ID: true, by address: true',
  ]),
  await saying('shared-port.js', ['2 workers on 1 port', '6 clients moved, 6 of them are with their worker']),
  await saying('without-socket.js', ['DTLSv1.3: hello without a socket']),
  await saying('lossy-network.js', [
    'seed 1: DTLSv1.3 in ',
    'seed 3: DTLSv1.2 in ',
    'of 20 messages echoed',
    'the same seed gives the same run',
  ]),
  await saying('webrtc.js', [
    'setup:active: the offerer is the server, DTLSv1.3: hello, from chat',
    'setup:passive: the offerer is the client, DTLSv1.3: hello, from chat',
    'setup:active: the offerer is the server, DTLSv1.2: hello, from chat',
    'setup:passive: the offerer is the client, DTLSv1.2: hello, from chat',
    'before the answer: the handshake waits\nafter the answer: connected',
    'mismatch: local bad_certificate, peer bad_certificate',
  ]),
];

for (const { name, passed } of results) console.log(`${passed ? '✔' : '✖'} ${name}`);
const failures = results
  .filter(({ passed }) => !passed)
  .map(({ name, output }) => ({ name, reason: output || 'it said nothing' }));
console.log(reportOf({ passed: results.length - failures.length, failures, skips: [] }));
process.exitCode = failures.length === 0 ? 0 : 1;

async function echoExamples(port) {
  const at = (name) => join(fixtures, name);
  const server = start([
    join(examples, 'echo-server.js'),
    port,
    at('server-p256.pem'),
    at('server-p256.key'),
  ]);
  const listening = await heard(server, `listening on port ${port}`);
  const client = start([join(examples, 'echo-client.js'), port, at('ca.pem')]);
  const answered = (await heard(client, GREETING)) && (await ended(client)) === 0;
  await stop(server);
  return [
    { name: 'examples/echo-server.js', passed: listening, output: server.output },
    { name: 'examples/echo-client.js', passed: answered, output: client.output },
  ];
}

/** An example that runs by itself: it ends well and says each line. */
async function saying(program, lines, args = []) {
  const run = start([join(examples, program), ...args]);
  const passed = (await ended(run)) === 0 && lines.every((line) => run.output.includes(line));
  return { name: `examples/${program}`, passed, output: run.output };
}

function start(args, cwd = root) {
  const child = spawn(process.execPath, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIME_LIMIT_MS,
  });
  const run = { process: child, output: '' };
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      run.output += data;
    });
  }
  return run;
}

/** Whether the program prints `text` before it ends. */
async function heard(run, text) {
  while (!run.output.includes(text)) {
    if (run.process.exitCode !== null || run.process.signalCode !== null) return false;
    await Promise.race([once(run.process.stdout, 'data'), once(run.process, 'close')]);
  }
  return true;
}

async function stop(run) {
  run.process.kill();
  await ended(run);
}

async function ended({ process: child }) {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
  return child.exitCode;
}
