import { type Attack, attacked } from '../attacks.js';
import { encounter, type Plan } from '../exchange.js';
import type { Role, Version } from '../vocabulary.js';
import type { Case, Pair } from './case.js';
import { BASE, named, whyNot } from './session.js';

const ATTACKS: readonly Attack[] = [
  'copies that arrive first',
  'copies that arrive later',
  'changed copies that arrive first',
  'invented connection IDs',
];
const TIMEOUT_MS = 60_000;
/** Of both sides' connection IDs, bytes. */
const LENGTH = 8;

/** A session under attack: an attacker at another address copies what one side sends. */
export function attackCases(pair: Pair, version: Version, of: Role): Case[] {
  return ATTACKS.map((attack, index) => {
    const raid = { attack, of, seed: index + 1, length: LENGTH };
    const plan: Plan = { ...BASE, version, observed: true, cids: { client: LENGTH, server: LENGTH } };
    return {
      name: named(pair, version, `attacked by ${attack}, of the ${of}`, `seed ${raid.seed}`),
      kind: 'session',
      ...pair,
      impossible: whyNot(pair, plan),
      slow: false,
      timeout: TIMEOUT_MS,
      run: async (pki) =>
        await encounter(pair.client, pair.server, plan, pki, async (both) => await attacked(both, raid)),
    };
  });
}
