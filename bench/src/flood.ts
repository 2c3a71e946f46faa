/**
 * What open sessions keep of their throughput while many more clients than fit begin handshakes. Where the flood, the sessions and
 * the server share two cores, the system decides who runs: so the row also says how much of the time the server's event loop ran,
 * and how much it was ready and waited for a core.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Child } from './child.js';
import { type Contender, nodeProgram, ownLoadGenerator } from './contenders.js';
import { median, medianRatio } from './measure.js';
import type { Plan } from './plan.js';
import type { Section } from './section.js';
import { Server } from './server.js';

/** Clients that begin, beside those for which the server's core has time. */
const TIMES = 20;
const SESSIONS = { clients: 8, window: 4 } as const;
/** Until a flood has filled every queue, ms. */
const RAMP_MS = 150;

/** The part of the time that the event loop of a server ran, and waited for a core. */
interface Scheduled {
  readonly ran: number;
  readonly waited: number;
}

interface Kept {
  readonly contender: Contender;
  /** Handshakes that fill a core of the server, in a second. */
  readonly capacity: number;
  /** Echoes in a second, one sample a round. */
  readonly quiet: readonly number[];
  readonly flooded: readonly number[];
  /** Clients that began, and those that got a flight of the server, in a second of the flood. */
  readonly begun: readonly number[];
  readonly flights: readonly number[];
  /** Of Linux; empty elsewhere. */
  readonly scheduledQuiet: readonly Scheduled[];
  readonly scheduled: readonly Scheduled[];
}

/**
 * Each round echoes twice: once beside a flood at a socket that nobody reads, so that the machine has the same to do, and once
 * beside the same flood at the server.
 */
export async function measureFlood(contenders: readonly Contender[], plan: Plan): Promise<Section> {
  const rows: Kept[] = [];
  for (const contender of contenders) rows.push(await measureOne(contender, plan));
  return {
    part: 'flood',
    title: `## Open sessions beside ${TIMES} times more handshakes than fit: ${SESSIONS.clients} sessions with ${SESSIONS.window} messages on the way, ${plan.flood.rounds} rounds`,
    header: [
      'server',
      'handshakes a core-second',
      'clients begun /s',
      'flights sent /s',
      'echoes /s',
      'flooded',
      'kept',
      'server ran, waited for a core',
      'flooded',
    ],
    rows: rows.map(({ contender, capacity, begun, flights, quiet, flooded, ...rest }) => [
      contender.name,
      capacity.toFixed(0),
      median(begun).toFixed(0),
      median(flights).toFixed(0),
      median(quiet).toFixed(0),
      median(flooded).toFixed(0),
      (medianRatio(flooded, quiet) ?? Number.NaN).toFixed(2),
      textOf(rest.scheduledQuiet),
      textOf(rest.scheduled),
    ]),
    samples: rows.map(({ contender, ...rest }) => ({ server: contender.name, ...rest })),
    ratios: Object.fromEntries(
      rows.map(({ contender, quiet, flooded }) => [
        `${contender.name}: echoes without a flood`,
        medianRatio(quiet, flooded) ?? Number.NaN,
      ]),
    ),
    counts: {},
  };
}

async function measureOne(contender: Contender, plan: Plan): Promise<Kept> {
  const { rounds, ms, first } = plan.flood;
  const server = await Server.start(contender);
  const sink = createSocket('udp4');
  sink.bind(0, '127.0.0.1');
  await once(sink, 'listening');
  const nobody = sink.address().port;
  const suite = contender.suite?.iana ?? '';
  const kept = {
    quiet: [] as number[],
    flooded: [] as number[],
    begun: [] as number[],
    flights: [] as number[],
    scheduledQuiet: [] as Scheduled[],
    scheduled: [] as Scheduled[],
  };
  const children: Child[] = [];
  try {
    await server.serve(ownLoadGenerator(), { mode: 'handshake', warmup: 0, ...first });
    const job = await server.serve(ownLoadGenerator(), { mode: 'handshake', warmup: 50, ...first });
    const capacity = (1e6 * job.completed) / job.cpu;
    const sessions = new Child('open sessions', [
      ...nodeProgram('clients/steady.js'),
      ...['--port', String(server.port), '--suite', suite],
      ...['--clients', String(SESSIONS.clients), '--window', String(SESSIONS.window)],
    ]);
    const attacker = new Child('the flood', [...nodeProgram('clients/flood.js'), '--suite', suite]);
    children.push(sessions, attacker);
    await Promise.all(children.map((child) => child.next()));
    const echo = async (port: number) => {
      const attack = attacker.ask<{ begun: number; flights: number }>(
        `${port} ${Math.round(TIMES * capacity)} ${ms + 2 * RAMP_MS}`,
        ms,
      );
      await delay(RAMP_MS);
      const scheduled = watchSchedule(server.pid);
      const { echoes } = await sessions.ask<{ echoes: number }>(String(ms), ms);
      const shares = scheduled();
      const { begun, flights } = await attack;
      const seconds = (ms + 2 * RAMP_MS) / 1000;
      return { echoes: (echoes * 1000) / ms, begun: begun / seconds, flights: flights / seconds, shares };
    };
    await echo(server.port);
    for (let round = 0; round < rounds; round++) {
      const quietFirst = round % 2 === 0;
      let quiet = quietFirst ? await echo(nobody) : undefined;
      const flooded = await echo(server.port);
      quiet ??= await echo(nobody);
      kept.quiet.push(quiet.echoes);
      kept.flooded.push(flooded.echoes);
      kept.begun.push(flooded.begun);
      kept.flights.push(flooded.flights);
      kept.scheduledQuiet.push(...quiet.shares);
      kept.scheduled.push(...flooded.shares);
    }
    return { contender, capacity, ...kept };
  } finally {
    await Promise.all(children.map((child) => child.stop()));
    await server.stop();
    sink.close();
  }
}

function textOf(shares: readonly Scheduled[]): string {
  const of = (key: keyof Scheduled) => median(shares.map((share) => share[key])).toFixed(2);
  return shares.length === 0 ? '' : `${of('ran')}, ${of('waited')}`;
}

/** Of the main thread of a process, from now until the result is called; nothing where the system does not say that. */
function watchSchedule(pid: number | undefined): () => readonly Scheduled[] {
  const before = scheduleOf(pid);
  const start = performance.now();
  return () => {
    const after = scheduleOf(pid);
    if (before === undefined || after === undefined) return [];
    const share = (at: 0 | 1) => (after[at] - before[at]) / 1e6 / (performance.now() - start);
    return [{ ran: share(0), waited: share(1) }];
  };
}

/** In ns, as `sched-stats` of Linux has it. */
function scheduleOf(pid: number | undefined): readonly [ran: number, waited: number] | undefined {
  try {
    const [ran, waited] = readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ').map(Number);
    return ran === undefined || waited === undefined ? undefined : [ran, waited];
  } catch {
    return undefined;
  }
}
