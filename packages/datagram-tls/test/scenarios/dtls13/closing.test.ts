import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Alert } from '#lib/base/alerts.js';
import { utf8 } from '#lib/base/bytes.js';
import { ContentType } from '#lib/wire/codes.js';
import { assertAlive } from '../../support/alive.js';
import { Insider13 } from '../../support/insider13.js';
import { Pair } from '../../support/pair.js';

const version = 'DTLSv1.3';
const ROLES = ['client', 'server'] as const;
const WARNING = 1;
const FATAL = 2;

suite('the end of a DTLS 1.3 session', () => {
  for (const role of ROLES) {
    const peer = role === 'client' ? 'server' : 'client';
    const open = { [`${role}Behaviour`]: { allowHalfOpen: true } };

    test(`${role} with allowHalfOpen may send after its peer has closed`, () => {
      const pair = new Pair({ version, ...open }).handshake();
      pair.close(pair[peer]);
      pair.runFor(50);
      assert.ok(pair[role].isConnected);
      for (const text of ['one', 'two']) pair.send(pair[role], utf8(text));
      pair.runFor(50);
      assert.deepEqual(pair[peer].messages, ['one', 'two'].map(utf8));
      pair.close(pair[role]);
      assert.ok(pair[role].isClosed);
      pair.runFor(50);
      assert.ok(pair[peer].isClosed);
      assert.deepEqual([pair[role].error, pair[peer].error], [undefined, undefined]);
    });

    test(`${role} that has closed its direction ends when its peer is silent for idleTimeout`, () => {
      const idleTimeout = 5000;
      const pair = new Pair({ version, [`${role}Behaviour`]: { allowHalfOpen: true, idleTimeout } });
      pair.handshake();
      assert.ok(pair[role].endpoint.closeSending(pair[role].entry, pair.now));
      pair.intercept = () => [];
      pair.runFor(idleTimeout - 100);
      assert.equal(pair[role].phase, 'closing');
      pair.runFor(200);
      assert.deepEqual([pair[role].phase, pair[role].error], ['closed', undefined]);
      assert.deepEqual([pair[role].endpoint.size, pair[role].endpoint.pollTimeout()], [0, undefined]);
    });

    test(`${role} closes when its peer has closed, by default`, () => {
      const pair = new Pair({ version }).handshake();
      pair.close(pair[peer]);
      pair.runFor(50);
      assert.ok(pair[role].isClosed && pair[peer].isClosed);
    });

    test(`${role} ignores what its peer sent after close_notify, and accepts what it sent before`, () => {
      const pair = new Pair({ version, ...open }).handshake();
      const insider = new Insider13(pair);
      const close = Uint8Array.of(WARNING, Alert.close_notify);
      const data = (sequence: number) =>
        insider.seal(peer, 3, ContentType.application_data, Uint8Array.of(sequence), sequence);
      pair.inject(pair[role], insider.seal(peer, 3, ContentType.alert, close, 70));
      pair.inject(pair[role], data(71));
      pair.inject(pair[role], data(69));
      assert.deepEqual(pair[role].messages, [Uint8Array.of(69)]);
      assert.equal(pair[role].dropped['closed'], 1);
    });

    test(`${role} ends on any alert but close_notify and user_canceled, whatever its level`, () => {
      for (const level of [WARNING, FATAL, 77]) {
        for (const description of [Alert.internal_error, Alert.no_renegotiation, 201]) {
          const pair = new Pair({ version }).handshake();
          const alert = Uint8Array.of(level, description);
          pair.inject(pair[role], new Insider13(pair).seal(peer, 3, ContentType.alert, alert));
          assert.equal(pair[role].error?.code, 'ERR_DTLS_PEER_ALERT');
        }
      }
      const pair = new Pair({ version }).handshake();
      const alert = Uint8Array.of(WARNING, Alert.user_canceled);
      pair.inject(pair[role], new Insider13(pair).seal(peer, 3, ContentType.alert, alert, 60));
      assertAlive(pair);
    });
  }

  test('a client that closes right after its last flight was lost still delivers both', () => {
    const pair = new Pair({ version });
    let lost = false;
    pair.intercept = (data, from) => {
      if (from === 'server' || !pair.client.isConnected || lost) return [data];
      lost = true;
      return [];
    };
    pair.connect();
    pair.runUntil(() => pair.client.isConnected, 900);
    pair.send(pair.client, utf8('all I had to say'));
    pair.close(pair.client);
    pair.runFor(5000);
    assert.deepEqual(pair.server.messages, [utf8('all I had to say')]);
    assert.ok(pair.server.isClosed && pair.client.isClosed);
    assert.equal(pair.server.sessions.length, 1);
  });
});
