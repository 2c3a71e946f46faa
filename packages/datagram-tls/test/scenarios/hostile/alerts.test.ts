import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { concat } from '#lib/base/bytes.js';
import { ContentType } from '#lib/wire/codes.js';
import { assertAlive } from '../../support/alive.js';
import { CLIENTS } from '../../support/identities.js';
import { Insider12 } from '../../support/insider12.js';
import { FAIR } from '../../support/network.js';
import { Pair } from '../../support/pair.js';
import { alertRecord, plainRecord, recordsOf } from '../../support/records.js';
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

/** Round trips that are longer than the first runs of a timer, ms. */
const SLOW_PATHS = [
  { initial: 1000, oneWay: 700 },
  { initial: 1000, oneWay: 1400 },
  { initial: 50, oneWay: 500 },
  { initial: 50, oneWay: 1400 },
  { initial: 4000, oneWay: 4500 },
] as const;

/** Suites of two peers that have none in common. */
const ONE_SUITE = {
  'DTLSv1.2': 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
  'DTLSv1.3': 'TLS_CHACHA20_POLY1305_SHA256',
} as const;
const OTHER_SUITE = {
  'DTLSv1.2': 'ECDHE-ECDSA-AES128-GCM-SHA256',
  'DTLSv1.3': 'TLS_AES_128_GCM_SHA256',
} as const;

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

    for (const { initial, oneWay } of SLOW_PATHS)
      test(`a handshake with a round trip of ${2 * oneWay} ms and a timer of ${initial} ms is not ended by alerts to either side`, () => {
        const impatient = { retransmission: { initial, max: 60_000 }, handshakeTimeout: 0 };
        const pair = new Pair({
          version,
          weather: { latency: oneWay },
          client: CLIENTS.ed25519,
          server: { requestCert: true },
          clientBehaviour: impatient,
          serverBehaviour: impatient,
        }).connect();
        let forged = 0;
        for (let left = 4000; left > 0 && !(pair.client.isConnected && pair.server.isConnected); left--) {
          for (const role of ROLES) {
            if (pair[role].phase !== 'handshaking') continue;
            forged++;
            pair.inject(pair[role], alertRecord(2, 40));
          }
          pair.runFor(50);
        }
        pair.network.weather = FAIR;
        pair.runFor(20_000);
        pair.explain(() => assertAlive(pair));
        assert.ok(forged > 20);
      });

    test('a refusal of a peer that counts its own records is believed after two runs of the timer, and 2.5 s', () => {
      for (const [initial, wait] of [
        [1000, 3000],
        [100, 3100],
        [4000, 12_000],
      ] as const) {
        const pair = new Pair({
          version,
          client: { ciphers: ONE_SUITE[version] },
          server: { ciphers: OTHER_SUITE[version] },
          clientBehaviour: { retransmission: { initial, max: 60_000 } },
        });
        let alerts = 0;
        let first = 0;
        pair.intercept = (data, from) => {
          if (from === 'client' || data[0] !== ContentType.alert) return [data];
          if (alerts === 0) first = pair.now;
          return [plainRecord(ContentType.alert, data.slice(13), { sequence: alerts++ })];
        };
        pair.connect();
        pair.explain(() => {
          assert.ok(pair.runUntil(() => pair.client.isClosed, 60_000));
          assert.deepEqual(
            [pair.client.error?.code, pair.client.error?.alert, pair.now - first],
            ['ERR_DTLS_PEER_ALERT', 'handshake_failure', wait],
          );
        });
      }
    });

    test('an alert is the reason of a handshake whose time is over before it is believed', () => {
      const pair = new Pair({
        version,
        weather: { mtu: () => 0 },
        clientBehaviour: { handshakeTimeout: 2000 },
      });
      pair.connect().runFor(200).inject(pair.client, alertRecord(2, 40));
      pair.runUntil(() => pair.client.isClosed, 60_000);
      assert.deepEqual(
        [pair.client.error?.code, pair.client.error?.alert, pair.now],
        ['ERR_DTLS_PEER_ALERT', 'handshake_failure', 2000],
      );
    });

    test('an alert makes the flight go out again at once, and ends the handshake when no answer comes in time', () => {
      const pair = new Pair({ version, weather: { mtu: () => 0 } }).connect();
      pair.runFor(200).inject(pair.client, alertRecord(2, 40));
      assert.equal(pair.client.entry.connection.counters.retransmissions, 1);
      pair.inject(pair.client, alertRecord(2, 40));
      assert.equal(pair.client.entry.connection.counters.retransmissions, 1);
      pair.runFor(2900);
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

test('forged records in place of a Finished do not end a server of DTLS 1.2 whose timer has run out once', () => {
  const key = new Uint8Array(16).fill(5);
  const pair = new Pair({
    client: { psk: { identity: 'sensor', key } },
    server: { cert: undefined, key: undefined, psk: () => key },
  });
  const forge = (sequence: number) =>
    plainRecord(ContentType.handshake, new Uint8Array(40), { epoch: 1, sequence });
  let forged = 0;
  pair.intercept = (data, from) => {
    if (from === 'server') return [data];
    const records = recordsOf(data);
    const plain = records.filter(({ epoch }) => epoch === 0).map(({ whole }) => whole);
    if (plain.length === records.length || pair.now > 1110) return [data];
    return [concat(...plain), forge(90 + forged++), forge(90 + forged++)];
  };
  pair.connect();
  pair.explain(() => {
    assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 10_000));
    assert.ok(forged >= 4 && pair.now > 1110);
  });
  assertAlive(pair);
});

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
