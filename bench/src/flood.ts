/** What open sessions keep of their throughput while many more clients than fit begin handshakes. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
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
    ],
    rows: rows.map(({ contender, capacity, begun, flights, quiet, flooded }) => [
      contender.name,
      capacity.toFixed(0),
      median(begun).toFixed(0),
      median(flights).toFixed(0),
      median(quiet).toFixed(0),
      median(flooded).toFixed(0),
      (medianRatio(flooded, quiet) ?? Number.NaN).toFixed(2),
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
    const echo = async (port: number): Promise<{ echoes: number; begun: number; flights: number }> => {
      const attack = attacker.ask<{ begun: number; flights: number }>(
        `${port} ${Math.round(TIMES * capacity)} ${ms + 2 * RAMP_MS}`,
        ms,
      );
      await delay(RAMP_MS);
      const { echoes } = await sessions.ask<{ echoes: number }>(String(ms), ms);
      const { begun, flights } = await attack;
      const seconds = (ms + 2 * RAMP_MS) / 1000;
      return { echoes: (echoes * 1000) / ms, begun: begun / seconds, flights: flights / seconds };
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
    }
    return { contender, capacity, ...kept };
  } finally {
    await Promise.all(children.map((child) => child.stop()));
    await server.stop();
    sink.close();
  }
}
