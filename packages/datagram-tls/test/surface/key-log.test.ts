// Key log lines are strings.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { DTLSSession } from '#lib/index.js';
import { client, echoServer, roundTrip, until } from '../driver/echo.js';
import { CA } from '../support/identities.js';
import { VERSIONS } from '../support/settings.js';
import { Rig } from './callback-rig.js';

suite('the key log of a session', () => {
  for (const [version, labels] of [
    ['DTLSv1.2', ['CLIENT_RANDOM']],
    ['DTLSv1.3', ['CLIENT_HANDSHAKE_TRAFFIC_SECRET', 'SERVER_HANDSHAKE_TRAFFIC_SECRET', 'EXPORTER_SECRET']],
  ] as const) {
    test(`${version}: lines are strings without a newline, the same on both sides`, async (t) => {
      const server = echoServer();
      t.after(() => server.endpoint.destroy());
      const session = client(server.port, { minVersion: version, maxVersion: version });
      const lines: unknown[] = [];
      session.onkeylog = (line) => void lines.push(line);
      await session.opened;
      for (const line of lines) {
        assert.ok(typeof line === 'string');
        assert.match(line, /^[A-Z0-9_]+ [0-9a-f]{64} [0-9a-f]{64,96}$/);
      }
      const seen = (lines as string[]).map((line) => line.split(' ', 1)[0]);
      for (const label of labels) assert.ok(seen.includes(label), `${label} in ${seen.join()}`);
      await session.close();
    });
  }

  for (const version of VERSIONS)
    for (const role of ['client', 'server'] as const)
      test(`${version}: a handler of a ${role} that throws is not called again, and its error is not heard twice`, async (t) => {
        let calls = 0;
        const throwing = (): void => {
          throw new Error(`call ${++calls}`);
        };
        const heard: string[] = [];
        const both = { minVersion: version, maxVersion: version };
        const listenTo = (session: DTLSSession): void => {
          session.onkeylog = throwing;
          session.onerror = ({ message }) => void heard.push(message);
        };
        const rig = new Rig({
          server: both,
          client: { ca: CA, servername: 'localhost', ...both },
          ...(role === 'client' ? { onClient: listenTo } : { onServer: listenTo }),
        });
        t.after(() => rig.endpoint.destroy());
        const session = rig.connect();
        await until(() => heard.length > 0);
        session.destroy();
        for (let i = 0; i < 5; i++) await new Promise(setImmediate);
        assert.deepEqual([heard, calls], [['call 1'], 1]);
      });

  test('a handler of a server that is set after the handshake gets the secrets of later keys', async (t) => {
    const server = echoServer({ minVersion: 'DTLSv1.3' });
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    await session.opened;
    await roundTrip(session, 'open');
    const lines: string[] = [];
    const [theirs = assert.fail()] = server.sessions;
    theirs.onkeylog = (line) => void lines.push(line);
    session.updateKeys();
    await until(() => lines.length > 0);
    assert.match(lines[0] ?? '', /^CLIENT_TRAFFIC_SECRET_1 /);
    await session.close();
  });

  test('a session without a listener gives no lines, and one that is cleared no more', async (t) => {
    const server = echoServer();
    t.after(() => server.endpoint.destroy());
    const session = client(server.port);
    let lines = 0;
    session.onkeylog = () => lines++;
    session.onkeylog = null;
    assert.equal(session.onkeylog, undefined);
    await session.opened;
    assert.equal(lines, 0);
    await session.close();
  });
});
