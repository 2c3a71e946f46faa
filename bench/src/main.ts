import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { DTLSEndpoint } from 'datagram-tls';
import { formatBudgets } from './budgets.js';
import {
  type Contender,
  type Load,
  type LoadFor,
  opensslMeetings,
  opensslServers,
  ourMeetings,
  ourNativeServers,
  ourServers,
  ourSodiumServers,
  ownLoadGenerator,
  platformServers,
  RAW_REFERENCE,
  rawServers,
  wolfsslMeetings,
  wolfsslServers,
} from './contenders.js';
import { measureEcho, measureHandshakes, measureMemory, measureShapes } from './experiments.js';
import {
  appendToHistory,
  comparable,
  type Entry,
  entryOf,
  type Form,
  growthOf,
  readHistory,
} from './history.js';
import { measureImports } from './imports.js';
import { compileModern, compileNative, type NativeProgram } from './native.js';
import { measurePath } from './path.js';
import { peerServers } from './peers.js';
import { type Amount, DEFAULT_PLAN, type Plan, QUICK_PLAN, type Repeated } from './plan.js';
import { measureRecords } from './record-cost.js';
import { formatReport, type Report, reportAsJson } from './report.js';
import { measureSleepers } from './sleeping.js';

const USAGE = `usage: npm run bench -- [options]
  --quick              a rough run in about a minute
  --only PART          echo, shapes, peers, handshake, records, path, memory, sessions or imports; may be given more than once
  --rounds N           measured rounds of echo and handshake (default ${DEFAULT_PLAN.rounds})
  --associations N     idle associations for the memory row (default ${DEFAULT_PLAN.idle.count}, at most 50000)
  --record             adds the ratios of this run to bench/history.jsonl
  --gate               exits with 1 when a ratio has grown by more than a tenth over the median of the history
  --json FILE          writes every sample there too
  --profile FOLDER     our servers write CPU profiles there
  --own-client         makes the load with our own client even where a C compiler is present`;

const PARTS = ['echo', 'shapes', 'peers', 'handshake', 'records', 'path', 'memory', 'sessions', 'imports'];
const MOST_ASSOCIATIONS = 50_000;
const SLOWEST_HANDSHAKES_A_SECOND = 150;
/** A ratio that grew has to grow again: other work on the machine moves single runs. */
const GATE_ATTEMPTS = 3;

async function main(): Promise<void> {
  const settings = readArguments();
  const report = await measure(settings);
  console.log([formatReport(report), formatBudgets(report)].filter(Boolean).join('\n\n'));
  if (settings.json !== undefined)
    writeFileSync(settings.json, JSON.stringify(reportAsJson(report), null, 2));
  if (settings.gate && !(await passesGate(settings, entryOf(report, settings.form)))) process.exitCode = 1;
  if (settings.record) appendToHistory(entryOf(report, settings.form));
}

async function measure(settings: Settings): Promise<Report> {
  const skipped: string[] = [];
  const native = compileNative('openssl-echo');
  if ('missing' in native) skipped.push(`OpenSSL C server: ${native.missing}`);
  const generator = loadGenerator(settings.ownClient, skipped);
  const modernGenerator = modernLoadGenerator(settings.ownClient, skipped);
  const load: LoadFor = ({ suite }) => (suite?.version === 'DTLSv1.3' ? modernGenerator : generator);
  const modern = compileModern('echo');
  if ('missing' in modern) skipped.push(`wolfSSL C server of DTLS 1.3: ${modern.missing}`);
  const secured = [
    ...ourServers(settings.profile),
    ...('path' in native ? opensslServers(native.path) : []),
    ...('path' in modern ? wolfsslServers(modern.path) : []),
  ];
  const meetings = [
    ...ourMeetings(settings.profile),
    ...('path' in native ? opensslMeetings(native.path) : []),
    ...('path' in modern ? wolfsslMeetings(modern.path) : []),
  ];
  const oneSuite = secured.filter(isOneSuite);
  const { reason } = new DTLSEndpoint().acceleration;
  if (reason !== undefined) skipped.push(`the native part: ${reason}`);
  const natives = reason === undefined ? ourNativeServers(settings.profile) : [];
  const wants = (part: string) => settings.only.length === 0 || settings.only.includes(part);
  const plan = startingNow(settings.plan);
  return {
    ownClient: settings.ownClient,
    environment: environment(native, modern),
    skipped,
    echo: wants('echo')
      ? await measureEcho(
          [...rawServers(), ...secured, ...ourSodiumServers(settings.profile), ...natives],
          load,
          plan,
        )
      : undefined,
    shapes: wants('shapes')
      ? await measureShapes([...rawReference(), ...oneSuite, ...natives.filter(isOneSuite)], load, plan)
      : undefined,
    peers: wants('peers')
      ? await measurePeers([...oneSuite, ...natives.filter(isOneSuite)], load, plan, skipped)
      : undefined,
    handshakes: wants('handshake')
      ? await measureHandshakes([...platformServers(), ...oneSuite, ...meetings], load, plan)
      : undefined,
    records: wants('records') ? measureRecords(plan.records.rounds, plan.records.associations) : undefined,
    path: wants('path') ? measurePath(plan.rounds) : undefined,
    imports: wants('imports') ? measureImports(plan.starts) : undefined,
    sleepers: wants('sessions') ? measureSleepers(plan.sleepers) : undefined,
    memory: wants('memory') ? await measureMemory(oneSuite, load, plan) : undefined,
  };
}

/** The times of a plan count from the start of the process, and this is one measurement of several in it. */
function startingNow(plan: Plan): Plan {
  const later = (work: Repeated) => ({ ...work, until: work.until + performance.now() / 1000 });
  return { ...plan, echo: later(plan.echo), shapes: later(plan.shapes), handshake: later(plan.handshake) };
}

/** Compares with the history, and measures again what grew. */
async function passesGate(settings: Settings, first: Entry): Promise<boolean> {
  const history = readHistory();
  const runs = comparable(history, first).length;
  let grown = growthOf(history, first);
  if (grown === undefined) {
    console.log(`\nGate: not judged: the history has ${runs} runs on such a machine with this Node`);
    return true;
  }
  for (let attempt = 1; attempt < GATE_ATTEMPTS && grown.length > 0; attempt++) {
    const again = growthOf(history, entryOf(await measure(settings), settings.form)) ?? [];
    grown = grown.filter(({ what }) => again.some((growth) => growth.what === what));
  }
  for (const { what, measured, usual } of grown)
    console.log(`Gate: ${what}: ${measured.toFixed(2)}, usually ${usual.toFixed(2)}`);
  if (grown.length === 0) console.log(`\nGate: passed, beside ${runs} runs`);
  return grown.length === 0;
}

function isOneSuite({ suite }: Contender): boolean {
  return suite?.name.startsWith('AES_128_GCM') === true;
}

/** Beside implementations that others wrote, DTLS 1.2. */
async function measurePeers(
  oneSuite: readonly Contender[],
  load: LoadFor,
  plan: Plan,
  skipped: string[],
): Promise<Report['peers']> {
  const oldVersion = oneSuite.filter(({ suite }) => suite?.version === 'DTLSv1.2');
  const all = [...oldVersion, ...peerServers(skipped)];
  return {
    echo: await measureEcho([...rawReference(), ...all], load, plan),
    handshakes: await measureHandshakes(all, load, plan),
  };
}

function rawReference(): Contender[] {
  return rawServers().filter(({ name }) => name === RAW_REFERENCE);
}

interface Settings {
  readonly plan: Plan;
  readonly form: Form;
  readonly only: readonly string[];
  readonly record: boolean;
  readonly gate: boolean;
  readonly json: string | undefined;
  readonly profile: string | undefined;
  readonly ownClient: boolean;
}

function readArguments(): Settings {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string' },
      associations: { type: 'string' },
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
  const base = values.quick ? QUICK_PLAN : DEFAULT_PLAN;
  const associations = positive('--associations', values.associations, base.idle.count, MOST_ASSOCIATIONS);
  return {
    plan: {
      ...base,
      rounds: positive('--rounds', values.rounds, base.rounds, 1000),
      idle: withCount(base.idle, associations),
    },
    form: values.quick ? 'quick' : 'whole',
    only: values.only,
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

function loadGenerator(ownClient: boolean, skipped: string[]): Load {
  if (ownClient) return ownLoadGenerator();
  const client = compileNative('load');
  if ('path' in client) return { command: [client.path], words: 'openssl' };
  skipped.push(`OpenSSL C client (our own client makes the load): ${client.missing}`);
  return ownLoadGenerator();
}

/** The same for DTLS 1.3, which OpenSSL 3.0 has not. */
function modernLoadGenerator(ownClient: boolean, skipped: string[]): Load {
  if (ownClient) return ownLoadGenerator();
  const client = compileModern('load');
  if ('path' in client) return { command: [client.path], words: 'wolfssl' };
  skipped.push(`wolfSSL C client of DTLS 1.3 (our own client makes the load): ${client.missing}`);
  return ownLoadGenerator();
}

function environment(native: NativeProgram, modern: NativeProgram): Report['environment'] {
  const processors = cpus();
  const versionOf = (program: NativeProgram) =>
    'path' in program ? execFileSync(program.path, ['--version'], { encoding: 'utf8' }).trim() : undefined;
  const openssl = versionOf(native);
  const wolfssl = versionOf(modern);
  return {
    Node: `${process.version}, ${process.platform} ${process.arch}, OpenSSL ${process.versions.openssl}`,
    ...(openssl !== undefined && { 'OpenSSL C, DTLS 1.2': openssl }),
    ...(wolfssl !== undefined && { 'wolfSSL C, DTLS 1.3': wolfssl }),
    CPU: `${processors.length} x ${processors[0]?.model ?? 'unknown'}`,
  };
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
