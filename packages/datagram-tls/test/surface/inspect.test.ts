// What console.log shows.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { inspect } from 'node:util';
import { createSecureContext, listen } from '#lib/index.js';
import { client, echoServer } from '../driver/echo.js';
import { SERVERS } from '../support/identities.js';

suite('util.inspect', () => {
  test('of a session shows its state, peer and parameters', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    assert.match(inspect(session), /^DTLSSession \{\s+state: 'handshaking'/);
    await session.opened;
    const shown = inspect(session);
    for (const part of [
      "state: 'open'",
      `remoteAddress: '127.0.0.1:${server.port}'`,
      "servername: 'localhost'",
      "protocol: 'DTLSv1.3'",
      "cipher: 'TLS_AES_128_GCM_SHA256'",
      'authorized: true',
    ])
      assert.ok(shown.includes(part), `${part} in ${shown}`);
    await session.close();
    assert.match(inspect(session), /state: 'closed'/);
    assert.match(inspect(session), /remoteAddress/);
  });

  test('of a session that failed shows why', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port, { servername: 'other.example' });
    await session.closed;
    assert.match(inspect(session), /error: '.+'/);
  });

  test('of an endpoint shows its address, state and number of sessions', async () => {
    const endpoint = listen(() => undefined, { host: '127.0.0.1', port: 0, ...SERVERS.p256 });
    const shown = inspect(endpoint);
    assert.match(shown, /^DTLSEndpoint \{/);
    for (const part of [
      "state: 'listening'",
      `address: '127.0.0.1:${endpoint.address?.port}'`,
      'sessions: 0',
      'busy: false',
    ])
      assert.ok(shown.includes(part), `${part} in ${shown}`);
    await endpoint.close();
    assert.match(inspect(endpoint), /state: 'closed'/);
  });

  test('of a context shows what it is for, and no secret', () => {
    const key = Buffer.from('a very secret key');
    const context = createSecureContext({
      isServer: true,
      ...SERVERS.p256,
      psk: { lamp: key },
      alpn: ['coap'],
    });
    const shown = inspect(context, { depth: null, showHidden: true });
    assert.match(shown, /^DTLSSecureContext \{\s+isServer: true/);
    assert.match(shown, /versions: \[ 'DTLSv1.3', 'DTLSv1.2'/);
    assert.match(shown, /certificates: 1/);
    assert.match(shown, /psk: true/);
    for (const secret of ['secret', key.toString('hex'), 'PRIVATE']) assert.ok(!shown.includes(secret));
  });

  test('of an object that holds one is short', () => {
    const context = createSecureContext();
    assert.equal(inspect({ context }, { depth: 0 }), '{ context: [DTLSSecureContext] }');
  });
});
