// 10,000 sessions, opened, used and closed: what remains of them, and whether the counters add up.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import {
  type ConnectOptions,
  connect,
  type DTLSEndpoint,
  type DTLSSession,
  type ListenOptions,
  listen,
  type TransportListenOptions,
} from '#lib/index.js';
import type { Version } from '#lib/wire/codes.js';
import { MemoryNetwork, type MemoryTransport } from '../driver/memory-link.js';
import { collectGarbage } from '../support/garbage.js';
import { CA, SERVERS } from '../support/identities.js';
import { casesOf, LONG } from '../support/long.js';
import { Random } from '../support/random.js';
import { VERSIONS } from '../support/settings.js';

const SESSIONS = casesOf(10_000);
/** Before memory is measured: until caches are full and code is compiled. */
const WARM_UP = casesOf(4000);
/** Sessions at a time. */
const AT_ONCE = 20;

const key = Buffer.alloc(32, 7);
const PSK_SERVER = { psk: { device: key } };
const PSK_CLIENT = { psk: { identity: 'device', key } };
/** Mostly with pre-shared keys alone, the cheapest handshakes; some with certificates, in both versions. */
const CLIENTS: readonly ConnectOptions[] = [
  ...Array.from({ length: 9 }, (_, i) => ({ ...PSK_CLIENT, pskModes: ['psk_ke' as const], ...only(i) })),
  { ca: CA, servername: 'localhost', ...only(0) },
  ...Array.from({ length: 9 }, (_, i) => ({ ...PSK_CLIENT, pskModes: ['psk_ke' as const], ...only(i) })),
  { ca: CA, servername: 'localhost', ...only(1) },
];

function only(i: number): { minVersion: Version; maxVersion: Version } {
  const version = VERSIONS[i % VERSIONS.length] ?? assert.fail();
  return { minVersion: version, maxVersion: version };
}

/** The uses of a session, in turn. Each sends one message, and gets it back. */
const USES = {
  async handler(session: DTLSSession) {
    const echo = new Promise<Buffer>((resolve) => {
      session.onmessage = resolve;
    });
    await session.opened;
    session.send('message');
    assert.equal((await echo).toString(), 'message');
    await session.close();
  },
  async loop(session: DTLSSession) {
    await session.opened;
    session.send('message');
    for await (const message of session) {
      assert.equal(message.toString(), 'message');
      break;
    }
    await session.closed;
  },
  async streams(session: DTLSSession) {
    const writer = session.writable.getWriter();
    await writer.write('message');
    const { value } = await session.readable.getReader().read();
    assert.equal(value?.toString(), 'message');
    await writer.close();
  },
  async destroy(session: DTLSSession) {
    await session.opened;
    await session.drained;
    session.send('message');
    for await (const _ of session) session.destroy();
  },
} as const;

/** Runs `count` sessions, some at a time. */
async function useSessions(count: number, port: number): Promise<void> {
  const uses = Object.values(USES);
  let begun = 0;
  const one = async (): Promise<void> => {
    while (begun < count) {
      const i = begun++;
      const session = connect('127.0.0.1', port, CLIENTS[i % CLIENTS.length]);
      // The use changes when every client had one, so that each client has every use.
      await (uses[(i + Math.floor(i / CLIENTS.length)) % uses.length] ?? assert.fail())(session);
      await session.endpoint.closed;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

/** Bytes of the heap, after everything that nobody holds is collected. */
async function heap(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    for (let turns = 0; turns < 10; turns++) await turn();
    collectGarbage();
    least = Math.min(least, process.memoryUsage().heapUsed);
  }
  return least;
}

function echoes(options: ListenOptions | TransportListenOptions): DTLSEndpoint {
  return listen((session) => {
    session.onmessage = (data) => void session.send(data);
  }, options);
}

suite(`${SESSIONS} sessions, opened, used and closed`, () => {
  test('all of them are counted, and the heap grows by less than 5 %', async (t) => {
    const pskModes = ['psk_ke', 'psk_dhe_ke'] as const;
    const endpoint = echoes({ host: '127.0.0.1', port: 0, ...SERVERS.p256, ...PSK_SERVER, pskModes });
    const port = endpoint.address?.port ?? 0;
    await useSessions(WARM_UP, port);
    const before = await heap();
    await useSessions(SESSIONS, port);
    const grown = (await heap()) - before;
    t.diagnostic(`${grown} bytes more than the ${before} before`);
    // In the short form code is still compiled, which grows with the number of sessions until then.
    if (LONG) assert.ok(grown < before * 0.05, `${grown} bytes more than the ${before} before`);

    const { stats } = endpoint;
    const all = BigInt(WARM_UP + SESSIONS);
    assert.deepEqual([stats.serverSessions, stats.handshakesCompleted], [all, all]);
    await endpoint.close();
    assert.deepEqual([stats.sessionsEnded, stats.sessionsFailed], [all, 0n]);
    assert.deepEqual([stats.bytesHeld, stats.bytesQueued], [0n, 0n]);
  });
});

/** A link that loses some of the datagrams, and counts them. */
class LossyLink {
  readonly #network = new MemoryNetwork();
  readonly #random: Random;
  readonly #loss: number;
  lost = 0;
  /** For a transport that was closed. */
  late = 0;

  constructor(loss: number, seed: number) {
    this.#random = new Random(seed);
    this.#loss = loss;
  }

  transport(address: string): MemoryTransport {
    const transport = this.#network.transport(address);
    const send = transport.send.bind(transport);
    transport.send = (data, to) => {
      if (!this.#random.chance(this.#loss)) return send(data, to);
      this.lost++;
      return undefined;
    };
    const deliver = transport.deliver.bind(transport);
    transport.deliver = (data, from) => {
      if (transport.onmessage === null) this.late++;
      else deliver(data, from);
    };
    return transport;
  }
}

for (const version of VERSIONS) {
  suite(`counters add up, ${version}`, () => {
    const versions = { minVersion: version, maxVersion: version };

    test('each datagram that was sent was received, or was lost by the network', async () => {
      const seed = Date.now() % 2 ** 31;
      const link = new LossyLink(0.1, seed);
      const retransmission = { initial: 20, max: 50 };
      const transport = link.transport('server');
      const endpoint = echoes({ transport, ...PSK_SERVER, ...versions, retransmission });
      let sent = 0n;
      let received = 0n;
      for (let i = 0; i < 50; i++) {
        const options = {
          transport: link.transport(`client ${i}`),
          ...PSK_CLIENT,
          ...versions,
          retransmission,
        };
        const session = connect('server', 1, options);
        await session.opened;
        for (let messages = 0; messages < 20; messages++) session.send(`message ${messages}`);
        for (let turns = 0; turns < 5; turns++) await turn();
        await session.close();
        await session.endpoint.closed;
        const { stats } = session.endpoint;
        assert.deepEqual(
          [stats.clientSessions, stats.handshakesCompleted, stats.sessionsEnded],
          [1n, 1n, 1n],
        );
        sent += stats.packetsSent;
        received += stats.packetsReceived;
      }
      await endpoint.close();
      for (let turns = 0; turns < 5; turns++) await turn();
      const { stats } = endpoint;
      assert.deepEqual([stats.serverSessions, stats.sessionsEnded], [50n, 50n]);
      assert.equal(
        sent + stats.packetsSent,
        received + stats.packetsReceived + BigInt(link.lost + link.late),
        `seed ${seed}`,
      );
    });

    test('each message was sent or refused, and each that was sent was read or dropped', async () => {
      const calls = 3000;
      const network = new MemoryNetwork();
      const serving = connectionOf(network, versions);
      const session = connect('server', 1, {
        transport: network.transport('client'),
        ...PSK_CLIENT,
        ...versions,
      });
      await session.opened;
      const served = await serving;
      for (let i = 0; i < calls; i++) session.send(Buffer.alloc(1000));
      await session.drained;
      for (let turns = 0; turns < 10; turns++) await turn();
      let read = 0;
      served.onmessage = () => {
        read++;
      };
      for (let turns = 0; turns < 600; turns++) await turn();
      const { stats } = session;
      const refused = stats.drops.send_queue_full ?? 0n;
      assert.ok(refused > 0n);
      assert.equal(stats.messagesSent + refused, BigInt(calls));
      assert.equal(served.stats.messagesReceived, stats.messagesSent);
      const slow = served.stats.drops.slow_reader ?? 0n;
      assert.ok(slow > 0n);
      assert.equal(BigInt(read) + slow, stats.messagesSent);
      assert.equal(served.endpoint.stats.drops.slow_reader, slow);
      session.destroy();
      served.endpoint.destroy();
    });
  });
}

/** The first session of a server whose application reads late. */
async function connectionOf(network: MemoryNetwork, versions: object): Promise<DTLSSession> {
  return await new Promise((resolve) => {
    listen(resolve, {
      transport: network.transport('server'),
      maxUnreadBytes: 20_000,
      ...PSK_SERVER,
      ...versions,
    });
  });
}
