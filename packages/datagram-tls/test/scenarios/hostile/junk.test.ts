import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { concat } from '#lib/base/bytes.js';
import { assertAlive } from '../../support/alive.js';
import { CLIENTS } from '../../support/identities.js';
import { casesOf } from '../../support/long.js';
import { damage } from '../../support/network.js';
import { Pair } from '../../support/pair.js';
import { Random } from '../../support/random.js';
import { VERSIONS } from '../../support/settings.js';

const ROLES = ['client', 'server'] as const;

/** Datagrams thrown at an endpoint without and with a connected peer: with those below more than a million in a long run. */
const MANY = casesOf(320_000);
/** Handshakes that are disturbed. */
const HANDSHAKES = casesOf(200);
/** Datagrams thrown at one handshake. */
const FEW = 150;

for (const version of VERSIONS) {
  const recorded = recording(version);

  suite(`junk, ${version}`, () => {
    test('a serving endpoint neither throws nor keeps anything for junk from unknown addresses', () => {
      const random = new Random(1);
      const pair = new Pair({ version });
      const { endpoint } = pair.server;
      for (let i = 0; i < MANY; i++) {
        const data = junk(random, recorded);
        endpoint.receive(data, `10.1.${i & 255}.${(i >>> 8) & 255}`, 1 + (i % 65_535), 'IPv4', i);
        while (endpoint.pollTransmit() !== undefined);
        while (endpoint.pollEvent() !== undefined);
      }
      assert.equal(endpoint.size, 0);
      const { datagramsReceived, rejected, cookiesSent } = endpoint.counters;
      assert.equal(datagramsReceived, MANY);
      assert.ok(rejected > 0 && cookiesSent > 0);
      pair.explain(() => pair.handshake());
      assertAlive(pair);
    });

    for (const role of ROLES) {
      test(`a connected ${role} does not throw on junk, delivers nothing of it, and goes on`, () => {
        const random = new Random(2);
        const pair = new Pair({ version }).handshake();
        const side = pair[role];
        const { address, port, family } = pair[role === 'client' ? 'server' : 'client'].address;
        for (let i = 0; i < MANY; i++) {
          side.endpoint.receive(junk(random, recorded), address, port, family, pair.now);
          if (i % 1000 === 0) pair.drain();
        }
        pair.drain();
        assert.equal(side.messages.length, 0);
        const dropped = Object.values(side.dropped).reduce((sum, count) => sum + count, 0);
        assert.ok(dropped > MANY / 2, `${dropped} records were counted`);
        assertAlive(pair);
      });

      test(`a ${role} in any phase of its handshake does not throw on junk, and succeeds or fails with a clear error`, () => {
        let survivors = 0;
        for (let seed = 0; seed < HANDSHAKES; seed++) {
          const random = new Random(seed);
          const pair = new Pair({
            version,
            seed,
            client: CLIENTS.ed25519,
            server: MUTUAL,
            jobs: random.pick([0, 30]),
          });
          pair.connect().runFor(random.below(150));
          pair.explain(() => {
            for (let i = 0; i < FEW; i++) pair.inject(pair[role], junk(random, recorded));
            pair.runFor(200_000);
            assert.notEqual(pair[role].error?.code, 'ERR_DTLS_INTERNAL');
            assert.ok(['open', 'closed', 'none'].includes(pair[role].phase));
          });
          if (pair.client.isConnected && pair.server.isConnected) survivors++;
        }
        assert.ok(survivors > HANDSHAKES / 10, `${survivors} handshakes succeeded all the same`);
      });
    }

    test('every datagram of 0 to 3 bytes is ignored', () => {
      const pair = new Pair({ version }).handshake();
      for (const role of ROLES) {
        pair.inject(pair[role], new Uint8Array(0));
        for (let a = 0; a < 256; a++) {
          for (const rest of [[], [0xfe], [0xfe, 0xfd], [0, 0], [0xff, 0xff]])
            pair.inject(pair[role], Uint8Array.of(a, ...rest));
        }
      }
      assertAlive(pair);
    });
  });
}

const MUTUAL = { requestCert: true };

/** Every datagram of a handshake with client certificates, some traffic and an end. */
function recording(version: (typeof VERSIONS)[number]): readonly Uint8Array[] {
  const datagrams: Uint8Array[] = [];
  const pair = new Pair({ version, seed: 99, client: CLIENTS.ed25519, server: { requestCert: true } });
  pair.intercept = (data) => {
    datagrams.push(data);
    return [data];
  };
  pair.handshake();
  assertAlive(pair);
  pair.close(pair.client);
  pair.runFor(100);
  return datagrams;
}

/** Random bytes, random bytes behind a valid header, or a real datagram that was truncated, changed or mixed. */
function junk(random: Random, recorded: readonly Uint8Array[]): Uint8Array {
  switch (random.below(5)) {
    case 0:
      return random.bytes(random.below(100));
    case 1: {
      const body = random.bytes(random.below(120));
      const header = Uint8Array.of(
        random.between(18, 28),
        0xfe,
        random.pick([0xff, 0xfd, 0xfc]),
        0,
        random.below(4),
      );
      return concat(header, Uint8Array.of(0, 0, 0, 0, 0, random.below(256), 0, body.length), body);
    }
    case 2: {
      const [a, b] = [random.pick(recorded), random.pick(recorded)];
      return concat(a.subarray(0, random.below(a.length)), b.subarray(random.below(b.length)));
    }
    case 3:
      return concat(random.pick(recorded), damage(random.pick(recorded), random));
    default:
      return damage(random.pick(recorded), random);
  }
}
