// Issue "Connections that survive": sessions to which everything happens, at random.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { casesOf } from '../../support/long.js';
import { VERSIONS } from '../../support/settings.js';
import { Survival } from './survival.js';

const SEEDS = 2000;
const GIVEN = process.env['DTLS_SEED'];

function seeds(): number[] {
  return GIVEN === undefined ? Array.from({ length: casesOf(SEEDS) }, (_, i) => i + 1) : [Number(GIVEN)];
}

/** What has to happen in many runs, so that they show anything: at least as often as there are runs, or once in so many. */
const NEEDED = {
  crash: 1,
  export: 1,
  hibernate: 1,
  rebind: 1,
  race: 1,
  followed: 1,
  'went back': 1,
  'slept with a checkpoint': 4,
  'slept unvalidated': 50,
} as const;

for (const version of VERSIONS)
  suite(`${version}: sessions that move, crash, hibernate and are attacked`, () => {
    test('never seal twice with one nonce, deliver nothing twice, and go on', () => {
      const happened = new Map<string, number>();
      for (const seed of seeds()) {
        const survival = new Survival(version, seed);
        survival.run();
        for (const [what, times] of survival.happened) happened.set(what, (happened.get(what) ?? 0) + times);
      }
      for (const [what, runs] of Object.entries(NEEDED)) {
        const times = happened.get(what) ?? 0;
        assert.ok(GIVEN !== undefined || times * runs >= seeds().length, `${what} is rare: ${times}`);
      }
    });
  });
