import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { connect, type DatagramSource, type DTLSEndpoint, type DTLSSession, listen } from '#lib/index.js';
import { CA, SERVERS } from '../support/identities.js';
import { UNHURRIED, until } from './echo.js';
import { MemoryNetwork } from './memory-link.js';

// Siege case A9.
const CLIENTS = 24;
const A_TURN = 8;

interface Gate {
  readonly endpoint: DTLSEndpoint;
  readonly clients: readonly DTLSSession[];
  /** Server sessions so far. */
  readonly begun: () => number;
  echoes: number;
  /** Delivers what has arrived, all in one turn. */
  open: () => void;
  readonly deliver: (data: Uint8Array, from: DatagramSource) => void;
}

/** A server whose datagrams wait at a gate, `CLIENTS` clients with the cookie for their next ClientHello, and one open session. */
async function gate(t: TestContext): Promise<Gate> {
  const network = new MemoryNetwork();
  const far = network.transport('server');
  const arrived: { data: Uint8Array; from: DatagramSource | undefined }[] = [];
  let begun = 0;
  const endpoint = listen(
    (session) => {
      begun++;
      session.onmessage = (data) => void session.send(data);
    },
    { ...SERVERS.p256, transport: far },
  );
  // A ClientHello with a share for one group is one datagram.
  const options = { ca: CA, servername: 'localhost', groups: ['X25519'], ...UNHURRIED } as const;
  const start = (name: string): DTLSSession =>
    connect('server', 1, { ...options, transport: network.transport(name) });
  const first = start('open');
  await first.opened;

  const deliver = far.deliver.bind(far);
  far.deliver = (data, from) => void arrived.push({ data: Uint8Array.from(data), from });
  const open = (): void => {
    for (const { data, from } of arrived.splice(0)) deliver(data, from);
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
  state.open = () => {
    far.deliver = deliver;
    open();
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

  test('datagrams that wait for later turns are bounded, and those dropped are counted as busy', async (t) => {
    const { open, deliver, endpoint } = await gate(t);
    open();
    const before = endpoint.stats.serverRejectedCount;
    for (let i = 0; i < 1000; i++) deliver(new Uint8Array(1400).fill(22), { address: 'stranger', port: 1 });
    const most = Math.floor(0x4_0000 / (1400 + 512));
    assert.ok(Number(endpoint.stats.serverBusyCount) >= 1000 - most, `${endpoint.stats.serverBusyCount}`);
    await until(() => endpoint.stats.serverRejectedCount > before);
    assert.equal(endpoint.stats.serverBusyCount + endpoint.stats.serverRejectedCount - before, 1000n);
  });
});
