// Siege cases A5, A8, A16, C2: what is held for later, and what one datagram may cost.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { concat, EMPTY, utf8 } from '#lib/base/bytes.js';
import type { Role } from '#lib/config/config.js';
import { Endpoint } from '#lib/endpoint/endpoint.js';
import { ContentType, HandshakeType } from '#lib/wire/codes.js';
import { readHandshakeFragments } from '#lib/wire/messages/handshake-header.js';
import { Insider12 } from '../../support/insider12.js';
import { Insider13 } from '../../support/insider13.js';
import { Pair } from '../../support/pair.js';
import {
  encodeFragment,
  fragmentRecord,
  plainRecord,
  recordsOf,
  unifiedRecord,
} from '../../support/records.js';
import { behaviour, security, UNLIMITED, VERSIONS } from '../../support/settings.js';
import { Side } from '../../support/side.js';

const ROLES = ['client', 'server'] as const;
/** Of one association, for parts of messages, bytes; and how long it holds anything, ms. */
const BUDGET = 0x18000;
const HELD_LIFE = 120_000;

for (const version of VERSIONS) {
  for (const role of ROLES) {
    const other = role === 'client' ? 'server' : 'client';

    suite(`what the ${role} holds for later, ${version}`, () => {
      test('a forged fragment with another type or length does not stall a handshake', () => {
        for (const [type, messageSeq, length] of [
          [HandshakeType.server_hello, 0, 90],
          [HandshakeType.certificate, 1, 500],
          [HandshakeType.certificate, 2, 60_000],
          [HandshakeType.client_key_exchange, 2, 60_000],
          [HandshakeType.client_hello, 1, 60_000],
        ] as const) {
          for (const at of [1, 2, 3, 4, 5, 6]) {
            const pair = new Pair({ version });
            let count = 0;
            const forged = fragmentRecord({ type, messageSeq, length, fragment: Uint8Array.of(7) });
            pair.intercept = (data, from) => (from === other && ++count === at ? [forged, data] : [data]);
            pair.explain(() => {
              pair.handshake();
              assert.ok(pair.now < 900, 'no retransmission was needed');
            });
          }
        }
      });

      test('a connected session forgets a message whose rest does not come, and goes on', () => {
        const pair = new Pair({ version }).handshake();
        pair.runFor(1000);
        const before = pair[role].endpoint.heldBytes;
        stuff(pair, role, 1520);
        const { heldBytes } = pair[role].endpoint;
        assert.ok(heldBytes > before && heldBytes <= BUDGET, `${heldBytes} bytes are held`);
        assert.ok((pair[role].dropped['over_budget'] ?? 0) > 0);
        pair.runFor(HELD_LIFE + 1);
        assert.equal(pair[role].endpoint.heldBytes, 0);
        assert.equal(pair[role].dropped['expired_message'], 1);
        pair.inject(pair[role], sealed(pair, other, utf8('still here'), 700, ContentType.application_data));
        assert.deepEqual(pair[role].messages, [utf8('still here')]);
      });

      test('an association that ends releases what it held', () => {
        const pair = new Pair({ version }).handshake();
        pair.runFor(1000);
        stuff(pair, role, 100);
        assert.ok(pair[role].endpoint.heldBytes > 0);
        pair.close(pair[role]);
        pair.runFor(10_000);
        assert.equal(pair[role].endpoint.heldBytes, 0);
      });

      test('a state that is refused holds nothing', () => {
        const pair = new Pair({ version }).handshake();
        pair.runFor(1000);
        stuff(pair, role, 100);
        const { endpoint: former, entry } = pair[role];
        const state = former.save(entry, pair.now);
        const endpoint = new Endpoint(UNLIMITED);
        const service = { security: security(role, version), behaviour: behaviour({}) };
        const times = { age: 0, now: 0 };
        endpoint.restore(state, service, times);
        const { heldBytes } = endpoint;
        assert.ok(heldBytes > 0);
        assert.throws(() => endpoint.restore(state, service, times), { code: 'ERR_DTLS_ADDRESS_IN_USE' });
        const longer = concat(state, Uint8Array.of(0));
        const elsewhere = { ...entry.peer, port: 7777 };
        assert.throws(() => endpoint.restore(longer, service, times, elsewhere), { code: 'ERR_DTLS_STATE' });
        assert.equal(endpoint.heldBytes, heldBytes);
      });

      test('records and data that came too early wait at most two minutes', () => {
        const pair = new Pair({
          version,
          clientBehaviour: { handshakeTimeout: 0 },
          serverBehaviour: { handshakeTimeout: 0 },
        });
        pair.connect();
        pair.runUntil(() => pair[role].phase === 'handshaking', 500);
        pair.intercept = () => [];
        for (let i = 0; i < 5; i++) pair.inject(pair[role], early(version, i));
        assert.ok(pair[role].endpoint.heldBytes > 0);
        pair.runFor(HELD_LIFE + 1);
        assert.equal(pair[role].endpoint.heldBytes, 0);
        assert.equal(pair[role].dropped['expired'], 5);
      });

      test('an empty fragment of a message with bytes is ignored', () => {
        const pair = new Pair({ version }).handshake();
        pair.runFor(1000);
        const before = { ...pair[role].dropped };
        const empty = { type: HandshakeType.key_update, length: 1, fragment: new Uint8Array(0) };
        for (const messageSeq of [0, 1, 2, 3, 9, 500])
          for (const fragmentOffset of [0, 1])
            pair.inject(
              pair[role],
              sealed(
                pair,
                other,
                encodeFragment({ ...empty, messageSeq, fragmentOffset }),
                600 + 2 * messageSeq + fragmentOffset,
              ),
            );
        assert.ok(pair[role].isConnected);
        assert.deepEqual(pair[role].dropped, before);
        assert.equal(pair[role].endpoint.heldBytes, 0);
      });

      test('after three forgeries the rest of their datagram is dropped and counted', () => {
        const pair = new Pair({ version }).handshake();
        pair.runFor(1000);
        const good = sealed(pair, other, utf8('good'), 700, ContentType.application_data);
        const last = sealed(pair, other, utf8('last'), 701, ContentType.application_data);
        const forged = Array.from({ length: 50 }, (_, i) => forgery(version, 900 + i));
        const opened: string[] = [];
        pair.inject(pair[role], concat(good, ...forged, last));
        opened.push(...pair[role].messages.map((m) => new TextDecoder().decode(m)));
        assert.deepEqual(opened, ['good']);
        assert.deepEqual([pair[role].dropped['bad_record'], pair[role].dropped['rest_of_datagram']], [3, 1]);
        pair.inject(pair[role], last);
        assert.equal(pair[role].messages.length, 2, 'the next datagram begins anew');
      });

      test('records of one datagram have a limit', () => {
        const pair = new Pair({ version }).handshake();
        pair.runFor(1000);
        const before = pair[role].dropped['unauthenticated_alert'] ?? 0;
        const alert = plainRecord(ContentType.alert, Uint8Array.of(1, 0));
        pair.inject(pair[role], concat(...Array.from({ length: 4000 }, () => alert)));
        assert.equal((pair[role].dropped['unauthenticated_alert'] ?? 0) - before, 256);
        assert.equal(pair[role].dropped['rest_of_datagram'], 1);
      });
    });
  }

  suite(`what an endpoint holds for later, ${version}`, () => {
    test('held data has a limit over all associations, and a new one finds room', () => {
      const maxHeldBytes = 200_000;
      const pair = new Pair({ version });
      pair.client = new Side('client', pair.client.address, { ...UNLIMITED, maxHeldBytes });
      const { endpoint } = pair.client;
      const destination = { serverName: 'localhost', verifyName: 'localhost' };
      const sec = security('client', version);
      for (let i = 0; i < 50; i++) {
        const peer = { address: `192.0.2.${100 + i}`, family: 'IPv4', port: 4433 } as const;
        endpoint.connect(peer, sec, behaviour(), destination, pair.now);
        for (let n = 0; n < 20; n++) {
          const shape = { type: HandshakeType.server_hello, messageSeq: 0, length: 60_000 };
          const data = fragmentRecord({ ...shape, fragmentOffset: n * 1100, fragment: new Uint8Array(1000) });
          endpoint.receive(data, peer.address, peer.port, peer.family, pair.now);
          assert.ok(endpoint.heldBytes <= maxHeldBytes);
        }
      }
      assert.ok(endpoint.heldBytes > maxHeldBytes / 2);
      assert.ok(endpoint.evictions > 30);
      const gaveWay = [...endpoint.entries()].filter(
        ({ connection }) => connection.counters.dropped.evicted === 1,
      );
      assert.equal(gaveWay.length, endpoint.evictions);
      // What the others send leads nowhere.
      while (endpoint.pollTransmit() !== undefined);
      pair.connect();
      assert.ok(pair.runUntil(() => pair.client.entry.connection.phase === 'open', 900));
    });
  });
}

/** `count` pieces of one byte of messages that never become whole, in records of the other side. */
function stuff(pair: Pair, role: Role, count: number): void {
  const other = role === 'client' ? 'server' : 'client';
  for (let at = 0; at < count; at += 40) {
    const pieces = Array.from({ length: 40 }, (_, i) =>
      encodeFragment({
        type: HandshakeType.new_session_ticket,
        messageSeq: 14,
        fragment: Uint8Array.of(1),
        length: 60_000,
        fragmentOffset: 2 * (at + i) + 1,
      }),
    );
    pair.inject(pair[role], sealed(pair, other, concat(...pieces), 500 + at / 40));
  }
}

function sealed(
  pair: Pair,
  sender: Role,
  content: Uint8Array,
  sequence: number,
  type = ContentType.handshake as number,
) {
  const { session } = pair[sender].entry.connection;
  if (session === undefined) return assert.fail();
  return session.version === 'DTLSv1.2'
    ? Insider12.ofSession(session).seal(sender, type, content, sequence)
    : new Insider13(pair).seal(sender, 3, type, content, sequence);
}

/** A record of an epoch without keys yet. */
function early(version: (typeof VERSIONS)[number], sequence: number): Uint8Array {
  return version === 'DTLSv1.3'
    ? unifiedRecord(3, sequence, new Uint8Array(50))
    : plainRecord(ContentType.application_data, new Uint8Array(50), { epoch: 1, sequence });
}

function forgery(version: (typeof VERSIONS)[number], sequence: number): Uint8Array {
  const body = Uint8Array.from({ length: 40 }, (_, i) => i * sequence);
  return version === 'DTLSv1.3'
    ? unifiedRecord(3, sequence, body)
    : plainRecord(ContentType.application_data, body, { epoch: 1, sequence });
}

test('an empty fragment under handshake keys is ignored: its message comes after it, DTLSv1.3', () => {
  const pair = new Pair({ version: 'DTLSv1.3' });
  const insider = new Insider13(pair);
  let inserted = 0;
  pair.intercept = (data, from) => {
    if (from !== 'server') return [data];
    const records = recordsOf(data);
    const clear = records.filter(({ type }) => type !== 0);
    if (clear.length === 0 || clear.length === records.length || inserted > 0) return [data];
    const whole = records.filter(({ type }) => type === 0).map((record) => record.whole);
    const [first] = insider.open('server', concat(...whole), 2);
    const [next] = readHandshakeFragments(first?.content ?? EMPTY) ?? [];
    assert.ok(next !== undefined && next.length > 0);
    inserted++;
    const empty = encodeFragment({
      type: next.type,
      messageSeq: next.messageSeq,
      length: next.length,
      fragment: EMPTY,
    });
    // Near the numbers of the server's own records, which stay within the replay window.
    const between = insider.seal('server', 2, ContentType.handshake, empty, 20);
    return [concat(...clear.map((record) => record.whole)), between, concat(...whole)];
  };
  pair.handshake();
  assert.equal(inserted, 1);
  assert.equal(pair.server.entry.connection.counters.retransmissions, 0);
});
