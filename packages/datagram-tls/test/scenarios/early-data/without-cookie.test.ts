import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { PeerAddress } from '#lib/base/peer-address.js';
import { asksForCookie, besieged, Desk, flightsOfTickets, MESSAGE, peer } from '../../support/desk.js';
import { comingBack } from '../../support/early.js';
import { Pair } from '../../support/pair.js';

/** The limit of associations with an unvalidated path, and how long each may wait for validation, ms. */
const MOST = 64;
const LIFE = 60_000;
/** The limits of such associations for one host and for one ticket. */
const MAX_PER_HOST = 16;
const MAX_PER_TICKET = 4;

const bytes = (datagrams: readonly Uint8Array[]): number =>
  datagrams.reduce((sum, { length }) => sum + length, 0);

suite('clients with early data and no cookie', () => {
  test('a replayed ClientHello from another address is asked for a cookie, and its early data is not delivered again', () => {
    const { server, flight } = besieged();
    const [hello, early] = flight(2);
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
    assert.equal(desk.entries.length, 1);
    assert.equal(desk.endpoint.size, 1);
    desk.wait(60_000);
    assert.ok(asksForCookie(desk.receive(hello, peer(1))));
    assert.deepEqual(desk.endpoint.counters.earlyRefused, { replayed: 48, age: 1 });
  });

  test(`at most ${MOST} clients without a cookie are accepted, for ${LIFE} ms, and no timer sends them anything`, () => {
    const { server, flight } = besieged();
    const desk = new Desk(server);
    const flights = flightsOfTickets(Math.ceil((MOST + 20) / MAX_PER_TICKET), server);
    const hellos = Array.from({ length: MOST + 20 }, (_, i) => flights[i % flights.length]?.(100 + i)[0]);
    const cookies = hellos.filter((hello, i) =>
      asksForCookie(desk.receive(hello ?? assert.fail(), peer(i))),
    ).length;
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
    const [another] = flight(999, LIFE);
    assert.ok(!asksForCookie(desk.receive(another, peer(1))), 'there is room again');
  });

  // Siege case A15.
  test(`one ticket takes ${MAX_PER_TICKET} of the ${MOST} places, whatever addresses it comes from`, () => {
    const { server, flight } = besieged();
    const desk = new Desk(server);
    for (let i = 0; i < 80; i++) desk.receive(flight(100 + i)[0], peer(i));
    assert.equal(desk.endpoint.size, MAX_PER_TICKET);
    assert.deepEqual(desk.endpoint.counters.earlyRefused, { over_share: 80 - MAX_PER_TICKET });
    const [other] = flightsOfTickets(1, server);
    assert.ok(
      !asksForCookie(desk.receive(other?.(1)[0] ?? assert.fail(), peer(90))),
      'others keep their places',
    );
    desk.wait(LIFE);
    assert.ok(!asksForCookie(desk.receive(flight(999, LIFE)[0], peer(91))), 'there is room again');
  });

  // Siege case A15.
  test(`one host takes ${MAX_PER_HOST} of the ${MOST} places, whatever tickets it has`, () => {
    const { server } = besieged();
    const desk = new Desk(server);
    const flights = flightsOfTickets(MAX_PER_HOST / MAX_PER_TICKET + 1, server);
    const oneHost = (i: number): PeerAddress => ({ ...peer(1), port: 6000 + i });
    for (let i = 0; i < 5 * MAX_PER_TICKET; i++) {
      const [hello] = flights[i % flights.length]?.(200 + i) ?? assert.fail();
      desk.receive(hello, oneHost(i));
    }
    assert.equal(desk.endpoint.size, MAX_PER_HOST);
    assert.deepEqual(desk.endpoint.counters.earlyRefused, { over_share: MAX_PER_TICKET });
    const [hello] = flights.at(-1)?.(500) ?? assert.fail();
    assert.equal(asksForCookie(desk.receive(hello, peer(2))), false, 'another host has its places');
  });

  test('no client without a cookie gets more than three times its bytes, whatever it repeats and the application answers', () => {
    const { server, flight } = besieged();
    const [hello, early] = flight(3);
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
    const [entry = assert.fail()] = desk.entries;
    for (let i = 0; i < 40; i++) {
      desk.endpoint.send(entry, new Uint8Array(1000));
      within(desk.pump());
    }
    assert.ok((entry.connection.counters.dropped['unproved_peer'] ?? 0) > 0);
    const before = sent;
    for (let i = 0; i < 20; i++) say(hello);
    assert.ok(sent > before, 'what waited goes out as bytes come in');
    within(desk.wait(LIFE));
    assert.equal(desk.endpoint.size, 0);
  });

  test('a repeated ClientHello with early data gets the flight again', () => {
    const { server, flight } = besieged();
    const [hello] = flight(4);
    const desk = new Desk(server);
    const first = desk.receive(hello, peer(1));
    assert.equal(bytes(desk.receive(hello, peer(1))), 0, 'not right after it went out');
    desk.now += 60;
    const again = desk.receive(hello, peer(1));
    assert.equal(bytes(again), bytes(first));
    assert.equal(desk.entries[0]?.connection.counters.retransmissions, 1);
  });

  test('a ClientHello with early data in two fragments is asked for a cookie', () => {
    const { server, session } = besieged();
    const pair = comingBack(session, [MESSAGE], { server, clientBehaviour: { mtu: 300 } }).handshake();
    assert.deepEqual(pair.server.early, []);
    assert.deepEqual(pair.server.messages, [MESSAGE]);
    assert.equal(pair.server.endpoint.counters.cookiesSent, 1);
  });

  test('a ClientHello with early data and any changed byte is declined, and nothing of it is kept', () => {
    const { server, flight } = besieged();
    const [hello, early] = flight(5);
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
    test(`clients with early data take no place of ${limit} from clients with a cookie`, () => {
      const { server, flight } = besieged();
      const desk = new Desk(server, { [limit]: 3 });
      for (let i = 0; i < 3; i++) {
        const [hello] = flight(seed + i);
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
      assert.equal(desk.entries.length, 4);
      assert.equal(desk.endpoint.counters.refused, 0);
    });
  }

  test('a client with early data from the address of a session has to send a cookie first', () => {
    const { server, flight } = besieged();
    const desk = new Desk(server);
    const [hello] = flight(6);
    const [other] = flight(7);
    desk.receive(hello, peer(1));
    assert.ok(asksForCookie(desk.receive(other, peer(1))));
    assert.deepEqual(desk.endpoint.counters.earlyRefused, { busy: 1 });
    assert.equal(desk.endpoint.size, 1);
  });
});
