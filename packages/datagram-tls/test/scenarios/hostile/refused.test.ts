// Siege cases C4 and C5: one refused client is one session of the server, and it learns of its refusal at once.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { SecurityOptions } from '#lib/config/options.js';
import { HandshakeType } from '#lib/wire/codes.js';
import { assertAlive } from '../../support/alive.js';
import { CA, CLIENTS, OTHER_CA, SERVERS } from '../../support/identities.js';
import { FAIR } from '../../support/network.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { alertRecord, plainFragments, recordsOf } from '../../support/records.js';
import { type TestedVersion, VERSIONS } from '../../support/settings.js';

const KEY = new Uint8Array(16).fill(5);
const ROUND_TRIP = 2 * FAIR.latency;
const HELLO_VERIFY_REQUEST = HandshakeType.hello_verify_request;
const NO_CERTIFICATE = { cert: undefined, key: undefined };

interface Refusal {
  readonly what: string;
  readonly client?: SecurityOptions;
  readonly server: (ask: () => void) => SecurityOptions;
  readonly alert: string;
  /** Calls of the application's function. */
  readonly asked?: number;
  /** Round trips from the flight that is refused until the client knows. */
  readonly roundTrips?: number;
  /** And what the server waits besides, ms. */
  readonly wait?: number;
  readonly only?: TestedVersion;
}

const psk = { identity: 'sensor', key: KEY };
const OTHER_SUITES: SecurityOptions = {
  ciphers: ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', 'TLS_CHACHA20_POLY1305_SHA256'],
};

/** A server whose key for any identity is not the client's. */
const otherKey: Refusal['server'] = (ask) => ({
  ...NO_CERTIFICATE,
  psk: () => {
    ask();
    return new Uint8Array(16);
  },
});

const REFUSALS: readonly Refusal[] = [
  {
    what: 'a name that its sni function does not know',
    server: (ask) => ({
      sni: () => {
        ask();
        return undefined;
      },
    }),
    alert: 'unrecognized_name',
    asked: 1,
  },
  {
    what: 'an application protocol that it does not speak',
    client: { alpn: ['b'] },
    server: () => ({ alpn: ['a'] }),
    alert: 'no_application_protocol',
  },
  {
    what: 'an identity that its psk function does not know',
    client: { psk },
    server: (ask) => ({
      ...NO_CERTIFICATE,
      psk: () => {
        ask();
        return undefined;
      },
    }),
    alert: 'unknown_psk_identity',
    asked: 1,
  },
  {
    what: 'an identity for which its psk function throws',
    client: { psk },
    server: (ask) => ({
      ...NO_CERTIFICATE,
      psk: () => {
        ask();
        throw new Error('the database is away');
      },
    }),
    alert: 'internal_error',
    asked: 1,
  },
  {
    what: 'a certificate of another CA',
    client: CLIENTS.p256,
    server: () => ({ requestCert: true, ca: OTHER_CA }),
    alert: 'unknown_ca',
    only: 'DTLSv1.2',
  },
  {
    what: 'no certificate',
    server: () => ({ requestCert: true, ca: CA }),
    alert: 'handshake_failure',
    only: 'DTLSv1.2',
  },
  {
    what: 'a wrong pre-shared key',
    client: { psk },
    server: otherKey,
    alert: 'decrypt_error',
    asked: 1,
    only: 'DTLSv1.3',
  },
  {
    // A record that does not open is discarded: one has to come after a run of the server's timer, too, before the key is to blame.
    what: 'a wrong pre-shared key',
    client: { psk },
    server: otherKey,
    alert: 'decrypt_error',
    asked: 1,
    roundTrips: 3,
    wait: 1060,
    only: 'DTLSv1.2',
  },
];

function prepared(version: TestedVersion, { client = {}, server }: Refusal, more: PairOptions = {}) {
  const asked = { times: 0 };
  const ask = (): void => {
    asked.times++;
  };
  const pair = new Pair({ ...more, version, client, server: server(ask) });
  return { pair, asked };
}

for (const version of VERSIONS) {
  suite(`a client that a server refuses, ${version}`, () => {
    for (const refusal of REFUSALS.filter(({ only = version }) => only === version)) {
      const { what, alert, asked: calls = 0, roundTrips = 2, wait = 0 } = refusal;

      test(`${what}: the client knows after ${roundTrips} round trips from the refused flight`, () => {
        const { pair } = prepared(version, refusal);
        let refusedAt = 0;
        let flights = 0;
        pair.onDelivery = ({ from }) => {
          const sent = pair.client.flights('sent').length;
          if (from !== 'client' || sent === flights) return;
          flights = sent;
          refusedAt = pair.now - ROUND_TRIP / 2;
        };
        pair.connect();
        pair.explain(() => {
          assert.ok(pair.runUntil(() => pair.client.isClosed, 60_000));
          assert.deepEqual(
            [pair.client.error?.code, pair.client.error?.alert],
            ['ERR_DTLS_PEER_ALERT', alert],
          );
          assert.equal((pair.now - refusedAt - wait) / ROUND_TRIP, roundTrips);
        });
      });

      test(`${what}: a refusal is one session, and no function is called twice, however often the client repeats itself`, () => {
        const { pair, asked } = prepared(version, refusal);
        // A client that believes no alert repeats its flight by its timer.
        pair.intercept = (data, from) => (from === 'server' && isPlainAlert(data) ? [] : [data]);
        pair.connect();
        pair.runFor(100_000);
        assert.ok(pair.client.isClosed && pair.server.isClosed);
        assert.ok(pair.client.entry.connection.counters.retransmissions >= 4);
        assert.deepEqual([pair.server.entries.length, asked.times], [1, calls]);
        assert.ok(pair.server.endpoint.counters.alertsRepeated >= 3);
      });

      test(`${what}: a client whose first alerts are lost receives a later one`, () => {
        const { pair } = prepared(version, refusal);
        let lost = 0;
        pair.intercept = (data, from) =>
          from === 'server' && isPlainAlert(data) && lost++ < 2 ? [] : [data];
        pair.connect();
        assert.ok(pair.runUntil(() => pair.client.isClosed, 30_000));
        assert.equal(pair.client.error?.alert, alert);
        assert.equal(pair.server.entries.length, 1);
      });
    }

    test('no common suite: the client knows after two round trips, and no unnecessary session is made', () => {
      const ciphers = version === 'DTLSv1.2' ? OTHER_SUITES.ciphers?.[0] : OTHER_SUITES.ciphers?.[1];
      const server = {
        ciphers: version === 'DTLSv1.2' ? 'ECDHE-ECDSA-AES128-GCM-SHA256' : 'TLS_AES_128_GCM_SHA256',
      };
      const pair = new Pair({ version, client: { ciphers }, server }).connect();
      assert.ok(pair.runUntil(() => pair.client.isClosed, 60_000));
      assert.equal(pair.client.error?.alert, 'handshake_failure');
      // In DTLS 1.2 a cookie comes before anything is looked at.
      const cookie = version === 'DTLSv1.2' ? 1 : 0;
      assert.equal(pair.now / ROUND_TRIP, 2 + cookie);
      pair.runFor(60_000);
      assert.equal(pair.server.entries.length, cookie);
    });

    test('a session that the application closes in its callback is one session, and its client is told', () => {
      const pair = new Pair({ version, jobs: 'by-hand' }).connect();
      assert.ok(pair.runUntil(() => pair.server.jobs.length > 0, 1000));
      pair.close(pair.server);
      const start = pair.now - ROUND_TRIP / 2;
      assert.ok(pair.runUntil(() => pair.client.isClosed, 60_000));
      assert.match(String(pair.client.error?.message), /close_notify/);
      assert.equal((pair.now - start) / ROUND_TRIP, 2);
      assert.equal(pair.server.entries.length, 1);
    });

    test('a refused client may begin another handshake at once', () => {
      const refusal = REFUSALS[0] ?? assert.fail();
      let known = false;
      const pair = new Pair({
        version,
        ...refusal,
        server: { sni: () => (known ? SERVERS.ed25519 : undefined) },
      }).connect();
      assert.ok(pair.runUntil(() => pair.client.isClosed, 1000));
      known = true;
      pair.restartClient().handshake();
      assertAlive(pair);
      assert.equal(pair.server.entries.length, 2);
    });

    test('few alerts are repeated to one client, and it may try again after a minute', () => {
      const refusal = REFUSALS[0] ?? assert.fail();
      const { pair, asked } = prepared(version, refusal);
      let hello: Uint8Array = new Uint8Array();
      pair.intercept = (data, from) => {
        if (from === 'client') hello = data.slice();
        return [data];
      };
      pair.connect().runFor(1000);
      for (let i = 0; i < 1000; i++) pair.inject(pair.server, hello);
      assert.ok(pair.server.endpoint.counters.alertsRepeated <= 16);
      assert.deepEqual([asked.times, pair.server.entries.length], [1, 1]);
      pair.runFor(61_000).inject(pair.server, hello);
      assert.deepEqual([asked.times, pair.server.entries.length], [2, 2]);
    });

    test('forged alerts after a probe do not end a handshake that goes on, unless they name its record', () => {
      const pair = new Pair({ version, jobs: 400 }).connect();
      pair.runFor(70);
      for (let i = 0; i < 200; i++) {
        pair.inject(pair.client, alertRecord(2, 40));
        pair.runFor(1);
      }
      assert.equal(pair.client.phase, 'handshaking');
      pair.explain(() =>
        assert.ok(pair.runUntil(() => pair.client.isConnected && pair.server.isConnected, 2000)),
      );
    });
  });
}

interface Misfit {
  readonly what: string;
  readonly client: SecurityOptions;
  readonly server: SecurityOptions;
  readonly alert: string;
  /** Of the error of the side that refuses; a server may refuse without a session. */
  readonly code: string;
  /** The client refuses what the server asks for, after one round trip. */
  readonly byClient?: true;
}

const ONLY_12 = { minVersion: 'DTLSv1.2', maxVersion: 'DTLSv1.2' } as const;
const ONLY_13 = { minVersion: 'DTLSv1.3', maxVersion: 'DTLSv1.3' } as const;
const ANY = { minVersion: 'DTLSv1.2', maxVersion: 'DTLSv1.3' } as const;
const VERSION_CASES = [
  ['DTLS 1.2', 'DTLS 1.2', ONLY_12, ONLY_12],
  ['DTLS 1.3', 'DTLS 1.3', ONLY_13, ONLY_13],
  ['any version', 'DTLS 1.2', ANY, ONLY_12],
  ['any version', 'DTLS 1.3', ANY, ONLY_13],
  ['DTLS 1.2', 'any version', ONLY_12, ANY],
  ['DTLS 1.3', 'any version', ONLY_13, ANY],
] as const;

const MISFITS: readonly Misfit[] = [
  ...VERSION_CASES.map(
    ([ofClient, ofServer, client, server]): Misfit => ({
      what: `no common group, client of ${ofClient}, server of ${ofServer}`,
      client: { ...client, groups: 'x25519' },
      server: { ...server, groups: ['P-256', 'P-384'] },
      alert: 'handshake_failure',
      code: 'ERR_DTLS_NO_SHARED_GROUP',
    }),
  ),
  {
    what: 'no common version, client of DTLS 1.2',
    client: ONLY_12,
    server: ONLY_13,
    alert: 'protocol_version',
    code: 'ERR_DTLS_UNSUPPORTED_VERSION',
  },
  {
    what: 'no common version, client of DTLS 1.3',
    client: ONLY_13,
    server: ONLY_12,
    alert: 'protocol_version',
    code: 'ERR_DTLS_UNSUPPORTED_VERSION',
    byClient: true,
  },
];

suite('a client that fits a server in nothing', () => {
  for (const { what, alert, code, byClient = false, ...options } of MISFITS) {
    const roundTrips = byClient ? 1 : 2;
    test(`${what}: it knows why after ${roundTrips} round trips from the flight that is refused`, () => {
      const pair = new Pair(options);
      // A cookie exchange comes before anything else is looked at, where the server asks for one.
      let cookies = 0;
      pair.intercept = (data, from) => {
        if (from === 'server' && plainFragments(data).some(({ type }) => type === HELLO_VERIFY_REQUEST))
          cookies = 1;
        return [data];
      };
      pair.connect();
      pair.explain(() => {
        assert.ok(pair.runUntil(() => pair.client.isClosed, 60_000));
        assert.deepEqual(
          [pair.client.error?.code, pair.client.error?.alert],
          [byClient ? code : 'ERR_DTLS_PEER_ALERT', alert],
        );
        assert.equal(pair.now / ROUND_TRIP, byClient ? 1 : 2 + cookies);
        assert.ok(pair.server.entries.length <= 1);
        assert.ok(
          pair.server.closed.every(({ error }) => error?.code === code),
          String(pair.server.error),
        );
        assert.equal(pair.server.endpoint.size, 0);
      });
    });
  }
});

function isPlainAlert(data: Uint8Array): boolean {
  return recordsOf(data).some(({ type, epoch }) => type === 21 && epoch === 0);
}
