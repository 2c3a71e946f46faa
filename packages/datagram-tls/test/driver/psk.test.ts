import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type ConnectOptions, connect, type DTLSSession, type ListenOptions, listen } from '#lib/index.js';
import { roundTrip, until } from './echo.js';

const KEY = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');

interface Server {
  readonly port: number;
  readonly sessions: DTLSSession[];
  close(): Promise<void>;
}

function serve(options: Partial<ListenOptions>): Server {
  const sessions: DTLSSession[] = [];
  const onsession = (session: DTLSSession): void => {
    sessions.push(session);
    session.onmessage = (data) => void session.send(data);
  };
  const endpoint = listen(onsession, { host: '127.0.0.1', port: 0, ...options });
  return { port: endpoint.address?.port ?? 0, sessions, close: () => endpoint.close() };
}

async function codeOf(session: DTLSSession | undefined): Promise<unknown> {
  return await session?.opened.then(
    () => undefined,
    (error: unknown) => (error as { code?: string }).code ?? (error as Error).message,
  );
}

suite('pre-shared keys over sockets', () => {
  test('pre-shared keys come from promises on both sides, and the session reports the identity', async () => {
    const psk: ConnectOptions['psk'] = async (hint) => {
      await delay(5);
      return { identity: `client of ${hint ?? 'nobody'}`, key: KEY };
    };
    const server = serve({
      psk: async (identity) => {
        await delay(5);
        return identity === 'client of a server' ? KEY : undefined;
      },
      pskIdentityHint: 'a server',
    });
    // Only DTLS 1.2 has hints.
    const session = connect('127.0.0.1', server.port, { psk, maxVersion: 'DTLSv1.2' });
    await session.opened;
    assert.equal(await roundTrip(session, 'hello'), 'hello');
    assert.equal(session.pskIdentity, 'client of a server');
    assert.ok(session.authorized);
    assert.equal(server.sessions[0]?.pskIdentity, 'client of a server');
    assert.equal(session.peerCertificate, undefined);
    await session.close();
    await server.close();
  });

  test('a pre-shared key that comes after the end of its session is dropped', async () => {
    let answer: ((key: Buffer) => void) | undefined;
    const server = serve({
      psk: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    });
    const session = connect('127.0.0.1', server.port, { psk: { identity: 'x', key: KEY } });
    await until(() => answer !== undefined);
    session.destroy();
    server.sessions[0]?.destroy();
    answer?.(KEY);
    await delay(5);
    await server.close();
    assert.equal(server.sessions[0]?.destroyed, true);
  });

  test('an error of a psk function is the error of the session', async () => {
    const reason = Object.assign(new Error('the database is away'), { code: 'EDATABASE' });
    const rejecting = serve({ psk: () => Promise.reject(reason) });
    const first = connect('127.0.0.1', rejecting.port, { psk: { identity: 'x', key: KEY } });
    assert.equal(await codeOf(first), 'ERR_DTLS_PEER_ALERT');
    assert.equal(await codeOf(rejecting.sessions[0]), 'EDATABASE');
    await rejecting.close();
    const willing = serve({ psk: { x: KEY } });
    const psk = () => {
      throw reason;
    };
    assert.equal(await codeOf(connect('127.0.0.1', willing.port, { psk })), 'EDATABASE');
    await willing.close();
  });
});
