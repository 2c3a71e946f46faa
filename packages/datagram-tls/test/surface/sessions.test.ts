// Saved sessions as node:dtls has them.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { connect, type DTLSSession } from '#lib/index.js';
import { client, echoServer } from '../driver/echo.js';
import { CA } from '../support/identities.js';

async function saved(session: DTLSSession): Promise<Buffer> {
  const value = await new Promise<Buffer>((resolve) => {
    session.onsession = resolve;
  });
  await session.opened;
  assert.deepEqual(session.session, value);
  await session.close();
  return value;
}

suite('a saved session', () => {
  for (const version of ['DTLSv1.2', 'DTLSv1.3'] as const) {
    test(`${version}: is resumed by the same server, and reused says so`, async (t) => {
      const server = echoServer();
      t.after(() => server.endpoint.destroy());
      const only = { minVersion: version, maxVersion: version };
      const first = client(server.port, only);
      assert.equal(first.reused, false);
      const session = await saved(first);
      const second = client(server.port, { ...only, session });
      await second.opened;
      assert.equal(second.reused, true);
      assert.equal(second.authorized, true);
      await second.close();
      assert.equal(second.reused, false, 'after the end');
    });
  }

  test('of another server leads to a full handshake', async (t) => {
    const servers = [echoServer(), echoServer()] as const;
    t.after(() => {
      for (const { endpoint } of servers) endpoint.destroy();
    });
    const session = await saved(client(servers[0].port));
    const other = client(servers[1].port, { session });
    await other.opened;
    assert.equal(other.reused, false);
    await other.close();
  });

  test('is resumed by servers that share ticketKeys', async (t) => {
    const ticketKeys = Buffer.alloc(80, 7);
    const servers = [echoServer({ ticketKeys }), echoServer({ ticketKeys })] as const;
    t.after(() => {
      for (const { endpoint } of servers) endpoint.destroy();
    });
    const session = await saved(client(servers[0].port));
    const other = client(servers[1].port, { session });
    await other.opened;
    assert.equal(other.reused, true);
    await other.close();
  });

  test('is refused for another name, by both names, before anything is sent', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = await saved(client(server.port));
    assert.throws(() => connect('127.0.0.1', server.port, { ca: CA, servername: 'other.example', session }), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /'localhost'.*'other\.example'/,
    });
    assert.throws(() => connect('127.0.0.1', server.port, { ca: CA, session }), {
      code: 'ERR_INVALID_ARG_VALUE',
    });
  });

  test('of something else is refused', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = await saved(client(server.port));
    for (const [value, code] of [
      ['text', 'ERR_INVALID_ARG_TYPE'],
      [5, 'ERR_INVALID_ARG_TYPE'],
      [null, 'ERR_INVALID_ARG_TYPE'],
      [Buffer.alloc(0), 'ERR_INVALID_ARG_VALUE'],
      [Buffer.from('something else'), 'ERR_INVALID_ARG_VALUE'],
      [session.subarray(0, 40), 'ERR_INVALID_ARG_VALUE'],
      [session.subarray(0, session.length - 1), 'ERR_INVALID_ARG_VALUE'],
    ] as const)
      assert.throws(() => client(server.port, { session: value as never }), {
        code,
        message: /options\.session/,
      });
  });
});
