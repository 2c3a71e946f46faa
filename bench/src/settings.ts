import { parseArgs } from 'node:util';
import type { Form } from './history.js';
import { type Amount, DEFAULT_PLAN, type Plan, QUICK_PLAN, SHORT_PLAN } from './plan.js';

const PARTS = [
  'echo',
  'shapes',
  'peers',
  'handshake',
  'records',
  'path',
  'memory',
  'sessions',
  'imports',
  'clients',
  'floods',
  'first-byte',
  'runtimes',
  'growth',
  'allocations',
  'flood',
];
/** Those of the short form. */
const SHORT_PARTS = ['echo', 'handshake', 'allocations'];

const USAGE = `usage: npm run bench -- [options]
  --quick              a rough run in about a minute
  --short              what CI compares with the history, in less than a minute: echo and handshakes of few servers, allocations
  --only PART          ${PARTS.join(', ')}; may be given more than once
  --rounds N           measured rounds of echo and handshake (default ${DEFAULT_PLAN.rounds})
  --associations N     idle associations for the memory row (default ${DEFAULT_PLAN.idle.count}, at most 50000)
  --large              the growth, and sessions with connection IDs, up to 100000 too, which takes some minutes and 4 GB
  --record             adds the ratios of this run to bench/history.jsonl
  --gate               exits with 1 when a ratio or a count is more than a tenth above the median of the history
  --json FILE          writes every sample there too
  --profile FOLDER     our servers write CPU profiles there
  --own-client         makes the load with our own client even where a C compiler is present`;

const PLANS: Readonly<Record<Form, Plan>> = { short: SHORT_PLAN, quick: QUICK_PLAN, whole: DEFAULT_PLAN };
const LARGE = 100_000;
const MAX_ASSOCIATIONS = 50_000;
const SLOWEST_HANDSHAKES_A_SECOND = 150;

/** What the arguments ask for. */
export interface Settings {
  readonly plan: Plan;
  readonly form: Form;
  /** The parts to measure. */
  readonly only: readonly string[];
  readonly record: boolean;
  readonly gate: boolean;
  readonly json: string | undefined;
  readonly profile: string | undefined;
  readonly ownClient: boolean;
}

export function readArguments(): Settings {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      short: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string' },
      associations: { type: 'string' },
      large: { type: 'boolean', default: false },
      record: { type: 'boolean', default: false },
      gate: { type: 'boolean', default: false },
      json: { type: 'string' },
      profile: { type: 'string' },
      'own-client': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit();
  }
  const unknown = values.only.find((part) => !PARTS.includes(part));
  if (unknown !== undefined) throw new RangeError(`--only takes ${PARTS.join(', ')}, not ${unknown}`);
  const form = values.short ? 'short' : values.quick ? 'quick' : 'whole';
  const base = PLANS[form];
  const large = values.large ? [LARGE] : [];
  const associations = positive('--associations', values.associations, base.idle.count, MAX_ASSOCIATIONS);
  return {
    plan: {
      ...base,
      rounds: positive('--rounds', values.rounds, base.rounds, 1000),
      idle: withCount(base.idle, associations),
      growth: { ...base.growth, counts: [...base.growth.counts, ...large] },
      sleepers: { ...base.sleepers, withIds: [...base.sleepers.withIds, ...large] },
    },
    form,
    only: values.only.length > 0 ? values.only : values.short ? SHORT_PARTS : PARTS,
    record: values.record,
    gate: values.gate,
    json: values.json,
    profile: values.profile,
    ownClient: values['own-client'],
  };
}

/** A slow machine gets more time. */
function withCount(amount: Amount, count: number): Amount {
  return { ...amount, count, seconds: Math.max(amount.seconds, count / SLOWEST_HANDSHAKES_A_SECOND) };
}

function positive(name: string, given: string | undefined, fallback: number, most: number): number {
  const value = given === undefined ? fallback : Number(given);
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw new RangeError(`${name} takes a whole number from 1 to ${most}`);
  }
  return value;
}
