/**
 * Runs the examples as a reader would: the echo server with a certificate of the tests, and the echo client against it. The
 * demo is run by a command of its own. The last line is `N passed, N failed, N skipped`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const TIME_LIMIT_MS = 30_000;
const PORT = String(20_000 + (process.pid % 20_000));

const examples = fileURLToPath(new URL('../examples/dist/', import.meta.url));
const fixtures = fileURLToPath(new URL('../packages/datagram-tls/test/support/fixtures/', import.meta.url));

const server = start('echo-server.js', PORT, `${fixtures}server-p256.pem`, `${fixtures}server-p256.key`);
const results = new Map();
results.set('echo-server.js', await heard(server, `listening on port ${PORT}`));
const client = start('echo-client.js', PORT, `${fixtures}ca.pem`);
const answered = await heard(client, 'hello over DTLS');
results.set('echo-client.js', answered && (await ended(client)) === 0);
server.process.kill();
await ended(server);

for (const [program, passed] of results) console.log(`${passed ? '✔' : '✖'} examples/${program}`);
const failed = [...results.values()].filter((passed) => !passed).length;
if (failed > 0) console.log(`server:\n${server.output}\nclient:\n${client.output}`);
console.log(`\n${results.size - failed} passed, ${failed} failed, 0 skipped`);
process.exitCode = failed === 0 ? 0 : 1;

function start(program, ...args) {
  const child = spawn(process.execPath, [examples + program, ...args], {
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

/** Whether the program says `text` before it ends. */
async function heard(run, text) {
  while (!run.output.includes(text)) {
    if (run.process.exitCode !== null || run.process.signalCode !== null) return false;
    await Promise.race([once(run.process.stdout, 'data'), once(run.process, 'close')]);
  }
  return true;
}

async function ended({ process: child }) {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
  return child.exitCode;
}
