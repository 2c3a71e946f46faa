import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HandshakeType } from '#lib/wire/codes.js';
import { assertAlive } from '../../support/alive.js';
import { CLIENTS, SERVERS } from '../../support/identities.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { plainFragments } from '../../support/records.js';
import { VERSIONS } from '../../support/settings.js';

const ROLES = ['client', 'server'] as const;
/** Certificates both ways, and a ClientHello of more than a kilobyte in DTLS 1.3: each side has a large flight. */
const LARGE: PairOptions = {
  client: { ...CLIENTS.p256, groups: 'X25519MLKEM768:x25519' },
  server: { ...SERVERS.rsa, requestCert: true, groups: 'X25519MLKEM768:x25519' },
};
/** A ClientHello of more than any host takes, in one datagram. */
const LONG: PairOptions = { client: { alpn: [1, 2, 3].map((n) => String(n).repeat(200)) } };
/** Whether fragments fit together is no question of time. */
const PATIENT = { handshakeTimeout: 600_000 };

for (const version of VERSIONS) {
  suite(`a path that silently loses large datagrams, ${version}`, () => {
    for (const limit of [1000, 600, 300]) {
      test(`a lossy path of ${limit} bytes lets smaller flights through in the end`, () => {
        const pair = new Pair({ version, ...LARGE, weather: { mtu: () => limit } });
        pair.explain(() => pair.handshake());
        assert.ok(pair.server.entry.connection.counters.retransmissions > 0, 'the limit was met');
        assertAlive(pair);
      });
    }

    test('a small path costs each side its retries once: the size that a flight found holds for the next', () => {
      const pair = new Pair({ version, ...LARGE, weather: { mtu: () => 600 } });
      pair.explain(() => pair.handshake());
      // Two transmissions in vain cost 1 + 2 s a side, and the third arrives.
      assert.ok(pair.now < 7000, `${pair.now} ms`);
    });

    test('fragments of two sizes are one message, whichever of them arrive', () => {
      for (let seed = 0; seed < 40; seed++) {
        // Nothing of more than 600 bytes passes for the first seconds, then everything, late and in any order.
        const mtu = (now: number) => (now < 3500 ? 600 : 1400);
        const weather = { mtu, loss: 0.2, jitter: 2500 };
        const patience = { clientBehaviour: PATIENT, serverBehaviour: PATIENT };
        const pair = new Pair({ version, seed, ...LARGE, weather, ...patience });
        pair.explain(() => pair.handshake());
      }
    });
  });

  suite(`a server that takes a ClientHello only whole, ${version}`, () => {
    test('a server that accepts only whole ClientHellos is reached though the first two tries of both were lost', () => {
      const pair = new Pair({ version, ...LONG, clientBehaviour: PATIENT });
      const tries = new Map<number, string>();
      onlyWhole(pair, ({ messageSeq, whole }) => {
        const before = tries.get(messageSeq) ?? '';
        tries.set(messageSeq, before + (whole ? 'W' : 'c'));
        return before.length < 2;
      });
      pair.explain(() => pair.handshake());
      assert.deepEqual(Object.fromEntries(tries), { 0: 'WWccW', 1: 'WWccW' });
      pair.intercept = undefined;
      assertAlive(pair);
    });

    test('a server that accepts only whole ClientHellos is reached at 30 % loss and reordering', () => {
      for (let seed = 0; seed < 60; seed++) {
        const weather = { loss: 0.33, duplication: 0.1, jitter: 500 };
        const patient = { ...PATIENT, retransmission: { initial: 1000, max: 8000 } };
        const patience = { clientBehaviour: patient, serverBehaviour: patient };
        const limits = { cookieLifetime: PATIENT.handshakeTimeout };
        const pair = new Pair({ version, seed, ...LONG, weather, ...patience, limits });
        onlyWhole(pair, () => false);
        pair.explain(() => pair.handshake());
      }
    });
  });

  suite(`a system that refuses large datagrams, ${version}`, () => {
    for (const role of ROLES) {
      test(`a refused size makes the flights of the ${role} smaller at once, without waiting for a timer`, () => {
        const pair = new Pair({ version, ...LARGE, clientBehaviour: NO_TIMER, serverBehaviour: NO_TIMER });
        pair.systemLimit[role] = 400;
        pair.onDelivery = ({ data, from }) => assert.ok(from !== role || data.length <= 400);
        pair.explain(() => pair.handshake());
        assert.ok(pair.now < 1000);
        assert.ok(pair[role].entry.connection.counters.retransmissions > 0, 'the limit was met');
        assertAlive(pair);
      });

      test(`a refused size lowers what the ${role} may send at once, and send reports it`, () => {
        const pair = new Pair({ version }).handshake();
        const side = pair[role];
        const { connection } = side.entry;
        const before = connection.maxMessageSize;
        pair.systemLimit[role] = 900;
        pair.send(side, new Uint8Array(before));
        const { maxMessageSize } = connection;
        assert.equal(before - maxMessageSize, 1200 - 548);
        assert.throws(() => pair.send(side, new Uint8Array(maxMessageSize + 1)), {
          code: 'ERR_OUT_OF_RANGE',
          message: new RegExp(`the ${maxMessageSize} byte maximum`),
        });
        pair.send(side, new Uint8Array(maxMessageSize));
        pair.runFor(100);
        const other = pair[role === 'client' ? 'server' : 'client'];
        assert.deepEqual(
          other.messages.map(({ length }) => length),
          [maxMessageSize],
        );
        assert.equal(connection.counters.retransmissions, 0, 'the last flight had nothing to do with it');
        assertAlive(pair);
      });
    }

    test('a system that refuses even the smallest size makes the handshake fail in time, without a loop', () => {
      const pair = new Pair({ version });
      pair.systemLimit.client = 10;
      pair.connect().runFor(70_000);
      assert.equal(pair.client.error?.code, 'ERR_DTLS_HANDSHAKE_TIMEOUT');
      assert.ok(pair.client.flights('sent', true).length < 12);
    });
  });
}

interface HelloPart {
  readonly messageSeq: number;
  readonly whole: boolean;
}

/** From now on `pair` loses ClientHellos in fragments, and each datagram with one of which `lost` says so. */
function onlyWhole(pair: Pair, lost: (part: HelloPart) => boolean): void {
  pair.intercept = (data, from) => {
    const [part] = from === 'client' ? plainFragments(data) : [];
    if (part?.type !== HandshakeType.client_hello) return [data];
    const whole = part.fragmentLength === part.length;
    return lost({ messageSeq: part.messageSeq, whole }) || !whole ? [] : [data];
  };
}

/** No flight is sent again unless something calls for it. */
const NO_TIMER = { retransmission: { initial: 50_000, max: 60_000 } };
