import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import { ContentType } from '#lib/wire/codes.js';
import { encodeAck } from '#lib/wire/messages/ack.js';
import { assertAlive } from '../../support/alive.js';
import { asksForCookie, besieged, Desk, MESSAGE, peer } from '../../support/desk.js';
import { comingBack } from '../../support/early.js';
import { plainRecord } from '../../support/records.js';

suite('early data under attack', () => {
  test('a ClientHello is not new again when the wall clock is set back', () => {
    const { server, flight } = besieged();
    const [hello, early] = flight(2);
    const [other] = flight(3);
    const desk = new Desk(server);
    desk.receive(hello, peer(1));
    desk.receive(early, peer(1));
    // So late that it may be forgotten, which comes with the next one.
    desk.now = 30_000;
    desk.receive(other, peer(2));
    const [fresh] = flight(4, desk.now);
    assert.ok(!asksForCookie(desk.receive(fresh, peer(3))));
    desk.skew = -30_000;
    assert.ok(asksForCookie(desk.receive(hello, peer(4))));
    desk.receive(early, peer(4));
    assert.deepEqual(desk.early, [MESSAGE]);
    assert.deepEqual(desk.endpoint.counters.earlyRefused, { age: 2 });
  });

  test('a ClientHello is not new again after a slow answer of the application', () => {
    const { server, flight } = besieged();
    const [hello, early] = flight(5);
    const desk = new Desk(server);
    desk.slow = true;
    desk.receive(hello, peer(1));
    desk.receive(early, peer(1));
    desk.receive(hello, peer(2));
    desk.receive(early, peer(2));
    desk.now = 9000;
    desk.answerAll();
    desk.receive(hello, peer(3));
    desk.receive(early, peer(3));
    assert.deepEqual(desk.early, [MESSAGE]);
    assert.deepEqual(desk.endpoint.counters.earlyRefused, { replayed: 2 });
  });

  test('a ClientHello is not new on another port that the same context serves', () => {
    const { server, flight } = besieged();
    const [hello, early] = flight(6);
    const desk = new Desk(server);
    const other = new Desk(server);
    for (const at of [desk, other]) {
      at.receive(hello, peer(1));
      at.receive(early, peer(1));
    }
    assert.deepEqual(desk.early, [MESSAGE]);
    assert.deepEqual(other.early, []);
  });

  test('a ClientHello is not new again after its association was forgotten', () => {
    const { server, flight } = besieged();
    const [hello, early] = flight(7);
    const desk = new Desk(server, {}, { handshakeTimeout: 3000 });
    desk.receive(hello, peer(1));
    desk.receive(early, peer(1));
    desk.wait(4000);
    assert.equal(desk.endpoint.size, 0);
    assert.ok(asksForCookie(desk.receive(hello, peer(1))));
    desk.receive(early, peer(1));
    assert.deepEqual(desk.early, [MESSAGE]);
    assert.deepEqual(desk.endpoint.counters.earlyRefused, { replayed: 1 });
  });

  test('a plaintext ACK does not keep the flight from a client that did not get it', () => {
    const { server, session } = besieged();
    const pair = comingBack(session, [MESSAGE], { server, seed: 8 });
    let lost = 2;
    pair.intercept = (data, from) => (from === 'server' && lost-- > 0 ? [] : [data]);
    pair.connect().runUntil(() => pair.server.early.length > 0, 1000);
    const recordNumbers = Array.from({ length: 8 }, (_, i) => ({ epoch: 0, sequenceNumber: i }));
    pair.inject(pair.server, plainRecord(ContentType.ack, encodeAck({ recordNumbers }), { sequence: 9 }));
    assert.equal(pair.server.dropped['unauthenticated_ack'], 1);
    assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 10_000));
    assertAlive(pair);
  });

  test('waiting answers do not keep the flight from a client that did not get it', () => {
    const { server, session } = besieged();
    const pair = comingBack(session, [MESSAGE], { server, seed: 9 });
    let lost = 1;
    pair.intercept = (data, from) => (from === 'server' && lost-- > 0 ? [] : [data]);
    pair.connect().runUntil(() => pair.server.early.length > 0, 1000);
    const answers = Array.from({ length: 12 }, (_, i) => new Uint8Array(1000).fill(i));
    for (const answer of answers) pair.server.endpoint.send(pair.server.entry, answer);
    pair.drain();
    assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 2000));
    pair.runFor(1000);
    const came = pair.client.messages.map(([first]) => first);
    assert.deepEqual(came.slice(-10), [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  test('an attacker that forges the address of a later client keeps nothing from it', () => {
    const { server, session, flight } = besieged();
    const [hello, early] = flight(12, 0, utf8('of another'));
    const pair = comingBack(session, [MESSAGE], {
      server,
      seed: 13,
      clientBehaviour: { handshakeTimeout: 5000 },
    });
    pair.inject(pair.server, hello);
    pair.inject(pair.server, early);
    assert.equal(pair.server.endpoint.size, 1);
    pair.runFor(1000).connect();
    assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 1000));
    pair.inject(pair.server, hello);
    pair.inject(pair.server, early);
    pair.runFor(100);
    assert.deepEqual(pair.server.messages.splice(0), [MESSAGE]);
    assertAlive(pair);
    assert.equal(pair.server.endpoint.size, 1);
    assert.deepEqual(pair.server.early.map(String), [String(utf8('of another'))]);
    const [forged] = pair.server.closed;
    assert.equal(forged?.entry, pair.server.entries[0]);
  });

  test('clients with early data are not reported when the server stops meanwhile', () => {
    const { server, flight } = besieged();
    const [hello, early] = flight(10);
    const desk = new Desk(server);
    desk.slow = true;
    desk.receive(hello, peer(1));
    desk.receive(early, peer(1));
    desk.endpoint.serve(undefined);
    assert.deepEqual(desk.answerAll(), []);
    assert.deepEqual(desk.entries, []);
    assert.deepEqual(desk.early, []);
    assert.equal(desk.endpoint.size, 0);
    assert.deepEqual(desk.endpoint.counters.earlyRefused, { busy: 1 });
  });

  test('early data is not accepted long after the handshake, even from a silent client', () => {
    const { server, session } = besieged();
    const quiet = { ticketKeys: undefined };
    const pair = comingBack(session, [MESSAGE, utf8('late')], { server, seed: 11, client: quiet });
    const held: Uint8Array[] = [];
    let sent = 0;
    pair.intercept = (data, from) => {
      if (from === 'server') return [data];
      sent++;
      if (sent === 3) held.push(data.slice());
      return sent > 3 && pair.server.isConnected ? [] : sent === 3 ? [] : [data];
    };
    pair.connect().runUntil(() => pair.server.isConnected, 1000);
    pair.runFor(20_000);
    assert.ok(pair.server.isConnected);
    pair.inject(pair.server, held[0] ?? assert.fail());
    assert.deepEqual(pair.server.early, [MESSAGE]);
    assert.equal(pair.server.dropped['refused_early_data'], 1);
  });

  for (const [limit, address] of [
    ['maxSessions', (i: number) => peer(i)],
    ['maxSessionsPerHost', (i: number) => ({ ...peer(1), port: 5000 + i })],
  ] as const) {
    test(`no more clients with early data are accepted than ${limit} allows`, () => {
      const { server, flight } = besieged();
      const desk = new Desk(server, { [limit]: 3 });
      const cookies = [20, 21, 22, 23, 24].map((seed) => {
        const [hello] = flight(seed);
        return asksForCookie(desk.receive(hello, address(seed)));
      });
      assert.deepEqual(cookies, [false, false, false, true, true]);
    });
  }
});
