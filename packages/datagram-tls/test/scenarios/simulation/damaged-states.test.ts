// Bytes that are no state, or one that was changed.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Connection } from '#lib/connection/connection.js';
import { casesOf } from '../../support/long.js';
import { Pair } from '../../support/pair.js';
import { Random } from '../../support/random.js';
import { fragmentRecord } from '../../support/records.js';
import { behaviour, security, VERSIONS } from '../../support/settings.js';

const LOSSY = { loss: 0.15, duplication: 0.1, jitter: 30 } as const;

for (const version of VERSIONS) {
  suite(`${version}: sessions`, () => {
    test('whose state is damaged are refused with a code', () => {
      const pair = new Pair({ version, weather: LOSSY }).handshake();
      const random = new Random(7);
      const state = pair.server.endpoint.save(pair.server.entry, pair.now);
      const times = { age: 0, now: 0 };
      for (let i = 0; i < casesOf(8000); i++) {
        const bytes = state.slice(0, random.chance(0.3) ? random.below(state.length) : state.length);
        for (let flips = random.below(4); flips >= 0 && bytes.length > 0; flips--)
          bytes[random.below(bytes.length)] = random.below(256);
        try {
          Connection.restore(bytes, security('server', version), behaviour(), times);
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'ERR_DTLS_STATE', String(error));
        }
      }
    });

    for (const role of ['client', 'server'] as const)
      test(`whose damaged state is that of another session, of a ${role}, throw nothing without a code`, () => {
        const pair = new Pair({ version, weather: LOSSY, ...WITH_IDS }).handshake();
        const late: Uint8Array[] = [];
        pair.onDelivery = ({ data, from }) => {
          if (from !== role) late.push(data);
        };
        for (let i = 0; i < 5; i++) {
          pair.send(pair.client, new Uint8Array(20));
          pair.send(pair.server, new Uint8Array(20));
          pair.runFor(100);
        }
        if (version === 'DTLSv1.3')
          pair[role].endpoint.updateKeys(pair[role].entry, { requestPeer: true }, pair.now);
        pair.runFor(10);
        const random = new Random(8);
        const state = pair[role].endpoint.save(pair[role].entry, pair.now);
        let taken = 0;
        for (let i = 0; i < casesOf(8000); i++) {
          const bytes = state.slice();
          for (let flips = random.below(3); flips >= 0; flips--)
            bytes[random.below(bytes.length)] = random.chance(0.3) ? 255 : random.below(256);
          const connection = attempt(() =>
            Connection.restore(bytes, security(role, version), behaviour(), TIMES),
          );
          if (connection === undefined) continue;
          taken++;
          use(connection, late, random);
        }
        assert.ok(taken > 20, `${taken}`);
      });
  });
}

const TIMES = { age: 0, now: 0 };
const WITH_IDS = {
  clientBehaviour: { connectionId: 8 },
  serverBehaviour: { connectionId: 8 },
} as const;
/** Datagrams and events of one call. */
const MANY = 2000;

/** What `run` returns; an error has a code. */
function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    assert.match(String((error as { code?: string }).code), /^ERR_/, (error as Error).stack);
    return undefined;
  }
}

/** All that may happen to a session, in any order. */
function use(connection: Connection, late: readonly Uint8Array[], random: Random): void {
  let now = 0;
  const { address } = connection.path;
  const steps: readonly (() => unknown)[] = [
    () => connection.receive(random.pick(late), address, now),
    () =>
      connection.receive(
        fragmentRecord({ type: random.below(30), messageSeq: random.below(9), fragment: new Uint8Array(9) }),
        address,
        now,
      ),
    () => connection.send(new Uint8Array(random.below(100))),
    () => {
      now = Math.max(now, connection.pollTimeout() ?? now);
      connection.handleTimeout(now);
    },
    () => {
      now += 60_000;
      connection.handleTimeout(now);
    },
    () => connection.hibernate(now),
    () => connection.updateKeys({ requestPeer: random.chance(0.5) }, now),
    () => connection.renewConnectionId(now),
    () => connection.leavePath(now),
    () => [
      connection.counters,
      connection.session,
      connection.connectionIds,
      connection.path,
      connection.earlyData,
    ],
    () => connection.checkpoint(16, now),
    () => connection.confirmCheckpoint(now),
    () => connection.close(now),
  ];
  for (let i = 0; i < 12; i++) {
    attempt(random.pick(steps));
    let polled = 0;
    while (attempt(() => connection.pollTransmit()) !== undefined) assert.ok(polled++ < MANY);
    while (attempt(() => connection.pollEvent()) !== undefined) assert.ok(polled++ < MANY);
  }
}
