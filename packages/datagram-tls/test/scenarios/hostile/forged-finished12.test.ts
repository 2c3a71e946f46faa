// Records that do not open, between a client's ClientKeyExchange and its Finished: anybody can send them, and they look like those
// of a client with another pre-shared key (ADR 26, ADR 96).

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { concat } from '#lib/base/bytes.js';
import { ContentType, HandshakeType } from '#lib/wire/codes.js';
import { assertAlive } from '../../support/alive.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { fragmentRecord, plainRecord, recordsOf } from '../../support/records.js';

const version = 'DTLSv1.2';
const KEY = new Uint8Array(16).fill(5);
/** Of a record that leaves no room for a Finished beside it, where both wait for keys. */
const NEARLY_ALL = 7700;

function options(more: PairOptions = {}): PairOptions {
  return {
    version,
    client: { psk: { identity: 'sensor', key: KEY } },
    server: { cert: undefined, key: undefined, psk: () => KEY },
    ...more,
  };
}

function forged(sequence: number, length = 40): Uint8Array {
  return plainRecord(ContentType.handshake, new Uint8Array(length), { epoch: 1, sequence });
}

/** A datagram as a client would send it, of a forger that knows none of its bytes. */
function forgedFlight(sequence: number): Uint8Array {
  const message = { type: HandshakeType.client_key_exchange, messageSeq: 2, fragment: new Uint8Array(40) };
  return concat(fragmentRecord(message, { sequence }), forged(sequence));
}

/** Its records of epoch 0, and those of the next one. */
function parts(data: Uint8Array): readonly [plain: Uint8Array, finished: Uint8Array] {
  const records = recordsOf(data);
  const of = (wanted: boolean): Uint8Array =>
    concat(...records.filter(({ epoch }) => epoch > 0 === wanted).map(({ whole }) => whole));
  return [of(false), of(true)];
}

/** The numbers of the alerts that the server sends. */
function alertNumbers(pair: Pair): number[] {
  const numbers: number[] = [];
  pair.onDeparture = ({ role }, data) => {
    if (role !== 'server') return;
    for (const { type, epoch, sequence } of recordsOf(data))
      if (type === ContentType.alert && epoch === 0) numbers.push(sequence);
  };
  return numbers;
}

/** What arrives of each last flight of the client is for `arrange` to say, with `count` forgeries in it. */
function forgeFinished(
  pair: Pair,
  forge: (n: number) => Uint8Array,
  count: number,
  arrange: (
    plain: Uint8Array,
    forgeries: readonly Uint8Array[],
    finished: Uint8Array,
    flight: number,
  ) => Uint8Array[],
): void {
  let flights = 0;
  pair.intercept = (data, from) => {
    if (from === 'server') return [data];
    const [plain, finished] = parts(data);
    if (finished.length === 0) return [data];
    const forgeries = Array.from({ length: count }, (_, i) => forge(100 * flights + i + 1));
    return arrange(plain, forgeries, finished, flights++);
  };
}

suite('forged records in place of a Finished with a pre-shared key, DTLSv1.2', () => {
  for (const [what, forge] of [
    ['records', forged],
    ['flights', forgedFlight],
  ] as const) {
    test(`forged ${what} make the server send no alert although the client's first Finished is lost`, () => {
      const pair = new Pair(options());
      const alerts = alertNumbers(pair);
      forgeFinished(pair, forge, 6, (plain, forgeries, finished, flight) =>
        flight === 0 ? [plain, ...forgeries] : [plain, ...forgeries, finished, ...forgeries],
      );
      pair.connect();
      pair.explain(() => {
        assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 10_000));
        assert.deepEqual(alerts, []);
        pair.intercept = undefined;
        assertAlive(pair);
      });
    });

    test(`no alert about forged ${what} has the number of a flight of the client, and its handshake goes on`, () => {
      const pair = new Pair(options());
      const alerts = alertNumbers(pair);
      forgeFinished(pair, forge, 2, (plain, forgeries, finished, flight) =>
        flight < 3 ? [plain, ...forgeries] : [plain, ...forgeries, finished],
      );
      pair.connect();
      pair.explain(() => {
        assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 10_000));
        assert.ok(pair.client.alerts('received').length > 0, 'the server told of no forgery');
        assert.ok(
          alerts.every((number) => number < 1000),
          alerts.join(),
        );
        pair.intercept = undefined;
        assertAlive(pair);
      });
    });
  }

  test('forged records that take the room of a Finished while the key is looked up end nothing', () => {
    const pair = new Pair(options({ jobs: 'by-hand' }));
    const alerts = alertNumbers(pair);
    let flights = 0;
    pair.intercept = (data, from) => {
      if (from === 'server') return [data];
      const [plain, finished] = parts(data);
      if (finished.length === 0) return [data];
      if (flights++ === 0) return [plain, forged(1, NEARLY_ALL), finished];
      return [plain, ...[1, 2, 3].map((n) => forged(100 * flights + n)), finished];
    };
    pair.connect();
    pair.explain(() => {
      for (let i = 0; i < 20 && !(pair.client.isConnected && pair.server.isConnected); i++) {
        pair.runFor(100);
        for (const side of [pair.client, pair.server]) while (side.jobs.length > 0) pair.answer(side);
      }
      assert.equal(pair.server.dropped['over_budget'], 1);
      assert.deepEqual(alerts, []);
      pair.intercept = undefined;
      assertAlive(pair);
    });
  });

  test('a client with another key knows it by an alert that has the number of its flight, in spite of forged ones', () => {
    const pair = new Pair(
      options({ server: { cert: undefined, key: undefined, psk: () => KEY.map(() => 1) } }),
    );
    const alerts = alertNumbers(pair);
    pair.connect();
    for (let i = 0; i < 6; i++) pair.runFor(20).inject(pair.server, forged(900 + i));
    pair.explain(() => {
      assert.ok(pair.runUntil(() => pair.client.isClosed, 2000));
      assert.equal(pair.client.error?.alert, 'decrypt_error');
      assert.ok((alerts.at(-1) ?? 0) > 1000);
    });
  });
});
