// Instants are fractions of a millisecond: a difference of two may be rounded another way than their sum.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { utf8 } from '#lib/base/bytes.js';
import type { BehaviourOptions } from '#lib/config/behaviour.js';
import { HandshakeType } from '#lib/wire/codes.js';
import { Pair } from '../support/pair.js';
import { fragmentRecord } from '../support/records.js';
import { VERSIONS } from '../support/settings.js';

/** Fractions at which one of the sums is rounded up, among others. */
const STARTS = Array.from({ length: 60 }, (_, i) => 1_000 + i * 7919.3 + i / 7);

for (const version of VERSIONS) {
  suite(`a timer that is due at the instant it was set to, ${version}`, () => {
    for (const [what, options] of [
      ['of idleTimeout', { idleTimeout: 61_333 }],
      ['of keepAlive', { keepAlive: { interval: 61_333, timeout: 61_334, message: utf8('ping') } }],
    ] as const satisfies readonly (readonly [string, BehaviourOptions])[]) {
      test(`${what} takes effect when due, for any fraction of a millisecond`, () => {
        for (const start of STARTS) {
          const pair = new Pair({ version, clientBehaviour: { idleTimeout: 0, ...options } });
          pair.now = start;
          pair.handshake();
          pair.intercept = () => [];
          const { connection } = pair.client.entry;
          for (let steps = 0; connection.phase !== 'closed'; steps++) {
            const due = connection.pollTimeout() ?? assert.fail();
            connection.handleTimeout(due);
            const next = connection.pollTimeout();
            assert.ok(next === undefined || next > due, `still due at ${due}`);
            assert.ok(steps < 1000);
          }
        }
      });
    }

    test('the expiry of held data takes effect when due, for any fraction of a millisecond', () => {
      for (const start of STARTS) {
        const pair = new Pair({ version, clientBehaviour: { handshakeTimeout: 0 } });
        pair.now = start;
        pair.intercept = () => [];
        pair.connect();
        const { connection } = pair.client.entry;
        const part = { type: HandshakeType.certificate, messageSeq: 3, length: 100 };
        const fragment = new Uint8Array(10);
        pair.inject(pair.client, fragmentRecord({ ...part, fragment }, { sequence: 5 }));
        pair.runFor(0.3);
        pair.inject(pair.client, fragmentRecord({ ...part, messageSeq: 4, fragment }, { sequence: 6 }));
        for (let steps = 0; (connection.counters.dropped.expired_message ?? 0) < 2; steps++) {
          const due = connection.pollTimeout() ?? assert.fail();
          connection.handleTimeout(due);
          const next = connection.pollTimeout();
          assert.ok(next === undefined || next > due, `still due at ${due}`);
          assert.ok(steps < 1000);
        }
      }
    });
  });
}
