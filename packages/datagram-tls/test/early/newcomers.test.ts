import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import type { SecurityOptions } from '#lib/config/options.js';
import type { SavedSession } from '#lib/config/saved-session.js';
import type { EndpointLimits } from '#lib/endpoint/arrivals.js';
import { Endpoint } from '#lib/endpoint/endpoint.js';
import type { Link } from '#lib/endpoint/link.js';
import type { PeerAddress } from '#lib/endpoint/peer.js';
import { ExtensionType } from '#lib/wire/codes.js';
import { decodeServerHello, isHelloRetryRequest } from '#lib/wire/messages/server-hello.js';
import { comingBack, sessionFor, taking } from '../support/early.js';
import { JUDGEMENT_DAY } from '../support/identities.js';
import { performNow } from '../support/jobs.js';
import { Pair } from '../support/pair.js';
import { plainFragments } from '../support/records.js';
import { behaviour, security } from '../support/settings.js';

/** Associations that may wait for their clients to show that they hear us, and how long each may, ms. */
const MOST = 64;
const LIFE = 60_000;
const MESSAGE = utf8('early');

/** A server's endpoint among strangers. */
class Desk {
  readonly endpoint: Endpoint;
  readonly links: Link[] = [];
  readonly early: Uint8Array[] = [];
  readonly errors: (string | undefined)[] = [];
  now = 0;
  #sent: Uint8Array[] = [];

  constructor(server: SecurityOptions, limits: Partial<EndpointLimits> = {}) {
    this.endpoint = new Endpoint({
      maxSessions: 0,
      maxSessionsPerHost: 0,
      cookieLifetime: 60_000,
      ...limits,
    });
    this.endpoint.serve({ security: security('server', 'DTLSv1.3', server), behaviour: behaviour() });
  }

  /** What is sent on it. */
  receive(data: Uint8Array, { address, port, family }: PeerAddress): Uint8Array[] {
    this.endpoint.receive(data, address, port, family, this.now);
    return this.pump();
  }

  pump(): Uint8Array[] {
    this.#sent = [];
    do this.#transmit();
    while (this.#tell());
    return this.#sent;
  }

  /** Wakes up whenever that was asked for; returns what was sent meanwhile. */
  wait(ms: number): Uint8Array[] {
    const end = this.now + ms;
    const sent: Uint8Array[] = [];
    for (
      let at = this.endpoint.pollTimeout();
      at !== undefined && at <= end;
      at = this.endpoint.pollTimeout()
    ) {
      this.now = Math.max(this.now, at);
      this.endpoint.handleTimeout(this.now);
      sent.push(...this.pump());
    }
    this.now = end;
    return sent;
  }

  #transmit(): void {
    for (let out = this.endpoint.pollTransmit(); out !== undefined; out = this.endpoint.pollTransmit())
      this.#sent.push(out.data);
  }

  #tell(): boolean {
    const told = this.endpoint.pollEvent();
    if (told?.type === 'session') this.links.push(told.link);
    if (told?.type !== 'connection') return told !== undefined;
    const { link, event } = told;
    // Whoever gave a link no name does not hear of it.
    assert.ok(event.type === 'job' || this.links.includes(link), event.type);
    if (event.type === 'early-data') this.early.push(event.data);
    if (event.type === 'closed') this.errors.push(event.error?.code);
    if (event.type === 'job') {
      const answer = performNow(event.job, link.connection.security, JUDGEMENT_DAY + this.now);
      this.endpoint.answer(link, answer, this.now);
    }
    return true;
  }
}

/** A client's first flight: its ClientHello, then its early data. Each seed gives another one. */
function firstFlight(session: SavedSession, seed: number, server: SecurityOptions): Uint8Array[] {
  const pair = comingBack(session, [MESSAGE], { server, seed }).connect();
  const flight: Uint8Array[] = [];
  pair.intercept = (data, from) => {
    if (from === 'client') flight.push(data.slice());
    return [];
  };
  pair.runFor(500);
  return flight;
}

function peer(i: number): PeerAddress {
  return { address: `198.51.100.${i}`, family: 'IPv4', port: 5000 + i };
}

function asksForCookie([datagram]: readonly Uint8Array[]): boolean {
  const [fragment] = datagram === undefined ? [] : plainFragments(datagram);
  const hello = fragment && decodeServerHello(fragment.fragment);
  return hello !== undefined && isHelloRetryRequest(hello) && hello.extensions.has(ExtensionType.cookie);
}

const bytes = (datagrams: readonly Uint8Array[]): number =>
  datagrams.reduce((sum, { length }) => sum + length, 0);

suite('clients with early data and no cookie', () => {
  const server = taking();
  const session = sessionFor({ server });

  test('a ClientHello that comes again from elsewhere, byte for byte, is asked for a cookie and says nothing twice', () => {
    const [hello = assert.fail(), early = assert.fail()] = firstFlight(session, 2, server);
    const desk = new Desk(server);
    assert.ok(!asksForCookie(desk.receive(hello, peer(1))));
    desk.receive(early, peer(1));
    assert.deepEqual(desk.early, [MESSAGE]);
    for (let i = 2; i < 50; i++) {
      assert.ok(asksForCookie(desk.receive(hello, peer(i))));
      desk.receive(early, peer(i));
    }
    assert.deepEqual(desk.early, [MESSAGE]);
    assert.deepEqual(desk.endpoint.counters.earlyRefused, { replayed: 48 });
    assert.equal(desk.links.length, 1);
    assert.equal(desk.endpoint.size, 1);
    desk.wait(60_000);
    assert.ok(asksForCookie(desk.receive(hello, peer(1))));
    assert.deepEqual(desk.endpoint.counters.earlyRefused, { replayed: 48, age: 1 });
  });

  test(`at most ${MOST} of them are let in, for ${LIFE} ms, and none is sent anything by a timer`, () => {
    const desk = new Desk(server);
    const hellos = Array.from(
      { length: MOST + 20 },
      (_, i) => firstFlight(session, 100 + i, server)[0] as Uint8Array,
    );
    const cookies = hellos.filter((hello, i) => asksForCookie(desk.receive(hello, peer(i)))).length;
    assert.equal(cookies, 20);
    assert.equal(desk.endpoint.size, MOST);
    assert.deepEqual(desk.endpoint.counters.earlyRefused, { busy: 20 });
    assert.deepEqual(desk.wait(LIFE - 1), []);
    assert.equal(desk.endpoint.size, MOST);
    assert.deepEqual(desk.wait(1), []);
    assert.equal(desk.endpoint.size, 0);
    assert.equal(desk.endpoint.pollTimeout(), undefined);
    assert.deepEqual(
      desk.errors,
      Array.from({ length: MOST }, () => 'ERR_DTLS_HANDSHAKE_TIMEOUT'),
    );
    const older = { ...session, receivedAt: session.receivedAt - LIFE };
    const [another = assert.fail()] = firstFlight(older, 999, server);
    assert.ok(!asksForCookie(desk.receive(another, peer(1))), 'there is room again');
  });

  test('none gets more than three times its bytes, whatever it repeats and the application answers', () => {
    const [hello = assert.fail(), early = assert.fail()] = firstFlight(session, 3, server);
    const desk = new Desk(server);
    let received = 0;
    let sent = 0;
    const within = (datagrams: readonly Uint8Array[]): void => {
      sent += bytes(datagrams);
      assert.ok(sent <= 3 * received, `${sent} bytes for ${received}`);
    };
    const say = (data: Uint8Array): void => {
      received += data.length;
      within(desk.receive(data, peer(1)));
    };
    say(hello);
    say(early);
    const [link = assert.fail()] = desk.links;
    for (let i = 0; i < 40; i++) {
      desk.endpoint.send(link, new Uint8Array(1000));
      within(desk.pump());
    }
    assert.ok((link.connection.counters.dropped['unproved_peer'] ?? 0) > 0);
    const before = sent;
    for (let i = 0; i < 20; i++) say(hello);
    assert.ok(sent > before, 'what waited goes out as bytes come in');
    within(desk.wait(LIFE));
    assert.equal(desk.endpoint.size, 0);
  });

  test('a repeated ClientHello gets the flight again', () => {
    const [hello = assert.fail()] = firstFlight(session, 4, server);
    const desk = new Desk(server);
    const first = desk.receive(hello, peer(1));
    const again = desk.receive(hello, peer(1));
    assert.equal(bytes(again), bytes(first));
    assert.equal(desk.links[0]?.connection.counters.retransmissions, 1);
  });

  test('a ClientHello in two fragments is asked for a cookie', () => {
    const pair = comingBack(session, [MESSAGE], { server, clientBehaviour: { mtu: 300 } }).handshake();
    assert.deepEqual(pair.server.early, []);
    assert.deepEqual(pair.server.messages, [MESSAGE]);
    assert.equal(pair.server.endpoint.counters.cookiesSent, 1);
  });

  test('every change of a byte in a ClientHello is declined, and nothing of it is kept', () => {
    const [hello = assert.fail(), early = assert.fail()] = firstFlight(session, 5, server);
    const desk = new Desk(server);
    for (let at = 25; at < hello.length; at++) {
      const changed = hello.slice();
      changed[at] = (changed[at] ?? 0) ^ 0x55;
      desk.receive(changed, peer(at % 250));
      desk.receive(early, peer(at % 250));
      assert.equal(desk.endpoint.size, 0, `byte ${at}`);
    }
    assert.deepEqual(desk.early, []);
    assert.equal(desk.endpoint.pollTimeout(), undefined);
    desk.receive(hello, peer(1));
    desk.receive(early, peer(1));
    assert.deepEqual(desk.early, [MESSAGE]);
  });

  for (const [limit, seed, address] of [
    ['maxSessions', 20, (i: number) => peer(i)],
    ['maxSessionsPerHost', 30, (i: number) => ({ ...peer(1), port: 5000 + i })],
  ] as const) {
    test(`they take no place of ${limit} from those who show a cookie`, () => {
      const desk = new Desk(server, { [limit]: 1 });
      for (let i = 0; i < 3; i++) {
        const [hello = assert.fail()] = firstFlight(session, seed + i, server);
        assert.equal(asksForCookie(desk.receive(hello, address(i))), false, String(i));
      }
      const visitor = new Pair({ version: 'DTLSv1.3', seed: 40 }).connect();
      const answered: Uint8Array[] = [];
      visitor.intercept = (data, from) => {
        if (from === 'server') return [data];
        answered.splice(0, answered.length, ...desk.receive(data, address(9)));
        return [];
      };
      visitor.runFor(5);
      visitor.runUntil(() => answered.length > 0, 100);
      assert.ok(asksForCookie(answered));
      visitor.inject(visitor.client, answered[0] ?? assert.fail());
      visitor.runFor(100);
      assert.equal(desk.links.length, 4);
      assert.equal(desk.endpoint.counters.refused, 0);
    });
  }

  test('who comes from the address of a session shows a cookie first', () => {
    const desk = new Desk(server);
    const [hello = assert.fail()] = firstFlight(session, 6, server);
    const [other = assert.fail()] = firstFlight(session, 7, server);
    desk.receive(hello, peer(1));
    assert.ok(asksForCookie(desk.receive(other, peer(1))));
    assert.deepEqual(desk.endpoint.counters.earlyRefused, { busy: 1 });
    assert.equal(desk.endpoint.size, 1);
  });
});
