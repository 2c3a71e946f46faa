// Sessions to which everything happens, at random.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { casesOf } from '../../support/long.js';
import { ONE_SEED, seedsOf } from '../../support/seeds.js';
import { VERSIONS } from '../../support/settings.js';
import { spendKeys } from './simulations.js';
import { type Happening, Survival } from './survival.js';

const SEEDS = 2000;
/** Of them, with keys that do not last. */
const SPENT = casesOf(200);
/** `npm test` runs one of so many: both simulations together take some seconds. */
const PART = 32;

/** What has to happen in many runs, so that they show anything: as often as this on average. */
const NEEDED: Readonly<Partial<Record<Happening, number>>> = {
  crash: 1,
  export: 1,
  slept: 0.4,
  'slept with a checkpoint': 0.25,
  'slept unvalidated': 0.02,
  rebind: 1,
  leave: 1,
  renew: 1,
  race: 1,
  storm: 1,
  followed: 1,
  'went back': 1,
  'was dormant': 1,
  'came late': 1,
  silence: 0.3,
  'moved in the handshake': 0.2,
  'went on with other options': 0.5,
  'went on elsewhere': 0.3,
  resumed: 0.2,
};

for (const version of VERSIONS)
  suite(`${version}: sessions that move, crash, hibernate and are attacked`, () => {
    test('never seal twice with one nonce, deliver nothing twice, and go on', () => {
      const seeds = seedsOf(SEEDS, PART);
      const happened = new Map<Happening, number>();
      for (const seed of seeds) {
        const survival = new Survival(version, seed);
        survival.run();
        for (const [what, times] of survival.happened) happened.set(what, (happened.get(what) ?? 0) + times);
      }
      if (ONE_SEED) return;
      const needed = version === 'DTLSv1.3' ? { ...NEEDED, 'half-open': 0.05, 'early data': 0.05 } : NEEDED;
      for (const [what, times] of Object.entries(needed)) {
        const share = (happened.get(what as Happening) ?? 0) / seeds.length;
        assert.ok(share >= times, `${what} is rare: ${share} in each run`);
      }
    });
  });

suite('DTLSv1.2: sessions whose keys are used up', () => {
  test('end with a code on that side, and with a close_notify or the same code on the other', () => {
    for (const seed of seedsOf(SEEDS, PART).slice(0, SPENT)) spendKeys(seed);
  });
});
