import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DTLSEndpoint, Refusal } from 'datagram-tls';
import { reportRefusals } from '#lib/refusals.js';
import type { Report } from '#lib/report.js';
import { dtls, pinOf, start, startServer } from './running.js';

const PATIENCE = { timeout: 60_000 };

// Siege case A9.
test(
  'a full server reports in one line that it refused a client, with address and reason',
  PATIENCE,
  async (t) => {
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
    assert.match(
      lines[0] ?? '',
      /^dtls: refused 1 ClientHello: max_sessions, the last from 127\.0\.0\.1:\d+$/,
    );
  },
);

test('a session that is silent for --idle-timeout ends, and the server says why', PATIENCE, async (t) => {
  const server = await startServer(t, ['--idle-timeout', '300']);
  const client = start(t, ['client', server.address, '--pin', await pinOf(server)]);
  client.stdin.write('once\n');
  await client.shows('stdout', /Echo: once\n/);
  await server.process.shows('stderr', /session failed: .*silent for 300 ms/);
});

for (const [cookies, asks] of [
  ['always', true],
  ['under-load', false],
] as const) {
  test(
    `dtls server --cookies ${cookies} asks a client for ${asks ? 'a' : 'no'} cookie`,
    PATIENCE,
    async (t) => {
      const server = await startServer(t, ['--cookies', cookies]);
      // With other groups first the server would ask for another key share. In DTLS 1.2 its flight is too large without a cookie.
      const args = ['--min-version', 'DTLSv1.3', '--groups', 'x25519:P-256', '-v'];
      const client = start(t, ['client', server.address, '--pin', await pinOf(server), ...args]);
      client.stdin.end('hello\n');
      const { code, stdout, stderr } = await client.finished;
      assert.deepEqual([code, stdout], [0, 'Echo: hello\n']);
      assert.equal(/received hello_retry_request/.test(stderr), asks);
    },
  );
}

test('dtls server refuses --cookies with any other word, and names those that there are', async () => {
  const { code, stderr } = await dtls(['server', '127.0.0.1:0', '--cookies', 'sometimes']);
  assert.equal(code, 2);
  assert.match(stderr, /--cookies must be one of always, under-load/);
});

// Siege case A9.
test('many refusals give one line at once and one more ten seconds later', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const lines: string[] = [];
  const stats = { serverRefusedCount: 0n };
  const endpoint: { stats: typeof stats; onrefused?: (refusal: Refusal) => void } = { stats };
  const report = { say: (line: string) => lines.push(line) };
  reportRefusals(endpoint as unknown as DTLSEndpoint, report as unknown as Report);
  const refusal = { peer: { address: '192.0.2.1', port: 7, family: 'IPv4' }, reason: 'max_sessions' };
  for (let i = 0; i < 1000; i++) {
    stats.serverRefusedCount++;
    endpoint.onrefused?.(refusal as Refusal);
  }
  const end = 'max_sessions, the last from 192.0.2.1:7';
  const first = `refused 1 ClientHello: ${end}`;
  assert.deepEqual(lines, [first]);
  t.mock.timers.tick(9999);
  assert.deepEqual(lines, [first]);
  t.mock.timers.tick(1);
  const second = `refused 999 ClientHellos in the last 10 s: ${end}`;
  assert.deepEqual(lines, [first, second]);
  t.mock.timers.tick(60_000);
  assert.deepEqual(lines, [first, second], 'no client was refused since');
});
