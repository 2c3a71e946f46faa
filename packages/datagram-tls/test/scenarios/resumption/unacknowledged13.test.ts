import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HandshakeType } from '#lib/wire/codes.js';
import { assertAlive } from '../../support/alive.js';
import { Insider13 } from '../../support/insider13.js';
import { Pair } from '../../support/pair.js';
import { recordsOf } from '../../support/records.js';
import type { Side } from '../../support/side.js';

const version = 'DTLSv1.3';
/** All tries of a ticket are over by then, ms. */
const LONG = 600_000;

/** From when both sides are connected the client's datagrams are lost. */
function mute(pair: Pair): Pair {
  pair.intercept = (data, sender) =>
    sender === 'client' && pair.server.isConnected && pair.client.isConnected ? [] : [data];
  return pair;
}

function silentClient(): Pair {
  return mute(new Pair({ version, serverBehaviour: { idleTimeout: 0 } }))
    .connect()
    .runFor(LONG);
}

function updateKeys(pair: Pair): void {
  pair.server.entry.connection.updateKeys({ requestPeer: false }, pair.now);
  pair.server.endpoint.touch(pair.server.entry);
  pair.drain();
}

function sendings(side: Side, message: string): number {
  return [...side.flights('sent'), ...side.flights('sent', true)].flat().filter((name) => name === message)
    .length;
}

function updates(side: Side): number {
  return side.traced.filter((event) => event.kind === 'key-update').length;
}

suite('a NewSessionTicket of DTLS 1.3 without an acknowledgement', () => {
  test('an unacknowledged ticket is sent seven times, and counted', () => {
    const pair = silentClient();
    assert.equal(sendings(pair.server, 'new_session_ticket'), 7);
    assert.equal(pair.server.entry.connection.counters.ticketsGivenUp, 1);
    assert.equal(pair.server.endpoint.pollTimeout(), undefined);
    assert.ok(pair.server.isConnected);
  });

  test('an unacknowledged ticket is sent once more with a KeyUpdate, which it does not delay', () => {
    const pair = silentClient();
    pair.intercept = undefined;
    updateKeys(pair);
    assert.deepEqual(pair.server.flights('sent').at(-1), ['new_session_ticket', 'key_update']);
    pair.runFor(1000);
    assert.deepEqual([updates(pair.server), updates(pair.client)], [1, 1]);
    assert.equal(pair.client.tickets.length, 1);
    assertAlive(pair);
  });

  test('an unacknowledged ticket lets a waiting KeyUpdate go', () => {
    const pair = mute(new Pair({ version })).connect();
    pair.runUntil(() => sendings(pair.server, 'new_session_ticket') > 0, 5000);
    updateKeys(pair);
    assert.equal(sendings(pair.server, 'key_update'), 0);
    pair.runFor(LONG);
    assert.ok(sendings(pair.server, 'key_update') > 0);
    pair.intercept = undefined;
    pair.runFor(LONG);
    assert.deepEqual([updates(pair.server), updates(pair.client)], [1, 1]);
    assertAlive(pair);
  });

  test('a ticket that was acknowledged with a KeyUpdate is not sent again', () => {
    const pair = silentClient();
    pair.intercept = undefined;
    updateKeys(pair);
    pair.runFor(1000);
    updateKeys(pair);
    pair.runFor(1000);
    assert.deepEqual(pair.server.flights('sent').at(-1), ['key_update']);
    assert.equal(pair.server.entry.connection.counters.ticketsGivenUp, 1);
    assertAlive(pair);
  });

  test('a client that acknowledges a KeyUpdate and never the ticket delays nothing', () => {
    const pair = silentClient();
    const insider = new Insider13(pair);
    // The client sees the KeyUpdate alone, keeps it for later, and says so.
    pair.intercept = (data, sender) => {
      if (sender === 'client') return [data];
      const opened = insider.open('server', data);
      const rest = recordsOf(data).filter(
        (_, i) => opened[i]?.content[0] !== HandshakeType.new_session_ticket,
      );
      return rest.map(({ whole }) => whole);
    };
    updateKeys(pair);
    pair.runFor(LONG);
    assert.equal(updates(pair.server), 1);
    assert.equal(pair.server.entry.connection.counters.ticketsGivenUp, 1);
    assert.equal(pair.server.endpoint.pollTimeout(), undefined);
  });
});
