import type { Attack, Tally } from './attacks/attack.js';
import type { Pki } from './pki.js';
import { enter, type Ground } from './places.js';
import { type Amounts, rehearsal } from './plan.js';
import type { HonestReport } from './programs/honest.js';
import { Program } from './programs/program.js';
import type { Report, VictimSettings } from './programs/victim.js';
import type { Target } from './wire/hostile-client.js';

/** The results of one attack: the server's counts less those of the honest clients. */
export interface Battle {
  readonly attack: Attack;
  readonly tally: Tally;
  readonly seconds: number;
  readonly before: Report;
  readonly during: Report;
  /** After every session of the attacker is over and garbage was collected. */
  readonly after: Report;
  readonly honest: HonestReport;
  readonly traffic: Traffic;
}

/**
 * Of the server, less what honest clients sent and received. Lost datagrams of honest clients are missing from the
 * received ones.
 */
export interface Traffic {
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly datagramsOut: number;
}

export interface Conditions {
  readonly amounts: Amounts;
  readonly pki: Pki;
  /** Handshakes per second that fill the server's core. */
  readonly capacity: number;
}

const ATTACK_LIMIT_MS = 240_000;

/** One attack against its own server, after a rehearsal. */
export async function fight(attack: Attack, conditions: Conditions): Promise<Battle> {
  const ground = enter(attack.place ?? 'loopback');
  const programs: Program[] = [];
  const program = (name: string, namespace: string | undefined, flags: readonly string[] = []) => {
    const made = new Program(name, namespace, flags);
    programs.push(made);
    return made;
  };
  try {
    const victim = program('victim', ground.serverNamespace, ['--expose-gc']);
    const attacker = program('attacker', ground.clientNamespace);
    const honest = program('honest', ground.clientNamespace);
    return await engage(attack, conditions, ground, { victim, attacker, honest });
  } finally {
    await Promise.all(programs.map((one) => one.stop()));
    ground.leave();
  }
}

interface Sides {
  readonly victim: Program;
  readonly attacker: Program;
  readonly honest: Program;
}

async function engage(
  attack: Attack,
  { amounts, pki, capacity }: Conditions,
  ground: Ground,
  sides: Sides,
): Promise<Battle> {
  const { victim, attacker, honest } = sides;
  const { host, port } = await startVictim(attack, amounts, pki, ground, victim);
  const { prefix, family } = ground;
  const door = await attacker.ask<Target>('prepare', {
    attack: attack.name,
    target: { host, port },
    prefix,
    family,
    capacity,
    pki,
  });
  await honest.ask('open', { target: door, address: ground.honest, ca: pki.ca });
  const except = { except: friends(attack, ground) };

  await honest.ask('begin');
  await attacker.ask('run', rehearsal(amounts), ATTACK_LIMIT_MS);
  await honest.ask('finish');
  await victim.ask('forget', except);

  const before = await victim.ask<Report>('report', { settled: true });
  await victim.ask('watch');
  await honest.ask('begin');
  const began = performance.now();
  const tally = await attacker.ask<Tally>('run', amounts, ATTACK_LIMIT_MS);
  const honestly = await honest.ask<HonestReport>('finish');
  const during = await victim.ask<Report>('report', { settled: false });
  const seconds = (performance.now() - began) / 1000;
  await victim.ask('forget', except);
  const after = await victim.ask<Report>('report', { settled: true });
  return {
    attack,
    tally,
    seconds,
    before,
    during,
    after,
    honest: honestly,
    traffic: traffic(before, during, honestly),
  };
}

async function startVictim(
  attack: Attack,
  amounts: Amounts,
  pki: Pki,
  ground: Ground,
  victim: Program,
): Promise<Target> {
  const { options, deaf, names, earlyData } = attack;
  const settings: VictimSettings = {
    host: ground.server,
    identity: pki.server,
    friends: friends(attack, ground),
    ...(options === undefined ? {} : { options: options(amounts, pki) }),
    ...(deaf === true ? { deaf } : {}),
    ...(names === true ? { names } : {}),
    ...(earlyData === true ? { earlyData } : {}),
  };
  const { port } = await victim.ask<{ port: number }>('start', settings);
  return { host: ground.server, port };
}

/** Addresses under which honest clients reach the server. */
function friends({ relayed }: Attack, { honest, prefix }: Ground): readonly string[] {
  return relayed === true ? [`${prefix}0.1`] : [honest];
}

function traffic(before: Report, during: Report, honest: HonestReport): Traffic {
  const grown = (of: (report: Report) => number) => of(during) - of(before);
  const least = (value: number) => Math.max(0, value);
  return {
    bytesIn: least(grown((report) => report.bytesReceived) - honest.bytesSent),
    bytesOut: least(grown((report) => report.bytesSent) - honest.bytesReceived),
    datagramsOut: least(grown((report) => report.datagramsSent) - honest.datagramsReceived),
  };
}

/** Handshakes per second that would fill the server's core, by the CPU of some handshakes. */
export async function measureCapacity(pki: Pki): Promise<number> {
  const victim = new Program('victim', undefined, ['--expose-gc']);
  const honest = new Program('honest', undefined);
  try {
    const settings: VictimSettings = { host: '127.0.0.1', identity: pki.server, friends: ['127.9.0.1'] };
    const { port } = await victim.ask<{ port: number }>('start', settings);
    await honest.ask('open', { target: { host: '127.0.0.1', port }, address: '127.9.0.1', ca: pki.ca });
    await honest.ask('visits', { count: HANDSHAKES });
    const before = await victim.ask<Report>('report', { settled: true });
    await honest.ask('visits', { count: HANDSHAKES });
    const after = await victim.ask<Report>('report', { settled: false });
    return Math.round((HANDSHAKES * 1e6) / (after.now.cpu - before.now.cpu));
  } finally {
    await Promise.all([victim.stop(), honest.stop()]);
  }
}

const HANDSHAKES = 150;
