// Many clients behind one NAT, whose addresses go from one to another, also in handshakes, and
// whose processes crash, as the server's does.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ONE_SEED, seedsOf } from '../../support/seeds.js';
import { VERSIONS } from '../../support/settings.js';
import { type Happening, Neighbours } from './neighbours.js';

const SEEDS = 1000;
/** `npm test` runs one of so many: both simulations together take some seconds. */
const PART = 32;

/** What has to happen in many runs, so that they show anything: as often as this on average. */
const NEEDED: Readonly<Partial<Record<Happening, number>>> = {
  'moved in the handshake': 1,
  'connected after a move': 0.3,
  'got a former address': 0.5,
  followed: 1,
  'slept without an entry': 0.5,
  leave: 1,
  renew: 1,
  'move the server': 0.5,
  restart: 0.5,
  'crash of the server': 0.5,
  'went on after a crash': 0.5,
  'went on with other options': 0.3,
  'went on elsewhere': 0.2,
  resumed: 0.1,
  'came late': 2,
  silence: 0.5,
};

for (const version of VERSIONS)
  suite(`${version}: clients behind one NAT whose addresses swap and pass from one to another`, () => {
    test('keep their sessions where records have IDs, and get only what is theirs', () => {
      const seeds = seedsOf(SEEDS, PART);
      const happened = new Map<Happening, number>();
      for (const seed of seeds) {
        const neighbours = new Neighbours(version, seed);
        neighbours.run();
        for (const [what, times] of neighbours.happened)
          happened.set(what, (happened.get(what) ?? 0) + times);
      }
      if (ONE_SEED) return;
      const needed = version === 'DTLSv1.3' ? { ...NEEDED, 'early data': 0.1 } : NEEDED;
      for (const [what, times] of Object.entries(needed)) {
        const share = (happened.get(what as Happening) ?? 0) / seeds.length;
        assert.ok(share >= times, `${what} is rare: ${share} in each run`);
      }
    });
  });
