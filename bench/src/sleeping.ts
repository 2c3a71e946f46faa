import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('sleepers.js', import.meta.url));
const VERSIONS = ['DTLSv1.2', 'DTLSv1.3'];
const TIMEOUT_MS = 1_200_000;
/** Of the peers' records, in rows with connection IDs. */
const CID_LENGTH = 8;

/** Bytes for each session. */
interface PerSession {
  readonly rss: number;
  /** In V8's heap and in buffers; native objects of the platform's cryptography are not counted. */
  readonly held: number;
}

/** What `sleepers.ts` prints. */
export interface SleeperRun {
  readonly stateBytes: number;
  /** All of them at the same time; absent with `--asleep`. */
  readonly awake?: PerSession;
  readonly asleep: PerSession;
  /** CPU for one session. */
  readonly microseconds: {
    readonly hibernate: number;
    readonly wake: number;
    readonly export: number;
    readonly import: number;
  };
}

export interface SleeperRow extends SleeperRun {
  readonly version: string;
  readonly count: number;
  /** Of connection IDs on the peers' records; 0: none. */
  readonly cidLength: number;
  /** As `awake`, of a process without the native part; absent where there is none anyway. */
  readonly plain?: PerSession;
  /** Of a process in which all were awake at the same time: memory that was used is not given back at once. */
  readonly after: PerSession;
}

/**
 * Each row from processes of its own: one in which sessions are awake first, with the native part and without it, and one in which
 * they never all are.
 */
export function measureSleepers(
  { counts, withIds }: { readonly counts: readonly number[]; readonly withIds: readonly number[] },
  hasNative: boolean,
): readonly SleeperRow[] {
  const rows = (count: number, cidLength: number): readonly SleeperRow[] =>
    VERSIONS.map((version) => rowOf(version, count, cidLength, hasNative));
  return [
    ...counts.flatMap((count) => rows(count, 0)),
    ...withIds.flatMap((count) => rows(count, CID_LENGTH)),
  ];
}

function rowOf(version: string, count: number, cidLength: number, hasNative: boolean): SleeperRow {
  const args = ['--version', version, '--count', String(count), '--cid', String(cidLength)];
  const { awake, asleep: after } = run(args);
  const { awake: plain } = hasNative ? run(args, { DATAGRAM_TLS_ACCELERATION: 'off' }) : {};
  const ran = run([...args, '--asleep']);
  return { ...ran, ...(awake && { awake }), ...(plain && { plain }), after, version, count, cidLength };
}

function run(args: readonly string[], environment: Readonly<Record<string, string>> = {}): SleeperRun {
  const { status, stdout } = spawnSync(process.execPath, ['--expose-gc', PROGRAM, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: TIMEOUT_MS,
  });
  if (status !== 0) throw new Error(`sessions that hibernate: the program ended with ${status}`);
  return JSON.parse(stdout) as SleeperRun;
}
