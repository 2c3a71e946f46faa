import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { PeerAddress } from '#lib/base/peer-address.js';
import type { EndpointLimits } from '#lib/config/limits.js';
import type { ConnectionEntry } from '#lib/endpoint/connection-entry.js';
import { Endpoint } from '#lib/endpoint/endpoint.js';
import { assertAlive } from '../support/alive.js';
import { performNow } from '../support/jobs.js';
import { Pair } from '../support/pair.js';
import { behaviour, security, UNLIMITED, VERSIONS } from '../support/settings.js';

const SERVER: PeerAddress = { address: '192.0.2.2', family: 'IPv4', port: 4433 };
const DESTINATION = { serverName: 'localhost', verifyName: 'localhost' };

for (const version of VERSIONS) {
  suite(`an endpoint with many peers, ${version}`, () => {
    test('an endpoint serves each peer, with datagrams in turn or interleaved', () => {
      const port = new Port(version);
      const clients = Array.from({ length: 20 }, (_, i) => port.client(`10.0.0.${1 + (i % 4)}`, 1000 + i));
      port.exchange();
      assert.equal(port.server.size, 20);
      for (const { entry } of clients) assert.equal(entry.connection.phase, 'open');
    });

    test('an endpoint keeps its limits on associations, in total and per host', () => {
      const port = new Port(version, { maxSessions: 6, maxSessionsPerHost: 4 });
      for (let i = 0; i < 8; i++) port.client('10.0.0.1', 1000 + i);
      port.exchange();
      assert.equal(port.server.size, 4);
      for (let i = 0; i < 8; i++) port.client('10.0.0.2', 1000 + i);
      port.exchange();
      assert.equal(port.server.size, 6);
      assert.equal(port.server.counters.refused, 10);
      assert.equal(port.server.counters.serverSessions, 6);
    });

    test('an endpoint accepts a new peer when another has ended', () => {
      const port = new Port(version, { maxSessions: 1 });
      const first = port.client('10.0.0.1', 1);
      port.exchange();
      first.endpoint.close(first.entry, 0);
      port.exchange();
      assert.equal(port.server.size, 0);
      port.client('10.0.0.1', 2);
      port.exchange();
      assert.equal(port.server.size, 1);
    });

    test('a busy endpoint refuses new clients and keeps its sessions', () => {
      const pair = new Pair({ version }).handshake();
      pair.server.endpoint.busy = true;
      const port = new Port(version);
      port.server.busy = true;
      port.client('10.0.0.1', 1);
      port.exchange();
      assert.deepEqual([port.server.size, port.server.counters.busy], [0, 1]);
      assertAlive(pair);
    });

    test('an endpoint repeats the flights of many silent peers a few at a time, and says that more are due', () => {
      const endpoint = new Endpoint(UNLIMITED);
      const ours = security('client', version);
      for (let port = 1; port <= 100; port++)
        endpoint.connect({ ...SERVER, port }, ours, behaviour(), DESTINATION, 0);
      const peers = () => {
        const ports = new Set<number>();
        for (let out = endpoint.pollTransmit(); out !== undefined; out = endpoint.pollTransmit())
          ports.add(out.peer.port);
        while (endpoint.pollEvent() !== undefined);
        return ports.size;
      };
      assert.equal(peers(), 100);
      const due = endpoint.pollTimeout() ?? assert.fail('no flight is repeated');
      const repeated: number[] = [];
      for (let at: number | undefined = due; at !== undefined && at <= due; at = endpoint.pollTimeout()) {
        endpoint.handleTimeout(due);
        repeated.push(peers());
      }
      assert.deepEqual(repeated, [32, 32, 32, 4]);
    });

    test('an endpoint that does not serve answers no ClientHello', () => {
      const endpoint = new Endpoint(UNLIMITED);
      const port = new Port(version);
      const { endpoint: client } = port.client('10.0.0.1', 1);
      const hello = client.pollTransmit()?.data ?? assert.fail();
      endpoint.receive(hello, '10.0.0.1', 1, 'IPv4', 0);
      assert.equal(endpoint.pollTransmit(), undefined);
      assert.equal(endpoint.counters.rejected, 1);
    });

    test('an endpoint counts an empty datagram without an association as rejected', () => {
      const pair = new Pair({ version }).handshake();
      const { counters } = pair.server.endpoint;
      const { rejected } = counters;
      pair.inject(pair.server, new Uint8Array(0), { address: '198.51.100.7', family: 'IPv4', port: 7 });
      assert.equal(counters.rejected, rejected + 1);
      pair.inject(pair.server, new Uint8Array(0));
      assert.equal(counters.rejected, rejected + 1);
      assertAlive(pair);
    });

    test('an endpoint connects only once to one peer at a time', () => {
      const endpoint = new Endpoint(UNLIMITED);
      const connect = (peer: PeerAddress) =>
        endpoint.connect(peer, security('client', version), behaviour(), DESTINATION, 0);
      const entry = connect(SERVER);
      assert.throws(() => connect(SERVER), { code: 'ERR_DTLS_ADDRESS_IN_USE' });
      connect({ ...SERVER, port: 5 });
      assert.equal(endpoint.size, 2);
      endpoint.abandon(entry, undefined);
      while (endpoint.pollEvent() !== undefined);
      connect(SERVER);
      assert.equal(endpoint.counters.clientSessions, 3);
    });

    test('a client ignores a ClientHello from its server', () => {
      const pair = new Pair({ version }).handshake();
      const hello = new Pair({ version, seed: 5 }).connect();
      let data: Uint8Array | undefined;
      hello.intercept = (sent) => {
        data ??= sent;
        return [];
      };
      hello.runFor(100);
      pair.inject(pair.client, data ?? assert.fail());
      assert.equal(pair.client.endpoint.size, 1);
      assertAlive(pair);
    });

    test('an endpoint counts received datagrams, and lists its associations', () => {
      const pair = new Pair({ version }).handshake();
      const { endpoint } = pair.server;
      assert.deepEqual([...endpoint.entries()], [pair.server.entry]);
      const { datagramsReceived, bytesReceived } = endpoint.counters;
      pair.inject(pair.server, new Uint8Array(33));
      assert.deepEqual(
        [
          endpoint.counters.datagramsReceived - datagramsReceived,
          endpoint.counters.bytesReceived - bytesReceived,
        ],
        [1, 33],
      );
    });
  });
}

interface Client {
  readonly endpoint: Endpoint;
  readonly entry: ConnectionEntry;
  readonly address: string;
  readonly port: number;
}

/** One server and clients at any addresses, on a network that loses nothing and takes no time. */
class Port {
  readonly server: Endpoint;
  readonly #version: (typeof VERSIONS)[number];
  readonly #clients: Client[] = [];

  constructor(version: (typeof VERSIONS)[number], limits: Partial<EndpointLimits> = {}) {
    this.#version = version;
    this.server = new Endpoint({ ...UNLIMITED, ...limits });
    this.server.serve({ security: security('server', version), behaviour: behaviour() });
  }

  client(address: string, port: number): Client {
    const endpoint = new Endpoint(UNLIMITED);
    const entry = endpoint.connect(SERVER, security('client', this.#version), behaviour(), DESTINATION, 0);
    const client = { endpoint, entry, address, port };
    this.#clients.push(client);
    return client;
  }

  /** Runs until neither side has anything to send. */
  exchange(): void {
    for (let moved = true; moved; ) {
      moved = false;
      for (const client of this.#clients) {
        for (let out = client.endpoint.pollTransmit(); out; out = client.endpoint.pollTransmit()) {
          moved = true;
          this.server.receive(out.data, client.address, client.port, 'IPv4', 0);
        }
        moved = serveEvents(client.endpoint) || moved;
      }
      moved = serveEvents(this.server) || moved;
      for (let out = this.server.pollTransmit(); out; out = this.server.pollTransmit()) {
        moved = true;
        const { peer, data } = out;
        const client = this.#clients.find((c) => c.address === peer.address && c.port === peer.port);
        client?.endpoint.receive(data, SERVER.address, SERVER.port, 'IPv4', 0);
      }
    }
  }
}

/** Returns whether there were any. */
function serveEvents(endpoint: Endpoint): boolean {
  let any = false;
  for (let event = endpoint.pollEvent(); event !== undefined; event = endpoint.pollEvent()) {
    any = true;
    if (event.type !== 'connection' || event.event.type !== 'job') continue;
    endpoint.answer(
      event.entry,
      event.event.id,
      performNow(event.event.job, event.entry.connection.security),
      0,
    );
  }
  return any;
}
