// Sessions that hibernate leave no objects in their endpoint. Applications do not notice.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { suite, type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { LiveSession } from '#lib/driver/live-session.js';
import {
  type ConnectOptions,
  connect,
  type DTLSEndpoint,
  type DTLSSession,
  listen,
  type PeerAddress,
  type TransportListenOptions,
} from '#lib/index.js';
import { CA, SERVERS } from '../support/identities.js';
import { VERSIONS } from '../support/settings.js';
import { roundTrip, until } from './echo.js';
import { type Delivery, MemoryNetwork, type MemoryTransport } from './memory-link.js';

const COUNT = 8;
/** More messages than leave in one turn. */
const MANY = 40;
const key = randomBytes(32);

interface Scene {
  readonly endpoint: DTLSEndpoint;
  /** Of the server, by client. */
  readonly sessions: readonly DTLSSession[];
  readonly clients: readonly DTLSSession[];
  /** How many sessions have no entry in the endpoint. */
  readonly dormant: () => number;
  readonly network: MemoryNetwork;
  /** Of the server. */
  readonly transport: MemoryTransport;
  /** Of the clients. */
  readonly links: readonly MemoryTransport[];
}

interface Circumstances {
  readonly delivery?: Delivery;
  /** What `onsession` returns. */
  readonly accept?: (session: DTLSSession) => Promise<void> | undefined;
  readonly ofClients?: Partial<ConnectOptions>;
}

/** An echo server whose clients have an address each. */
async function scene(
  t: TestContext,
  options: Partial<TransportListenOptions>,
  { delivery, accept, ofClients }: Circumstances = {},
): Promise<Scene> {
  const gone = t.mock.method(LiveSession.prototype, 'onDormant');
  const back = t.mock.method(LiveSession.prototype, 'onRecalled');
  const network = new MemoryNetwork(delivery);
  const own = network.transport('server');
  const sessions: DTLSSession[] = [];
  const endpoint = listen(
    (session) => {
      sessions.push(session);
      session.onmessage = (data) => void session.send(data);
      return accept?.(session);
    },
    { ...SERVERS.p256, hibernateAfter: 0, ...options, transport: own },
  );
  const clients: DTLSSession[] = [];
  const links: MemoryTransport[] = [];
  for (let i = 0; i < COUNT; i++) {
    const transport = network.transport(`client ${i}`);
    const client = connect('server', 1, { ca: CA, servername: 'localhost', ...ofClients, transport });
    clients.push(client);
    links.push(transport);
    await client.opened;
    await roundTrip(client, 'hello');
  }
  t.after(() => {
    for (const client of clients) client.destroy();
    endpoint.destroy();
  });
  const dormant = (): number => gone.mock.callCount() - back.mock.callCount();
  return { endpoint, sessions, clients, dormant, network, transport: own, links };
}

async function sleep({ sessions, dormant }: Scene): Promise<void> {
  // Tickets of DTLS 1.3 are to be acknowledged.
  await until(() => sessions.every((session) => session.hibernate()));
  assert.equal(dormant(), COUNT);
}

/** Those but the first one go on, of which the endpoint knows nothing, and all end with it. */
async function goOnWithoutFirst(t: TestContext, made: Scene): Promise<void> {
  const { endpoint, sessions, clients, transport, links } = made;
  const others = sessions.slice(1);
  await until(() => others.every((session) => session.hibernate()));
  assert.equal(endpoint.sessions.size, COUNT - 1);
  assert.equal(endpoint.stats.sessionsHibernating, BigInt(COUNT - 1));
  const recalled = t.mock.method(LiveSession.prototype, 'onRecalled');
  const [link] = links;
  transport.deliver(link?.sent.at(-1) ?? assert.fail(), link?.address);
  assert.equal(endpoint.sessions.get('client 0', 1), undefined);
  for (const [i, client] of clients.slice(1).entries()) assert.equal(await roundTrip(client, `${i}`), `${i}`);
  await until(() => others.every((session) => session.hibernate()));
  await endpoint.close();
  for (const { this: owner, arguments: given } of recalled.mock.calls)
    assert.equal((owner as LiveSession<never>).address?.address, given[0].peer.address);
}

/** `client` is at `address` from now on. */
function move({ network, links }: Scene, index: number, address: PeerAddress): void {
  const link = links[index] ?? assert.fail();
  const there = network.transport(address.address, address.port);
  there.onmessage = (data, from) => link.deliver(data, from);
  link.send = (data, to) => there.send(data, to);
}

/** A session on port 2 that sleeps, and whose application has not given its verdict on that yet. */
async function movedAsleep(t: TestContext, options: Partial<TransportListenOptions>) {
  const ids = { connectionId: 8, returnRoutability: 'never' } as const;
  const made = await scene(t, { ...options, ...ids }, { ofClients: { connectionId: 0 } });
  const session = made.sessions[0] ?? assert.fail();
  const client = made.clients[0] ?? assert.fail();
  const asked = new Promise<(verdict: boolean) => void>((resolve) => {
    session.onmigrate = () => new Promise<boolean>(resolve);
  });
  move(made, 0, { address: 'client 0', port: 2, family: 'other' });
  assert.equal(await roundTrip(client, 'from elsewhere'), 'from elsewhere');
  const judge = await asked;
  session.onmigrate = undefined;
  await sleep(made);
  return { made, session, client, judge };
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

    for (const peer of ['hears of it', 'says nothing more'])
      test(`stay in order when a subscriber of the end of one sends on another, and the peer ${peer}`, async (t) => {
        const made = await scene(t, options);
        await sleep(made);
        const [ended, other] = made.sessions;
        const onEnd = (message: unknown): void => {
          if ((message as { session: unknown }).session === ended) other?.send('one has ended');
        };
        subscribe('datagram-tls.session.end', onEnd);
        t.after(() => unsubscribe('datagram-tls.session.end', onEnd));
        if (peer === 'says nothing more')
          t.mock.method(made.links[0] ?? assert.fail(), 'send', () => undefined);
        ended?.destroy();
        await made.clients[0]?.closed;
        await goOnWithoutFirst(t, made);
      });

    test('stay in order when `onerror` of one sends on another after a late refusal', async (t) => {
      const verdict: { refuse?: (error: Error) => void } = {};
      const accept = (): Promise<void> | undefined =>
        verdict.refuse === undefined ? new Promise((_, reject) => (verdict.refuse = reject)) : undefined;
      const made = await scene(t, options, { accept });
      await sleep(made);
      const [failed, other] = made.sessions;
      const errors: Error[] = [];
      if (failed !== undefined)
        failed.onerror = (error) => {
          errors.push(error);
          other?.send('one has failed');
        };
      const error = new Error('the application failed');
      verdict.refuse?.(error);
      await made.clients[0]?.closed;
      assert.deepEqual(errors, [error]);
      await goOnWithoutFirst(t, made);
    });

    test('are exported while their transport delivers a datagram within `send`', async (t) => {
      const made = await scene(t, options, { delivery: 'at once' });
      await sleep(made);
      const { endpoint, sessions, clients, transport } = made;
      const [exported, answering] = sessions;
      const [moved, asking] = clients;
      const send = transport.send.bind(transport);
      let delivered = 0;
      const deliverWithinSend = (): void => {
        transport.send = (out, to) => {
          transport.send = send;
          delivered++;
          transport.onmessage?.(Uint8Array.of(0), { address: 'someone', port: 9 });
          return send(out, to);
        };
      };
      const exporting = new Promise<Buffer>((resolve, reject) => {
        if (answering === undefined || exported === undefined) return;
        answering.onmessage = (data) => {
          answering.send(data);
          // The answer waits for the end of the turn, and leaves before the state is saved.
          void Promise.resolve()
            .then(deliverWithinSend)
            .then(() => exported.export({ key }))
            .then(resolve, reject);
        };
      });
      asking?.send('go');
      const state = await exporting;
      assert.equal(delivered, 1);
      assert.equal(endpoint.sessions.size, COUNT - 1);
      const back = endpoint.import(state, { key });
      back.onmessage = (data) => void back.send(data);
      assert.equal(await roundTrip(moved ?? assert.fail(), 'moved'), 'moved');
    });

    test('take a late verdict on an address', async (t) => {
      const { session, client, judge } = await movedAsleep(t, options);
      const errors: Error[] = [];
      session.onerror = (error) => void errors.push(error);
      judge(true);
      assert.equal(await roundTrip(client, 'again'), 'again');
      assert.deepEqual([errors, session.destroyed, session.remoteAddress?.port], [[], false, 2]);
    });

    test('take no verdict on an address that they have left since', async (t) => {
      const { made, session, client, judge } = await movedAsleep(t, options);
      move(made, 0, { address: 'client 0', port: 3, family: 'other' });
      assert.equal(await roundTrip(client, 'from a third place'), 'from a third place');
      judge(false);
      await turn();
      assert.equal(session.remoteAddress?.port, 3);
    });

    test('send what waits in order, though they hibernate meanwhile', async (t) => {
      const made = await scene(t, options);
      await sleep(made);
      const session = made.sessions[0] ?? assert.fail();
      const client = made.clients[0] ?? assert.fail();
      const numbers: number[] = [];
      client.onmessage = (data) => void numbers.push(data.readUInt32BE());
      const sendNumber = (number: number): void => {
        const data = Buffer.alloc(1000);
        data.writeUInt32BE(number);
        session.send(data);
      };
      for (let i = 0; i < MANY; i++) sendNumber(i);
      assert.notEqual(session.bufferedAmount, 0);
      assert.equal(session.hibernate(), true);
      assert.notEqual(session.bufferedAmount, 0);
      sendNumber(MANY);
      await until(() => numbers.length > MANY);
      assert.deepEqual(numbers, [...Array(MANY + 1).keys()]);
      await sleep(made);
    });

    test('tell how much waits without an entry', async (t) => {
      const made = await scene(t, options);
      await sleep(made);
      assert.deepEqual(
        made.sessions.map(({ bufferedAmount }) => bufferedAmount),
        Array<number>(COUNT).fill(0),
      );
      assert.equal(made.dormant(), COUNT);
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
