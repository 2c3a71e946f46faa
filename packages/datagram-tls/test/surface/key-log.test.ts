// D1: key log lines are strings.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { client, echoServer } from '../driver/echo.js';

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
