import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import {
  BIN,
  dtls,
  NO_IPV6,
  pinOf,
  start,
  startProcess,
  startServer,
  startServerProcess,
} from './running.js';

const NO_FULL = existsSync('/dev/full') ? false : 'this system has no /dev/full';
const PATIENCE = { timeout: 60_000 };

test(
  'piped lines come back with "Echo: " before them, and nothing else is on standard output',
  PATIENCE,
  async (t) => {
    const server = await startServer(t);
    const client = await dtls(['client', server.address, '--pin', await pinOf(server)], 'one\n\nthree\n');
    assert.deepEqual(client, { code: 0, stdout: 'Echo: one\nEcho: \nEcho: three\n', stderr: '' });
    const { code, stdout } = await server.process.interrupt();
    assert.deepEqual({ code, stdout }, { code: 0, stdout: '' });
  },
);

test('a last line without newline is sent as it is', PATIENCE, async (t) => {
  const server = await startServer(t);
  const { stdout } = await dtls(['client', server.address, '--pin', await pinOf(server)], 'one\ntwo');
  assert.equal(stdout, 'Echo: one\nEcho: two');
});

test('input without lines opens and closes a session', PATIENCE, async (t) => {
  const server = await startServer(t, ['-v']);
  const { code, stdout } = await dtls(['client', server.address, '--pin', await pinOf(server)]);
  assert.deepEqual({ code, stdout }, { code: 0, stdout: '' });
  await server.process.shows('stderr', / received warning alert close_notify\n/);
});

test('a line is sent when it is complete, before the input ends', PATIENCE, async (t) => {
  const server = await startServer(t);
  const client = start(t, ['client', server.address, '--pin', await pinOf(server)]);
  client.stdin.write('first\nsec');
  await client.shows('stdout', /^Echo: first\n$/);
  client.stdin.write('ond\n');
  await client.shows('stdout', /^Echo: first\nEcho: second\n$/);
  client.stdin.end();
  assert.equal((await client.finished).code, 0);
});

test('more lines than a receive buffer holds all come back', PATIENCE, async (t) => {
  const server = await startServer(t);
  const lines = Array.from({ length: 2000 }, (_, n) => `line ${n}\n`);
  const { stdout } = await dtls(['client', server.address, '--pin', await pinOf(server)], lines.join(''));
  assert.equal(stdout, lines.map((line) => `Echo: ${line}`).join(''));
});

test('an IPv6 address in brackets is a target', { ...PATIENCE, skip: NO_IPV6 }, async (t) => {
  const server = await startServer(t, [], '[::1]');
  await server.process.shows('stderr', /dtls client \[::1\]:\d+ --pin sha256:/);
  const { code, stdout } = await dtls(['client', server.address, '--pin', await pinOf(server)], 'six\n');
  assert.deepEqual({ code, stdout }, { code: 0, stdout: 'Echo: six\n' });
});

test('a host name is a target', PATIENCE, async (t) => {
  const server = await startServer(t, [], 'localhost');
  const { code, stdout } = await dtls(['client', server.address, '--pin', await pinOf(server)], 'name\n');
  assert.deepEqual({ code, stdout }, { code: 0, stdout: 'Echo: name\n' });
});

test('a server on all addresses prints a command with an address that reaches it', PATIENCE, async (t) => {
  const server = await startServer(t, [], '0.0.0.0');
  const [, command = ''] = await server.process.shows('stderr', /\n.*(client 127\.0\.0\.1:\d+ --pin .*)\n/);
  assert.equal((await dtls(command.split(' '), 'any\n')).stdout, 'Echo: any\n');
});

test(
  'a line too long for a datagram is reported with the limit and left out; the status is 1',
  PATIENCE,
  async (t) => {
    const server = await startServer(t);
    const input = `short\n${'x'.repeat(70_000)}\nafter\n`;
    const client = await dtls(
      ['client', server.address, '--mtu', '500', '--pin', await pinOf(server)],
      input,
    );
    assert.equal(client.stdout, 'Echo: short\nEcho: after\n');
    assert.match(
      client.stderr,
      /^dtls: line 2 not sent: 70001 bytes, and one datagram holds at most 4\d\d \(see --mtu\)\n$/,
    );
    assert.equal(client.code, 1);
  },
);

test(
  'an echo that no longer fits a datagram is reported by the server, which goes on',
  PATIENCE,
  async (t) => {
    const server = await startServer(t, ['--mtu', '500']);
    const pin = await pinOf(server);
    const input = `${'x'.repeat(600)}\nok\n`;
    const client = await dtls(['client', server.address, '--linger', '200', '--pin', pin], input);
    assert.deepEqual(client, { code: 0, stdout: 'Echo: ok\n', stderr: '' });
    await server.process.shows('stderr', / echo not sent: .*607 bytes.* 4\d\d byte.*\(ERR_OUT_OF_RANGE\)\n/);
  },
);

test('a reader that stops ends the client quietly', PATIENCE, async (t) => {
  const server = await startServerProcess(t);
  const client = startProcess(t, ['client', server.address, '--pin', await pinOf(server)]);
  client.child.stdin.write('one\n');
  await client.shows('stdout', /^Echo: one\n$/);
  client.child.stdout.destroy();
  client.child.stdin.write('two\n');
  const { code, stderr } = await client.finished;
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
});

test('standard output that cannot be written to: the code, status 1', {
  ...PATIENCE,
  skip: NO_FULL,
}, async (t) => {
  const server = await startServerProcess(t);
  const script = 'printf "one\\n" | "$@" > /dev/full';
  const command = [process.execPath, BIN, 'client', server.address, '--pin', await pinOf(server)];
  const { status, stderr } = spawnSync('sh', ['-c', script, 'sh', ...command], { encoding: 'utf8' });
  assert.equal(stderr, 'dtls: cannot write to standard output: no space left on device (ENOSPC)\n');
  assert.equal(status, 1);
});

test('many clients at once are served by one server', PATIENCE, async (t) => {
  const server = await startServer(t);
  const pin = await pinOf(server);
  const names = ['a', 'b', 'c', 'd', 'e'];
  const clients = names.map((name) => dtls(['client', server.address, '--pin', pin], `${name}\n`));
  assert.deepEqual(
    (await Promise.all(clients)).map(({ stdout }) => stdout),
    names.map((name) => `Echo: ${name}\n`),
  );
});
