/**
 * Attacks a server of the library on this machine, one attack after another, and holds what came of it to bounds.
 *
 *   npm run siege                    the whole siege, with the library's defaults: some twenty minutes
 *   npm run siege -- --ci            what .ci/run affords: lower limits, smaller crowds, no bound on times
 *   npm run siege -- --only NAME     the attacks whose names or cases contain it; may be given more than once
 *   npm run siege -- --list          names only
 *   npm run siege -- --json FILE     writes everything that was measured there
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Entry, reportOf } from '../../scripts/report.mjs';
import { attacks } from './attacks/all.js';
import type { Attack, Check } from './attacks/attack.js';
import { type Battle, type Conditions, fight, measureCapacity } from './battle.js';
import { judge } from './bounds.js';
import { createPki } from './pki.js';
import { namespacesMissing } from './places.js';
import { CI, WHOLE } from './plan.js';
import { table } from './table.js';

const { values: flags } = parseArgs({
  options: {
    ci: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    list: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});

process.exitCode = await main();

async function main(): Promise<number> {
  const chosen = attacks.filter(isWanted);
  if (flags.list) {
    console.log(chosen.map(({ name, cases }) => `${name} (${cases})`).join('\n'));
    return 0;
  }
  if (chosen.length === 0) {
    console.error('no attack has such a name');
    return 1;
  }
  const pki = createPki();
  const capacity = await measureCapacity(pki);
  console.log(`The server's core is full with ${capacity} handshakes a second.\n`);
  return await besiege(chosen, { amounts: flags.ci ? CI : WHOLE, pki, capacity });
}

function isWanted({ name, cases }: Attack): boolean {
  const all = `${name} (${cases})`.toLowerCase();
  return flags.only.length === 0 || flags.only.some((wanted) => all.includes(wanted.toLowerCase()));
}

async function besiege(chosen: readonly Attack[], conditions: Conditions): Promise<number> {
  const missing = namespacesMissing();
  const battles: Battle[] = [];
  const checks: { readonly attack: string; readonly check: Check }[] = [];
  const skips: Entry[] = [];
  for (const attack of chosen) {
    const { name } = attack;
    if (attack.place !== undefined && missing !== undefined) {
      skips.push({ name, reason: missing });
      continue;
    }
    const found = await outcome(attack, conditions, battles);
    checks.push(...found.map((check) => ({ attack: name, check })));
    console.log(line(name, found, battles.at(-1)));
  }
  if (flags.json !== undefined) writeFileSync(flags.json, JSON.stringify(battles, null, 2));
  const failures = checks
    .filter(({ check }) => !check.ok)
    .map(({ attack, check: { name, detail } }) => ({ name: `${attack}: ${name}`, reason: detail }));
  console.log(`\n${table(battles)}`);
  console.log(reportOf({ passed: checks.length - failures.length, failures, skips }));
  return failures.length === 0 ? 0 : 1;
}

/** The bounds that held; a battle that did not finish is one failed check. */
async function outcome(attack: Attack, conditions: Conditions, battles: Battle[]): Promise<Check[]> {
  try {
    const battle = await fight(attack, conditions);
    battles.push(battle);
    return judge(battle, conditions.amounts);
  } catch (error) {
    return [
      {
        name: 'the attack could be carried out',
        ok: false,
        detail: error instanceof Error ? error.message : String(error),
      },
    ];
  }
}

function line(name: string, found: readonly Check[], battle: Battle | undefined): string {
  const bad = found.filter(({ ok }) => !ok);
  const note =
    battle?.attack.name === name && battle.tally.note !== undefined ? `  [${battle.tally.note}]` : '';
  const why = bad.map((check) => `\n        ${check.name}: ${check.detail}`).join('');
  return `${bad.length === 0 ? 'ok    ' : 'FAILED'}  ${name}${note}${why}`;
}
