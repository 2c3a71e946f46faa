// Two endpoints that connect to each other: one of the two handshakes is done, whatever the path does.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { compareBytes, utf8 } from '#lib/base/bytes.js';
import { earliest } from '#lib/base/instant.js';
import type { PeerAddress } from '#lib/base/peer-address.js';
import type { BehaviourOptions } from '#lib/config/behaviour.js';
import { machineOf } from '#lib/connection/connection.js';
import type { ConnectionEntry } from '#lib/endpoint/connection-entry.js';
import { Endpoint } from '#lib/endpoint/endpoint.js';
import { looksLikeClientHello } from '#lib/endpoint/split-hellos.js';
import { performNow } from '../support/jobs.js';
import { casesOf } from '../support/long.js';
import { FAIR, Network, type Weather } from '../support/network.js';
import { Random } from '../support/random.js';
import { seededProvider } from '../support/seeded-provider.js';
import { behaviour, security, type TestedVersion, UNLIMITED, VERSIONS } from '../support/settings.js';

const DESTINATION = { serverName: 'localhost', verifyName: 'localhost' };
const ADDRESSES = {
  client: { address: '192.0.2.1', family: 'IPv4', port: 5684 },
  server: { address: '192.0.2.2', family: 'IPv4', port: 5684 },
} as const satisfies Record<string, PeerAddress>;
/** The two sides, by the names that a network has for them. */
type Name = keyof typeof ADDRESSES;
const OTHER = { client: 'server', server: 'client' } as const;

interface Options {
  readonly seed?: number;
  readonly weather?: Partial<Weather>;
  readonly manner?: BehaviourOptions;
  /** The sides that serve clients; both by default. */
  readonly serving?: readonly Name[];
}

class Node {
  readonly endpoint = new Endpoint(UNLIMITED);
  readonly served: ConnectionEntry[] = [];
  readonly received: string[] = [];
  readonly errors: (string | undefined)[] = [];
  own: ConnectionEntry | undefined;
}

/** Two endpoints, a path, and virtual time. */
class Meeting {
  readonly nodes = { client: new Node(), server: new Node() };
  /** Datagrams that a side would have got, if the test says that they are lost. */
  loses: ((from: Name, data: Uint8Array) => boolean) | undefined;
  now = 0;
  readonly network: Network;
  readonly #version: TestedVersion;
  readonly #provider;
  readonly #manner: BehaviourOptions;

  constructor(version: TestedVersion, options: Options = {}) {
    const { seed = 1, weather, manner = {}, serving = ['client', 'server'] } = options;
    this.#version = version;
    this.#provider = seededProvider(new Random(seed));
    this.#manner = manner;
    this.network = new Network({ ...FAIR, ...weather }, new Random(seed + 0x1000_0000));
    for (const name of serving)
      this.nodes[name].endpoint.serve({ security: this.#security('server'), behaviour: behaviour(manner) });
  }

  #security(role: Name) {
    return security(role, this.#version, undefined, this.#provider);
  }

  connect(from: Name, manner = this.#manner): ConnectionEntry {
    const node = this.nodes[from];
    const ours = this.#security('client');
    const to = ADDRESSES[OTHER[from]];
    node.own = node.endpoint.connect(to, ours, behaviour(manner), DESTINATION, this.now);
    return node.own;
  }

  bothConnect(): this {
    this.connect('client');
    this.connect('server');
    return this;
  }

  /** A datagram arrives at `to` from the address of the other side. */
  inject(to: Name, data: Uint8Array): void {
    const { address, port, family } = ADDRESSES[OTHER[to]];
    this.nodes[to].endpoint.receive(data, address, port, family, this.now);
    this.pump();
  }

  runUntil(reached: () => boolean, ms: number): boolean {
    const end = this.now + ms;
    this.pump();
    while (!reached()) {
      const { client, server } = this.nodes;
      const timers = earliest(client.endpoint.pollTimeout(), server.endpoint.pollTimeout());
      const next = earliest(this.network.next(), timers);
      if (next === undefined || next > end) break;
      this.now = Math.max(this.now, next);
      for (const { endpoint } of [client, server]) endpoint.handleTimeout(this.now);
      for (let packet = this.network.arrive(this.now); packet; packet = this.network.arrive(this.now))
        if (this.loses?.(packet.from, packet.data) !== true) this.inject(OTHER[packet.from], packet.data);
      this.pump();
    }
    return reached();
  }

  run(ms: number): void {
    const end = this.now + ms;
    this.runUntil(() => false, ms);
    this.now = end;
  }

  pump(): void {
    for (const name of ['client', 'server'] as const) {
      const node = this.nodes[name];
      do
        for (let out = node.endpoint.pollTransmit(); out; out = node.endpoint.pollTransmit())
          this.network.submit(name, out.data, this.now);
      while (this.#tell(node));
    }
  }

  #tell(node: Node): boolean {
    const told = node.endpoint.pollEvent();
    if (told?.type === 'session') node.served.push(told.entry);
    if (told?.type !== 'connection') return told !== undefined;
    const { entry, event } = told;
    if (event.type === 'job')
      node.endpoint.answer(entry, event.id, performNow(event.job, entry.connection.security), this.now);
    if (event.type === 'message') node.received.push(String.fromCharCode(...event.data));
    if (event.type === 'closed') node.errors.push(event.error?.code);
    return true;
  }

  /** The association that a side has. */
  current(name: Name): ConnectionEntry | undefined {
    return this.nodes[name].endpoint.find(ADDRESSES[OTHER[name]]);
  }

  get hasMet(): boolean {
    const [one, other] = [this.current('client'), this.current('server')];
    return (
      one?.connection.session !== undefined &&
      other?.connection.session !== undefined &&
      one.role !== other.role &&
      this.nodes.client.endpoint.size === 1 &&
      this.nodes.server.endpoint.size === 1
    );
  }

  /** The side whose ClientHello has the greater random. */
  get winner(): Name {
    const { client, server } = this.nodes;
    const [one, other] = [client, server].map(({ own = assert.fail() }) => machineOf(own.connection).attempt);
    return compareBytes(one?.random ?? assert.fail(), other?.random ?? assert.fail()) > 0
      ? 'client'
      : 'server';
  }
}

function seeds(): number[] {
  return Array.from({ length: 20 }, (_, i) => i + 1);
}

/** A message goes each way. */
function assertTalks(meeting: Meeting, what: string): void {
  for (const name of ['client', 'server'] as const) {
    const entry = meeting.current(name) ?? assert.fail(`${name} has no association, ${what}`);
    meeting.nodes[name].endpoint.send(entry, utf8(`from ${name}`));
  }
  const { client, server } = meeting.nodes;
  const heard = (): boolean =>
    client.received.includes('from server') && server.received.includes('from client');
  assert.ok(
    meeting.runUntil(heard, 1000),
    `${what}: client heard ${client.received.join()}, server heard ${server.received.join()}`,
  );
}

for (const version of VERSIONS) {
  suite(`endpoints that connect to each other at once, ${version}`, () => {
    test('have one session, of the ClientHello with the greater random', () => {
      const winners = new Set<Name>();
      for (const seed of seeds()) {
        const meeting = new Meeting(version, { seed }).bothConnect();
        const { winner } = meeting;
        winners.add(winner);
        assert.ok(
          meeting.runUntil(() => meeting.hasMet, 500),
          `seed ${seed}: no session within 500 ms`,
        );
        assert.equal(meeting.current(winner), meeting.nodes[winner].own, `seed ${seed}`);
        const loser = meeting.nodes[OTHER[winner]];
        assert.deepEqual(loser.errors, ['ERR_DTLS_GAVE_WAY'], `seed ${seed}`);
        assert.deepEqual(loser.served, [meeting.current(OTHER[winner])], `seed ${seed}`);
        assertTalks(meeting, `seed ${seed}`);
      }
      assert.equal(winners.size, 2);
    });

    test('have one session on a path that loses, repeats and overtakes, whenever each of them began', () => {
      for (let seed = 1; seed <= casesOf(1600); seed++) {
        const random = new Random(seed + 0x2000_0000);
        const weather = { loss: 0.3, duplication: 0.1, jitter: 200 };
        const manner = { handshakeTimeout: 0, retransmission: { initial: 500, max: 1000 } };
        const meeting = new Meeting(version, { seed, weather, manner });
        meeting.connect('client');
        meeting.run(random.below(5) * random.below(800));
        if (meeting.current('server') === undefined) meeting.connect('server');
        const met = meeting.runUntil(() => meeting.hasMet, 100_000);
        assert.ok(met, `seed ${seed}: no session`);
        meeting.network.weather = FAIR;
        meeting.run(60_000);
        assert.ok(meeting.hasMet, `seed ${seed}: the session did not last`);
        assertTalks(meeting, `seed ${seed}`);
      }
    });
  });

  suite(`a ClientHello from the peer of a client's unanswered handshake, ${version}`, () => {
    /** The first datagram of a client with that seed. */
    const helloOf = (seed: number): Uint8Array => {
      const meeting = new Meeting(version, { seed });
      let hello: Uint8Array | undefined;
      meeting.loses = (_from, data) => {
        hello ??= data;
        return true;
      };
      meeting.connect('server');
      meeting.run(100);
      return hello ?? assert.fail();
    };

    test('that is forged begins nothing, and ends nothing', () => {
      const forged = Array.from({ length: 20 }, (_, i) => helloOf(1000 + i));
      const meeting = new Meeting(version);
      const own = meeting.connect('client');
      for (const hello of forged) meeting.inject('client', hello);
      const { client } = meeting.nodes;
      assert.ok(client.endpoint.counters.cookiesSent > 0);
      assert.equal(client.endpoint.size, 1);
      assert.ok(meeting.runUntil(() => meeting.hasMet, 500));
      assert.equal(meeting.current('client'), own);
      assert.deepEqual([client.served, client.errors], [[], []]);
      assertTalks(meeting, 'after forged ClientHellos');
    });

    test('that is our own is not answered, neither before nor after it was repeated', () => {
      const meeting = new Meeting(version, { serving: ['client'], manner: { handshakeTimeout: 0 } });
      meeting.loses = (_from, data) => {
        meeting.inject('client', data);
        return true;
      };
      meeting.connect('client');
      meeting.run(10_000);
      assert.equal(meeting.nodes.client.endpoint.counters.cookiesSent, 0);
    });

    test('is not answered after a ServerHello', () => {
      const meeting = new Meeting(version, { seed: 3 });
      meeting.connect('client');
      const { client } = meeting.nodes;
      const answered = (): boolean =>
        machineOf((client.own ?? assert.fail()).connection).attempt === undefined;
      assert.ok(meeting.runUntil(answered, 500));
      for (let seed = 1000; seed < 1020; seed++) meeting.inject('client', helloOf(seed));
      assert.equal(client.endpoint.counters.cookiesSent, 0);
    });

    test('of a peer that is no server gets a session, at the latest when our own would be repeated', () => {
      const winners = new Set<Name>();
      for (const seed of seeds()) {
        const meeting = new Meeting(version, { seed, serving: ['server'] }).bothConnect();
        winners.add(meeting.winner);
        // A ClientHello where it waits for an answer is the end of many a client.
        let hellos = 0;
        meeting.loses = (from, data) => {
          if (from === 'server' && looksLikeClientHello(data)) hellos++;
          return false;
        };
        assert.ok(
          meeting.runUntil(() => meeting.hasMet, 5000),
          `seed ${seed}`,
        );
        assert.equal(meeting.current('client'), meeting.nodes.client.own, `seed ${seed}`);
        assert.equal(hellos, 1, `seed ${seed}: ClientHellos to the client`);
        assertTalks(meeting, `seed ${seed}`);
      }
      assert.equal(winners.size, 2);
    });

    test('lets our own attempt rest, which goes on when the handshake of the peer has failed', () => {
      const brief = { handshakeTimeout: 4000 };
      const isServers = (seed: number) => new Meeting(version, { seed }).bothConnect().winner === 'server';
      const seed = seeds().find(isServers) ?? assert.fail();
      const meeting = new Meeting(version, { seed, manner: brief });
      const own = meeting.connect('client', { handshakeTimeout: 60_000 });
      meeting.connect('server');
      const { client } = meeting.nodes;
      assert.ok(meeting.runUntil(() => client.served.length > 0, 500));
      // The peer falls silent, until both handshakes that it takes part in have failed.
      meeting.loses = (from) => from === 'server';
      const [served = assert.fail()] = client.served;
      assert.ok(meeting.runUntil(() => served.connection.phase === 'closed', 10_000));
      assert.deepEqual([own.connection.phase, client.endpoint.size], ['handshaking', 1]);
      meeting.run(2000);
      meeting.loses = undefined;
      assert.ok(meeting.runUntil(() => meeting.hasMet, 60_000));
      assert.equal(meeting.current('client'), own);
      assertTalks(meeting, 'after a handshake that failed');
    });
  });

  suite(`a peer whose session has been closed, ${version}`, () => {
    test('can be connected to again at once, and both sides have the new session', () => {
      const meeting = new Meeting(version);
      meeting.connect('client');
      assert.ok(meeting.runUntil(() => meeting.hasMet, 500));
      meeting.run(500);
      const { client } = meeting.nodes;
      client.endpoint.close(client.own ?? assert.fail(), meeting.now);
      const again = meeting.connect('client');
      assert.ok(meeting.runUntil(() => meeting.hasMet, 500));
      assert.equal(meeting.current('client'), again);
      assert.deepEqual(client.errors, [undefined]);
      assertTalks(meeting, 'after a close');
    });

    test('is in use while it may still have something to say', () => {
      const meeting = new Meeting(version, { manner: { allowHalfOpen: true } });
      const own = meeting.connect('client');
      assert.ok(meeting.runUntil(() => own.connection.session !== undefined, 500));
      meeting.run(500);
      const staysOpen = meeting.nodes.client.endpoint.closeSending(own, meeting.now);
      assert.equal(staysOpen, version === 'DTLSv1.3');
      if (staysOpen) assert.throws(() => meeting.connect('client'), { code: 'ERR_DTLS_ADDRESS_IN_USE' });
      else meeting.connect('client');
    });
  });
}
