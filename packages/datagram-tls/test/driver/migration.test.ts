import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { suite, type TestContext, test } from 'node:test';
import type { AddressChange, DTLSSession, ListenOptions } from '#lib/index.js';
import { VERSIONS } from '../support/settings.js';
import { client, roundTrip, server as serverFor, until } from './echo.js';
import { type Nat, openNat } from './nat.js';

interface Moving {
  readonly nat: Nat;
  readonly session: DTLSSession;
  readonly other: DTLSSession;
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
  return { nat, session, other };
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
