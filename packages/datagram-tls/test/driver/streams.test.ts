import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Udp } from '#lib/driver/udp.js';
import { type DTLSSession, type ListenOptions, listen } from '#lib/index.js';
import { SERVERS } from '../support/identities.js';
import { VERSIONS } from '../support/settings.js';
import { client, type EchoServer, echoServer, until } from './echo.js';

/** A server that does nothing with its sessions by itself. */
function plainServer(options: Partial<ListenOptions> = {}): EchoServer {
  const sessions: DTLSSession[] = [];
  const onsession = (session: DTLSSession): void => {
    sessions.push(session);
  };
  const endpoint = listen(onsession, { host: '127.0.0.1', port: 0, ...SERVERS.p256, ...options });
  return { endpoint, port: endpoint.address?.port ?? 0, sessions };
}

/** Both ends of an open session. */
async function pair(server: EchoServer, options = {}): Promise<[DTLSSession, DTLSSession]> {
  const session = client(server.port, options);
  await session.opened;
  await until(() => server.sessions.length > 0);
  const served = server.sessions.at(-1) ?? assert.fail();
  await served.opened;
  return [session, served];
}

async function text(reader: ReadableStreamDefaultReader<Buffer>): Promise<string> {
  const { value } = await reader.read();
  return value?.toString() ?? assert.fail('the stream is closed');
}

for (const version of VERSIONS) {
  suite(`the streams of a session, ${version}`, () => {
    const versions = { minVersion: version, maxVersion: version };

    test('chunks are messages, text or bytes, and a server echoes with one pipeTo', async (t) => {
      const server = plainServer(versions);
      t.after(() => server.endpoint.destroy());
      const [session, served] = await pair(server);
      const echoing = served.readable.pipeTo(served.writable);
      const writer = session.writable.getWriter();
      const reader = session.readable.getReader();
      for (const chunk of ['text', new Uint8Array([0x61, 0x62]), '']) {
        await writer.write(chunk);
        const { value } = await reader.read();
        assert.ok(Buffer.isBuffer(value));
        assert.equal(value.toString(), typeof chunk === 'string' ? chunk : 'ab');
      }
      await writer.close();
      assert.equal((await reader.read()).done, true);
      await Promise.all([echoing, session.closed, served.closed]);
    });

    test('writable waits for room instead of dropping', async (t) => {
      const server = plainServer(versions);
      t.after(() => server.endpoint.destroy());
      const [session] = await pair(server, { maxSendQueue: 20_000 });
      const writer = session.writable.getWriter();
      const writes = Array.from({ length: 500 }, () => writer.write(Buffer.alloc(1000)));
      assert.ok((writer.desiredSize ?? 0) < 0);
      await Promise.all(writes);
      assert.deepEqual(session.drops, {});
      assert.equal(session.endpoint.stats.sendQueueDropped, 0n);
      assert.equal(session.stats.messagesSent, 500n);
      await writer.close();
    });

    test('closing writable without half-open sessions closes the session on both sides', async (t) => {
      const server = plainServer(versions);
      t.after(() => server.endpoint.destroy());
      const [session, served] = await pair(server);
      await session.writable.close();
      assert.ok(session.destroyed);
      await served.closed;
    });

    test('the error of a session is that of both streams, after what had arrived', async (t) => {
      const server = plainServer(versions);
      t.after(() => server.endpoint.destroy());
      const [session, served] = await pair(server);
      served.send('first');
      await until(() => session.stats.messagesReceived === 1n);
      const reader = session.readable.getReader();
      const writer = session.writable.getWriter();
      const error = new Error('mine');
      session.destroy(error);
      assert.equal(await text(reader), 'first');
      await Promise.all(
        [reader.read(), reader.closed, writer.closed].map((end) => assert.rejects(end, error)),
      );
      await assert.rejects(writer.write('late'), error);
    });

    test('when the peer closes, readable closes and writable fails', async (t) => {
      const server = plainServer(versions);
      t.after(() => server.endpoint.destroy());
      const [session, served] = await pair(server);
      const reader = session.readable.getReader();
      const writer = session.writable.getWriter();
      await served.close();
      await reader.closed;
      await assert.rejects(writer.closed, { code: 'ERR_INVALID_STATE' });
    });
  });
}

suite('the streams of a session', () => {
  test('what is written before the handshake is done waits for it', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    const reader = session.readable.getReader();
    const written = session.writable.getWriter().write('early bird');
    assert.equal(await text(reader), 'early bird');
    await written;
    await session.close();
  });

  test('a failed handshake fails both streams', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port, { servername: 'another.example' });
    const reader = session.readable.getReader();
    const writer = session.writable.getWriter();
    const failed = { code: 'ERR_DTLS_CERTIFICATE' };
    const ends = [writer.write('never'), writer.closed, reader.read(), reader.closed, session.opened];
    await Promise.all(ends.map((end) => assert.rejects(end, failed)));
  });

  test('the streams of a session that is over have its error, or its end', async (t) => {
    const server = plainServer();
    t.after(() => server.endpoint.destroy());
    const [closed] = await pair(server);
    await closed.close();
    assert.equal((await closed.readable.getReader().read()).done, true);
    await assert.rejects(closed.writable.getWriter().write('late'), { code: 'ERR_INVALID_STATE' });
    const [failed] = await pair(server);
    const error = new Error('mine');
    failed.destroy(error);
    await assert.rejects(failed.readable.getReader().read(), error);
    await assert.rejects(failed.writable.getWriter().write('late'), error);
  });

  test('cancelling readable closes the session', async (t) => {
    const server = plainServer();
    t.after(() => server.endpoint.destroy());
    const [session, served] = await pair(server);
    await session.readable.cancel('enough');
    await Promise.all([session.closed, served.closed]);
  });

  test('aborting writable destroys the session with the reason', async (t) => {
    const server = plainServer();
    t.after(() => server.endpoint.destroy());
    const [session] = await pair(server);
    const reason = new Error('changed my mind');
    await session.writable.abort(reason);
    assert.ok(session.destroyed);
    await assert.rejects(session.closed, reason);
  });

  test('aborting writable with something that is no error destroys the session without one', async (t) => {
    const server = plainServer();
    t.after(() => server.endpoint.destroy());
    const [session] = await pair(server);
    await session.writable.abort('text');
    assert.ok(session.destroyed);
    await session.closed;
  });

  test('aborting writable ends a handshake that goes on', async (t) => {
    const silent = createSocket('udp4').bind(0, '127.0.0.1');
    t.after(() => silent.close());
    await once(silent, 'listening');
    const session = client(silent.address().port, { handshakeTimeout: 0 });
    const reason = new Error('changed my mind');
    await Promise.all([
      session.writable.abort(reason),
      assert.rejects(session.opened, reason),
      assert.rejects(session.closed, reason),
    ]);
  });

  test('aborting writable does not wait for room in the send queue', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port, { maxSendQueue: 10_000 });
    await session.opened;
    t.mock.getter(Udp.prototype, 'queuedBytes', () => 20_000);
    const writer = session.writable.getWriter();
    const writes = Array.from({ length: 20 }, () => writer.write(Buffer.alloc(1000)));
    const written = Promise.allSettled([...writes, writer.closed]);
    for (let i = 0; i < 10; i++) await turn();
    assert.ok(session.stats.messagesSent < 20n);
    await writer.abort(new Error('changed my mind'));
    assert.ok(session.destroyed);
    await written;
  });

  test('a signal that stops a pipe destroys the session that it writes to', async (t) => {
    const server = plainServer();
    t.after(() => server.endpoint.destroy());
    const [session] = await pair(server);
    const controller = new AbortController();
    const source = new ReadableStream<string>({ pull: (to) => to.enqueue('again') });
    const piping = source.pipeTo(session.writable, { signal: controller.signal });
    await until(() => session.stats.messagesSent > 3n);
    controller.abort();
    await assert.rejects(piping, { name: 'AbortError' });
    await assert.rejects(session.closed, { name: 'AbortError' });
  });

  test('a chunk that cannot be sent fails its write, and writable; the session goes on', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    for (const [chunk, code] of [
      [Buffer.alloc(60_000), 'ERR_OUT_OF_RANGE'],
      [42, 'ERR_INVALID_ARG_TYPE'],
    ] as const) {
      const session = client(server.port);
      const writer = session.writable.getWriter();
      const ends = [writer.write(chunk as never), writer.closed];
      await Promise.all(ends.map((end) => assert.rejects(end, { code })));
      const reader = session.readable.getReader();
      session.send('still');
      assert.equal(await text(reader), 'still');
      await session.close();
    }
  });

  test('a slow reader of readable loses the oldest messages, counted', async (t) => {
    const cost = 100 + 512;
    const server = plainServer({ maxUnreadBytes: 5 * cost });
    t.after(() => server.endpoint.destroy());
    const [session, served] = await pair(server);
    const reader = served.readable.getReader();
    let next = 0;
    await until(
      () => served.stats.messagesReceived >= 50n,
      () => void session.send(Buffer.alloc(100, next++)),
    );
    await turn();
    const lost = served.drops.slow_reader ?? 0;
    // One more waits in the stream itself.
    assert.equal(lost, Number(served.stats.messagesReceived) - 6);
    for (let i = 0; i < 6; i++) assert.equal((await reader.read()).value?.length, 100);
    await session.close();
  });

  test('onmessage goes on beside readable', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    const heard: string[] = [];
    session.onmessage = (data) => void heard.push(data.toString());
    const reader = session.readable.getReader();
    await session.opened;
    session.send('both');
    assert.equal(await text(reader), 'both');
    assert.deepEqual(heard, ['both']);
    await session.close();
  });

  test('messages that came before readable was taken are in it', async (t) => {
    const server = plainServer();
    t.after(() => server.endpoint.destroy());
    const [session, served] = await pair(server);
    session.send('early');
    await until(() => served.stats.messagesReceived === 1n);
    assert.equal(await text(served.readable.getReader()), 'early');
    await session.close();
  });

  test('for await and readable exclude each other', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const [streaming, looping] = [client(server.port), client(server.port)];
    assert.ok(streaming.readable);
    assert.throws(() => streaming[Symbol.asyncIterator](), {
      code: 'ERR_INVALID_STATE',
      message: /readable/,
    });
    looping[Symbol.asyncIterator]();
    assert.throws(() => looping.readable, { code: 'ERR_INVALID_STATE', message: /for await/ });
    await Promise.all([streaming.close(), looping.close()]);
  });

  test('each stream of a session is one object', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    assert.equal(session.readable, session.readable);
    assert.equal(session.writable, session.writable);
    await session.close();
  });
});

// Case D6.
test('for await over a session throws the error of a failed session, and ends with one that closes', async (t) => {
  const server = plainServer();
  t.after(() => server.endpoint.destroy());
  const failing = client(server.port, { servername: 'another.example' });
  await assert.rejects(failing[Symbol.asyncIterator]().next(), { code: 'ERR_DTLS_CERTIFICATE' });
  const [session, served] = await pair(server);
  const ended = session[Symbol.asyncIterator]().next();
  await served.close();
  assert.equal((await ended).done, true);
});

suite('a session that is half closed, DTLSv1.3', () => {
  const halfOpen = { allowHalfOpen: true, minVersion: 'DTLSv1.3', maxVersion: 'DTLSv1.3' } as const;

  test('closing writable ends our direction only, and the peer may answer for as long as it likes', async (t) => {
    const server = plainServer(halfOpen);
    t.after(() => server.endpoint.destroy());
    const [session, served] = await pair(server, halfOpen);
    const ended = new Promise<void>((resolve) => {
      served.onend = () => resolve();
    });
    await session.writable.close();
    await ended;
    assert.ok(!session.destroyed && !served.destroyed);
    assert.throws(() => session.send('after the end'), { code: 'ERR_INVALID_STATE' });
    const reader = session.readable.getReader();
    served.send('a late answer');
    assert.equal(await text(reader), 'a late answer');
    await served.writable.close();
    assert.equal((await reader.read()).done, true);
    await Promise.all([session.closed, served.closed]);
  });

  test('close ends a session whose peer does not close its direction', async (t) => {
    const server = plainServer(halfOpen);
    t.after(() => server.endpoint.destroy());
    const [session] = await pair(server, halfOpen);
    await session.writable.close();
    assert.ok(!session.destroyed);
    await session.close();
    assert.ok(session.destroyed);
  });

  test('readable closes when the peer closes its direction, and writable goes on', async (t) => {
    const server = plainServer(halfOpen);
    t.after(() => server.endpoint.destroy());
    const [session, served] = await pair(server, halfOpen);
    const reader = session.readable.getReader();
    await served.writable.close();
    assert.equal((await reader.read()).done, true);
    const writer = session.writable.getWriter();
    await writer.write('an answer');
    assert.equal(await text(served.readable.getReader()), 'an answer');
    await writer.close();
    await Promise.all([session.closed, served.closed]);
  });
});
