import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TraceEvent, Version } from '#lib/index.js';
import { client, echoServer, roundTrip } from './echo.js';

const VERSIONS: readonly Version[] = ['DTLSv1.2', 'DTLSv1.3'];

for (const version of VERSIONS) {
  describe(`a session of ${version}`, () => {
    const only = { minVersion: version, maxVersion: version };

    it(`${version} echoes, exports the same on both sides, and closes`, async () => {
      const server = echoServer(only);
      const session = client(server.port, only);
      assert.deepEqual(await session.opened, { protocol: version });
      assert.equal(await roundTrip(session, 'hello'), 'hello');
      const other = server.sessions[0];
      assert.equal(session.cipher?.version, version);
      assert.deepEqual(
        session.exportKeyingMaterial(40, 'EXPORTER-x'),
        other?.exportKeyingMaterial(40, 'EXPORTER-x'),
      );
      await session.close();
      await other?.closed;
      await server.endpoint.close();
    });

    it(`${version} is chosen when the other side supports nothing newer`, async () => {
      const server = echoServer(only);
      const session = client(server.port, { maxVersion: 'DTLSv1.3' });
      assert.deepEqual(await session.opened, { protocol: version });
      await session.close();
      await server.endpoint.close();
      const liberal = echoServer({ maxVersion: 'DTLSv1.3' });
      const strict = client(liberal.port, only);
      assert.deepEqual(await strict.opened, { protocol: version });
      await strict.close();
      await liberal.endpoint.close();
    });
  });
}

describe('a session of DTLS 1.3', () => {
  const only = { minVersion: 'DTLSv1.3', maxVersion: 'DTLSv1.3' } as const;

  it('DTLS 1.3 updates the keys of both directions on request, and echoes under the new ones', async () => {
    const events: TraceEvent[] = [];
    const server = echoServer(only);
    const session = client(server.port, { ...only, trace: (event) => void events.push(event) });
    await session.opened;
    session.updateKeys({ requestPeer: true });
    assert.equal(await roundTrip(session, 'before or after'), 'before or after');
    const updates = (): unknown[] =>
      events.flatMap((e) => (e.kind === 'key-update' ? [`${e.direction} ${e.epoch}`] : []));
    for (let tries = 0; updates().length < 2 && tries < 50; tries++)
      await roundTrip(session, `message ${tries}`);
    assert.deepEqual(updates().sort(), ['received 4', 'sent 4']);
    await session.close();
    await server.endpoint.close();
  });

  it('DTLS 1.3 sends after the peer has closed its direction, with allowHalfOpen', async () => {
    const server = echoServer({ ...only, allowHalfOpen: true });
    const session = client(server.port, { ...only, allowHalfOpen: true });
    await session.opened;
    const other = server.sessions[0];
    assert.ok(other);
    await other.opened;
    const ended = new Promise<void>((resolve) => {
      session.onend = () => {
        resolve();
      };
    });
    const last = new Promise<string>((resolve) => {
      other.onmessage = (data) => {
        resolve(new TextDecoder().decode(data));
      };
    });
    await other.writable.close();
    await ended;
    session.send('one more');
    assert.equal(await last, 'one more');
    await session.close();
    await other.closed;
    await server.endpoint.close();
  });
});

it('DTLS 1.2 refuses to update keys', async () => {
  const server = echoServer({ maxVersion: 'DTLSv1.2' });
  const session = client(server.port);
  await session.opened;
  assert.throws(() => session.updateKeys(), { code: 'ERR_INVALID_STATE' });
  await session.close();
  await server.endpoint.close();
});
