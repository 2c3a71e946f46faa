import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { PartialProvider } from '#lib/crypto/layered-provider.js';
import { nodeProvider } from '#lib/crypto/node.js';
import {
  connect,
  type DatagramSource,
  type DTLSEndpoint,
  type DTLSSession,
  type ListenOptions,
  listen,
} from '#lib/index.js';
import { CA, SERVERS } from '../support/identities.js';
import { UNHURRIED, until } from './echo.js';
import { MemoryNetwork, type MemoryTransport } from './memory-link.js';

// Siege case A9.
const CLIENTS = 24;
const A_TURN = 8;

interface Gate {
  readonly endpoint: DTLSEndpoint;
  readonly clients: readonly DTLSSession[];
  /** Server sessions so far. */
  readonly begun: () => number;
  echoes: number;
  /** Delivers what has arrived, all in one turn; `times` in a row. */
  open: (times?: number) => void;
  readonly deliver: (data: Uint8Array, from: DatagramSource) => void;
}

/** A server whose datagrams wait at a gate, `CLIENTS` clients with the cookie for their next ClientHello, and one open session. */
async function gate(t: TestContext, more: Pick<ListenOptions, 'cryptoProvider'> = {}): Promise<Gate> {
  const network = new MemoryNetwork();
  const far = network.transport('server');
  const arrived: { data: Uint8Array; from: DatagramSource | undefined }[] = [];
  let begun = 0;
  const endpoint = listen(
    (session) => {
      begun++;
      session.onmessage = (data) => void session.send(data);
    },
    { ...SERVERS.p256, transport: far, ...more },
  );
  // A ClientHello with a share for one group is one datagram.
  const options = { ca: CA, servername: 'localhost', groups: ['X25519'], ...UNHURRIED } as const;
  const start = (name: string): DTLSSession =>
    connect('server', 1, { ...options, transport: network.transport(name) });
  const first = start('open');
  await first.opened;

  const deliver = far.deliver.bind(far);
  far.deliver = (data, from) => void arrived.push({ data: Uint8Array.from(data), from });
  const open = (times = 1): void => {
    const all = arrived.splice(0);
    for (let i = 0; i < times; i++) for (const { data, from } of all) deliver(data, from);
  };
  const senders = (name: string): number =>
    new Set(arrived.map(({ from }) => from?.address).filter((address) => address?.startsWith(name))).size;
  const clients = Array.from({ length: CLIENTS }, (_, i) => start(`client ${i}`));
  await until(() => senders('client') === CLIENTS);
  open();
  await until(() => senders('client') === CLIENTS);
  t.after(() => {
    for (const session of [first, ...clients]) session.destroy();
    endpoint.destroy();
  });

  const state = { endpoint, clients, begun: () => begun - 1, echoes: 0, open, deliver };
  first.onmessage = () => {
    state.echoes++;
  };
  first.send('still here');
  await until(() => senders('open') === 1);
  // From now on nothing waits at the gate.
  state.open = (times) => {
    far.deliver = deliver;
    open(times);
  };
  return state;
}

suite('a turn of the event loop', () => {
  test('a turn begins at most 8 handshakes, however many ClientHellos it brings, and each client gets in', async (t) => {
    const { clients, begun, open, endpoint } = await gate(t);
    open();
    assert.equal(begun(), A_TURN);
    await Promise.all(clients.map((session) => session.opened));
    assert.equal(begun(), CLIENTS);
    assert.equal(endpoint.stats.serverBusyCount, 0n);
  });

  test('a message of an open session does not wait for the handshakes of others', async (t) => {
    const state = await gate(t);
    const { begun, open } = state;
    const { packetsSent } = state.endpoint.stats;
    open();
    assert.ok(begun() < CLIENTS);
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(begun() < CLIENTS);
    assert.ok(state.endpoint.stats.packetsSent > packetsSent);
    await until(() => state.echoes === 1);
  });

  test('handshakes that wait for their share of the time go on when no message comes any more', async (t) => {
    const state = await gate(t);
    state.open();
    await until(() => state.echoes === 1);
    await until(() => state.begun() === CLIENTS);
    assert.equal(state.endpoint.stats.serverBusyCount, 0n);
  });

  test('a ClientHello that was repeated while it waited does not begin a second session behind the end of the first', async (t) => {
    const { clients, begun, open } = await gate(t);
    for (const session of clients) session.onhandshake = () => void session.close();
    open(2);
    await Promise.all(clients.map(({ closed }) => closed));
    await until(() => begun() >= CLIENTS);
    for (let turns = 0; turns < 200; turns++) await turn();
    assert.equal(begun(), CLIENTS);
  });

  test('datagrams that wait for later turns are bounded, and those dropped are counted as busy', async (t) => {
    const { open, deliver, endpoint } = await gate(t);
    open();
    const before = endpoint.stats.serverRejectedCount;
    for (let i = 0; i < 1000; i++)
      deliver(new Uint8Array(1400).fill(22), { address: 'unvalidated', port: 1 });
    const most = Math.floor(0x4_0000 / (1400 + 512));
    assert.ok(Number(endpoint.stats.serverBusyCount) >= 1000 - most, `${endpoint.stats.serverBusyCount}`);
    const counted = () => endpoint.stats.serverBusyCount + endpoint.stats.serverRejectedCount - before;
    await until(() => counted() >= 1000n);
    assert.equal(counted(), 1000n);
  });
});

/** The platform's signatures, which are counted. `refused`: so many of those in threads fail, the first ones. */
function countedSignatures(refused = 0): {
  readonly layer: PartialProvider;
  atOnce: number;
  inThreads: number;
  running: number;
  most: number;
} {
  const { capabilities } = nodeProvider;
  const seen = { atOnce: 0, inThreads: 0, running: 0, most: 0 };
  const layer: PartialProvider = {
    signatures: {
      ...nodeProvider,
      has: (scheme, type) => capabilities.signature(scheme, type),
      sign: (...all) => {
        seen.atOnce++;
        return nodeProvider.sign(...all);
      },
      signInThread: async (...all) => {
        seen.inThreads++;
        seen.running++;
        seen.most = Math.max(seen.most, seen.running);
        try {
          if (seen.inThreads <= refused) throw new Error('the module is away');
          return (await nodeProvider.signInThread?.(...all)) ?? assert.fail('no threads');
        } finally {
          seen.running--;
        }
      },
    },
  };
  return Object.assign(seen, { layer });
}

suite('signatures of handshakes', () => {
  test('are made in at most 4 threads while more handshakes come than a turn begins', async (t) => {
    const seen = countedSignatures();
    const { clients, open } = await gate(t, { cryptoProvider: seen.layer });
    assert.deepEqual([seen.atOnce, seen.inThreads], [1, 0]);
    open();
    await Promise.all(clients.map((session) => session.opened));
    assert.equal(seen.atOnce + seen.inThreads, CLIENTS + 1);
    // The first ones of a flood are made before anything waits.
    assert.ok(seen.atOnce <= 1 + A_TURN, `${seen.atOnce} at once`);
    assert.equal(seen.most, 4);
  });

  test('are made at once for one client after the other', async (t) => {
    const seen = countedSignatures();
    const network = new MemoryNetwork();
    const endpoint = listen(() => undefined, {
      ...SERVERS.p256,
      transport: network.transport('server'),
      cryptoProvider: seen.layer,
    });
    t.after(() => endpoint.destroy());
    for (let i = 0; i < 3; i++) {
      const transport = network.transport(`client ${i}`);
      const session = connect('server', 1, { ca: CA, servername: 'localhost', transport, ...UNHURRIED });
      await session.opened;
      await session.close();
    }
    assert.deepEqual([seen.atOnce, seen.inThreads], [3, 0]);
  });

  test('that fail in a thread end their own handshakes: those clients get in when they try again', async (t) => {
    const refused = 4;
    const seen = countedSignatures(refused);
    const { clients, open } = await gate(t, { cryptoProvider: seen.layer });
    open();
    await Promise.all(clients.map((session) => session.opened));
    assert.ok(seen.inThreads >= refused);
    assert.equal(seen.atOnce + seen.inThreads, CLIENTS + 1 + refused);
  });

  test('that are not made yet are forgotten when the endpoint ends', async (t) => {
    const seen = countedSignatures();
    const { endpoint, clients, open } = await gate(t, { cryptoProvider: seen.layer });
    for (const { closed } of clients) closed.catch(() => undefined);
    open();
    await until(() => seen.inThreads > 0);
    const begun = seen.inThreads;
    endpoint.destroy();
    await until(() => seen.running === 0);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(seen.inThreads, begun);
  });
});

suite('a session that opens and ends within one turn', () => {
  /** Who hears last that the handshake is done, and so may get all of it in one turn. */
  const LAST = { 'DTLSv1.2': 'client', 'DTLSv1.3': 'server' } as const;

  for (const [version, last] of Object.entries(LAST) as [keyof typeof LAST, 'client' | 'server'][])
    test(`is open for what waits for opened, ${version}`, async (t) => {
      const network = new MemoryNetwork();
      const ends = { client: network.transport('client'), server: network.transport('server') };
      const sayAndClose = (session: DTLSSession): void => {
        session.onhandshake = () => {
          session.send('and goodbye');
          void session.close();
        };
      };
      const seen: unknown[] = [];
      const look = (session: DTLSSession): void => {
        const note = (what: string): void => void seen.push([what, session.destroyed, session.protocol]);
        session.onmessage = () => note('message');
        session.onerror = (error) => assert.fail(error);
        void session.opened.then(() => note('opened'));
        void session.closed.then(() => note('closed'));
      };
      const options = { maxVersion: version, ...UNHURRIED };
      const endpoint = listen(last === 'server' ? look : sayAndClose, {
        ...SERVERS.p256,
        transport: ends.server,
        ...options,
      });
      t.after(() => endpoint.destroy());
      inBatches(ends[last]);
      const session = connect('server', 1, {
        ca: CA,
        servername: 'localhost',
        transport: ends.client,
        ...options,
      });
      (last === 'client' ? look : sayAndClose)(session);
      await until(() => seen.length === 3);
      assert.deepEqual(seen, [
        ['message', false, version],
        ['opened', false, version],
        ['closed', true, undefined],
      ]);
    });

  /** What comes to `transport` within a few turns is delivered in one. */
  function inBatches(transport: MemoryTransport): void {
    const deliver = transport.deliver.bind(transport);
    const arrived: Parameters<typeof deliver>[] = [];
    const deliverAll = async (): Promise<void> => {
      for (let turns = 0; turns < 5; turns++) await turn();
      for (const one of arrived.splice(0)) deliver(...one);
    };
    transport.deliver = (data, from) => {
      if (arrived.push([Uint8Array.from(data), from]) === 1) void deliverAll();
    };
  }
});
