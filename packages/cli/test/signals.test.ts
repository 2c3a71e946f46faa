import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { assertRefused, BIN, dtls, pinOf, start, startServer, startServerProcess } from './running.js';

const PATIENCE = { timeout: 60_000 };

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(
    `${signal} at the server closes its sessions: both see close_notify and exit with 0`,
    PATIENCE,
    async (t) => {
      const server = await startServer(t, ['-v']);
      const client = start(t, ['client', server.address, '-v', '--pin', await pinOf(server)]);
      client.stdin.write('hello\n');
      await client.shows('stdout', /Echo: hello\n/);
      const { code, stderr } = await server.process.interrupt(signal);
      assert.equal(code, 0);
      assert.match(stderr, / sent warning alert close_notify\n/);
      const ended = await client.finished;
      assert.equal(ended.code, 0);
      assert.match(ended.stderr, / received warning alert close_notify\n/);
    },
  );

  test(`${signal} at the client closes its session: the server sees close_notify`, PATIENCE, async (t) => {
    const server = await startServer(t, ['-v']);
    const client = start(t, ['client', server.address, '--pin', await pinOf(server)]);
    client.stdin.write('hello\n');
    await client.shows('stdout', /Echo: hello\n/);
    const { code, stderr } = await client.interrupt(signal);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    await server.process.shows('stderr', / received warning alert close_notify\n/);
  });
}

test('SIGINT while lines are being sent leaves the rest unsent, quietly', PATIENCE, async (t) => {
  const server = await startServer(t);
  const client = start(t, ['client', server.address, '--pin', await pinOf(server)]);
  client.stdin.write('line\n'.repeat(200_000));
  await client.shows('stdout', /Echo: line\n/);
  const { code, stderr } = await client.interrupt();
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
});

test('SIGINT in the middle of a handshake ends the client with 130', PATIENCE, async (t) => {
  const client = start(t, ['client', await silentPeer(t), '-v', '--insecure']);
  await client.shows('stderr', / sent client_hello /);
  assert.equal((await client.interrupt()).code, 130);
});

test('a second SIGINT ends the process at once with 130', PATIENCE, async () => {
  const script = `import { closeOnSignal } from ${JSON.stringify(import.meta.resolve('#lib/signals.js'))};
import { ownTerminal } from ${JSON.stringify(import.meta.resolve('#lib/terminal.js'))};
closeOnSignal(ownTerminal(), () => console.log('closing'));
setInterval(() => {}, 1000);
console.log('ready');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  await once(child.stdout, 'data');
  assert.equal(child.exitCode, null);
  child.kill('SIGINT');
  assert.deepEqual(await once(child, 'close'), [130, null]);
});

test(
  'a peer that never answers: the handshake ends in time with the reason and status 1',
  PATIENCE,
  async (t) => {
    const address = await silentPeer(t);
    assertRefused(
      await dtls(['client', address, '--pin', `sha256:${'00'.repeat(32)}`, '--handshake-timeout', '300']),
      1,
      /handshake with 127\.0\.0\.1:\d+ failed: .*\(ERR_DTLS_\w+\)$/,
    );
  },
);

/** The address of a UDP socket that swallows everything. */
async function silentPeer(t: TestContext): Promise<string> {
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return `127.0.0.1:${socket.address().port}`;
}

test('a client whose server died says so and exits with 1 when answers are missing', PATIENCE, async (t) => {
  // Siege case F3.
  const server = await startServerProcess(t);
  const args = ['client', server.address, '--linger', '200', '--pin', await pinOf(server)];
  const client = start(t, args);
  client.stdin.write('one\n');
  await client.shows('stdout', /Echo: one\n/);
  await server.process.kill();
  client.stdin.end('two\n');
  const { code, stderr } = await client.finished;
  assert.equal(
    stderr,
    `dtls: ${server.address} is gone: it did not answer 1 of the messages, nor close_notify\n`,
  );
  assert.equal(code, 1);
});

test('on a terminal a client reports that it still waits for an answer', {
  ...PATIENCE,
  skip:
    spawnSync('script', ['--version']).error === undefined ? false : 'script (util-linux) is not installed',
}, async (t) => {
  // Siege case F6.
  const command = [process.execPath, BIN, 'client', await silentPeer(t), '--handshake-timeout', '2500'];
  const child = spawn('script', ['-qec', command.join(' '), '/dev/null'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const output = Buffer.concat(await child.stdout.toArray()).toString();
  assert.match(
    output,
    /no answer from 127\.0\.0\.1:\d+ that completes the handshake yet, after 2 s and 1 retransmission\r?\n/,
  );
});
