// States that do not fit, and moments in which a session cannot leave.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { DTLSEndpoint, type DTLSSession, type ListenOptions, listen } from '#lib/index.js';
import { CA, CLIENTS } from '../support/identities.js';
import { VERSIONS } from '../support/settings.js';
import { client, type EchoServer, roundTrip, server, until } from './echo.js';

const key = randomBytes(32);

function endpoint(t: TestContext, options: ConstructorParameters<typeof DTLSEndpoint>[0] = {}): DTLSEndpoint {
  const made = new DTLSEndpoint({ bindHost: '127.0.0.1', ...options });
  t.after(() => made.destroy());
  return made;
}

interface Open {
  readonly own: EchoServer;
  /** The client's. */
  readonly ends: DTLSEndpoint;
  readonly session: DTLSSession;
  readonly other: DTLSSession;
}

/** An open session with a server, and the server's side of it. */
async function open(t: TestContext, options: Partial<ListenOptions>): Promise<Open> {
  const own = server(t, options);
  const ends = endpoint(t);
  const session = ends.connect('127.0.0.1', own.port, { ca: CA, servername: 'localhost' });
  await session.opened;
  const other = own.sessions[0] ?? assert.fail();
  await other.opened;
  assert.equal(await roundTrip(session, 'before'), 'before');
  return { own, ends, session, other };
}

for (const version of VERSIONS) {
  const only = { minVersion: version, maxVersion: version };
  describe(`${version}: a state`, () => {
    it('is bytes, and nothing that looks like them', async (t) => {
      const { own, other } = await open(t, only);
      const state = other.export({ key });
      const asJson: unknown = JSON.parse(JSON.stringify(state));
      for (const wrong of [
        asJson,
        state.toString('base64'),
        [...state],
        null,
        undefined,
        Object.fromEntries(state.entries()),
      ])
        assert.throws(() => own.endpoint.import(wrong as Uint8Array, { key }), {
          code: 'ERR_INVALID_ARG_TYPE',
        });
      const view = new DataView(state.buffer, state.byteOffset, state.length);
      assert.equal((await own.endpoint.import(view, { key }).opened).protocol, version);
    });

    it('is not changed by a program that writes to its bytes after the import', async (t) => {
      const { own, session, other } = await open(t, only);
      const state = other.export({ key });
      const moved = own.endpoint.import(state, { key });
      state.fill(0);
      moved.onmessage = (data) => void moved.send(data);
      assert.equal(await roundTrip(session, 'after'), 'after');
    });

    it('leaves a process in the turn in which it came, with the messages that nobody has read', async (t) => {
      const { own, session, other } = await open(t, only);
      other.onmessage = undefined;
      const first = own.endpoint.import(other.export({ key }), { key });
      session.send('unread');
      await until(() => first.stats.messagesReceived > other.stats.messagesReceived);
      const second = own.endpoint.import(first.export({ key }), { key });
      const third = own.endpoint.import(second.export({ key }), { key });
      const read: string[] = [];
      third.onmessage = (data) => void read.push(data.toString());
      await until(() => read.length > 0);
      assert.deepEqual(read, ['unread']);
    });

    it('is taken within a handler, with the messages behind the one at hand', async (t) => {
      const { own, session, other } = await open(t, only);
      const read: string[] = [];
      let moved: DTLSSession | undefined;
      other.onmessage = (data) => {
        read.push(data.toString());
        if (read.length > 1) return;
        moved = own.endpoint.import(other.export({ key }), { key });
        moved.onmessage = (next) => void read.push(`moved ${next.toString()}`);
      };
      session.send('one');
      session.send('two');
      await until(() => read.length === 2);
      assert.deepEqual(read, ['one', 'moved two']);
      assert.equal(moved?.destroyed, false);
    });

    it('is taken within a handler of a new address, whose verdict then says nothing', async (t) => {
      const { own, session, other } = await open(t, { ...only, connectionId: 8 });
      let moved: DTLSSession | undefined;
      other.onmigrate = () => {
        other.onmigrate = undefined;
        moved = own.endpoint.import(other.export({ key }), { key });
        moved.onmessage = (data) => void moved?.send(data);
        return false;
      };
      const state = session.export({ key });
      const next = endpoint(t).import(state, { key });
      assert.equal(await roundTrip(next, 'from another port'), 'from another port');
      assert.equal(moved?.destroyed, false);
      assert.equal(other.destroyed, true);
    });

    it('is taken while a checkpoint is kept, which is then worth nothing', async (t) => {
      const { own, session, other } = await open(t, only);
      const kept: Buffer[] = [];
      let moved: DTLSSession | undefined;
      await other.checkpoint({
        key,
        store: (state) => {
          kept.push(state);
          moved = own.endpoint.import(other.export({ key }), { key });
          moved.onmessage = (data) => void moved?.send(data);
        },
      });
      assert.equal(await roundTrip(session, 'after'), 'after');
      assert.throws(() => own.endpoint.import(kept[0] ?? assert.fail(), { key }), {
        code: 'ERR_DTLS_STATE',
        reason: 'USED',
      });
    });

    it('holds as many unread messages as a session may, and certificates of both sides', async (t) => {
      const own = server(t, { ...only, requestCert: true, ca: CA });
      const ends = endpoint(t);
      const session = ends.connect('127.0.0.1', own.port, {
        ca: CA,
        servername: 'localhost',
        ...CLIENTS.p256,
      });
      await session.opened;
      const message = Buffer.alloc(session.maxMessageSize ?? 0, 7);
      for (let sent = 1; sent <= 200; sent++) {
        for (let tries = 0; session.send(message) === 0 && tries < 100; tries++) await session.drained;
        await until(() => session.stats.messagesReceived >= BigInt(sent));
      }
      const state = session.export({ key });
      assert.ok(state.length > 100 * message.length, `${state.length} bytes`);
      const next = endpoint(t).import(state, { key });
      let read = 0;
      next.onmessage = (data) => {
        assert.deepEqual(data, message);
        read++;
      };
      await until(() => read > 100);
      assert.ok(next.authorized);
    });

    it('is of one session that hibernates as well', async (t) => {
      const { own, session, other } = await open(t, { ...only, hibernateAfter: 0 });
      await until(() => other.hibernate());
      const moved = own.endpoint.import(other.export({ key }), { key });
      moved.onmessage = (data) => void moved.send(data);
      assert.equal(await roundTrip(session, 'after'), 'after');
    });

    it('goes on where fewer sessions, smaller datagrams and no connection IDs are allowed', async (t) => {
      const own = server(t, { ...only, connectionId: 8 });
      const session = endpoint(t, { connectionId: 3 }).connect('127.0.0.1', own.port, {
        ca: CA,
        servername: 'localhost',
      });
      await session.opened;
      const other = own.sessions[0] ?? assert.fail();
      await other.opened;
      const ids = other.connectionId;
      const narrow = server(t, {
        ...only,
        port: 0,
        connectionId: false,
        mtu: 600,
        maxSessions: 1,
        maxSessionsPerHost: 1,
      });
      const state = other.export({ key });
      const moved = narrow.endpoint.import(state, { key });
      assert.deepEqual(moved.connectionId, ids);
      assert.ok((moved.maxMessageSize ?? 0) < 600);
      moved.send('from another port, which the client follows by its ID');
      let heard = '';
      session.onmessage = (data) => {
        heard = data.toString();
      };
      await until(() => heard !== '');
      assert.equal(session.remoteAddress?.port, narrow.port);
    });

    it('is refused with the address of another session, and goes on once that is over', async (t) => {
      const { own, ends, session, other } = await open(t, only);
      const state = other.export({ key });
      const address = session.localAddress?.port ?? 0;
      ends.destroy();
      const again = endpoint(t, { bindPort: address }).connect('127.0.0.1', own.port, {
        ca: CA,
        servername: 'localhost',
      });
      await again.opened;
      assert.throws(() => own.endpoint.import(state, { key }), { code: 'ERR_DTLS_ADDRESS_IN_USE' });
      assert.equal(await roundTrip(again, 'undisturbed'), 'undisturbed');
      await again.close();
      await until(() => [...own.endpoint.sessions].length === 0);
      assert.equal((await own.endpoint.import(state, { key }).opened).protocol, version);
    });

    it('is not there while a session closes, and after that', async (t) => {
      const { other } = await open(t, only);
      void other.close();
      assert.throws(() => other.export({ key }), { code: 'ERR_INVALID_STATE' });
      await other.closed;
      assert.throws(() => other.export({ key }), { code: 'ERR_INVALID_STATE' });
    });

    it('is not there before the handshake is done, which goes on', async (t) => {
      const own = server(t, only);
      const session = client(own.port);
      await until(() => session.remoteAddress !== undefined);
      assert.throws(() => session.export({ key }), { code: 'ERR_INVALID_STATE' });
      await session.opened;
      assert.equal(await roundTrip(session, 'open'), 'open');
    });

    it('is refused by an endpoint whose socket cannot reach its peer, and one that is over', async (t) => {
      const { own, other } = await open(t, only);
      const state = other.export({ key });
      const six = listen(() => undefined, { host: '::1', port: 0, ...only, ...CLIENTS.ed25519 });
      t.after(() => six.destroy());
      await six.opened;
      assert.throws(() => six.import(state, { key }), { code: 'ERR_DTLS_STATE', reason: 'ADDRESS' });
      const over = server(t, only);
      over.endpoint.destroy();
      assert.throws(() => over.endpoint.import(state, { key }), { code: 'ERR_INVALID_STATE' });
      assert.equal((await own.endpoint.import(state, { key }).opened).protocol, version);
    });
  });
}
