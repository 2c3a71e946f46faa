import { type Attack, attacked, type Raid } from '../attacks.js';
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

/** Those that a move of the client could help. */
const WHILE_MOVING: readonly Attack[] = ['copies that arrive first', 'copies that arrive later'];

/** A session under attack: an attacker at another address copies what one side sends. */
export function attackCases(pair: Pair, version: Version, of: Role): Case[] {
  return ATTACKS.map((attack, index) =>
    attackCase(pair, version, { attack, of, seed: index + 1, length: LENGTH, moves: false }),
  );
}

/** The same of a client that moves meanwhile. */
export function movingAttackCases(pair: Pair, version: Version): Case[] {
  return WHILE_MOVING.map((attack, index) =>
    attackCase(pair, version, { attack, of: 'client', seed: index + 1, length: LENGTH, moves: true }),
  );
}

function attackCase(pair: Pair, version: Version, raid: Raid): Case {
  const { attack, of, seed, moves } = raid;
  const plan: Plan = { ...BASE, version, observed: true, cids: { client: LENGTH, server: LENGTH } };
  const label = `attacked by ${attack}, of the ${of}${moves ? ', which moves' : ''}`;
  return {
    name: named(pair, version, label, `seed ${seed}`),
    kind: 'session',
    ...pair,
    impossible: whyNot(pair, plan),
    slow: false,
    timeout: TIMEOUT_MS,
    run: async (pki) =>
      await encounter(pair.client, pair.server, plan, pki, async (both) => await attacked(both, raid)),
  };
}
