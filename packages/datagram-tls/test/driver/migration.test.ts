import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { suite, type TestContext, test } from 'node:test';
import type { AddressChange, DTLSEndpoint, DTLSSession, ListenOptions } from '#lib/index.js';
import { VERSIONS } from '../support/settings.js';
import { client, roundTrip, server as serverFor, until } from './echo.js';
import { type Nat, openNat } from './nat.js';

interface Moving {
  readonly nat: Nat;
  readonly session: DTLSSession;
  readonly other: DTLSSession;
  readonly endpoint: DTLSEndpoint;
}

/** A session through a NAT, and its other end. */
async function behindNat(t: TestContext, options: Partial<ListenOptions>): Promise<Moving> {
  const echo = serverFor(t, { connectionId: true, ...options });
  const nat = await openNat(echo.port);
  t.after(() => nat.close());
  const session = client(nat.port);
  t.after(() => session.destroy());
  await session.opened;
  const [other] = echo.sessions;
  assert.ok(other);
  await other.opened;
  assert.equal(await roundTrip(session, 'before'), 'before');
  return { nat, session, other, endpoint: echo.endpoint };
}

for (const version of VERSIONS) {
  const only = { minVersion: version, maxVersion: version };

  suite(`a client whose NAT gives it another port, ${version}`, () => {
    test('goes on, and the server hears of it', async (t) => {
      const { nat, session, other } = await behindNat(t, only);
      const changes: AddressChange[] = [];
      other.onmigrate = (change) => void changes.push(change);
      const published: unknown[] = [];
      const listener = (message: unknown) => void published.push(message);
      subscribe('datagram-tls.session.migrate', listener);
      t.after(() => unsubscribe('datagram-tls.session.migrate', listener));
      const before = other.remoteAddress;
      await nat.rebind();
      assert.equal(await roundTrip(session, 'after'), 'after');
      await until(() => changes.length === 2);
      assert.notEqual(other.remoteAddress?.port, before?.port);
      const [first, second] = changes;
      assert.deepEqual(first, { from: before, to: other.remoteAddress, validated: false });
      assert.deepEqual(second, { from: before, to: other.remoteAddress, validated: true });
      assert.equal(published.length, 2);
      assert.equal(other.stats.migrations, 1n);
      assert.equal(session.connectionId?.send.length, 8);
      assert.deepEqual(session.connectionId.send, other.connectionId?.receive);
      assert.equal(session.connectionId.receive.length, 0);
    });

    test('stays where it was for a server that refuses', async (t) => {
      const { nat, session, other } = await behindNat(t, { ...only, returnRoutability: 'never' });
      const before = other.remoteAddress;
      let asked = 0;
      other.onmigrate = ({ validated }) => {
        if (!validated) asked++;
        return Promise.resolve(false);
      };
      await nat.rebind();
      session.send('after');
      await until(() => asked === 1 && other.remoteAddress?.port === before?.port);
      assert.equal(other.destroyed, false);
    });

    test('gets all that it asks for from a server that vouches for it', async (t) => {
      const { nat, session, other } = await behindNat(t, { ...only, returnRoutability: 'never' });
      other.onmigrate = () => true;
      other.onmessage = () => {
        for (let i = 0; i < 30; i++) other.send(Buffer.alloc(500));
      };
      let received = 0;
      session.onmessage = (data) => {
        received += data.length;
      };
      await nat.rebind();
      await until(
        () => received >= 15_000,
        () => {
          if (received === 0) session.send('more');
        },
      );
    });

    test('whose new address does not answer is counted, for its session and for the endpoint, after its end too', async (t) => {
      const { nat, session, other, endpoint } = await behindNat(t, only);
      const before = other.remoteAddress;
      await nat.rebind();
      nat.deafen();
      session.send('after');
      await until(() => other.stats.migrationsFailed === 1n);
      assert.deepEqual(other.remoteAddress, before);
      const { stats } = endpoint;
      assert.deepEqual([other.stats.migrations, stats.migrations, stats.migrationsFailed], [1n, 1n, 1n]);
      other.destroy();
      assert.deepEqual([stats.migrations, stats.migrationsFailed], [1n, 1n]);
    });

    test('ends with the error of a handler that throws, or answers nonsense', async (t) => {
      for (const handler of [() => assert.fail('mine'), () => 'yes' as never]) {
        const { nat, session, other } = await behindNat(t, only);
        let heard: Error | undefined;
        other.onerror = (error) => {
          heard = error;
        };
        other.onmigrate = handler;
        await nat.rebind();
        session.send('after');
        await until(() => heard !== undefined && other.destroyed);
        assert.match(String(heard?.message), /mine|session\.onmigrate must answer true, false or undefined/);
      }
    });
  });
}

/** Records with a connection ID of eight bytes, in DTLS 1.2 and 1.3. */
const STRAYS = {
  'DTLSv1.2': Uint8Array.of(
    25,
    254,
    253,
    0,
    1,
    0,
    0,
    0,
    0,
    0,
    1,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    0,
    20,
    ...new Uint8Array(20),
  ),
  'DTLSv1.3': Uint8Array.of(0x3f, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 0, 20, ...new Uint8Array(20)),
};

for (const version of VERSIONS)
  test(`a datagram with a connection ID that no session has is counted and told, ${version}`, async (t) => {
    const { endpoint, port } = serverFor(t, { connectionId: true });
    const told: unknown[] = [];
    const listener = (message: unknown): void => void told.push(message);
    subscribe('datagram-tls.endpoint.drop', listener);
    t.after(() => unsubscribe('datagram-tls.endpoint.drop', listener));
    const nat = await openNat(port);
    t.after(() => nat.close());
    nat.inject(STRAYS[version]);
    await until(() => endpoint.stats.unknownConnectionIds > 0n);
    const { unknownConnectionIds, drops, serverRejectedCount } = endpoint.stats;
    assert.deepEqual([unknownConnectionIds, serverRejectedCount], [1n, 0n]);
    assert.deepEqual(drops, { unknown_connection_id: 1n });
    assert.deepEqual(told, [{ endpoint, reason: 'unknown_connection_id', count: 1 }]);
  });
