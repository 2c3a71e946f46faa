import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Role } from '#lib/config/config.js';
import { HandshakeType } from '#lib/wire/codes.js';
import { assertAlive } from '../../support/alive.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { plainFragments, plainRecord, recordsOf } from '../../support/records.js';
import { isResumed, returning, savedSession } from '../../support/resumption.js';

const version = 'DTLSv1.2';
const TWICE_MSL = 240_000;
const SESSION = savedSession(new Pair({ version }).handshake());

function again(options: PairOptions = {}): Pair {
  return returning(SESSION, { version, ...options });
}

function isProtected(datagram: Uint8Array): boolean {
  return recordsOf(datagram).some(({ epoch }) => epoch === 1);
}

/** The records of `data` in epoch `epoch` alone. */
function inEpoch(data: Uint8Array, epoch: number): Uint8Array[] {
  return recordsOf(data).flatMap((record) => (record.epoch === epoch ? [record.whole] : []));
}

suite('delivery of the abbreviated handshake of DTLS 1.2', () => {
  for (const from of ['client', 'server'] as const satisfies readonly Role[]) {
    test(`the last flight of the ${from} is retransmitted until it arrives`, () => {
      const pair = again();
      pair.intercept = (data, sender) =>
        sender === from && isProtected(data) && pair.now < 3000 ? [] : [data];
      pair.handshake();
      assert.ok(isResumed(pair));
      assert.ok(pair[from].entry.connection.counters.retransmissions > 0);
      assertAlive(pair);
    });
  }

  test('client finishes first, and repeats its Finished for twice the maximum segment lifetime', () => {
    const serverBehaviour = { handshakeTimeout: 0, retransmission: { max: 44_000 } };
    const pair = again({ serverBehaviour });
    let connectedAt: number | undefined;
    pair.intercept = (data, from) => {
      if (pair.client.isConnected) connectedAt ??= pair.now;
      const early = connectedAt === undefined || pair.now < connectedAt + TWICE_MSL - 2000;
      return early && from === 'client' && isProtected(data)
        ? []
        : early && pair.client.isConnected
          ? []
          : [data];
    };
    pair.connect();
    assert.ok(pair.runUntil(() => pair.server.isConnected, 2 * TWICE_MSL));
    assert.equal(pair.client.entry.connection.counters.retransmissions, 1);
    assert.ok(pair.now - (connectedAt ?? 0) > TWICE_MSL - 2000);
    assertAlive(pair);
  });

  test('client forgets its last flight after that time, and holds no timer', () => {
    const pair = again({ serverBehaviour: { idleTimeout: 0 } })
      .handshake()
      .runFor(TWICE_MSL + 1000);
    assert.equal(pair.client.endpoint.pollTimeout(), undefined);
    assert.equal(pair.server.endpoint.pollTimeout(), undefined);
  });

  test('data that overtakes the Finished of the client waits for it', () => {
    const pair = again();
    let withheld: Uint8Array | undefined;
    pair.intercept = (data, from) => {
      if (from === 'server' || !isProtected(data) || withheld !== undefined) return [data];
      withheld = data;
      return [];
    };
    pair.connect();
    assert.ok(pair.runUntil(() => pair.client.isConnected, 900));
    pair.send(pair.client, Uint8Array.of(1, 2, 3));
    pair.runUntil(() => pair.network.next() === undefined, 500);
    assert.equal(pair.server.phase, 'handshaking');
    assert.deepEqual(pair.server.messages, []);
    pair.inject(pair.server, withheld ?? assert.fail());
    assert.deepEqual(pair.server.messages, [Uint8Array.of(1, 2, 3)]);
  });

  test('a Finished before the NewSessionTicket waits for it', () => {
    for (const session of [undefined, SESSION]) {
      const server = { ticketKeys: [new Uint8Array(80).fill(7), new Uint8Array(80)] };
      const pair = session === undefined ? new Pair({ version, server }) : again({ server });
      let turned = 0;
      pair.intercept = (data, from) => {
        if (from === 'client' || !isProtected(data) || turned > 0) return [data];
        const [plain, sealed] = [inEpoch(data, 0), inEpoch(data, 1)];
        assert.ok(plainFragments(data).some(({ type }) => type === HandshakeType.new_session_ticket));
        turned++;
        return [...sealed, ...plain];
      };
      pair.connect();
      pair.explain(() =>
        assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 900)),
      );
      assert.equal(turned, 1);
      assert.equal(isResumed(pair), session !== undefined);
    }
  });

  test('a ClientHello that is sent a hundred times brings only one more flight', () => {
    const pair = again();
    let hello: Uint8Array | undefined;
    pair.intercept = (data, from) => {
      if (from === 'client') hello = data;
      return from === 'server' && isProtected(data) ? [] : [data];
    };
    pair.connect();
    pair.runUntil(() => pair.server.flights('sent').length > 0, 900);
    const [record] = recordsOf(hello ?? assert.fail());
    assert.ok(record !== undefined);
    pair.runFor(100);
    for (let i = 0; i < 100; i++)
      pair.inject(pair.server, plainRecord(record.type, record.body, { sequence: 100 + i }));
    assert.equal(pair.server.entry.connection.counters.retransmissions, 1);
  });
});
