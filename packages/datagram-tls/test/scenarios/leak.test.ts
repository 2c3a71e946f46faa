// 10,000 sessions, opened, used and closed: what remains of them, and whether the counters add up.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { suite, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  connect,
  type DTLSEndpoint,
  type DTLSSession,
  listen,
  type TransportListenOptions,
} from '#lib/index.js';
import { MemoryNetwork, type MemoryTransport } from '../driver/memory-link.js';
import { casesOf, LONG } from '../support/long.js';
import { Random } from '../support/random.js';
import { VERSIONS } from '../support/settings.js';

const SESSIONS = casesOf(10_000);
/** Each client has each use once. */
const WARM_UP = 80;
/** Of leak-program.ts, which ends by itself, ms: half a minute of a core for each thousand sessions, and much more of a busy one. */
const TIMEOUT = LONG ? 13 * 60_000 : 220_000;
/** See leak-program.ts. */
const UNOPTIMIZED = ['--no-opt', '--no-maglev'];

const key = Buffer.alloc(32, 7);
const PSK_SERVER = { psk: { device: key } };
const PSK_CLIENT = { psk: { identity: 'device', key } };

interface Result {
  readonly before: number;
  readonly after: number;
  readonly stats: Readonly<Record<string, string>>;
}

suite(`${SESSIONS} sessions, opened, used and closed`, () => {
  test('all of them are counted, and the heap grows by less than 5 %', async (t) => {
    const program = fileURLToPath(new URL('leak-program.js', import.meta.url));
    const args = [...UNOPTIMIZED, program, String(WARM_UP), String(SESSIONS)];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: TIMEOUT });
    const { before, after, stats } = JSON.parse(stdout) as Result;
    const grown = `${after - before} bytes more than the ${before} before`;
    t.diagnostic(grown);
    assert.ok(after - before < before * 0.05, grown);
    const all = String(WARM_UP + SESSIONS);
    for (const name of ['serverSessions', 'handshakesCompleted', 'sessionsEnded'])
      assert.equal(stats[name], all, name);
    for (const name of ['sessionsFailed', 'bytesHeld', 'bytesQueued']) assert.equal(stats[name], '0', name);
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

    const ENDS: Readonly<Record<string, (session: DTLSSession) => unknown>> = {
      'the session is closed': (session) => session.close(),
      'the session is destroyed': (session) => session.destroy(),
      'the endpoint is closed': ({ endpoint }) => endpoint.close(),
      'the endpoint is destroyed': ({ endpoint }) => endpoint.destroy(),
    };
    for (const [what, end] of Object.entries(ENDS))
      test(`what waits for the end of the turn is counted where ${what} before that`, async () => {
        const network = new MemoryNetwork();
        const server = echoes({ transport: network.transport('server'), ...PSK_SERVER, ...versions });
        const transport = network.transport('client');
        const session = connect('server', 1, { transport, ...PSK_CLIENT, ...versions });
        await session.opened;
        session.send('message');
        // What a session sends while a datagram is handled leaves at the end of the turn.
        session.onmessage = () => {
          for (let i = 0; i < 3; i++) session.send('more');
          end(session);
        };
        await session.endpoint.closed;
        const { packetsSent, bytesSent } = session.endpoint.stats;
        const bytes = transport.sent.reduce((sum, { length }) => sum + length, 0);
        assert.deepEqual([packetsSent, bytesSent], [BigInt(transport.sent.length), BigInt(bytes)]);
        await server.close();
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

function echoes(options: TransportListenOptions): DTLSEndpoint {
  return listen((session) => {
    session.onmessage = (data) => void session.send(data);
  }, options);
}
