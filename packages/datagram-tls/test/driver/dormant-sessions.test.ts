// Issue "Connections that survive", e: sessions that hibernate leave no objects in their endpoint. Applications do not notice.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, type TestContext, test } from 'node:test';
import { LiveSession } from '#lib/driver/live-session.js';
import {
  connect,
  type DTLSEndpoint,
  type DTLSSession,
  listen,
  type TransportListenOptions,
} from '#lib/index.js';
import { CA, SERVERS } from '../support/identities.js';
import { VERSIONS } from '../support/settings.js';
import { roundTrip, until } from './echo.js';
import { MemoryNetwork } from './memory-link.js';

const COUNT = 8;
const key = randomBytes(32);

interface Scene {
  readonly endpoint: DTLSEndpoint;
  /** Of the server, by client. */
  readonly sessions: readonly DTLSSession[];
  readonly clients: readonly DTLSSession[];
  /** How many sessions have no entry in the endpoint. */
  readonly dormant: () => number;
}

/** An echo server whose clients have an address each. */
async function scene(t: TestContext, options: Partial<TransportListenOptions>): Promise<Scene> {
  const gone = t.mock.method(LiveSession.prototype, 'onDormant');
  const back = t.mock.method(LiveSession.prototype, 'onRecalled');
  const network = new MemoryNetwork();
  const sessions: DTLSSession[] = [];
  const endpoint = listen(
    (session) => {
      sessions.push(session);
      session.onmessage = (data) => void session.send(data);
    },
    { ...SERVERS.p256, hibernateAfter: 0, ...options, transport: network.transport('server') },
  );
  const clients: DTLSSession[] = [];
  for (let i = 0; i < COUNT; i++) {
    const transport = network.transport(`client ${i}`);
    const client = connect('server', 1, { ca: CA, servername: 'localhost', transport });
    clients.push(client);
    await client.opened;
    await roundTrip(client, 'hello');
  }
  t.after(async () => {
    for (const client of clients) client.destroy();
    await endpoint.close();
  });
  return { endpoint, sessions, clients, dormant: () => gone.mock.callCount() - back.mock.callCount() };
}

async function sleep({ sessions, dormant }: Scene): Promise<void> {
  // Tickets of DTLS 1.3 are to be acknowledged.
  await until(() => sessions.every((session) => session.hibernate()));
  assert.equal(dormant(), COUNT);
}

for (const version of VERSIONS) {
  const options = { minVersion: version, maxVersion: version };
  suite(`${version}: sessions that hibernate`, () => {
    test('are the same objects when they wake, with their handlers', async (t) => {
      const made = await scene(t, options);
      const { sessions, clients, endpoint, dormant } = made;
      const held = [...endpoint.sessions];
      for (let round = 0; round < 2; round++) {
        await sleep(made);
        assert.equal(endpoint.stats.sessionsHibernating, BigInt(COUNT));
        for (const [i, client] of clients.entries())
          assert.equal(await roundTrip(client, `${round}.${i}`), `${round}.${i}`);
        assert.equal(dormant(), 0);
        assert.deepEqual([...endpoint.sessions], held);
      }
      for (const [i, session] of sessions.entries())
        assert.equal(endpoint.sessions.get(`client ${i}`, 1), session);
    });

    test('show the same, and stay as they are', async (t) => {
      const made = await scene(t, options);
      const look = (session: DTLSSession): unknown => ({
        remote: session.remoteAddress,
        local: session.localAddress,
        protocol: session.protocol,
        cipher: session.cipher,
        size: session.maxMessageSize,
        early: session.earlyData,
        drops: session.drops,
        messages: session.stats.messagesReceived,
        destroyed: session.destroyed,
        ids: session.connectionId,
        material: session.exportKeyingMaterial(20, 'EXPORTER-x'),
      });
      const awake = made.sessions.map(look);
      await sleep(made);
      assert.deepEqual(made.sessions.map(look), awake);
      assert.equal(made.dormant(), COUNT);
    });

    test('send, close, end and are exported as others', async (t) => {
      const made = await scene(t, options);
      const { sessions, clients, endpoint } = made;
      await sleep(made);
      const [sender, closer, destroyed, exported] = sessions;
      const [receiver, closedClient, other, moved] = clients;
      const told = new Promise<string>((resolve) => {
        if (receiver !== undefined) receiver.onmessage = (data) => resolve(data.toString());
      });
      assert.equal(sender?.send('wake up'), 7);
      assert.equal(await told, 'wake up');
      await closer?.close();
      await closedClient?.closed;
      destroyed?.destroy();
      await other?.closed;
      assert.equal(endpoint.sessions.size, COUNT - 2);
      const state = exported?.export({ key }) ?? assert.fail();
      assert.equal(endpoint.sessions.size, COUNT - 3);
      const back = endpoint.import(state, { key });
      back.onmessage = (data) => void back.send(data);
      assert.equal(await roundTrip(moved ?? assert.fail(), 'moved'), 'moved');
      assert.equal(back.hibernate(), true);
      assert.equal(await roundTrip(moved ?? assert.fail(), 'again'), 'again');
    });

    test('end with their endpoint', async (t) => {
      const made = await scene(t, options);
      await sleep(made);
      await made.endpoint.close();
      await Promise.all(made.clients.map(({ closed }) => closed));
      for (const [i, session] of made.sessions.entries()) {
        assert.ok(session.destroyed);
        assert.equal(session.remoteAddress?.address, `client ${i}`);
        assert.equal(session.stats.messagesReceived, 1n);
      }
      assert.equal(made.endpoint.sessions.size, 0);
    });
  });
}
