import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dtls, pinOf, start, startServer } from './running.js';

const PATIENCE = { timeout: 60_000 };

// Siege case A9.
test('a full server tells in one line that it refused a client, from where and why', PATIENCE, async (t) => {
  const server = await startServer(t, ['--max-sessions', '1']);
  const pin = await pinOf(server);
  const first = start(t, ['client', server.address, '--pin', pin]);
  first.stdin.write('first\n');
  await first.shows('stdout', /Echo: first\n/);
  const second = await dtls(['client', server.address, '--pin', pin, '--handshake-timeout', '1500']);
  assert.equal(second.code, 1);
  const { stderr } = await server.process.interrupt();
  const lines = stderr.split('\n').filter((line) => line.includes('refused'));
  assert.equal(lines.length, 1, 'the second ClientHello comes within ten seconds');
  assert.match(lines[0] ?? '', /^dtls: refused 1 ClientHello: max_sessions, the last from 127\.0\.0\.1:\d+$/);
});

test('a session that is silent for --idle-timeout ends, and the server says why', PATIENCE, async (t) => {
  const server = await startServer(t, ['--idle-timeout', '300']);
  const client = start(t, ['client', server.address, '--pin', await pinOf(server)]);
  client.stdin.write('once\n');
  await client.shows('stdout', /Echo: once\n/);
  await server.process.shows('stderr', /session failed: .*silent for 300 ms/);
});
