// The end of sessions and endpoints.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { suite, test } from 'node:test';
import { connect, type DTLSSession } from '#lib/index.js';
import { client, echoServer, roundTrip, until } from '../driver/echo.js';
import { CA } from '../support/identities.js';

/** Forwards datagrams between a client and a server until it is told to be silent. */
async function proxy(port: number): Promise<{ port: number; silence: () => void; close: () => void }> {
  const front = createSocket('udp4');
  const back = createSocket('udp4');
  let from: AddressInfo | undefined;
  let silent = false;
  front.on('message', (data, rinfo) => {
    from = { ...rinfo };
    if (!silent) back.send(data, port, '127.0.0.1');
  });
  back.on('message', (data) => {
    if (!silent && from !== undefined) front.send(data, from.port, from.address);
  });
  for (const socket of [front, back]) {
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
  }
  return {
    port: front.address().port,
    silence: () => {
      silent = true;
    },
    close: () => {
      front.close();
      back.close();
    },
  };
}

suite('close() of a session', () => {
  test('ends it at once: it does not wait for a peer that is silent', async (t) => {
    const server = echoServer();
    const between = await proxy(server.port);
    t.after(() => {
      between.close();
      server.endpoint.destroy();
    });
    const session = client(between.port);
    await session.opened;
    await roundTrip(session, 'hello');
    between.silence();
    const closed = session.close();
    assert.ok(closed instanceof Promise);
    assert.equal(closed, session.closed);
    assert.equal(session.destroyed, true);
    // Only promises pass in between, no time.
    let isClosed = false;
    void closed.then(() => {
      isClosed = true;
    });
    await Promise.resolve();
    await Promise.resolve();
    assert.equal(isClosed, true);
    assert.equal(session.close(), closed);
  });

  test('tells the peer, whose session ends without an error', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    await session.opened;
    await roundTrip(session, 'hello');
    const other = server.sessions[0] as DTLSSession;
    other.onerror = (error) => assert.fail(error);
    await session.close();
    await other.closed;
    assert.equal(other.destroyed, true);
    await session.endpoint.closed;
  });

  test('a client that closes at once lets the server still complete the handshake', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    for (const version of ['DTLSv1.2', 'DTLSv1.3'] as const) {
      const session = client(server.port, { minVersion: version, maxVersion: version });
      await session.opened;
      session.send('last words');
      await session.close();
      const other = server.sessions.at(-1) as DTLSSession;
      await other.opened;
      await other.closed;
      await until(() => session.endpoint.destroyed);
    }
  });

  test('before the handshake opened rejects with ERR_INVALID_STATE', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    for (const end of [
      (session: DTLSSession) => void session.close(),
      (session: DTLSSession) => session.destroy(),
    ]) {
      const session = client(server.port);
      end(session);
      await assert.rejects(session.opened, {
        code: 'ERR_INVALID_STATE',
        message: /Session was closed before the handshake completed/,
      });
      await session.closed;
    }
  });

  test('after it nothing can be sent, and no message arrives', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    await session.opened;
    session.onmessage = () => assert.fail('a message after the end');
    session.send('question');
    await session.close();
    assert.throws(() => session.send('x'), { code: 'ERR_INVALID_STATE', message: /Session is destroyed/ });
    assert.throws(() => session.exportKeyingMaterial(1, 'x'), { code: 'ERR_INVALID_STATE' });
    await session.endpoint.closed;
  });

  test('the endpoint of connect ends with its session', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    await session.opened;
    await roundTrip(session, 'hello');
    await session.close();
    await session.endpoint.closed;
    assert.equal(session.endpoint.destroyed, true);
  });

  test('await using closes sessions and endpoints', async () => {
    const server = echoServer();
    const session = client(server.port);
    await session.opened;
    await session[Symbol.asyncDispose]();
    assert.equal(session.destroyed, true);
    await server.endpoint[Symbol.asyncDispose]();
    assert.equal(server.endpoint.destroyed, true);
  });
});

suite('close() of an endpoint', () => {
  test('closes its sessions, and waits for no silent peer', async () => {
    const server = echoServer();
    const between = await proxy(server.port);
    const session = client(between.port);
    await session.opened;
    await roundTrip(session, 'hello');
    between.silence();
    await server.endpoint.close();
    assert.equal(server.sessions[0]?.destroyed, true);
    assert.equal(server.endpoint.close(), server.endpoint.closed);
    session.destroy();
    between.close();
  });

  test('closes a session before its handshake is done', async (t) => {
    const silent = createSocket('udp4').bind(0, '127.0.0.1');
    await once(silent, 'listening');
    t.after(() => silent.close());
    const session = connect('127.0.0.1', silent.address().port, { ca: CA });
    await session.endpoint.close();
    await assert.rejects(session.opened, { code: 'ERR_INVALID_STATE' });
  });
});
