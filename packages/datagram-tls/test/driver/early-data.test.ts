import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { suite, test } from 'node:test';
import { type DTLSSession, type ListenOptions, listen } from '#lib/index.js';
import { SERVERS } from '../support/identities.js';
import { client, type EchoServer, echoServer, saved, until } from './echo.js';

const VERSION = { minVersion: 'DTLSv1.3' } as const;

interface Early {
  readonly text: string;
  /** Before its handshake was done. */
  readonly before: boolean;
  readonly session: DTLSSession;
}

/** A server that answers early data at once. */
function earlyServer(options: Partial<ListenOptions> = {}): EchoServer & { readonly early: Early[] } {
  const early: Early[] = [];
  const server = echoServer({
    maxEarlyData: 2000,
    onearlydata: (data, session) => {
      early.push({ text: textOf(data), before: session.protocol === undefined, session });
      session.send(`early ${textOf(data)}`);
    },
    ...options,
  });
  return { ...server, early };
}

const textOf = (data: Uint8Array): string => data.toString();

/** The next `count` messages of `session`. */
async function messagesOf(session: DTLSSession, count: number): Promise<string[]> {
  const messages: string[] = [];
  for await (const message of session) {
    messages.push(textOf(message));
    if (messages.length === count) break;
  }
  return messages;
}

suite('early data over sockets', () => {
  test('early data is received and answered before the handshake is done, by its own callback', async () => {
    const server = earlyServer();
    const ticket = await saved(server.port, VERSION);
    const session = client(server.port, {
      ...VERSION,
      session: ticket,
      earlyData: ['one', Buffer.from('two')],
    });
    assert.equal(session.earlyData, 'offered');
    assert.deepEqual(await messagesOf(session, 2), ['early one', 'early two']);
    assert.equal(session.earlyData, 'accepted');
    assert.deepEqual(
      server.early.map(({ text, before }) => [text, before]),
      [
        ['one', true],
        ['two', true],
      ],
    );
    const { session: theirs } = server.early[0] ?? assert.fail();
    assert.equal(theirs, server.sessions[1]);
    assert.equal(theirs.earlyData, 'accepted');
    assert.equal(server.endpoint.stats.earlyDataAccepted, 1n);
    assert.equal(server.endpoint.stats.earlyDataRefused, 0n);
    await server.endpoint.close();
    assert.deepEqual(server.endpoint.earlyDataRefusals, {});
  });

  test('early data without a session is sent when the handshake is done, before later messages', async () => {
    const server = earlyServer();
    const session = client(server.port, { ...VERSION, earlyData: 'one' });
    assert.equal(session.earlyData, 'refused');
    await session.opened;
    session.send('two');
    assert.deepEqual(await messagesOf(session, 2), ['one', 'two']);
    assert.deepEqual(server.early, []);
    await server.endpoint.close();
  });

  test('early data that fits no datagram is an error at once, and leaves nothing behind', () => {
    const { signal } = new AbortController();
    for (const earlyData of [new Uint8Array(1300), []])
      assert.throws(() => client(9, { signal, earlyData }), { name: /^(Range|Type)Error$/ });
    assert.deepEqual(getEventListeners(signal, 'abort'), []);
  });

  test('a used ticket is not offered again, nor is early data under it', async () => {
    const server = earlyServer();
    const ticket = await saved(server.port, VERSION);
    for (const expected of ['early one', 'one']) {
      const session = client(server.port, { ...VERSION, session: ticket, earlyData: 'one' });
      assert.deepEqual(await messagesOf(session, 1), [expected]);
    }
    await server.endpoint.close();
  });

  test('nodes that share keys use a shared replay guard, which may be asynchronous', async () => {
    const seen = new Set<string>();
    const asked: number[] = [];
    const shared: Partial<ListenOptions> = {
      ticketKeys: Buffer.alloc(80, 9),
      replayGuard: async (digest, expiresInMs) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        asked.push(expiresInMs);
        const key = Buffer.from(digest).toString('hex');
        const isNew = !seen.has(key);
        seen.add(key);
        return isNew;
      },
    };
    const [one, other] = [earlyServer(shared), earlyServer(shared)];
    const session = client(other.port, {
      ...VERSION,
      session: await saved(one.port, VERSION),
      earlyData: 'one',
    });
    assert.deepEqual(await messagesOf(session, 1), ['early one']);
    assert.equal(seen.size, 1);
    assert.ok(
      asked.every((ms) => ms > 0 && ms <= 20_001),
      asked.join(),
    );
    await Promise.all([one.endpoint.close(), other.endpoint.close()]);
  });

  test('early data of a session that was destroyed at once is not reported', async () => {
    const early: unknown[] = [];
    let guarded = 0;
    const options = {
      ticketKeys: Buffer.alloc(80, 9),
      replayGuard: async () => {
        await new Promise((resolve) => setTimeout(resolve, 50));
        return ++guarded > 0;
      },
      maxEarlyData: 2000,
      onearlydata: (data: Uint8Array) => void early.push(data),
    };
    const giver = echoServer(options);
    const session = await saved(giver.port, VERSION);
    const refuse = (theirs: DTLSSession): void => theirs.destroy();
    const refuser = listen(refuse, { host: '127.0.0.1', port: 0, ...SERVERS.p256, ...options });
    const client1 = client(refuser.address?.port ?? 0, { ...VERSION, session, earlyData: ['one', 'two'] });
    client1.opened.catch(() => undefined);
    await until(() => refuser.stats.earlyDataAccepted > 0n);
    assert.equal(guarded, 1);
    assert.equal(refuser.stats.earlyDataAccepted, 1n);
    assert.deepEqual(early, []);
    client1.destroy();
    await Promise.all([giver.endpoint.close(), refuser.close()]);
  });

  test('early data that a guard refuses is counted by its reason, and sent again after the handshake', async () => {
    const server = earlyServer({ ticketKeys: Buffer.alloc(80, 9), replayGuard: () => false });
    const session = client(server.port, {
      ...VERSION,
      session: await saved(server.port, VERSION),
      earlyData: 'one',
    });
    assert.deepEqual(await messagesOf(session, 1), ['one']);
    assert.equal(session.earlyData, 'refused');
    assert.deepEqual(server.endpoint.earlyDataRefusals, { replayed: 1 });
    assert.equal(server.endpoint.stats.earlyDataRefused, 1n);
    await server.endpoint.close();
  });
});
