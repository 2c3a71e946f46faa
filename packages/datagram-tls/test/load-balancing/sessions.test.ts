import assert from 'node:assert/strict';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { suite, type TestContext, test } from 'node:test';
import { type DTLSSession, listen } from '#lib/index.js';
import {
  loadBalancedConnectionIds,
  type RoutableConnectionIds,
  serverIdReader,
} from '#lib/load-balancing.js';
import { client, roundTrip } from '../driver/echo.js';
import { SERVERS } from '../support/identities.js';
import { VERSIONS } from '../support/settings.js';

const KEY = new Uint8Array(16).fill(0x3c);

/** In front of two servers. Clients move, and addresses tell nothing, when `shuffle` is called. */
class Balancer {
  readonly front = createSocket('udp4');
  readonly #read: ReturnType<typeof serverIdReader>;
  readonly #servers: readonly number[];
  readonly #flows = new Map<string, Socket>();
  byAddress = 0;

  constructor(read: ReturnType<typeof serverIdReader>, servers: readonly number[]) {
    this.#read = read;
    this.#servers = servers;
    this.front.on('message', (datagram, from) => this.#forward(datagram, from));
  }

  /** Servers see other ports from now on, and records without an ID go to the wrong one. */
  shuffle(): void {
    for (const flow of this.#flows.values()) flow.close();
    this.#flows.clear();
    this.byAddress = 1;
  }

  close(): void {
    this.front.close();
    for (const flow of this.#flows.values()) flow.close();
  }

  #forward(datagram: Uint8Array, { address, port }: RemoteInfo): void {
    const server = this.#servers[this.#read(datagram).serverId?.[0] ?? this.byAddress] as number;
    const key = `${port} ${server}`;
    const flow = this.#flows.get(key) ?? createSocket('udp4');
    if (!this.#flows.has(key)) flow.on('message', (answer) => this.front.send(answer, port, address));
    this.#flows.set(key, flow);
    flow.send(datagram, server, '127.0.0.1');
  }
}

interface Balanced {
  readonly balancer: Balancer;
  /** Of each server. */
  readonly ids: readonly RoutableConnectionIds[];
  readonly sessions: readonly (readonly DTLSSession[])[];
}

async function twoServers(t: TestContext, key: Uint8Array | undefined): Promise<Balanced> {
  const ids = [0, 1].map((server) =>
    loadBalancedConnectionIds({ serverId: Uint8Array.of(server), nonceLength: 6, key }),
  );
  const sessions: DTLSSession[][] = [[], []];
  const endpoints = ids.map((connectionId, i) =>
    listen(
      (session) => {
        sessions[i]?.push(session);
        session.onmessage = (data) => void session.send(data);
      },
      { host: '127.0.0.1', port: 0, ...SERVERS.p256, connectionId },
    ),
  );
  for (const endpoint of endpoints) t.after(() => endpoint.destroy());
  const read = serverIdReader([
    { serverIdLength: 1, nonceLength: 6, key },
    { configId: 1, serverIdLength: 1, nonceLength: 15, key: KEY },
  ]);
  const balancer = new Balancer(
    read,
    endpoints.map(({ address }) => address?.port ?? 0),
  );
  t.after(() => balancer.close());
  balancer.front.bind(0, '127.0.0.1');
  await once(balancer.front, 'listening');
  return { balancer, ids, sessions };
}

async function connectTo(
  t: TestContext,
  balancer: Balancer,
  version: (typeof VERSIONS)[number],
): Promise<DTLSSession> {
  const session = client(balancer.front.address().port, { minVersion: version, maxVersion: version });
  t.after(() => session.destroy());
  await session.opened;
  return session;
}

for (const version of VERSIONS)
  for (const key of [undefined, KEY])
    suite(`sessions behind a load balancer, ${version}, ${key === undefined ? 'readable' : 'encrypted'} IDs`, () => {
      test('reach their server from any address', async (t) => {
        const { balancer, sessions } = await twoServers(t, key);
        const session = await connectTo(t, balancer, version);
        assert.equal(await roundTrip(session, 'before'), 'before');
        balancer.shuffle();
        assert.equal(await roundTrip(session, 'after'), 'after');
        const migrations = sessions.map((of) => of.map(({ stats }) => stats.migrations));
        assert.deepEqual(migrations, [[1n], []]);
      });

      test('go on when their server makes IDs of another configuration, which new ones have', async (t) => {
        const { balancer, ids, sessions } = await twoServers(t, key);
        const first = await connectTo(t, balancer, version);
        assert.equal(await roundTrip(first, 'before'), 'before');
        ids[0]?.rotate({ configId: 1, serverId: Uint8Array.of(0), nonceLength: 15, key: KEY });
        const second = await connectTo(t, balancer, version);
        assert.equal(await roundTrip(second, 'new'), 'new');
        balancer.shuffle();
        assert.equal(await roundTrip(first, 'one'), 'one');
        assert.equal(await roundTrip(second, 'other'), 'other');
        assert.deepEqual(
          [first, second].map(({ connectionId }) => connectionId?.send.length),
          [8, 17],
        );
        assert.deepEqual(
          sessions.map(({ length }) => length),
          [2, 0],
        );
      });
    });
