/** One measurement of all parts that are wanted. */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { DTLSEndpoint } from 'datagram-tls';
import { measureAllocations } from './allocating.js';
import { measureClients } from './client-cost.js';
import {
  type Contender,
  type Load,
  type LoadFor,
  opensslMeetings,
  opensslServers,
  ourMeetings,
  ourNativeMeetings,
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
import { measureFirstBytes, type NativePaths } from './first-byte.js';
import { measureFlood } from './flood.js';
import { measureFloods } from './floods.js';
import { measureGrowth } from './growth.js';
import { measureImports } from './imports.js';
import { compileNative, type NativeProgram } from './native.js';
import { measurePath } from './path.js';
import { peerServers } from './peers.js';
import type { Plan } from './plan.js';
import { measureRecords } from './record-cost.js';
import type { Report } from './report.js';
import { measureRuntimes } from './runtimes.js';
import type { Section } from './section.js';
import type { Settings } from './settings.js';
import { measureSleepers } from './sleeping.js';

export async function measure(settings: Settings): Promise<Report> {
  const skipped: string[] = [];
  const native = compileNative('openssl-echo');
  if ('missing' in native) skipped.push(`OpenSSL C server: ${native.missing}`);
  const generator = loadGenerator(settings.ownClient, skipped);
  const modernGenerator = modernLoadGenerator(settings.ownClient, skipped);
  const load: LoadFor = ({ suite }) => (suite?.version === 'DTLSv1.3' ? modernGenerator : generator);
  const modern = compileNative('wolfssl-echo-13');
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
  const nativeMeetings = reason === undefined ? ourNativeMeetings(settings.profile) : [];
  const wants = (part: string) => settings.only.includes(part);
  const few = settings.form === 'short';
  const { plan } = settings;
  return {
    ownClient: settings.ownClient,
    environment: environment(native, modern),
    skipped,
    echo: wants('echo')
      ? await measureEcho(
          few
            ? [...rawReference(), ...oneSuite, ...natives.filter(isOneSuite)]
            : [...rawServers(), ...secured, ...ourSodiumServers(settings.profile), ...natives],
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
      ? await measureHandshakes(
          few
            ? [...oneSuite, ...meetings]
            : [
                ...platformServers(),
                ...oneSuite,
                ...natives.filter(isOneSuite),
                ...meetings,
                ...nativeMeetings,
              ],
          load,
          plan,
        )
      : undefined,
    records: wants('records') ? measureRecords(plan.records.rounds, plan.records.associations) : undefined,
    path: wants('path') ? measurePath(plan.rounds) : undefined,
    imports: wants('imports') ? measureImports(plan.starts) : undefined,
    sleepers: wants('sessions') ? measureSleepers(plan.sleepers, reason === undefined) : undefined,
    memory: wants('memory')
      ? await measureMemory([...oneSuite, ...natives.filter(isOneSuite)], load, plan)
      : undefined,
    sections: await measureSections({
      settings,
      skipped,
      load,
      oneSuite,
      natives: natives.filter(isOneSuite),
      paths: {
        openssl: 'path' in native ? { server: native.path, load: generator } : undefined,
        wolfssl: 'path' in modern ? { server: modern.path, load: modernGenerator } : undefined,
      },
    }),
  };
}

/** What the parts measure with. */
interface Bench {
  readonly settings: Settings;
  readonly skipped: string[];
  readonly load: LoadFor;
  /** Ours and those in C, with one suite of each version. */
  readonly oneSuite: readonly Contender[];
  readonly natives: readonly Contender[];
  readonly paths: NativePaths;
}

async function measureSections(bench: Bench): Promise<Section[]> {
  const { settings, skipped, load, oneSuite, natives, paths } = bench;
  const { plan } = settings;
  const ours = oneSuite.filter(({ family }) => family === 'ours');
  const parts: Readonly<Record<string, () => Section | Promise<Section>>> = {
    clients: () => measureClients(paths.openssl, { ...plan, ...plan.clients }, skipped),
    floods: () => measureFloods([...rawReference(), ...oneSuite, ...natives], load, plan.rounds, plan.floods),
    'first-byte': () => measureFirstBytes(plan.firstByte, paths),
    runtimes: () => measureRuntimes(ours, load, { ...plan, ...plan.runtimes }, skipped),
    growth: () => measureGrowth(plan.growth.counts, plan.growth.turns),
    allocations: measureAllocations,
    flood: () => measureFlood([...ours, ...natives], plan),
  };
  const sections: Section[] = [];
  for (const [part, measureIt] of Object.entries(parts))
    if (settings.only.includes(part)) sections.push(await measureIt());
  return sections;
}

function isOneSuite({ suite }: Contender): boolean {
  return suite?.name.startsWith('AES_128_GCM') === true;
}

/** Beside implementations that others wrote. */
async function measurePeers(
  oneSuite: readonly Contender[],
  load: LoadFor,
  plan: Plan,
  skipped: string[],
): Promise<Report['peers']> {
  const all = [...oneSuite, ...peerServers(skipped)];
  return {
    echo: await measureEcho([...rawReference(), ...all], load, plan),
    handshakes: await measureHandshakes(all, load, plan),
  };
}

function rawReference(): Contender[] {
  return rawServers().filter(({ name }) => name === RAW_REFERENCE);
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
  const client = compileNative('load-13');
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
