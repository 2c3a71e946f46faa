import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import { ContentType, HandshakeType } from '#lib/wire/codes.js';
import { encodeAck } from '#lib/wire/messages/ack.js';
import { assertAlive } from '../../support/alive.js';
import { comingBack, sessionFor, taking } from '../../support/early.js';
import { Insider13 } from '../../support/insider13.js';
import type { Pair } from '../../support/pair.js';
import { Random } from '../../support/random.js';
import { encodeFragment, unifiedRecord } from '../../support/records.js';

const MESSAGE = utf8('early');

/** A server that has accepted early data and waits for the client's Finished, and an insider that knows all secrets. */
function midway(most = 1000): { pair: Pair; insider: Insider13 } {
  const server = taking(most);
  const pair = comingBack(sessionFor({ server }), [MESSAGE], { server }).connect();
  assert.ok(pair.runUntil(() => pair.server.early.length > 0, 1000));
  assert.equal(pair.server.phase, 'handshaking');
  return { pair, insider: new Insider13(pair) };
}

suite('what else may come in epoch 1', () => {
  test('more early data than the ticket allows ends the session with unexpected_message, and is not delivered', () => {
    const server = taking(100);
    const session = sessionFor({ server });
    const messages = [new Uint8Array(60), new Uint8Array(41)];
    const greedy = { ...session, early: { ...session.early, most: 1000 } };
    const pair = comingBack(greedy, messages, { server }).connect();
    pair.runUntil(() => pair.server.isClosed, 1000);
    assert.equal(pair.server.error?.alert, 'unexpected_message');
    assert.deepEqual(pair.server.early, messages.slice(0, 1));
    assert.equal(pair.server.dropped['early_data_limit'], 1);
    assert.equal(pair.server.endpoint.size, 0);
  });

  test('as much early data as the ticket allows is accepted', () => {
    const { pair, insider } = midway(100);
    const rest = new Uint8Array(100 - MESSAGE.length);
    pair.inject(pair.server, insider.seal('client', 1, ContentType.application_data, rest, 9));
    assert.deepEqual(pair.server.early, [MESSAGE, rest]);
    assert.ok(pair.runUntil(() => pair.server.isConnected, 1000));
    assertAlive(pair);
  });

  const OUT_OF_PLACE: Readonly<Record<string, readonly [type: number, content: Uint8Array]>> = {
    'a handshake message, such as the EndOfEarlyData of TLS': [
      ContentType.handshake,
      encodeFragment({ type: HandshakeType.end_of_early_data, messageSeq: 1, fragment: new Uint8Array(0) }),
    ],
    'a ChangeCipherSpec': [ContentType.change_cipher_spec, Uint8Array.of(1)],
  };
  for (const [what, [type, content]] of Object.entries(OUT_OF_PLACE)) {
    test(`${what} in epoch 1 ends the session with unexpected_message`, () => {
      const { pair, insider } = midway();
      pair.inject(pair.server, insider.seal('client', 1, type, content));
      assert.equal(pair.server.error?.alert, 'unexpected_message');
    });
  }

  /** The numbers of all records that the server may have sent. */
  const recordNumbers = [0, 1, 2, 3].flatMap((epoch) =>
    [0, 1, 2, 3].map((sequenceNumber) => ({ epoch, sequenceNumber })),
  );
  const ACK = encodeAck({ recordNumbers });

  test('an ACK in epoch 1 is counted and not believed: the whole flight is sent again, as for a ClientHello', () => {
    const { pair, insider } = midway();
    pair.network.clear();
    pair.runFor(60);
    pair.inject(pair.server, insider.seal('client', 1, ContentType.ack, ACK));
    assert.equal(pair.server.dropped['early_ack'], 1);
    // The client's own timer is a second.
    assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 500));
    assertAlive(pair);
  });

  test('a malformed ACK in epoch 1 is handled like a valid one', () => {
    const { pair, insider } = midway();
    pair.inject(pair.server, insider.seal('client', 1, ContentType.ack, Uint8Array.of(1)));
    assert.equal(pair.server.dropped['early_ack'], 1);
    assert.ok(pair.runUntil(() => pair.server.isConnected, 500));
    assertAlive(pair);
  });

  test('ACKs in epoch 1 bring an unvalidated client at most three times its own bytes', () => {
    const { pair, insider } = midway();
    const empty = encodeAck({ recordNumbers: [] });
    let sent = 0;
    pair.intercept = (data, from) => {
      if (from === 'server') sent += data.length;
      return [];
    };
    for (let sequence = 10; sequence < 100; sequence++) {
      pair.runFor(60);
      pair.inject(pair.server, insider.seal('client', 1, ContentType.ack, empty, sequence));
    }
    pair.runFor(100);
    const { entry } = pair.server;
    const { bytesReceived, retransmissions, dropped } = entry.connection.counters;
    assert.equal(dropped.early_ack, 90);
    // After 50, 150, 350, 750 ms and then once a second.
    assert.ok(retransmissions >= 4 && retransmissions <= 10, `${retransmissions} flights`);
    assert.ok(sent > 0 && sent <= 3 * bytesReceived, `${sent} bytes for ${bytesReceived}`);
  });

  test('an ACK in epoch 1 changes nothing once the client is validated', () => {
    const { pair, insider } = midway();
    assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 500));
    const { entry } = pair.server;
    pair.inject(pair.server, insider.seal('client', 1, ContentType.ack, ACK));
    assert.equal(pair.server.dropped['early_ack'], 1);
    assert.equal(entry.connection.counters.retransmissions, 0);
    assertAlive(pair);
  });

  test('junk in epoch 1 is counted, and changes nothing', () => {
    const { pair } = midway();
    const random = new Random(5);
    for (let i = 0; i < 2000; i++)
      pair.inject(
        pair.server,
        unifiedRecord(1, random.between(0, 0xffff), random.bytes(random.between(0, 80))),
      );
    const { dropped } = pair.server;
    assert.equal(
      (dropped['bad_record'] ?? 0) + (dropped['too_short'] ?? 0) + (dropped['replayed'] ?? 0),
      2000,
    );
    assert.deepEqual(pair.server.early, [MESSAGE]);
    assert.ok(pair.runUntil(() => pair.server.isConnected, 1000));
    assertAlive(pair);
  });

  test('plaintext alerts do not end a session with accepted early data', () => {
    const { pair, insider } = midway();
    pair.inject(pair.server, insider.seal('client', 0, ContentType.alert, Uint8Array.of(2, 40)));
    assert.ok(pair.runUntil(() => pair.server.isConnected, 1000));
    assertAlive(pair);
  });
});
