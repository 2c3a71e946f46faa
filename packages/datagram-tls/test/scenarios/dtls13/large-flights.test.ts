// Siege cases C3 and C12.

import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { suite, type TestContext, test } from 'node:test';
import type { BehaviourOptions } from '#lib/config/behaviour.js';
import type { Role } from '#lib/config/config.js';
import type { SecurityOptions } from '#lib/config/options.js';
import { Timers } from '#lib/connection/timers.js';
import { ContentType } from '#lib/wire/codes.js';
import { encodeAck } from '#lib/wire/messages/ack.js';
import { assertAlive } from '../../support/alive.js';
import { CA, CLIENTS, SERVERS } from '../../support/identities.js';
import { Insider13 } from '../../support/insider13.js';
import { Pair } from '../../support/pair.js';
import { plainFragments, recordsOf } from '../../support/records.js';
import { VERSIONS } from '../../support/settings.js';
import { encodeCertificate, tlv } from '../../x509/encode.js';

const version = 'DTLSv1.3';
/** Of {@link Pair}'s path, ms. */
const ROUND_TRIP = 20;

/** With as many certificates as a chain may have. */
const LONG = { cert: SERVERS.rsa.cert + CA.repeat(7), key: SERVERS.rsa.key };
const LONG_CLIENT = { cert: CLIENTS.p256.cert + CA.repeat(7), key: CLIENTS.p256.key };

interface Case {
  readonly what: string;
  readonly server?: SecurityOptions;
  readonly client?: SecurityOptions;
  readonly serverBehaviour?: BehaviourOptions;
  readonly clientBehaviour?: BehaviourOptions;
}

const CASES: readonly Case[] = [
  { what: 'one certificate' },
  { what: 'a long chain of the server', server: LONG },
  { what: 'a long chain of both', server: { ...LONG, requestCert: true }, client: LONG_CLIENT },
  { what: 'a long chain in datagrams of 256 bytes', server: LONG, serverBehaviour: { mtu: 256 } },
  { what: 'a client that takes 256 bytes a record', server: LONG, client: { recordSizeLimit: 256 } },
  { what: 'a client that takes 64 bytes a record', server: LONG, client: { recordSizeLimit: 64 } },
  {
    what: 'a server that takes 64 bytes a record',
    server: { requestCert: true, recordSizeLimit: 64 },
    client: LONG_CLIENT,
  },
  {
    what: 'both in datagrams of 512 bytes with 64 bytes a record',
    server: { ...LONG, requestCert: true, recordSizeLimit: 64 },
    client: { ...LONG_CLIENT, recordSizeLimit: 64 },
    serverBehaviour: { mtu: 512 },
    clientBehaviour: { mtu: 512 },
  },
];

/** Names of the timers that run out from here on. */
function watchTimers(t: TestContext): string[] {
  const ranOut: string[] = [];
  const takeDue = Object.getOwnPropertyDescriptor(Timers.prototype, 'takeDue')?.value as (
    this: Timers,
    now: number,
  ) => ReturnType<Timers['takeDue']>;
  t.mock.method(Timers.prototype, 'takeDue', function watched(this: Timers, now: number) {
    const name = takeDue.call(this, now);
    if (name !== undefined) ranOut.push(name);
    return name;
  });
  return ranOut;
}

suite('flights of DTLS 1.3, whatever their size', () => {
  for (const { what, ...options } of CASES) {
    test(`${what}: on a path without loss no timer expires and nothing is sent twice`, (t) => {
      const ranOut = watchTimers(t);
      const pair = new Pair({ version, ...options });
      pair.explain(() => {
        pair.handshake();
        assert.deepEqual(ranOut, []);
        for (const side of [pair.client, pair.server])
          assert.equal(side.entry.connection.counters.retransmissions, 0);
        // Each window is twice as large as the one before: a flight of 800 records takes 10 round trips at most.
        assert.ok(pair.now <= 20 * ROUND_TRIP, `${pair.now} ms`);
      });
    });
  }

  test('a flight begins with ten records, and adds two for each acknowledged one', () => {
    const pair = new Pair({ version, server: LONG, client: { recordSizeLimit: 64 } });
    const bursts = burstsOf(pair, 'server');
    pair.handshake();
    const [first = 0, second = 0, third = 0] = bursts.slice(-bursts.length).filter((count) => count > 1);
    assert.deepEqual([first, second], [10, 20]);
    assert.ok(third > 20 && third <= 40, String(third));
  });

  test('a peer that acknowledges by its timer alone gets a large flight in doubling windows', () => {
    const pair = new Pair({ version, server: LONG, client: { recordSizeLimit: 256 } });
    lateAcks(pair);
    pair.handshake();
    const bursts = pair.server.traced.filter(
      (event) => event.kind === 'flight' && event.direction === 'sent',
    );
    assert.ok(bursts.length <= 6, `${bursts.length} transmissions`);
    assertAlive(pair);
  });

  test('a peer without ACKs gets the rest of a large flight when the first timer expires', () => {
    const pair = new Pair({ version, server: LONG, client: { recordSizeLimit: 256 } });
    const insider = new Insider13(pair);
    pair.intercept = (data, from) => {
      const isAck = () => insider.open(from, data).every(({ type }) => type === ContentType.ack);
      return from === 'client' && !pair.server.isConnected && plainFragments(data).length === 0 && isAck()
        ? []
        : [data];
    };
    pair.handshake();
    assert.ok(pair.now < 1200, `${pair.now} ms`);
    pair.intercept = undefined;
    assertAlive(pair);
  });

  test('lost records of a large flight are retransmitted long before our timer expires', (t) => {
    for (let seed = 0; seed < 20; seed++) {
      const ranOut = watchTimers(t);
      const pair = new Pair({ version, seed, server: LONG, client: { recordSizeLimit: 256 } });
      let place = 0;
      pair.intercept = (data, from) => {
        if (from === 'client' || pair.server.phase !== 'handshaking') return [data];
        return place++ % 7 === seed % 7 && place > 1 && place < 20 ? [] : [data];
      };
      pair.explain(() => {
        pair.handshake();
        assert.ok(!ranOut.includes('retransmit'), ranOut.join());
      });
      t.mock.reset();
    }
  });
});

suite('a certificate with 2,000 names', () => {
  for (const each of VERSIONS) {
    for (const [what, mtu] of [
      ['1,200', 1200],
      ['512', 512],
    ] as const) {
      test(`${each}: goes through in datagrams of ${what} bytes, and on a perfect path no timer runs out`, (t) => {
        const ranOut = watchTimers(t);
        const server = crowded(2000);
        const pair = new Pair({
          version: each,
          server: { ...server, requestCert: true },
          client: { ...server },
          adjust: (security) => ({ ...security, rejectUnauthorized: false }),
          serverBehaviour: { mtu },
          clientBehaviour: { mtu },
        });
        pair.explain(() => {
          pair.handshake();
          assert.deepEqual(ranOut, []);
          for (const side of [pair.client, pair.server]) {
            assert.equal(side.entry.connection.counters.retransmissions, 0);
            assert.ok((side.sessions[0]?.peer.chain[0]?.der.length ?? 0) > 40_000);
          }
          assert.ok(pair.now <= 20 * ROUND_TRIP, `${pair.now} ms`);
        });
        assertAlive(pair);
      });
    }
  }
});

/** A certificate of its own for so many names, and its key. */
function crowded(count: number): { cert: string; key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const dns = Array.from({ length: count }, (_, i) => `host-${i}.crowded.example`);
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  const algorithm = tlv(0x30, tlv(0x06, [0x2b, 0x65, 0x70]));
  const shape = { subject: 'crowded', issuer: 'crowded', spki, serial: 1, dns, algorithm };
  const der = encodeCertificate(shape, (tbs) => new Uint8Array(sign(null, tbs, privateKey)));
  const base64 = Buffer.from(der).toString('base64').replace(/.{64}/g, '$&\n');
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
}

suite('late acknowledgements of DTLS 1.3', () => {
  for (const role of ['client', 'server'] as const) {
    test(`${role} ignores an ACK that covers only an earlier flight, however often it comes`, () => {
      const pair = new Pair({ version, client: CLIENTS.p256, server: { requestCert: true } }).handshake();
      const insider = new Insider13(pair);
      const peer = role === 'client' ? 'server' : 'client';
      pair.runFor(1000);
      pair.intercept = () => [];
      pair[role].entry.connection.updateKeys({ requestPeer: false }, pair.now);
      pair[role].endpoint.touch(pair[role].entry);
      pair.drain();
      const stale = [0, 1, 2].map((sequenceNumber) => ({ epoch: 2, sequenceNumber }));
      for (let i = 0; i < 5; i++) {
        pair.runFor(60);
        pair.inject(
          pair[role],
          insider.seal(peer, 3, ContentType.ack, encodeAck({ recordNumbers: stale }), 60 + i),
        );
      }
      assert.equal(pair[role].entry.connection.counters.retransmissions, 0);
      pair.intercept = undefined;
      pair.runFor(3000);
      assertAlive(pair);
    });
  }
});

/** The number of handshake records in each burst of `role`. A burst is sent at one instant. */
function burstsOf(pair: Pair, role: Role): number[] {
  const bursts: number[] = [];
  let last: number | undefined;
  pair.onDelivery = ({ data, from }) => {
    if (from !== role || plainFragments(data)[0]?.messageSeq === 0) return;
    if (last !== pair.now) bursts.push(0);
    last = pair.now;
    bursts[bursts.length - 1] = (bursts.at(-1) ?? 0) + recordsOf(data).length;
  };
  return bursts;
}

/** The client's ACKs arrive 250 ms late, and each replaces the ACKs sent meanwhile. */
function lateAcks(pair: Pair): void {
  const insider = new Insider13(pair);
  let sentAt = Number.NEGATIVE_INFINITY;
  pair.intercept = (data, from) => {
    if (from === 'server' || pair.server.phase !== 'handshaking') return [data];
    if (plainFragments(data).length > 0) return [data];
    if (insider.open(from, data).some(({ type }) => type === ContentType.handshake)) return [data];
    if (pair.now < sentAt + 250) return [];
    sentAt = pair.now;
    return [data];
  };
}
