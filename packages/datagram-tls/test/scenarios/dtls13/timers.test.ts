import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ContentType } from '#lib/wire/codes.js';
import { assertAlive } from '../../support/alive.js';
import { CA, OTHER_CA, SERVERS } from '../../support/identities.js';
import { Insider13 } from '../../support/insider13.js';
import { Pair } from '../../support/pair.js';
import { plainFragments, recordsOf } from '../../support/records.js';
import type { Side } from '../../support/side.js';

const version = 'DTLSv1.3';
const ROLES = ['client', 'server'] as const;

/** One KeyUpdate of `side` without an ACK; returns the times of its retransmissions, ms after the first transmission. */
function unansweredUpdate(pair: Pair, side: Side, duration: number): number[] {
  const began = pair.now;
  const again: number[] = [];
  const seen = (): number => side.entry.connection.counters.retransmissions;
  pair.intercept = (data, from) => (from === side.role ? [data] : []);
  update(pair, side);
  for (
    let before = seen();
    pair.runUntil(() => seen() > before, duration - (pair.now - began));
    before = seen()
  )
    again.push(pair.now - began);
  pair.intercept = undefined;
  return again;
}

function update(pair: Pair, side: Side): void {
  side.entry.connection.updateKeys({ requestPeer: false }, pair.now);
  side.endpoint.touch(side.entry);
  pair.drain();
}

suite('the retransmission timer of DTLS 1.3', () => {
  for (const role of ROLES) {
    test(`the timer of the ${role} is 1.5 times the measured round trip after a handshake without loss`, () => {
      const pair = new Pair({ version, weather: { latency: 400 } }).handshake();
      assert.deepEqual(unansweredUpdate(pair, pair[role], 4000), [1200, 3600]);
    });

    test(`the timer of the ${role} is half of its first value on a short path`, () => {
      const retransmission = { initial: 600 };
      const options = { clientBehaviour: { retransmission }, serverBehaviour: { retransmission } };
      const pair = new Pair({ version, ...options }).handshake();
      assert.deepEqual(unansweredUpdate(pair, pair[role], 1000), [300, 900]);
    });

    test(`the timer of the ${role} stays doubled until a flight gets through at once`, () => {
      const pair = new Pair({ version }).handshake();
      assert.deepEqual(unansweredUpdate(pair, pair[role], 600), [500]);
      // The acknowledged records were sent more than once: their ACK gives no round-trip sample.
      pair.runFor(2000);
      assert.deepEqual(unansweredUpdate(pair, pair[role], 3000), [2000]);
      pair.runFor(10_000);
      update(pair, pair[role]);
      pair.runFor(100);
      assert.deepEqual(unansweredUpdate(pair, pair[role], 600), [500]);
      pair.runFor(10_000);
      assertAlive(pair);
    });

    test(`the timer of the ${role} has its first value again after a long silence`, () => {
      const pair = new Pair({ version, serverBehaviour: { idleTimeout: 0 } }).handshake();
      pair.runFor(3_600_000);
      assert.deepEqual(unansweredUpdate(pair, pair[role], 3500), [1000, 3000]);
    });
  }
});

suite('a flight of many records', () => {
  /** The server's flight takes some 17 records: its chain has six needless certificates. */
  const LONG = {
    server: { ...SERVERS.rsa, cert: [SERVERS.rsa.cert, CA, OTHER_CA, CA, OTHER_CA, CA, OTHER_CA].join('') },
    serverBehaviour: { mtu: 256 },
  };

  /** Records of each transmission of the server's flight, by the instant at which they arrive. */
  function transmissions(pair: Pair): number[] {
    const counts = new Map<number, number>();
    pair.onDelivery = ({ from, data }) => {
      if (from === 'client' || pair.client.isConnected) return;
      if (plainFragments(data)[0]?.messageSeq === 0) return;
      counts.set(pair.now, (counts.get(pair.now) ?? 0) + recordsOf(data).length);
    };
    pair.explain(() => pair.handshake());
    return [...counts.values()];
  }

  test('a flight of many records is sent ten at a time in DTLS 1.3, the rest after ACKs', () => {
    const pair = new Pair({ version, ...LONG });
    const [first, second, ...others] = transmissions(pair);
    assert.equal(first, 10);
    assert.ok(second !== undefined && second > 2 && second <= 10);
    assert.deepEqual(others, []);
    assert.equal(pair.server.entry.connection.counters.retransmissions, 0, 'nothing went out twice');
    assert.ok(pair.now < 400, 'no timer had to end');
    assertAlive(pair);
  });

  test('a flight of many records reaches in turn a peer that sends no ACK before it is complete', () => {
    const pair = new Pair({ version, ...LONG });
    const insider = new Insider13(pair);
    pair.intercept = (data, from) => {
      const acks = () => insider.open(from, data).every(({ type }) => type === ContentType.ack);
      return from === 'client' && !pair.client.isConnected && recordsOf(data)[0]?.epoch === 2 && acks()
        ? []
        : [data];
    };
    const sent = transmissions(pair);
    assert.ok(sent.length >= 2 && sent.every((records) => records <= 10));
    assert.ok(pair.now > 1000 && pair.now < 2500, 'the second part follows after one timeout');
    assertAlive(pair);
  });

  test('a flight of many records is sent completely in DTLS 1.2, which has no ACKs', () => {
    const pair = new Pair({ version: 'DTLSv1.2', ...LONG });
    const [first] = transmissions(pair);
    assert.ok((first ?? 0) > 10);
  });

  test('a flight of many records succeeds at 30 % loss, of datagrams or of ACKs alone', () => {
    for (let seed = 0; seed < 60; seed++) {
      const patient = { handshakeTimeout: 600_000 };
      const pair = new Pair({
        version,
        seed,
        ...LONG,
        weather: { loss: seed % 2 === 0 ? 0.3 : 0, jitter: 60 },
        limits: { cookieLifetime: 600_000 },
        clientBehaviour: patient,
        serverBehaviour: { ...patient, mtu: 256 },
      });
      pair.intercept = (data, from) =>
        seed % 2 === 1 && from === 'client' && pair.random.chance(0.3) ? [] : [data];
      pair.explain(() => pair.handshake());
    }
  });
});
