// `keepAlive` notices a peer that is gone.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import type { KeepAliveOption } from '#lib/config/behaviour.js';
import { connect, listen } from '#lib/index.js';
import { assertAlive } from '../support/alive.js';
import { SERVERS } from '../support/identities.js';
import { Pair } from '../support/pair.js';
import { type TestedVersion, VERSIONS } from '../support/settings.js';
import type { Side } from '../support/side.js';

const INTERVAL = 10_000;
const TIMEOUT = 40_000;
const PING = utf8('ping');
const PONG = utf8('pong');
const ROLES = ['client', 'server'] as const;

function opened(
  version: TestedVersion,
  role: 'client' | 'server',
  option: Partial<KeepAliveOption> = {},
): Pair {
  const keepAlive = { interval: INTERVAL, message: PING, ...option };
  const name = role === 'client' ? 'clientBehaviour' : 'serverBehaviour';
  const pair = new Pair({ version, [name]: { keepAlive } }).handshake();
  pair.runFor(1000);
  return pair;
}

/** Lets `ms` pass while the application of each of `peers` answers pings. */
function runAnswering(pair: Pair, ms: number, ...peers: readonly Side[]): void {
  const end = pair.now + ms;
  const seen = peers.map(({ messages }) => messages.length);
  while (pair.now < end) {
    pair.runFor(500);
    for (const [i, peer] of peers.entries()) {
      const fresh = peer.messages.slice(seen[i]);
      seen[i] = peer.messages.length;
      for (const message of fresh)
        if (message.length === PING.length && message[1] === PING[1]) pair.send(peer, PONG);
    }
  }
}

for (const version of VERSIONS) {
  suite(`keepAlive, ${version}`, () => {
    for (const role of ROLES) {
      const other = role === 'client' ? 'server' : 'client';

      test(`${role} ends a session whose peer is silent for the timeout, with an error that says so`, () => {
        const pair = opened(version, role);
        const heardAt = pair.now - 1000;
        pair.intercept = () => [];
        pair.runFor(TIMEOUT - 1100);
        assert.equal(pair[role].phase, 'open');
        pair.runFor(1200);
        assert.ok(pair[role].isClosed);
        assert.ok(pair.now - heardAt >= TIMEOUT);
        assert.deepEqual(
          [pair[role].error?.code, pair[role].error?.source],
          ['ERR_DTLS_PEER_GONE', 'network'],
        );
      });

      test(`${role} keeps a session whose peer only answers the probes`, () => {
        const pair = opened(version, role);
        runAnswering(pair, 30 * INTERVAL, pair[other]);
        const asked = version === 'DTLSv1.3' ? keyUpdates(pair[role]) : pair[other].messages.length;
        assert.ok(asked >= 25 && asked <= 31, `asked ${asked} times`);
        assertAlive(pair);
      });

      test(`${role} sends no probe while authentic records arrive`, () => {
        const pair = opened(version, role);
        for (let i = 0; i < 100; i++) {
          pair.send(pair[other], utf8('news'));
          pair.runFor(INTERVAL / 2);
        }
        assert.deepEqual([keyUpdates(pair[role]), pair[other].messages.length], [0, 0]);
        assertAlive(pair);
      });

      test(`${role} does not take a forged record as a sign of life`, () => {
        const pair = opened(version, role);
        pair.intercept = () => [Uint8Array.from([23, 254, 253, 0, 1, 0, 0, 0, 0, 9, 9, 0, 1, 0])];
        for (let i = 0; i < 10; i++) {
          pair.inject(pair[role], Uint8Array.from([23, 254, 253, 0, 1, 0, 0, 0, 0, 9, i, 0, 2, 0, 0]));
          pair.runFor(TIMEOUT / 8);
        }
        assert.equal(pair[role].error?.code, 'ERR_DTLS_PEER_GONE');
      });

      test(`${role} recovers when a path that was dead for less than the timeout works again`, () => {
        const pair = opened(version, role);
        pair.intercept = () => [];
        pair.runFor(TIMEOUT / 2);
        pair.intercept = undefined;
        runAnswering(pair, 10 * INTERVAL, pair[other]);
        assertAlive(pair);
      });
    }

    // The side that answers a job last, when the peer has nothing more to say before the session is open.
    const judge = version === 'DTLSv1.2' ? 'server' : 'client';
    test(`${judge} counts no silence from before its session was open`, () => {
      const keepAlive = { interval: INTERVAL, message: PING };
      const silence = { keepAlive, idleTimeout: 50_000, handshakeTimeout: 0 };
      const pair = new Pair({
        version,
        jobs: 'by-hand',
        clientBehaviour: silence,
        serverBehaviour: silence,
      }).connect();
      const last = judge === 'client' ? 'verify-peer' : 'seal-ticket';
      const waits = (): boolean => pair[judge].jobs[0]?.job.kind === last;
      for (let i = 0; i < 10 && !waits(); i++) {
        pair.runFor(100);
        for (const side of [pair.client, pair.server])
          if (side.jobs.length > 0 && !waits()) pair.answer(side);
      }
      assert.ok(waits());
      pair.intercept = () => [];
      pair.runFor(60_000);
      pair.intercept = undefined;
      pair.answer(pair[judge]);
      assert.ok(pair[judge].isConnected);
      runAnswering(pair, 30_000, pair.client, pair.server);
      pair.explain(() => assertAlive(pair));
    });

    test('a timer that is far too late sends a probe first, and gives the peer time to answer', () => {
      const pair = opened(version, 'client');
      const { connection } = pair.client.entry;
      pair.now += 10 * TIMEOUT;
      connection.handleTimeout(pair.now);
      pair.client.endpoint.touch(pair.client.entry);
      pair.drain();
      assert.equal(pair.client.phase, 'open');
      const early = TIMEOUT - INTERVAL - 1;
      pair.intercept = () => [];
      pair.runFor(early);
      assert.equal(pair.client.phase, 'open');
      pair.runFor(2);
      assert.equal(pair.client.error?.code, 'ERR_DTLS_PEER_GONE');
    });

    test('both sides may send a probe at once', () => {
      const behaviour = { keepAlive: { interval: INTERVAL, message: PING } };
      const pair = new Pair({ version, clientBehaviour: behaviour, serverBehaviour: behaviour }).handshake();
      runAnswering(pair, 30 * INTERVAL, pair.client, pair.server);
      assertAlive(pair);
    });

    test('records do not set a timer: the deadline stays', () => {
      const pair = opened(version, 'client');
      const { connection } = pair.client.entry;
      pair.runFor(3000);
      const deadline = pair.client.endpoint.pollTimeout();
      const before = connection.pollTimeout();
      pair.send(pair.server, utf8('news'));
      pair.runFor(100);
      assert.equal(connection.pollTimeout(), before);
      assert.equal(pair.client.endpoint.pollTimeout(), deadline);
    });
  });
}

/** Epochs that a side began after the first. */
function keyUpdates(side: Side): number {
  return side.traced.filter((event) => event.kind === 'key-update' && event.direction === 'sent').length;
}

suite('the option keepAlive', () => {
  const client = (keepAlive: unknown) => () =>
    connect('127.0.0.1', 4433, { keepAlive: keepAlive as KeepAliveOption, minVersion: 'DTLSv1.3' });

  test('keepAlive needs a message unless DTLS 1.3 is the lowest version', () => {
    const keepAlive = { interval: 5000 };
    const expected = { code: 'ERR_INVALID_ARG_VALUE', message: /keepAlive\.message.*minVersion/ };
    assert.throws(() => connect('127.0.0.1', 4433, { keepAlive }), expected);
    assert.throws(() => listen(() => undefined, { ...SERVERS.p256, port: 0, keepAlive }), expected);
  });

  test('keepAlive with wrong types, ranges or names is a mistake of the caller', () => {
    for (const value of [5000, 'on', null, [], { interval: '5' }, { interval: 5000, message: 5 }])
      assert.throws(client(value), { code: 'ERR_INVALID_ARG_TYPE' });
    const long = 'x'.repeat(61);
    for (const value of [
      { interval: 999 },
      { interval: 5000, timeout: 5000 },
      { interval: 5000, message: long },
    ])
      assert.throws(client(value), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(client({ interval: 5000, tries: 3 }), /tries/);
  });
});
