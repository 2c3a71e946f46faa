import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ContentType } from '#lib/wire/codes.js';
import { assertAlive } from '../../support/alive.js';
import { CLIENTS } from '../../support/identities.js';
import { Insider12 } from '../../support/insider12.js';
import { Pair } from '../../support/pair.js';
import { alertRecord, plainRecord } from '../../support/records.js';
import { VERSIONS } from '../../support/settings.js';

const ROLES = ['client', 'server'] as const;

/** Level and description: fatal handshake_failure, fatal internal_error, close_notify, a warning, an unknown one. */
const ALERTS = [
  [2, 40],
  [2, 80],
  [1, 0],
  [1, 90],
  [2, 255],
] as const;

for (const version of VERSIONS) {
  suite(`forged alerts during the handshake, ${version}`, () => {
    for (const order of ['before', 'after'] as const) {
      test(`a handshake that goes on is not ended by alerts ${order} any of its datagrams`, () => {
        for (const [level, description] of ALERTS) {
          const pair = new Pair({ version });
          const forged = alertRecord(level, description);
          pair.intercept = (data) => (order === 'before' ? [forged, data] : [data, forged]);
          pair.explain(() => pair.handshake());
          pair.intercept = undefined;
          assertAlive(pair);
        }
      });
    }

    test('a handshake that goes on is not ended by an alert during a signature', () => {
      const pair = new Pair({ version, jobs: 400 }).connect();
      for (let i = 0; i < 8; i++) {
        pair.runFor(100);
        for (const role of ROLES)
          if (pair[role].phase === 'handshaking') pair.inject(pair[role], alertRecord(2, 40));
      }
      assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 2000));
    });

    for (const role of ROLES) {
      test(`${role} is not ended by an alert while its own job takes longer than its timer`, () => {
        const pair = new Pair({
          version,
          client: CLIENTS.ed25519,
          server: { requestCert: true },
          jobs: 'by-hand',
          clientBehaviour: { handshakeTimeout: 0 },
          serverBehaviour: { handshakeTimeout: 0 },
        }).connect();
        let forged = 0;
        for (let i = 0; i < 20 && !(pair.client.isConnected && pair.server.isConnected); i++) {
          pair.runFor(100);
          if (pair[role].jobs.length > 0) {
            forged++;
            pair.inject(pair[role], alertRecord(2, 40));
            pair.runFor(5000);
            pair.explain(() => assert.equal(pair[role].error, undefined));
          }
          for (const side of [pair.client, pair.server]) if (side.jobs.length > 0) pair.answer(side);
        }
        assert.ok(forged >= 2);
        assertAlive(pair);
      });
    }

    test('an alert makes the flight go out again at once, and ends the handshake when no answer comes in time', () => {
      const pair = new Pair({ version, weather: { mtu: () => 0 } }).connect();
      pair.runFor(200).inject(pair.client, alertRecord(2, 40));
      assert.equal(pair.client.entry.connection.counters.retransmissions, 1);
      pair.inject(pair.client, alertRecord(2, 40));
      assert.equal(pair.client.entry.connection.counters.retransmissions, 1);
      pair.runFor(900);
      assert.equal(pair.client.phase, 'handshaking');
      pair.runFor(200);
      assert.equal(pair.client.error?.code, 'ERR_DTLS_PEER_ALERT');
      assert.equal(pair.client.error.alert, 'handshake_failure');
      assert.equal(pair.client.error.source, 'peer');
    });

    test('one forged alert and one lost datagram together do not end a handshake', () => {
      const pair = new Pair({ version }).connect();
      pair.inject(pair.client, alertRecord(2, 40));
      let lost = 0;
      pair.intercept = (data) => (lost++ === 0 ? [] : [data]);
      pair.runFor(5000);
      assertAlive(pair);
    });

    test('a warning does not end a handshake even if nothing else arrives', () => {
      const pair = new Pair({ version, weather: { mtu: () => 0 } }).connect();
      pair.inject(pair.client, alertRecord(1, 90));
      pair.runFor(5000);
      assert.equal(pair.client.phase, 'handshaking');
    });

    for (const role of ROLES) {
      test(`${role} discards and counts alerts that are not two bytes long`, () => {
        const pair = new Pair({ version }).connect();
        pair.runUntil(() => pair[role].phase === 'handshaking', 500);
        for (const length of [0, 1, 3, 20])
          pair.inject(pair[role], plainRecord(ContentType.alert, new Uint8Array(length).fill(2)));
        assert.equal(pair[role].dropped['malformed_alert'], 4);
        pair.explain(() => {
          assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 900));
        });
      });
    }
  });
}

suite('authentic alerts, DTLSv1.2', () => {
  for (const role of ROLES) {
    const sender = role === 'client' ? 'server' : 'client';

    test(`${role} ends the session with the peer's fatal alert, and answers nothing`, () => {
      const pair = new Pair().handshake();
      const insider = Insider12.ofSession(pair.client.sessions[0] ?? assert.fail());
      const alerts = pair[role].alerts('sent').length;
      pair.inject(pair[role], insider.seal(sender, ContentType.alert, Uint8Array.of(2, 20)));
      assert.equal(pair[role].error?.code, 'ERR_DTLS_PEER_ALERT');
      assert.equal(pair[role].error.alert, 'bad_record_mac');
      assert.equal(pair[role].alerts('sent').length, alerts);
    });

    test(`${role} reports the number of an unregistered fatal alert`, () => {
      const pair = new Pair().handshake();
      const insider = Insider12.ofSession(pair.client.sessions[0] ?? assert.fail());
      pair.inject(pair[role], insider.seal(sender, ContentType.alert, Uint8Array.of(2, 222)));
      assert.match(String(pair[role].error), /alert 222/);
    });

    test(`${role} continues after warnings`, () => {
      const pair = new Pair().handshake();
      const insider = Insider12.ofSession(pair.client.sessions[0] ?? assert.fail());
      for (const [i, code] of [90, 100, 112, 222].entries())
        pair.inject(pair[role], insider.seal(sender, ContentType.alert, Uint8Array.of(1, code), 50 + i));
      pair.inject(pair[role], insider.seal(sender, ContentType.alert, Uint8Array.of(1), 60));
      assert.equal(pair[role].dropped['malformed_alert'], 1);
      assert.equal(pair[role].phase, 'open');
    });

    test(`${role} answers close_notify with its own and ends without an error`, () => {
      const pair = new Pair().handshake();
      const insider = Insider12.ofSession(pair.client.sessions[0] ?? assert.fail());
      pair.inject(pair[role], insider.seal(sender, ContentType.alert, Uint8Array.of(1, 0)));
      assert.ok(pair[role].isClosed);
      assert.equal(pair[role].error, undefined);
      assert.deepEqual(pair[role].alerts('sent'), ['warning close_notify']);
    });
  }
});
