import { type Check, check } from './attacks/attack.js';
import type { Battle } from './battle.js';
import type { Amounts } from './plan.js';

/** The bounds of every battle. */
export const BOUNDS = {
  /** Bytes out for one in, to addresses that are not validated. */
  amplification: 3,
  /** Held afterwards, relative to before. */
  memoryAfter: 1.1,
  /** Memory of the process at its peak, and the held part of it, MiB. */
  peakRss: 400,
  peakHeld: 200,
  /** Share of an open session's echoes that must arrive. */
  echoes: 0.8,
  /** Flights that a new honest client sends again, at most, until it is in. */
  repeats: 1,
  /** On the whole run only: ms until a new client is in. */
  newClientMs: 2000,
  /** On the whole run only: CPU without a pause, ms, such as for the validation of a chain. */
  turnMs: 100,
} as const;

const MIB = 2 ** 20;

/** Ratios, counts and bytes; times only on a whole run. */
export function judge(battle: Battle, amounts: Amounts): Check[] {
  return [
    ...judgeAnswers(battle),
    ...judgeMemory(battle),
    ...judgeHonest(battle, amounts),
    ...judgeTurns(battle, amounts),
    ...judgeVerdicts(battle),
    ...(battle.tally.checks ?? []),
    ...(battle.attack.judge?.(battle.during, amounts) ?? []),
    check('nothing was thrown', battle.after.faults.length === 0, battle.after.faults[0] ?? 'nothing'),
  ];
}

function judgeAnswers(battle: Battle): Check[] {
  const { attack, traffic, tally } = battle;
  const { datagramsOut } = traffic;
  const checks: Check[] = [];
  if (attack.unvalidated === true) {
    const ratio = bytesOutForOne(battle);
    const name = `at most ${BOUNDS.amplification} bytes out for one in`;
    checks.push(check(name, ratio <= BOUNDS.amplification, ratio.toFixed(2)));
  }
  if (tally.mayAnswer !== undefined) {
    const name = 'no datagram causes more than one flight';
    const ok = datagramsOut <= tally.mayAnswer;
    checks.push(check(name, ok, `${datagramsOut} datagrams out, at most ${tally.mayAnswer}`));
  }
  return checks;
}

/** To unvalidated addresses for each received byte; otherwise for each byte that the attacker sent. */
export function bytesOutForOne({ attack, traffic, tally }: Battle): number {
  const { bytesIn, bytesOut } = traffic;
  return bytesOut / Math.max(1, attack.unvalidated === true ? bytesIn : tally.bytes);
}

function judgeMemory({ before, during, after }: Battle): Check[] {
  const growth = after.now.held / before.now.held;
  const [rss, held] = [during.peak.rss / MIB, during.peak.held / MIB];
  return [
    check(
      'memory is within a tenth of what it was',
      growth <= BOUNDS.memoryAfter,
      `${(growth * 100).toFixed(1)} %`,
    ),
    check(
      `at most ${BOUNDS.peakRss} MiB of memory at the peak`,
      rss <= BOUNDS.peakRss,
      `${rss.toFixed(0)} MiB`,
    ),
    check(
      `at most ${BOUNDS.peakHeld} MiB held at the peak`,
      held <= BOUNDS.peakHeld,
      `${held.toFixed(0)} MiB`,
    ),
  ];
}

function judgeHonest({ attack, honest }: Battle, { ci }: Amounts): Check[] {
  const { newClients } = honest;
  const out = newClients.filter(({ opened }) => !opened);
  const slowest = Math.max(0, ...newClients.map(({ ms }) => ms));
  const repeats = Math.max(0, ...newClients.map((one) => one.repeats));
  const mayRepeat = attack.repeats ?? BOUNDS.repeats;
  return [
    check(
      `an open session keeps ${BOUNDS.echoes * 100} % of its echoes`,
      echoShare(honest) >= BOUNDS.echoes,
      honest.echoes.map(({ version, sent, received }) => `${version}: ${received} of ${sent}`).join(', '),
    ),
    check(
      'every new client gets in',
      newClients.length > 0 && out.length === 0,
      `${newClients.length - out.length} of ${newClients.length}${out[0] === undefined ? '' : `: ${out[0].version} ${out[0].error ?? ''}`}`,
    ),
    check(
      'a session that said nothing meanwhile still answers',
      honest.quietAnswers,
      honest.quietAnswers ? 'yes' : 'no',
    ),
    check(`flights that a new client sends again: at most ${mayRepeat}`, repeats <= mayRepeat, repeats),
    ...(ci
      ? []
      : [
          check(
            `a new client is in within ${BOUNDS.newClientMs} ms`,
            slowest <= BOUNDS.newClientMs,
            slowest.toFixed(0),
          ),
        ]),
  ];
}

function judgeTurns({ during }: Battle, { ci }: Amounts): Check[] {
  const ms = during.longestTurn / 1000;
  return ci
    ? []
    : [
        check(
          `at most ${BOUNDS.turnMs} ms of CPU without a pause`,
          ms <= BOUNDS.turnMs,
          `${ms.toFixed(0)} ms`,
        ),
      ];
}

/** The server must have validated a chain, or its cost was not measured. */
function judgeVerdicts({ tally, during }: Battle): Check[] {
  return Object.entries(tally.verdicts ?? {}).map(([code, expected]) => {
    const found = during.verdicts[code] ?? 0;
    return check(`the server says ${code} of ${expected} chains`, found >= expected, found);
  });
}

/** Of the session that kept the fewest. */
export function echoShare({ echoes }: Battle['honest']): number {
  return Math.min(...echoes.map(({ sent, received }) => received / Math.max(1, sent)));
}
