import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { DTLSSession } from '#lib/index.js';
import { CA, CLIENTS, SERVERS, UNTRUSTED } from '../support/identities.js';
import { client, echoServer, roundTrip, until } from './echo.js';

/** The next uncaught exception. The test runner does not see it: it would count it as a failure. */
function nextUncaught(): Promise<unknown> {
  const runners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  return new Promise((resolve) => {
    process.once('uncaughtException', (error) => {
      for (const listener of runners) process.on('uncaughtException', listener);
      resolve(error);
    });
  });
}

describe('a session', () => {
  it('a session reports what was negotiated, the same on both sides', async () => {
    const server = echoServer();
    const session = client(server.port);
    assert.deepEqual(session.authorizationError, 'HANDSHAKE_INCOMPLETE');
    assert.equal(session.protocol, undefined);
    const { protocol } = await session.opened;
    const other = server.sessions[0];
    await other?.opened;
    assert.equal(protocol, session.protocol);
    assert.equal(other?.protocol, session.protocol);
    assert.deepEqual(other?.cipher, session.cipher);
    assert.equal(other?.group, session.group);
    assert.equal(session.servername, 'localhost');
    assert.equal(other?.servername, 'localhost');
    assert.equal(session.authorized, true);
    assert.equal(session.authorizationError, undefined);
    assert.equal(session.remoteAddress?.port, server.port);
    assert.equal(
      session.peerX509Certificate?.fingerprint256,
      new X509Certificate(SERVERS.p256.cert).fingerprint256,
    );
    await session.close();
    await server.endpoint.close();
  });

  it('a session exports the same keying material on both sides, different for another label or context', async () => {
    const server = echoServer();
    const session = client(server.port);
    await session.opened;
    const other = server.sessions[0];
    await other?.opened;
    const ours = session.exportKeyingMaterial(60, 'EXTRACTOR-dtls_srtp');
    assert.equal(ours.length, 60);
    assert.deepEqual(other?.exportKeyingMaterial(60, 'EXTRACTOR-dtls_srtp'), ours);
    assert.notDeepEqual(session.exportKeyingMaterial(60, 'EXPERIMENTAL'), ours);
    assert.notDeepEqual(session.exportKeyingMaterial(60, 'EXTRACTOR-dtls_srtp', Uint8Array.of(1)), ours);
    assert.throws(() => session.exportKeyingMaterial(0, 'x'), { code: 'ERR_OUT_OF_RANGE' });
    await session.close();
    assert.throws(() => session.exportKeyingMaterial(1, 'x'), { code: 'ERR_INVALID_STATE' });
    await server.endpoint.close();
  });

  it('a session refuses to send before the handshake, after the end, and more than fits', async () => {
    const server = echoServer();
    const session = client(server.port, { mtu: 400 });
    assert.throws(() => session.send('early'), { code: 'ERR_INVALID_STATE' });
    await session.opened;
    const limit = session.maxMessageSize ?? 0;
    assert.ok(limit > 300 && limit < 400);
    assert.throws(() => session.send(new Uint8Array(limit + 1)), {
      code: 'ERR_OUT_OF_RANGE',
      message: new RegExp(`${limit} byte`),
    });
    // @ts-expect-error -- a number is no message
    assert.throws(() => session.send(7), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.equal(session.send(new Uint8Array(limit)), limit);
    await session.close();
    assert.throws(() => session.send('late'), { code: 'ERR_INVALID_STATE' });
    await server.endpoint.close();
  });

  it('a session rejects opened, calls onerror first and resolves closed when the server is not trusted', async () => {
    const server = echoServer();
    const session = client(server.port, { ca: UNTRUSTED.cert });
    const order: string[] = [];
    session.onerror = () => void order.push('onerror');
    const error = await session.opened.then(
      () => undefined,
      (reason: unknown) => {
        order.push('opened');
        return reason as { code: string; alert: string; message: string };
      },
    );
    await session.closed;
    assert.deepEqual(order, ['onerror', 'opened']);
    assert.equal(error?.code, 'ERR_DTLS_CERTIFICATE');
    assert.equal(error.alert, 'unknown_ca');
    await server.endpoint.close();
  });

  it('a session refuses a certificate for another name', async () => {
    const server = echoServer();
    const session = client(server.port, { servername: 'elsewhere.test' });
    await assert.rejects(session.opened, /HOSTNAME_MISMATCH/);
    await server.endpoint.close();
  });

  it('a session accepts any certificate without rejectUnauthorized, and reports its fault', async () => {
    const server = echoServer();
    const session = client(server.port, { ca: UNTRUSTED.cert, rejectUnauthorized: false });
    await session.opened;
    assert.equal(session.authorized, false);
    assert.equal(session.authorizationError, 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY');
    await session.close();
    await server.endpoint.close();
  });

  it('a session needs neither CA nor name for a pinned certificate, and refuses any other', async () => {
    const server = echoServer();
    const fingerprint = new X509Certificate(SERVERS.p256.cert).fingerprint256;
    const pinned = client(server.port, { ca: undefined, servername: '', pins: [`sha256:${fingerprint}`] });
    await pinned.opened;
    await pinned.close();
    const wrong = client(server.port, { pins: [`sha256:${'00'.repeat(32)}`] });
    await assert.rejects(wrong.opened, { code: 'ERR_DTLS_CERTIFICATE' });
    await server.endpoint.close();
  });

  it('a session shows a client certificate when the server asks for one', async () => {
    const server = echoServer({ requestCert: true, ca: CA });
    const session = client(server.port, CLIENTS.p256);
    await session.opened;
    await roundTrip(session, 'x');
    assert.equal(server.sessions[0]?.authorized, true);
    assert.match(server.sessions[0].peerCertificate ?? '', /^-----BEGIN CERTIFICATE/);
    await session.close();
    // In DTLS 1.3 the client is done before the server can refuse it.
    const anonymous = client(server.port);
    const error = await new Promise<Error & { code?: string }>((resolve) => {
      anonymous.onerror = resolve;
    });
    assert.equal(error.code, 'ERR_DTLS_PEER_ALERT');
    await server.endpoint.close();
  });

  it('a session is an async iterable of messages that ends with it', async () => {
    const server = echoServer();
    const session = client(server.port);
    await session.opened;
    const got: string[] = [];
    const reading = (async () => {
      for await (const message of session) {
        got.push(message.toString());
        if (got.length === 2) void server.endpoint.close();
      }
    })();
    session.send('one');
    session.send('two');
    await reading;
    assert.deepEqual(got.sort(), ['one', 'two']);
    assert.equal(session.destroyed, true);
    await server.endpoint.closed;
  });

  it('a session closes on both sides with close_notify in both directions', async () => {
    const seen: string[] = [];
    const trace = (side: string) => (event: { kind: string; direction: string; description?: string }) => {
      if (event.kind === 'alert') seen.push(`${side} ${event.direction} ${event.description}`);
    };
    const server = echoServer({ trace: trace('server') });
    const session = client(server.port, { trace: trace('client') });
    await session.opened;
    await session.close();
    await server.sessions[0]?.closed;
    // The client does not wait for the server's, but may hear it while its Finished is not acknowledged.
    assert.deepEqual(seen.filter((line) => line !== 'client received close_notify').sort(), [
      'client sent close_notify',
      'server received close_notify',
      'server sent close_notify',
    ]);
    await server.endpoint.close();
  });

  it('a session rejects closed with the error given to destroy', async () => {
    const server = echoServer();
    const session = client(server.port);
    await session.opened;
    const reason = new Error('enough');
    session.destroy(reason);
    await assert.rejects(session.closed, reason);
    await server.endpoint.close();
  });

  it('a session survives a callback that throws: the error is uncaught, the session goes on', async () => {
    const server = echoServer();
    const session = client(server.port);
    await session.opened;
    const uncaught = nextUncaught();
    session.onmessage = () => {
      throw new Error('mine');
    };
    session.send('boom');
    assert.equal(((await uncaught) as Error).message, 'mine');
    assert.equal(await roundTrip(session, 'fine'), 'fine');
    await session.close();
    await server.endpoint.close();
  });

  it('a session gives key log lines with its client random', async () => {
    const server = echoServer();
    const session = client(server.port);
    const lines: string[] = [];
    session.onkeylog = (line) => void lines.push(line);
    await session.opened;
    assert.match(lines[0] ?? '', /^[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]{64,96}$/);
    await session.close();
    await server.endpoint.close();
  });

  it('a session keeps messages that came before the first reader', async () => {
    const server = echoServer();
    const session = client(server.port);
    await session.opened;
    session.send('one');
    session.send('two');
    await until(() => session.stats.messagesReceived === 2n);
    const got: string[] = [];
    session.onmessage = (data) => void got.push(data.toString());
    assert.deepEqual(got, []);
    await until(() => got.length === 2);
    assert.deepEqual(got.sort(), ['one', 'two']);
    await session.close();
    await server.endpoint.close();
  });

  it('a session sends close_notify also when its endpoint is destroyed in a callback', async () => {
    const server = echoServer();
    const session = client(server.port);
    await session.opened;
    session.onmessage = () => session.endpoint.destroy();
    session.send('x');
    await server.sessions[0]?.closed;
    assert.equal(session.destroyed, true);
    await server.endpoint.close();
  });

  it('a session finds its server under any spelling of the address, and its name with a final dot', async () => {
    const server = echoServer({ host: '::' });
    for (const host of ['0:0:0:0:0:0:0:1', '::1', '0.0.0.0']) {
      const session = client(server.port, {}, host);
      await session.opened;
      await session.close();
    }
    const dotted = client(server.port, { servername: 'LocalHost.' });
    await dotted.opened;
    assert.equal(dotted.servername, 'localhost');
    await dotted.close();
    await server.endpoint.close();
  });

  it('a session counts what the system refuses to send, and reports it at once', async () => {
    // The broadcast address of loopback. Our sockets do not enable broadcast.
    const session = client(9, { handshakeTimeout: 0 }, '127.255.255.255');
    const error = await session.opened.catch((reason: unknown) => reason as { code: string; cause?: Error });
    assert.ok('code' in error);
    assert.equal(error.code, 'ERR_DTLS_UNREACHABLE');
    assert.match(error.cause?.message ?? '', /EACCES/);
    assert.ok((session.drops.send_failed ?? 0) > 0);
  });

  it('a session removes its listener from a signal that did not fire', async () => {
    const server = echoServer();
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    const session = client(server.port, { signal });
    await session.opened;
    assert.equal(listeners, 1);
    await session.close();
    await session.endpoint.closed;
    assert.equal(listeners, 0);
    await server.endpoint.close();
  });

  it('a session cannot be constructed', () => {
    // @ts-expect-error -- that is the point
    assert.throws(() => new DTLSSession(), TypeError);
  });
});
