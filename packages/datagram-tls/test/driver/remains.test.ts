import assert from 'node:assert/strict';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Connection } from '#lib/connection/connection.js';
import { type DTLSSession, sessionControl } from '#lib/driver/session.js';
import { collectGarbage } from '../support/garbage.js';
import { VERSIONS } from '../support/settings.js';
import { client, type EchoServer, echoServer, roundTrip } from './echo.js';

/** Full collections, each after a turn of the event loop. They must free every unreferenced object. */
const TRIES = 20;

const ENDS = {
  'was closed by the client': (session: DTLSSession) => session.close(),
  'was closed by the server': (session: DTLSSession, { sessions }: EchoServer) =>
    Promise.all([sessions[0]?.close(), session.closed]),
  'was destroyed on both sides': (session: DTLSSession, { sessions }: EchoServer) => {
    session.destroy();
    sessions[0]?.destroy();
  },
} as const;

/** Of every session since {@link watch}; nothing else here holds a connection. */
let connections = new WeakMap<DTLSSession, WeakRef<Connection>>();
const { attach } = sessionControl;

/** From now on it is noted which connection a session has. */
function watch(): void {
  connections = new WeakMap();
  sessionControl.attach = (session, port, entry) => {
    connections.set(session, new WeakRef(entry.connection));
    attach(session, port, entry);
  };
}

/** Whether the connection of `session` is still in memory. What a turn has looked at lives until its end. */
async function isHeld(session: DTLSSession | undefined): Promise<boolean> {
  const connection = connections.get(session ?? assert.fail()) ?? assert.fail();
  for (let i = 0; i < TRIES; i++) {
    await turn();
    collectGarbage();
    if (connection.deref() === undefined) return false;
  }
  return true;
}

for (const version of VERSIONS) {
  suite(`the connection of a session whose handlers the application keeps, ${version}`, () => {
    beforeEach(watch);
    afterEach(() => {
      sessionControl.attach = attach;
    });

    for (const [how, end] of Object.entries(ENDS)) {
      test(`either side releases its connection when the session ${how}`, async (t) => {
        const server = echoServer({ minVersion: version, maxVersion: version });
        t.after(() => server.endpoint.destroy());
        const session = client(server.port);
        await session.opened;
        await roundTrip(session, 'one message');
        const [other] = server.sessions;
        await end(session, server);
        await other?.closed;
        const held = { client: await isHeld(session), server: await isHeld(other) };
        assert.deepEqual(held, { client: false, server: false });
        for (const side of [session, other]) {
          assert.ok(side?.onmessage !== undefined);
          assert.ok(side.stats.messagesReceived >= 1n);
        }
      });
    }

    test('the connection is held while the session is open', async (t) => {
      const server = echoServer({ minVersion: version, maxVersion: version });
      t.after(() => server.endpoint.destroy());
      const session = client(server.port);
      await session.opened;
      await roundTrip(session, 'one message');
      const held = { client: await isHeld(session), server: await isHeld(server.sessions[0]) };
      assert.deepEqual(held, { client: true, server: true });
      await session.close();
    });
  });
}
