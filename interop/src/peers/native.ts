import { accessSync, constants, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Child, versionOf } from '../process.js';
import { capture, captures } from '../text.js';
import { GROUPS13, type Group, type Role, SUITES, SUITES13, type Suite } from '../vocabulary.js';
import {
  type ClientOptions,
  type Demand,
  type Facts,
  type Peer,
  type Probe,
  type Psk,
  REFUSALS,
  type ServerOptions,
  type ServerSide,
  type SideOptions,
} from './peer.js';
import { type Manners, ProgramSide } from './program.js';

/** As long as a program in Java takes on a very busy machine. */
const START_MS = 40_000;
const PROGRAMS = fileURLToPath(new URL('../../../.cache/interop/bin/', import.meta.url));

/** The differences between the programs of `interop/native`. */
export interface Native {
  readonly name: string;
  readonly suites: readonly Suite[];
  readonly groups: readonly Group[];
  readonly refusals: Peer['refusals'];
  /** Absent: it both answers and waits. */
  readonly closing?: Peer['closing'];
  /** Why it cannot do a task in `role`, beyond suites and groups. */
  readonly cannot: (role: Role, demand: Demand) => string | undefined;
  /**
   * Whether its program keeps sessions in files, and makes tickets that its next process opens; or only within one
   * process.
   */
  readonly resumes?: 'between processes' | 'in one process';
  /** Its own flags. */
  readonly flags?: (options: ServerOptions | ClientOptions, role: Role) => readonly string[];
}

/** The features that all but a few have. */
export const COMMON = {
  suites: [...SUITES13.filter((suite) => !suite.includes('CCM')), ...SUITES],
  groups: GROUPS13,
  refusals: REFUSALS,
} as const satisfies Partial<Native>;

/**
 * A peer of `interop/native`: all have the same flags, commands and words, which `native/peer-kit/src/lib.rs`
 * explains.
 */
export function nativePeer(native: Native): Peer {
  const program = `${PROGRAMS}${native.name}-peer`;
  const flags = (options: ServerOptions | ClientOptions, role: Role) => [
    ...sideFlags(options),
    ...(native.flags?.(options, role) ?? []),
  ];
  return {
    name: native.name,
    suites: native.suites,
    refusals: native.refusals,
    closing: native.closing ?? { answers: true, waits: true },

    async probe() {
      return await probe(program);
    },

    cannot(role, demand) {
      return cannotName(native, demand) ?? native.cannot(role, demand);
    },

    async startServer(options) {
      const child = new Child(program, [
        ...['server', '--host', options.host, ...pairFlags(options.pair)],
        ...(options.clientCa === undefined ? [] : ['--ca', options.clientCa]),
        ...(options.staple === undefined ? [] : ['--staple', options.staple]),
        ...(options.cookie === undefined ? [] : ['--cookie', options.cookie ? 'yes' : 'no']),
        ...flags(options, 'server'),
      ]);
      if (!(await child.printed(/^port=\d+$/m, START_MS))) {
        await child.stop();
        throw new Error(`${native.name} does not start: ${child.output}`);
      }
      return new NativeServer(child);
    },

    startClient(options) {
      const child = new Child(program, [
        ...['client', '--host', options.host, '--port', String(options.port)],
        ...['--ca', options.ca, '--name', options.name, ...pairFlags(options.pair)],
        ...(options.session === undefined || native.resumes !== 'between processes'
          ? []
          : ['--session', options.session]),
        ...(options.staple === true ? ['--staple', 'wanted'] : []),
        ...(options.shares === undefined ? [] : ['--shares', options.shares.join()]),
        ...flags(options, 'client'),
      ]);
      return Promise.resolve(new NativeSide(child));
    },
  };
}

class NativeSide extends ProgramSide {
  constructor(child: Child) {
    super(child, MANNERS);
  }

  updateKeys(request: boolean): void {
    this.child.write(request ? '/update-request\n' : '/update\n');
  }

  rebind(): number {
    this.child.write('/rebind\n');
    return 0;
  }
}

class NativeServer extends NativeSide implements ServerSide {
  readonly echoPrefix = '';
  readonly port: number;

  constructor(child: Child) {
    super(child);
    this.port = Number(capture(child.output, /^port=(\d+)$/m) ?? 0);
  }
}

const MANNERS: Manners = {
  established: /^established=yes$/m,
  facts,
  close: (child) => child.write('/close\n'),
};

async function probe(program: string): Promise<Probe> {
  try {
    accessSync(program, constants.X_OK);
  } catch {
    return { missing: reasonFor(program) };
  }
  const version = await versionOf(program, ['version']);
  return version === undefined ? { missing: `${program} does not run` } : { version };
}

function reasonFor(program: string): string {
  try {
    return readFileSync(`${program}.missing`, 'utf8').trim();
  } catch {
    return 'interop/peers.sh has not built it';
  }
}

function cannotName({ name, suites, groups, resumes }: Native, demand: Demand): string | undefined {
  if (demand.resumed === true && resumes === undefined) return `${name} is not made to resume sessions here`;
  if (demand.resumed === true && resumes === 'in one process')
    return `${name} resumes within one process only, as other cases show`;
  if (demand.suite !== undefined && !suites.includes(demand.suite)) return `${name} has no ${demand.suite}`;
  const lacking = [demand.group, ...(demand.shares ?? [])].find(
    (group) => group !== undefined && !groups.includes(group),
  );
  return lacking === undefined ? undefined : `${name} has no ${lacking}`;
}

function sideFlags(options: SideOptions): string[] {
  return [
    ...(options.version === undefined ? [] : ['--version', options.version.slice('DTLSv'.length)]),
    ...(options.suite === undefined ? [] : ['--suites', options.suite]),
    ...(options.groups === undefined ? [] : ['--groups', options.groups.join()]),
    ...(options.psk === undefined ? [] : pskFlags(options.psk)),
    ...(options.mtu === undefined ? [] : ['--mtu', String(options.mtu)]),
    ...(options.early === undefined ? [] : ['--early', options.early]),
    ...(options.sessions === undefined ? [] : ['--sessions', String(options.sessions)]),
    ...(options.tickets === false ? ['--tickets', 'no'] : []),
    ...(options.keylog === undefined ? [] : ['--keylog', options.keylog]),
    ...(typeof options.cid !== 'number' ? [] : ['--cid', String(options.cid)]),
  ];
}

function pskFlags({ identity, key, context, alone }: Psk): string[] {
  return [
    ...['--psk', `${identity}:${key}`],
    ...(context === undefined ? [] : ['--psk-context', context]),
    ...(alone === true ? ['--psk-mode', 'psk_ke'] : []),
  ];
}

function pairFlags(pair: ServerOptions['pair']): string[] {
  return pair === undefined ? [] : ['--cert', pair.cert, '--key', pair.key];
}

function facts(output: string): Facts {
  const fact = (key: string) => capture(output, new RegExp(`^${key}=(.*)$`, 'm'));
  const all = (key: string) => captures(output, new RegExp(`^${key}=(.*)$`, 'gm'));
  return {
    established: fact('established') === 'yes',
    version: fact('version'),
    suite: fact('suite'),
    group: fact('group'),
    reused: fact('reused') === 'yes',
    exporter: fact('exporter'),
    staple: fact('staple'),
    cids:
      fact('cid-own') === undefined
        ? undefined
        : { own: fact('cid-own') ?? '', other: fact('cid-other') ?? '' },
    clientVerified: fact('client-verified') === 'yes',
    alertsSent: all('alert-sent'),
    alertsReceived: all('alert-received'),
    error: fact('error'),
  };
}
