import { type Contender, type Kind, RAW_REFERENCE } from './contenders.js';
import type { CostRow, EchoRow, MemoryRow } from './experiments.js';
import { HELP, type ImportRow, LIBRARY } from './imports.js';
import { median, medianRatio } from './measure.js';
import type { RecordRow } from './record-cost.js';
import { nativeOf, platformOf, type Report } from './report.js';
import type { SleeperRow } from './sleeping.js';

interface Verdict {
  readonly what: string;
  readonly measured: number | undefined;
  readonly limit: number;
  readonly unit: string;
}

const ECHO_SIZE = 64;

/** This run's verdict on the library's budgets; a budget whose reference was not measured is left out. */
export function formatBudgets(report: Report): string {
  const verdicts = [
    ...echoVerdicts(report.echo ?? []),
    ...handshakeVerdicts(report.handshakes ?? []),
    ...(report.ownClient ? versionVerdicts(report.echo ?? []) : []),
    ...recordVerdicts(report.records ?? []),
    pathVerdict(report.path),
    ...importVerdicts(report.imports ?? []),
    ...memoryVerdicts(report.memory ?? []),
    ...sleeperVerdicts(report.sleepers ?? []),
  ];
  return verdicts.flatMap(formatVerdict).join('\n');
}

function echoVerdicts(rows: readonly EchoRow[]): Verdict[] {
  const raw = rows.find((row) => row.contender.name === RAW_REFERENCE)?.bySize.get(ECHO_SIZE);
  const ratios = ownRows(rows).map(({ contender, bySize }) => ({
    suite: contender.suite?.name,
    over: contender.over,
    ratio: medianRatio(bySize.get(ECHO_SIZE) ?? [], raw),
  }));
  const of = (name: string, by: Contender['over']) =>
    ratios.find(({ suite, over }) => over === by && suite === name)?.ratio;
  const gcm = of('AES_128_GCM', undefined);
  const sodium = of('CHACHA20_POLY1305', 'libsodium');
  const all = ratios.flatMap(({ over, ratio }) => (over === 'native' ? [] : (ratio ?? [])));
  const cheapest = all.length === 0 ? undefined : Math.min(...all);
  return [
    { what: `echo of ${ECHO_SIZE} B, cheapest suite`, measured: cheapest, limit: 1.5, unit: 'x raw dgram' },
    { what: `echo of ${ECHO_SIZE} B, AES_128_GCM`, measured: gcm, limit: 2.2, unit: 'x raw dgram' },
    {
      what: `echo of ${ECHO_SIZE} B, CHACHA20_POLY1305 of libsodium`,
      measured: sodium,
      limit: 1.6,
      unit: 'x raw dgram',
    },
    {
      what: `echo of ${ECHO_SIZE} B, AES_128_GCM by native code`,
      measured: of('AES_128_GCM', 'native'),
      limit: 1.5,
      unit: 'x raw dgram',
    },
  ];
}

const MAX_WITH_ID = 1.03;
const MAX_GROWTH = 1.15;

/** A migration has no limit, and ciphers alone are the floor of what has one. */
function recordVerdicts(rows: readonly RecordRow[]): Verdict[] {
  return rows.flatMap(({ version, over, what, one, other }) => {
    const withId = what.startsWith('with');
    if (!withId && !what.includes(' of ')) return [];
    return {
      what: `record ${what}, ${version}, ${over}`,
      measured: medianRatio(one, other),
      limit: withId ? MAX_WITH_ID : MAX_GROWTH,
      unit: withId ? 'x without' : 'x of one',
    };
  });
}

/** Signatures are the platform's on both sides; with few of them the code around them weighs more. */
const HANDSHAKE_LIMITS: Readonly<Record<Kind, number>> = {
  full: 1.3,
  mutual: 1.3,
  resumed: 1.5,
  PSK: 1.5,
  'ECDHE-PSK': 1.5,
};

/** The same where native code does them (docs/adr/0063-native-handshakes.md). */
const NATIVE_HANDSHAKE_LIMITS: Readonly<Record<Kind, number>> = {
  full: 1.4,
  mutual: 1.4,
  resumed: 1.5,
  PSK: 1.5,
  'ECDHE-PSK': 1.5,
};

/** Compared with node:dgram and node:crypto alone (docs/adr/0015-what-a-handshake-may-cost.md). */
const PLATFORM_LIMITS: Readonly<Record<Kind, number>> = {
  full: 2,
  mutual: 2,
  resumed: 3,
  PSK: 3,
  'ECDHE-PSK': 2,
};

function handshakeVerdicts(rows: readonly CostRow[]): Verdict[] {
  return ownRows(rows).flatMap(({ contender, samples }) => {
    const { kind, over } = contender;
    if (kind === undefined) return [];
    const what = `handshake, ${kind}${over === 'native' ? ' by native code' : ''}`;
    return [
      {
        what,
        measured: medianRatio(samples, opensslOf(rows, contender)?.samples),
        limit: (over === 'native' ? NATIVE_HANDSHAKE_LIMITS : HANDSHAKE_LIMITS)[kind],
        unit: 'x OpenSSL',
      },
      {
        what,
        measured: medianRatio(samples, platformOf(rows, contender)?.samples),
        limit: PLATFORM_LIMITS[kind],
        unit: 'x platform',
      },
    ];
  });
}

/** The budget names OpenSSL, which has DTLS 1.2 alone. */
function opensslOf(rows: readonly CostRow[], contender: Contender): CostRow | undefined {
  return contender.suite?.version === 'DTLSv1.2' ? nativeOf(rows, contender) : undefined;
}

/** The cost of a record of DTLS 1.3 relative to one of DTLS 1.2 under the same cipher. */
function versionVerdicts(rows: readonly EchoRow[]): Verdict[] {
  const cost = (version: string, cipher: string) =>
    ownRows(rows)
      .find(
        ({ contender: { suite, over } }) =>
          over === undefined && suite?.version === version && suite.name.startsWith(cipher),
      )
      ?.bySize.get(ECHO_SIZE);
  return ['AES_128_GCM', 'AES_256_GCM', 'CHACHA20_POLY1305'].map((cipher) => ({
    what: `echo of ${ECHO_SIZE} B in DTLS 1.3, ${cipher}`,
    measured: medianRatio(cost('DTLSv1.3', cipher) ?? [], cost('DTLSv1.2', cipher)),
    limit: 1.25,
    unit: 'x DTLS 1.2',
  }));
}

function pathVerdict(samples: readonly number[] | undefined): Verdict {
  const measured = samples === undefined ? undefined : median(samples) / 1000;
  return { what: 'path of three certificates', measured, limit: 2, unit: 'ms of CPU' };
}

function importVerdicts(rows: readonly ImportRow[]): Verdict[] {
  const seconds = (name: string) => {
    const samples = rows.find((row) => row.name === name)?.samples;
    return samples === undefined ? undefined : median(samples) / 1e6;
  };
  return [
    { what: LIBRARY, measured: seconds(LIBRARY), limit: 0.1, unit: 's of CPU' },
    { what: HELP, measured: seconds(HELP), limit: 0.15, unit: 's of CPU' },
  ];
}

function memoryVerdicts(rows: readonly MemoryRow[]): Verdict[] {
  return ownRows(rows).map(({ contender, associations, bytes }) => ({
    what: `idle association, ${contender.name}, of ${associations}`,
    measured: bytes / 1024,
    limit: 6,
    unit: 'KiB',
  }));
}

/** So many sessions at rest have the budget; what a process has besides weighs more among fewer. */
const AT_REST = 20_000;
/** KiB. */
const MAX_AT_REST = 4;
/** KiB of V8's heap and of buffers: the goal of a million, which fewer reach later. */
const MAX_ASLEEP = 0.5;

/** At rest where they have the budget, and asleep at the largest number that was measured. */
function sleeperVerdicts(rows: readonly SleeperRow[]): Verdict[] {
  const most = (ids: boolean): number =>
    Math.max(...rows.filter(({ cidLength }) => cidLength > 0 === ids).map(({ count }) => count));
  return rows.flatMap(({ version, count, cidLength, awake, plain, asleep, microseconds }) => {
    const verdicts: Verdict[] = [];
    const hasIds = cidLength > 0;
    const withIds = hasIds ? ', with a connection ID' : '';
    if (count === AT_REST) {
      const atRest = { limit: MAX_AT_REST, unit: 'KiB resident' };
      const [native, without] = plain === undefined ? [undefined, awake] : [awake, plain];
      for (const [over, of] of [['native code', native] as const, ['node:crypto', without] as const])
        verdicts.push({
          ...atRest,
          what: `session at rest, ${version}, ${over}${withIds}`,
          measured: kib(of?.rss),
        });
    }
    if (count === most(hasIds)) {
      const what = `session asleep, ${version}${withIds}, of ${count}`;
      verdicts.push({ what, measured: kib(asleep.held), limit: MAX_ASLEEP, unit: 'KiB held' });
      if (!hasIds) {
        const measured = microseconds.wake / 1000;
        verdicts.push({ what: `waking, ${version}`, measured, limit: 1, unit: 'ms of CPU' });
      }
    }
    return verdicts;
  });
}

function kib(bytes: number | undefined): number | undefined {
  return bytes === undefined ? undefined : bytes / 1024;
}

function ownRows<Row extends Pick<EchoRow, 'contender'>>(rows: readonly Row[]): Row[] {
  return rows.filter((row) => row.contender.family === 'ours');
}

function formatVerdict({ what, measured, limit, unit }: Verdict): string[] {
  if (measured === undefined) return [];
  const outcome = measured <= limit ? 'kept' : 'missed';
  return [`Budget ${outcome}: ${what} ${measured.toFixed(2)} ${unit}, at most ${limit}`];
}
