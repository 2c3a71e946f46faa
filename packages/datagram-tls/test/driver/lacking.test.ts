import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ConnectOptions } from '#lib/index.js';
import { client, echoServer, roundTrip } from './echo.js';

// Siege case E1.

const PEER = fileURLToPath(new URL('lacking-peer.js', import.meta.url));

/** What the runtime of the other side lacks, and all that this side offers. */
const OFFERS: readonly (readonly [what: string, ConnectOptions])[] = [
  ['TLS_AES_128_CCM_SHA256', { ciphers: 'TLS_AES_128_CCM_SHA256' }],
  ['TLS_CHACHA20_POLY1305_SHA256', { ciphers: 'TLS_CHACHA20_POLY1305_SHA256' }],
  ['ECDHE-ECDSA-CHACHA20-POLY1305', { ciphers: 'ECDHE-ECDSA-CHACHA20-POLY1305' }],
  ['ECDHE-ECDSA-AES128-CCM8', { ciphers: 'ECDHE-ECDSA-AES128-CCM8' }],
  ['P-521 in DTLS 1.3', { groups: 'P-521', minVersion: 'DTLSv1.3' }],
  ['P-521 in DTLS 1.2', { groups: 'P-521', maxVersion: 'DTLSv1.2' }],
];

suite('on a runtime that lacks CCM, ChaCha20-Poly1305, P-521 and Ed448', () => {
  test('options that name what is not there are refused with a code each', async () => {
    const lines: string[] = [];
    for await (const line of createInterface(start('configure').stdout)) lines.push(line);
    assert.deepEqual(lines, [
      'ERR_DTLS_UNSUPPORTED_SIGALG',
      'ERR_DTLS_UNSUPPORTED_KEY',
      'ERR_DTLS_UNSUPPORTED_CIPHER',
      'ERR_DTLS_UNSUPPORTED_GROUP',
    ]);
  });

  test('a server with default options refuses clients that offer nothing else, and serves others', async (t) => {
    const server = start('server');
    t.after(() => server.kill());
    const port = Number(await firstLine(server));
    for (const [what, options] of OFFERS) {
      const error = await client(port, options).opened.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      const { code, alert } = error as { code?: string; alert?: string };
      assert.deepEqual([what, code, alert], [what, 'ERR_DTLS_PEER_ALERT', 'handshake_failure']);
    }
    for (const maxVersion of ['DTLSv1.2', 'DTLSv1.3'] as const) {
      const session = client(port, { maxVersion });
      await session.opened;
      assert.equal(await roundTrip(session, 'still here'), 'still here');
      await session.close();
    }
    assert.equal(server.exitCode, null);
    server.kill();
    await once(server, 'close');
  });

  test('a client with default options is refused by servers that take nothing else, and served by others', async () => {
    const choices = [...OFFERS.map(([, options]) => options), { maxVersion: 'DTLSv1.2' as const }, {}];
    const servers = choices.map(({ ciphers, groups, minVersion, maxVersion }) =>
      echoServer({ ciphers, groups, minVersion, maxVersion }),
    );
    const peer = start('client', ...servers.map(({ port }) => String(port)));
    const lines: string[] = [];
    for await (const line of createInterface(peer.stdout)) lines.push(line);
    const refusals = OFFERS.map(() => 'ERR_DTLS_PEER_ALERT');
    assert.deepEqual(lines, [...refusals, 'open DTLSv1.2', 'open DTLSv1.3']);
    for (const { endpoint } of servers) await endpoint.close();
  });
});

function start(...args: string[]): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, [PEER, ...args]);
  child.stderr.pipe(process.stderr);
  return child;
}

async function firstLine({ stdout }: ChildProcessWithoutNullStreams): Promise<string> {
  for await (const line of createInterface(stdout)) return line;
  throw new Error('the peer said nothing');
}
