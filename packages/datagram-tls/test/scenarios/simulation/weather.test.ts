import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ONE_SEED, seedsOf } from '../../support/seeds.js';
import { VERSIONS } from '../../support/settings.js';
import { CLIMATES, liveIn } from './climates.js';

for (const version of VERSIONS) {
  suite(`an association on a lossy path, ${version}`, () => {
    for (const climate of CLIMATES) {
      if (climate.version !== undefined && climate.version !== version) continue;
      test(climate.name, () => {
        const outcomes = seedsOf(climate.seeds, undefined, 0).map((seed) => liveIn(climate, version, seed));
        const successes = outcomes.filter(({ connected }) => connected).length;
        if (!ONE_SEED)
          assert.ok(successes >= (climate.least ?? 1) * outcomes.length, `${successes} succeeded`);
      });
    }
  });
}
