import { mock } from 'node:test';
import { limitKeys } from '../../support/key-limit.js';
import { VERSIONS } from '../../support/settings.js';
import { CLIMATES, liveIn } from './climates.js';
import { Neighbours } from './neighbours.js';
import { Survival } from './survival.js';

/** What `npm run simulate` plays with seeds that no test has. */
export interface Simulation {
  readonly name: string;
  /** Throws where something is not as it has to be; the message begins with the command that plays this seed alone. */
  play(seed: number): void;
}

export const SIMULATIONS: readonly Simulation[] = [
  ...VERSIONS.flatMap((version) => [
    { name: `survival ${version}`, play: (seed: number) => new Survival(version, seed).run() },
    { name: `neighbours ${version}`, play: (seed: number) => new Neighbours(version, seed).run() },
  ]),
  { name: 'survival DTLSv1.2 until its keys are used up', play: spendKeys },
  ...VERSIONS.flatMap((version) =>
    CLIMATES.filter((climate) => (climate.version ?? version) === version).map((climate) => ({
      name: `weather ${version}: ${climate.name}`,
      play: (seed: number) => void liveIn(climate, version, seed),
    })),
  ),
];

/** A session whose keys do not last for all that is sent. */
export function spendKeys(seed: number): void {
  try {
    limitKeys({ mock }, () => 40 + (seed % 200));
    new Survival('DTLSv1.2', seed, true).run();
  } finally {
    mock.restoreAll();
  }
}
