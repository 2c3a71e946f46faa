/** Traffic that goes one way: a client sends as fast as it can and hears nothing, or a server does. */
import type { Contender, LoadFor } from './contenders.js';
import { interleave, median, medianRatio } from './measure.js';
import type { Repeated } from './plan.js';
import type { Section } from './section.js';
import { type Server, withServers } from './server.js';

const SIZES = [64, 1200] as const;
const WAYS = ['send', 'receive'] as const;

type Way = (typeof WAYS)[number];

/** One measurement: µs of server CPU a record, records a second, and how much of what was sent arrived. */
interface Sample {
  readonly cost: number;
  readonly rate: number;
  readonly share: number;
}

interface Row {
  readonly contender: Contender;
  readonly way: Way;
  readonly size: number;
  readonly samples: readonly Sample[];
}

export async function measureFloods(
  contenders: readonly Contender[],
  load: LoadFor,
  rounds: number,
  amount: Repeated,
): Promise<Section> {
  const rows: Row[] = [];
  for (const way of WAYS) rows.push(...(await floods(contenders, load, rounds, amount, way)));
  return sectionOf(rows);
}

function floods(
  contenders: readonly Contender[],
  load: LoadFor,
  rounds: number,
  amount: Repeated,
  way: Way,
): Promise<Row[]> {
  const traffic = way === 'send' ? 'sink' : 'source';
  const flagged = contenders.map((contender) => ({
    ...contender,
    command: [...contender.command, '--traffic', traffic],
  }));
  return withServers(flagged, async (servers) => {
    const rows = servers.flatMap((server) =>
      SIZES.map((size) => ({ contender: server.contender, way, size, server, samples: [] as Sample[] })),
    );
    const trials = rows.map(({ server, size, samples }) => ({
      key: `${server.contender.name}, ${size}`,
      warmUp: () => flood(server, load, way, size, amount.first),
      run: async () => {
        const sample = await flood(server, load, way, size, amount);
        samples.push(sample);
        return sample.cost;
      },
    }));
    await interleave(trials, rounds, amount.until);
    return rows;
  });
}

async function flood(
  server: Server,
  load: LoadFor,
  way: Way,
  size: number,
  amount: { readonly count: number; readonly seconds: number; readonly warmup: number },
): Promise<Sample> {
  const job = { mode: way, size, clients: 1, window: 1, ...amount } as const;
  const { cpu, messages, completed, seconds } = await server.serve(load(server.contender), job);
  return {
    cost: cpu / messages,
    rate: messages / seconds,
    share: way === 'send' ? messages / completed : completed / messages,
  };
}

function sectionOf(rows: readonly Row[]): Section {
  const names = [...new Set(rows.map(({ contender }) => contender.name))];
  const of = (name: string, way: Way, size: number) =>
    rows.find((row) => row.contender.name === name && row.way === way && row.size === size)?.samples ?? [];
  const column = (samples: readonly Sample[], key: keyof Sample) => samples.map((sample) => sample[key]);
  const [raw = ''] = names;
  const ratio = (name: string, way: Way, size: number) =>
    medianRatio(column(of(name, way, size), 'cost'), column(of(raw, way, size), 'cost'));
  return {
    part: 'floods',
    title:
      'One way: server CPU in µs a record and beside raw dgram, thousands of records a second, and what arrived of them',
    header: ['server', 'way', 'bytes', 'µs', 'x raw', 'thousands/s', 'arrived, %'],
    rows: WAYS.flatMap((way) =>
      names.flatMap((name) =>
        SIZES.map((size) => {
          const samples = of(name, way, size);
          return [
            name,
            way === 'send' ? 'client to server' : 'server to client',
            String(size),
            median(column(samples, 'cost')).toFixed(1),
            ratio(name, way, size)?.toFixed(2) ?? '',
            (median(column(samples, 'rate')) / 1000).toFixed(1),
            (median(column(samples, 'share')) * 100).toFixed(0),
          ];
        }),
      ),
    ),
    samples: rows.map(({ contender, way, size, samples }) => ({
      server: contender.name,
      way,
      size,
      samples,
    })),
    ratios: Object.fromEntries(
      rows
        .filter(({ contender }) => contender.family === 'ours')
        .flatMap(({ contender, way, size }) => {
          const value = ratio(contender.name, way, size);
          const what = way === 'send' ? 'record received' : 'record sent';
          return value === undefined ? [] : [[`${what}, ${size} B, ${contender.name} / raw dgram`, value]];
        }),
    ),
    counts: {},
  };
}
