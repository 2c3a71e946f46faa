// Bytes that are no state, or one that was changed.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Connection } from '#lib/connection/connection.js';
import { casesOf } from '../../support/long.js';
import { Pair } from '../../support/pair.js';
import { Random } from '../../support/random.js';
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
  });
}
