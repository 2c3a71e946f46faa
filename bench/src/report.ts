import { type Contender, RAW_REFERENCE } from './contenders.js';
import type { CostRow, EchoRow, MemoryRow, ShapeRow } from './experiments.js';
import { type ImportRow, NODE_ALONE } from './imports.js';
import { median, medianRatio } from './measure.js';
import { ECHO_SIZES, ECHO_WINDOW, SHAPES } from './plan.js';
import type { RecordRow } from './record-cost.js';
import type { Section } from './section.js';
import type { SleeperRow } from './sleeping.js';

/** Servers that ours are compared with. */
const IN_C: ReadonlySet<Contender['family']> = new Set(['openssl', 'wolfssl']);

/** The results of one run; a part that was not requested is undefined. */
export interface Report {
  /** Our own client made the load on all servers: rows of both versions can be compared. */
  readonly ownClient: boolean;
  readonly environment: Readonly<Record<string, string>>;
  readonly skipped: readonly string[];
  readonly echo: readonly EchoRow[] | undefined;
  readonly shapes: readonly ShapeRow[] | undefined;
  /** Beside other implementations: echoes and full handshakes. */
  readonly peers: { readonly echo: readonly EchoRow[]; readonly handshakes: readonly CostRow[] } | undefined;
  readonly handshakes: readonly CostRow[] | undefined;
  readonly records: readonly RecordRow[] | undefined;
  /** CPU µs of a verdict on three certificates, one sample per round. */
  readonly path: readonly number[] | undefined;
  readonly imports: readonly ImportRow[] | undefined;
  readonly memory: readonly MemoryRow[] | undefined;
  readonly sleepers: readonly SleeperRow[] | undefined;
  /** The other parts. */
  readonly sections: readonly Section[];
}

/** The report as Markdown, its tables padded so that it reads as plain text too. */
export function formatReport(report: Report): string {
  return [
    formatEnvironment(report.environment),
    ...Object.values(textsOf(report)),
    ...report.skipped.map((reason) => `Skipped: ${reason}`),
  ].join('\n\n');
}

/** The text of each part that was measured: a title, and mostly a table below it. */
export function textsOf(report: Report): Readonly<Record<string, string>> {
  const { echo, shapes, peers, handshakes, records, path, imports, memory, sleepers, sections } = report;
  const texts: Readonly<Record<string, string | undefined>> = {
    echo: echo && formatEcho(echo),
    shapes: shapes && formatShapes(shapes),
    peers: peers && `${formatEcho(peers.echo)}\n\n${formatHandshakes(peers.handshakes)}`,
    handshake: handshakes && formatHandshakes(handshakes),
    records: records && formatRecords(records),
    path: path && formatPath(path),
    imports: imports && formatImports(imports),
    memory: memory && formatMemory(memory),
    sessions: sleepers && formatSleepers(sleepers),
    ...Object.fromEntries(
      sections.map(({ part, title, header, rows }) => [part, `${title}\n\n${table(header, rows)}`]),
    ),
  };
  return Object.fromEntries(
    Object.entries(texts).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** The same as plain data with every sample, for `--json`. */
export function reportAsJson(report: Report): unknown {
  return {
    environment: report.environment,
    skipped: report.skipped,
    echo: report.echo?.map(echoAsJson),
    peers: report.peers && {
      echo: report.peers.echo.map(echoAsJson),
      handshakes: report.peers.handshakes.map(costAsJson),
    },
    shapes: report.shapes?.map(({ contender, byShape }) => ({
      server: contender.name,
      microseconds: SHAPES.map((shape, i) => ({ ...shape, ...withMedian(byShape[i] ?? []) })),
    })),
    handshakes: report.handshakes?.map(costAsJson),
    records: report.records?.map((row) => ({ ...row, ratio: medianRatio(row.one, row.other) })),
    path: report.path === undefined ? undefined : { microseconds: withMedian(report.path) },
    imports: report.imports?.map(({ name, samples }) => ({
      program: name,
      microseconds: withMedian(samples),
    })),
    memory: report.memory?.map(({ contender, associations, bytes, uncollected, more }) => ({
      server: contender.name,
      associations,
      bytesPerAssociation: bytes,
      ...(uncollected !== undefined && { bytesWithGarbage: uncollected }),
      ...(more !== undefined && { bytesPerFurtherAssociation: more }),
    })),
    sleepers: report.sleepers,
    ...Object.fromEntries(report.sections.map(({ part, samples }) => [part, samples])),
  };
}

function echoAsJson({ contender, bySize }: EchoRow): unknown {
  const microsecondsBySize = Object.fromEntries(
    [...bySize].map(([size, samples]) => [size, withMedian(samples)]),
  );
  return { server: contender.name, microsecondsBySize };
}

function costAsJson({ contender, samples }: CostRow): unknown {
  return { server: contender.name, microseconds: withMedian(samples) };
}

function formatEnvironment(environment: Report['environment']): string {
  return Object.entries(environment)
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n');
}

function formatEcho(rows: readonly EchoRow[]): string {
  const raw = rows.find((row) => row.contender.name === RAW_REFERENCE);
  const header = ['server', ...ECHO_SIZES.flatMap((size) => [`${size} B`, 'x raw', 'x in C'])];
  const body = rows.map((row) => [
    row.contender.name,
    ...ECHO_SIZES.flatMap((size) => {
      const samples = row.bySize.get(size) ?? [];
      const openssl = nativeOf(rows, row.contender)?.bySize.get(size);
      return [
        median(samples).toFixed(1),
        formatRatio(medianRatio(samples, raw?.bySize.get(size))),
        formatRatio(medianRatio(samples, openssl)),
      ];
    }),
  ]);
  const rounds = raw?.bySize.get(ECHO_SIZES[0])?.length ?? 0;
  const title = `Echo: server CPU in µs a message, window ${ECHO_WINDOW}, ${mediansOf(rounds)}`;
  return `${title}\n\n${table(header, body)}`;
}

/** A row for each form of load: what it costs the servers, and ours in relation to the others. */
function formatShapes(rows: readonly ShapeRow[]): string {
  const raw = rows.find((row) => row.contender.name === RAW_REFERENCE);
  const columns = rows.flatMap((row) => shapeColumns(row, raw, nativeOf(rows, row.contender)));
  const header = ['clients x window', 'bytes', ...columns.map(({ title }) => title)];
  const body = SHAPES.map(({ clients, window, size }, i) => [
    `${clients} x ${window}`,
    String(size),
    ...columns.map(({ cell }) => cell(i)),
  ]);
  const rounds = raw?.byShape[0]?.length ?? 0;
  return `Echo in forms of load: server CPU in µs a message, ${mediansOf(rounds)}\n\n${table(header, body)}`;
}

function shapeColumns(
  row: ShapeRow,
  raw: ShapeRow | undefined,
  openssl: ShapeRow | undefined,
): { title: string; cell: (shape: number) => string }[] {
  const ratioTo = (reference: ShapeRow | undefined) => (shape: number) =>
    formatRatio(medianRatio(row.byShape[shape] ?? [], reference?.byShape[shape]));
  const cost = {
    title: row.contender.name,
    cell: (shape: number) => median(row.byShape[shape] ?? []).toFixed(1),
  };
  if (row.contender.family !== 'ours') return [cost];
  const toRaw = { title: 'x raw', cell: ratioTo(raw) };
  return openssl === undefined ? [cost, toRaw] : [cost, toRaw, { title: 'x in C', cell: ratioTo(openssl) }];
}

function formatHandshakes(rows: readonly CostRow[]): string {
  const body = rows.map((row) => {
    const cost = median(row.samples);
    const openssl = nativeOf(rows, row.contender)?.samples;
    return [
      row.contender.name,
      cost.toFixed(0),
      (1e6 / cost).toFixed(0),
      formatRatio(medianRatio(row.samples, openssl)),
      formatRatio(medianRatio(row.samples, platformOf(rows, row.contender)?.samples)),
    ];
  });
  const title = `Handshake (cookie; full ones ECDHE-ECDSA P-256, X25519) and close, ${mediansOf(rows[0]?.samples.length ?? 0)}`;
  return `${title}\n\n${table(['server', 'CPU µs', 'a CPU second', 'x in C', 'x platform'], body)}`;
}

function formatRecords(rows: readonly RecordRow[]): string {
  const body = rows.map(({ version, over, what, one, other, floor, inC }) => {
    const ratios = one.map((cost, round) => cost / (other[round] ?? Number.NaN));
    const [low, high] = quartiles(ratios);
    return [
      version,
      over,
      what,
      median(one).toFixed(2),
      median(other).toFixed(2),
      median(ratios).toFixed(3),
      `${formatRatio(low)} to ${formatRatio(high)}`,
      floor === undefined ? '' : median(floor.one).toFixed(2),
      formatRatio(medianRatio(floor?.one ?? [], floor?.other)),
      inC?.toFixed(2) ?? '',
    ];
  });
  const header = [
    'version',
    'ciphers',
    'record',
    'CPU µs',
    'without, or of one',
    'ratio',
    'quartiles',
    'ciphers alone',
    'their ratio',
    'OpenSSL in C',
  ];
  const title = `Records of 64 bytes, one in and one out, core alone: medians of ${rows[0]?.one.length ?? 0} turns`;
  return `${title}\n\n${table(header, body)}`;
}

function quartiles(samples: readonly number[]): readonly [number | undefined, number | undefined] {
  const sorted = samples.toSorted((a, b) => a - b);
  return [sorted[Math.floor(sorted.length / 4)], sorted[Math.floor((3 * sorted.length) / 4)]];
}

function formatPath(samples: readonly number[]): string {
  const cost = median(samples).toFixed(0);
  return `Path of three certificates below a root, parsed and verified: ${cost} µs of CPU, ${mediansOf(samples.length)}`;
}

function formatImports(rows: readonly ImportRow[]): string {
  const alone = rows.find(({ name }) => name === NODE_ALONE)?.samples;
  const body = rows.map(({ name, samples }) => [
    name,
    (median(samples) / 1000).toFixed(0),
    formatRatio(medianRatio(samples, alone)),
  ]);
  const title = `Imports: CPU in ms of a process from its start to its end, ${mediansOf(rows[0]?.samples.length ?? 0)}`;
  return `${title}\n\n${table(['program', 'ms', 'x node alone'], body)}`;
}

function formatMemory(rows: readonly MemoryRow[]): string {
  const kib = (bytes: number | undefined): string => (bytes === undefined ? '' : (bytes / 1024).toFixed(1));
  const body = rows.map((row) => [
    row.contender.name,
    String(row.associations),
    kib(row.bytes),
    kib(row.uncollected),
    kib(row.more),
    formatRatio(medianRatio([row.bytes], reference(nativeOf(rows, row.contender)?.bytes))),
  ]);
  const title = 'Idle association: growth of resident memory';
  return `${title}\n\n${table(['server', 'associations', 'KiB each', 'with garbage', 'of as many more', 'x in C'], body)}`;
}

function formatSleepers(rows: readonly SleeperRow[]): string {
  const kib = (bytes: number | undefined): string => (bytes === undefined ? '' : (bytes / 1024).toFixed(2));
  const body = rows.map(
    ({ version, count, cidLength, stateBytes, awake, plain, after, asleep, microseconds }) => [
      cidLength > 0 ? `${version}, CID of ${cidLength}` : version,
      String(count),
      kib(awake?.rss),
      kib(plain?.rss),
      kib(awake?.held),
      kib(after.rss),
      kib(asleep.rss),
      kib(asleep.held),
      String(stateBytes),
      microseconds.hibernate.toFixed(0),
      microseconds.wake.toFixed(0),
      microseconds.export.toFixed(0),
      microseconds.import.toFixed(0),
    ],
  );
  const title =
    'Open sessions of a server: KiB resident and held of each, at rest, with the native part and without it, after that, and asleep from the start; state in bytes; CPU in µs';
  const header = [
    'version',
    'sessions',
    'at rest',
    'without',
    'held',
    'after',
    'asleep',
    'held',
    'state',
    'sleep',
    'wake',
  ];
  return `${title}\n\n${table([...header, 'export', 'import'], body)}`;
}

/** The row of the server in C with the same suite and kind of handshake: OpenSSL has DTLS 1.2, wolfSSL 1.3. */
export function nativeOf<Row extends { readonly contender: Contender }>(
  rows: readonly Row[],
  { suite, kind }: Contender,
): Row | undefined {
  if (suite === undefined) return undefined;
  return rows.find(
    ({ contender }) => IN_C.has(contender.family) && contender.suite === suite && contender.kind === kind,
  );
}

/** The platform's cost of such a handshake of DTLS 1.2. */
export function platformOf(rows: readonly CostRow[], { suite, kind }: Contender): CostRow | undefined {
  if (suite?.version !== 'DTLSv1.2') return undefined;
  return rows.find(({ contender }) => contender.family === 'platform' && contender.kind === kind);
}

function reference(value: number | undefined): number[] | undefined {
  return value === undefined ? undefined : [value];
}

function withMedian(samples: readonly number[]): { median: number; samples: readonly number[] } {
  return { median: median(samples), samples };
}

function mediansOf(rounds: number): string {
  return rounds === 1 ? 'one round' : `medians of ${rounds} rounds`;
}

function formatRatio(ratio: number | undefined): string {
  return ratio === undefined ? '' : ratio.toFixed(2);
}

function table(header: readonly string[], body: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...body.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => pad(cell, widths[i] ?? 0, i)).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [line(header), rule, ...body.map(line)].join('\n');
}

function pad(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}
