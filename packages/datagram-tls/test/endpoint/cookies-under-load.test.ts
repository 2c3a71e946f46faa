// `cookies: 'under-load'`.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { EndpointLimits } from '#lib/config/limits.js';
import { machineOf } from '#lib/connection/connection.js';
import { firstHello } from '../support/first-hello.js';
import { CA, OTHER_CA, SERVERS } from '../support/identities.js';
import { Pair, type PairOptions } from '../support/pair.js';
import { plainFragments, recordsOf } from '../support/records.js';
import { VERSIONS } from '../support/settings.js';

const LENIENT: Partial<EndpointLimits> = { cookies: 'under-load' };
const MAX = 64;
const MAX_PER_HOST = 16;
const LIFE = 10_000;
const LARGE_CHAIN = { ...SERVERS.rsa, cert: [SERVERS.rsa.cert, CA, OTHER_CA, CA].join('') };

const KEY = new Uint8Array(16).fill(1);
/** Flights that fit: keys that are shared, and no certificates. */
const PSK: PairOptions = {
  client: { psk: { identity: 'client', key: KEY } },
  server: { cert: undefined, key: undefined, psk: { client: KEY } },
};

/** Handshakes are counted in flights: datagrams of each side until both are connected. */
function turns(options: PairOptions): { pair: Pair; turns: number } {
  const pair = new Pair(options);
  let [count, last] = [0, ''];
  pair.onDelivery = ({ from }) => {
    if (from !== last && !(pair.client.isConnected && pair.server.isConnected)) count++;
    last = from;
  };
  pair.explain(() => pair.handshake());
  return { pair, turns: count };
}

/** Bytes that the server sent to the client, at each instant no more than three times what came, until the path is validated. */
function watchBudget(pair: Pair): { readonly ratio: () => number } {
  let [received, sent, worst] = [0, 0, 0];
  pair.onDelivery = ({ data, from }) => {
    const path = pair.server.entries.at(-1)?.connection.path;
    if (from === 'client') received += data.length;
    else sent += data.length;
    if (path?.validated !== true && received > 0) worst = Math.max(worst, sent / received);
  };
  return { ratio: () => worst };
}

for (const version of VERSIONS) {
  suite(`cookies under load, ${version}`, () => {
    test('a handshake takes one round trip less, and the server reports a session whose path is validated', () => {
      const always = turns({ version, ...PSK });
      const lenient = turns({ version, ...PSK, limits: LENIENT });
      assert.equal(always.turns - lenient.turns, 2);
      const { counters } = lenient.pair.server.endpoint;
      assert.deepEqual([counters.cookiesSent, counters.withoutCookie, counters.cookiesUnderLoad], [0, 1, 0]);
      assert.equal(always.pair.server.endpoint.counters.cookiesSent, 1);
      assert.equal(lenient.pair.server.entry.connection.path.validated, true);
      const messages = lenient.pair.server.traced.filter(({ kind }) => kind === 'flight');
      assert.ok(messages.length > 0, 'what happened before the session was reported is told afterwards');
    });

    test('no session is reported for a client that is not heard again, and its place is free after a while', () => {
      const pair = new Pair({ version, ...PSK, limits: LENIENT });
      pair.intercept = (data, from) => (from === 'server' ? [] : [data]);
      pair.connect().runFor(500);
      pair.intercept = () => [];
      assert.equal(pair.server.endpoint.size, 1);
      pair.runFor(LIFE);
      assert.deepEqual([pair.server.endpoint.size, pair.server.entries.length], [0, 0]);
      assert.deepEqual([pair.server.closed.length, pair.server.traced.length], [0, 0]);
      assert.equal(pair.server.endpoint.pollTimeout(), undefined);
    });

    test('a large chain never exceeds three times the bytes of the client, and the handshake is done soon', () => {
      const pair = new Pair({ version, server: LARGE_CHAIN, limits: LENIENT });
      const budget = watchBudget(pair);
      pair.explain(() => pair.handshake());
      assert.ok(budget.ratio() <= 3, String(budget.ratio()));
      assert.ok(pair.now < 1000, `it took ${pair.now} ms`);
      // DTLS 1.3 goes on when the client acknowledges; a client of DTLS 1.2 would have to wait for its timer.
      const { withoutCookie, cookiesSent } = pair.server.endpoint.counters;
      assert.deepEqual([withoutCookie, cookiesSent], version === 'DTLSv1.3' ? [1, 0] : [1, 1]);
    });

    test('forged addresses get a limited number of associations, and then requests for cookies', () => {
      const pair = new Pair({ version, ...PSK, limits: LENIENT });
      const hello = firstHello(pair);
      let [sent, largest] = [0, 0];
      pair.onDelivery = ({ data }) => {
        sent += data.length;
      };
      for (let i = 0; i < 1000; i++) {
        const address = `10.${i >> 8}.${i & 255}.1`;
        pair.inject(pair.server, hello, { address, family: 'IPv4', port: 5000 });
        largest = Math.max(largest, pair.server.endpoint.size);
      }
      pair.runFor(100);
      assert.equal(largest, MAX);
      const { counters } = pair.server.endpoint;
      assert.deepEqual([counters.withoutCookie, counters.cookiesUnderLoad], [MAX, 1000 - MAX]);
      assert.ok(sent <= 3 * 1000 * hello.length);
      assert.deepEqual([pair.server.entries.length, pair.server.closed.length], [0, 0]);
      // An honest client is served meanwhile, with a cookie.
      pair.restartClient();
      pair.intercept = undefined;
      pair.explain(() => pair.handshake());
      assert.equal(counters.withoutCookie, MAX);
      pair.runFor(LIFE + 100);
      assert.equal(pair.server.endpoint.size, 1, 'the unanswered association is gone');
    });

    test('records from an address that is not validated add a bounded number of traces', () => {
      const pair = new Pair({ version, ...PSK, limits: LENIENT });
      const hello = firstHello(pair);
      const from = { address: '10.0.0.1', family: 'IPv4', port: 5000 } as const;
      pair.inject(pair.server, hello, from);
      // Plaintext warnings, each of which is traced: anyone can send them.
      for (let i = 0; i < 1000; i++) {
        const record = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 1, i >> 8, i & 255, 0, 2, 1, 90];
        pair.inject(pair.server, Uint8Array.from(record), from);
      }
      const [entry] = pair.server.endpoint.entries();
      assert.ok(entry && pair.server.endpoint.counters.withoutCookie === 1);
      let traces = 0;
      // What would be told if the path were validated now.
      machineOf(entry.connection).onProved(pair.now);
      while (entry.connection.pollEvent() !== undefined) traces++;
      assert.ok(traces > 0 && traces <= 128, `${traces} events`);
    });

    test('one host gets a share of them', () => {
      const pair = new Pair({ version, ...PSK, limits: LENIENT });
      const hello = firstHello(pair);
      for (let port = 1; port <= 100; port++)
        pair.inject(pair.server, hello, { address: '10.0.0.1', family: 'IPv4', port });
      assert.equal(pair.server.endpoint.counters.withoutCookie, MAX_PER_HOST);
    });

    test('ClientHellos whose handshake fails at once keep their places: no more handshakes begin than there are places', () => {
      const pair = new Pair({ version, ...PSK, limits: LENIENT });
      const hello = firstHello(pair);
      for (let i = 0; i < 200; i++) {
        const from = { address: `10.1.${i}.1`, family: 'IPv4', port: 7 } as const;
        pair.inject(pair.server, hello, from);
        // As message 1, where DTLS 1.2 expects another one: the handshake fails.
        pair.inject(
          pair.server,
          hello.map((byte, at) => (at === 18 ? 1 : byte)),
          from,
        );
      }
      assert.equal(pair.server.endpoint.size, version === 'DTLSv1.2' ? 0 : MAX);
      assert.equal(pair.server.endpoint.counters.withoutCookie, MAX);
      pair.runFor(LIFE);
      pair.inject(pair.server, hello, { address: '10.2.0.1', family: 'IPv4', port: 7 });
      assert.equal(pair.server.endpoint.counters.withoutCookie, MAX + 1, 'there is room again');
    });

    test('cookies are requested again when handshakes take half of what is allowed', () => {
      const pair = new Pair({ version, ...PSK, limits: { ...LENIENT, maxHandshakes: 8 } });
      const hello = firstHello(pair);
      for (let i = 1; i <= 20; i++)
        pair.inject(pair.server, hello, {
          address: `10.0.${i}.1`,
          family: 'IPv4',
          port: 1,
        });
      const { withoutCookie, cookiesUnderLoad } = pair.server.endpoint.counters;
      assert.deepEqual([withoutCookie, cookiesUnderLoad], [4, 16]);
    });

    test('an address with a session gets no second one without a cookie', () => {
      const pair = new Pair({ version, ...PSK, limits: LENIENT });
      pair.handshake();
      pair.restartClient();
      pair.handshake();
      const { withoutCookie, cookiesSent } = pair.server.endpoint.counters;
      assert.deepEqual([withoutCookie, cookiesSent], [1, 1]);
    });

    test('a handshake survives loss and reordering', () => {
      for (let seed = 1; seed <= 8; seed++) {
        const weather = { loss: 0.2, jitter: 40 };
        const pair = new Pair({ version, seed, ...PSK, limits: LENIENT, weather });
        pair.explain(() => pair.handshake());
      }
    });

    test('without the option every client is asked for a cookie', () => {
      const { pair } = turns({ version, ...PSK });
      assert.equal(pair.server.endpoint.counters.withoutCookie, 0);
    });
  });
}

suite('cookies under load, DTLSv1.3', () => {
  test('a client without the share of our group is asked for it and for a cookie at once', () => {
    const pair = new Pair({
      version: 'DTLSv1.3',
      client: { groups: 'secp256r1:x25519', keyShares: 'secp256r1' },
      limits: LENIENT,
    });
    const first: Uint8Array[] = [];
    pair.intercept = (data, from) => {
      if (from === 'server') first.push(data);
      return [data];
    };
    pair.explain(() => pair.handshake());
    assert.equal(plainFragments(first[0] ?? assert.fail())[0]?.messageSeq, 0);
    assert.equal(recordsOf(first[0] ?? assert.fail()).length, 1);
    const { withoutCookie, cookiesSent } = pair.server.endpoint.counters;
    assert.deepEqual([withoutCookie, cookiesSent], [0, 1]);
  });
});
