import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { after, suite, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { client, type EchoServer, echoServer, roundTrip } from './echo.js';

const KEY = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
const PSK = { psk: { client: KEY }, cookies: 'under-load' } as const;
const OPENSSL = spawnSync('openssl', ['version']).status === 0 ? {} : { skip: 'there is no openssl' };

suite("cookies: 'under-load'", () => {
  const servers: EchoServer[] = [];
  after(async () => {
    for (const { endpoint } of servers) await endpoint.close();
  });

  function served(): EchoServer {
    const server = echoServer(PSK);
    servers.push(server);
    return server;
  }

  for (const version of ['DTLSv1.2', 'DTLSv1.3'] as const) {
    test(`a client of this library is served without a cookie, ${version}`, async () => {
      const server = served();
      const session = client(server.port, {
        psk: { identity: 'client', key: KEY },
        groups: 'x25519',
        minVersion: version,
        maxVersion: version,
      });
      try {
        await session.opened;
        assert.equal(await roundTrip(session, 'hello'), 'hello');
        const { handshakesWithoutCookie, cookiesSent, serverSessions } = server.endpoint.stats;
        assert.deepEqual([handshakesWithoutCookie, cookiesSent, serverSessions], [1n, 0n, 1n]);
      } finally {
        session.destroy();
      }
    });
  }

  test('openssl s_client is served without a cookie, and its messages are answered', OPENSSL, async () => {
    const server = served();
    const peer = spawn(
      'openssl',
      [
        ...['s_client', '-dtls1_2', '-quiet', '-connect', `127.0.0.1:${server.port}`],
        ...['-psk_identity', 'client', '-psk', KEY.toString('hex'), '-cipher', 'PSK-AES128-GCM-SHA256'],
      ],
      { stdio: ['pipe', 'pipe', 'ignore'] },
    );
    try {
      const answer = once(peer.stdout, 'data') as Promise<[Buffer]>;
      peer.stdin.write('hello\n');
      const [data] = await Promise.race([
        answer,
        wait(20_000, undefined, { ref: false }).then(() => assert.fail('no answer')),
      ]);
      assert.equal(data.toString(), 'hello\n');
      const { handshakesWithoutCookie, cookiesSent } = server.endpoint.stats;
      assert.deepEqual([handshakesWithoutCookie, cookiesSent], [1n, 0n]);
    } finally {
      peer.kill();
    }
  });
});
