import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { toHex } from '#lib/base/bytes.js';
import type { SecurityOptions } from '#lib/config/options.js';
import { ContentType, HandshakeType } from '#lib/wire/codes.js';
import { decodeServerHello } from '#lib/wire/messages/server-hello.js';
import { assertAlive } from '../../support/alive.js';
import { CLIENTS } from '../../support/identities.js';
import { Insider12 } from '../../support/insider12.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { plainFragments } from '../../support/records.js';
import { isResumed, returning, savedSession } from '../../support/resumption.js';

const version = 'DTLSv1.2';
const HOUR = 3_600_000;
const NOON = Date.UTC(2030, 5, 15, 12);

/** Options of a server without tickets. Servers with the same object share one context and its session cache. */
function server(options: SecurityOptions = {}): PairOptions {
  return { version, today: NOON, server: { ticketKeys: false, sessionCacheSize: 10, ...options } };
}

/** The session ids of the ServerHellos that `pair` sees. */
function idsOf(pair: Pair): string[] {
  const ids: string[] = [];
  pair.onDelivery = ({ data, from }) => {
    for (const { type, fragment } of from === 'server' ? plainFragments(data) : [])
      if (type === HandshakeType.server_hello)
        ids.push(toHex(decodeServerHello(fragment)?.sessionId ?? assert.fail()));
  };
  return ids;
}

suite('resumption of DTLS 1.2 sessions by session id', () => {
  test('the session ID of the ServerHello is enough, and it is repeated when the session is resumed', () => {
    const options = server();
    const first = new Pair(options);
    const given = idsOf(first);
    first.handshake();
    const session = savedSession(first);
    assert.equal(session.ticket.length, 0);
    assert.deepEqual(given, [toHex(session.sessionId)]);
    assert.equal(session.sessionId.length, 32);
    assert.ok(!first.server.flights('sent').flat().includes('new_session_ticket'));
    for (let visits = 0; visits < 3; visits++) {
      const again = returning(session, { ...options, seed: 2 + visits });
      const ids = idsOf(again);
      again.handshake();
      assert.ok(isResumed(again));
      assert.deepEqual(ids, given);
      assert.deepEqual(again.server.flights('sent'), [['server_hello', 'change_cipher_spec', 'finished']]);
      assert.deepEqual(again.client.tickets[0]?.sessionId, session.sessionId);
      assertAlive(again);
    }
  });

  test("a client's certificate is known to the server of the resumed session", () => {
    const options = { ...server({ requestCert: true }), client: { ...CLIENTS.ed25519 } };
    const first = new Pair(options).handshake();
    const again = returning(savedSession(first), options).handshake();
    assert.ok(isResumed(again));
    assert.deepEqual(
      again.server.sessions[0]?.peer.chain[0]?.der,
      first.server.sessions[0]?.peer.chain[0]?.der,
    );
    assert.ok(again.server.sessions[0]?.peer.authorized);
  });

  test('a session ID expires with its session', () => {
    const options = server({ sessionTimeout: 3600 });
    const session = savedSession(new Pair(options).handshake());
    assert.equal(session.lifetime, 24 * HOUR);
    assert.ok(
      isResumed(returning(session, { ...options, seed: 2, today: NOON + HOUR - 60_000 }).handshake()),
    );
    assert.ok(
      !isResumed(returning(session, { ...options, seed: 3, today: NOON + HOUR + 60_000 }).handshake()),
    );
  });

  test('another context does not know a session ID, even with the same options', () => {
    const session = savedSession(new Pair(server()).handshake());
    const pair = returning(session, { ...server(), seed: 2 });
    const ids = idsOf(pair);
    assert.ok(!isResumed(pair.handshake()));
    assert.equal(ids.length, 1);
    assert.notEqual(ids[0], toHex(session.sessionId));
  });

  for (const [what, options] of [
    ['a session cache of size 0', server({ ticketKeys: new Uint8Array(80), sessionCacheSize: 0 })],
    ['neither tickets nor a session cache', { version, server: { ticketKeys: false } }],
  ] satisfies readonly [string, PairOptions][]) {
    test(`a server with ${what} issues no session ID`, () => {
      const pair = new Pair(options);
      const ids = idsOf(pair);
      pair.handshake();
      assert.deepEqual(ids, ['']);
    });
  }

  test('a server that gives a ticket gives no session ID beside it', () => {
    const pair = new Pair({ version });
    const ids = idsOf(pair);
    pair.handshake();
    assert.deepEqual(ids, ['']);
    assert.equal(pair.client.tickets[0]?.sessionId.length, 0);
  });

  test('a session on a pre-shared key has no session ID', () => {
    const psk = { identity: 'client', key: new Uint8Array(16).fill(1) };
    const pair = new Pair({ ...server({ psk: { client: psk.key } }), client: { psk } });
    const ids = idsOf(pair);
    pair.handshake();
    assert.ok(pair.server.sessions[0]?.peer.pskIdentity !== undefined);
    assert.deepEqual(ids, ['']);
  });

  test('a flood of sessions only removes the oldest', () => {
    const options = server({ sessionCacheSize: 3 });
    const sessions = [1, 2, 3, 4].map((seed) => savedSession(new Pair({ ...options, seed }).handshake()));
    const resumed = [3, 2, 1, 0].map((at) => {
      const session = sessions[at] ?? assert.fail();
      return isResumed(returning(session, { ...options, seed: 9 }).handshake());
    });
    assert.deepEqual(resumed, [true, true, true, false]);
  });

  test('a session that ends with a fatal alert is forgotten, a closed one is not', () => {
    for (const fatal of [true, false]) {
      const options = server();
      const first = new Pair(options).handshake();
      const session = savedSession(first);
      if (fatal) {
        const insider = Insider12.ofSession(first.client.sessions[0] ?? assert.fail());
        first.inject(first.server, insider.seal('client', ContentType.alert, Uint8Array.of(2, 80)));
      } else {
        first.close(first.client);
        first.runFor(2000);
      }
      assert.ok(first.server.isClosed);
      assert.equal(isResumed(returning(session, { ...options, seed: 2 }).handshake()), !fatal);
    }
  });

  test('a client that knows only the session ID cannot resume it or remove it', () => {
    const options = server();
    const session = savedSession(new Pair(options).handshake());
    const state = { ...session.state, secret: new Uint8Array(48) };
    const thief = returning({ ...session, state }, { ...options, seed: 2 }).connect();
    assert.ok(thief.runUntil(() => thief.server.isClosed, 600_000));
    assert.deepEqual([thief.client.sessions, thief.server.sessions], [[], []]);
    assert.ok(isResumed(returning(session, { ...options, seed: 3 }).handshake()));
  });

  test('sessions are resumed by ID on lossy paths', () => {
    const patient = { handshakeTimeout: 600_000 };
    const options = { ...server(), clientBehaviour: patient, serverBehaviour: patient };
    for (let seed = 1; seed <= 20; seed++) {
      const weather = { loss: 0.25, duplication: 0.1, jitter: 100 };
      const first = new Pair({ ...options, seed, weather }).handshake();
      const again = returning(savedSession(first), {
        ...options,
        seed: 100 + seed,
        weather,
        today: first.date,
      });
      again.explain(() => {
        again.handshake();
        assert.ok(isResumed(again));
      });
    }
  });
});
