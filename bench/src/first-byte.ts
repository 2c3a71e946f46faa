/** Time to the first byte: from a client that has nothing to the answer to its first message, over paths of several kinds. */
import { Child } from './child.js';
import {
  type Contender,
  clientIdentity,
  type Load,
  opensslMeetings,
  opensslServers,
  ourMeetings,
  ourServers,
  ownLoadGenerator,
  wolfsslMeetings,
  wolfsslServers,
} from './contenders.js';
import { percentile } from './measure.js';
import { type Network, Relay } from './network.js';
import type { Section } from './section.js';
import { type Server, withServers } from './server.js';

/** Clients of one server at the same time, and connections of each, without loss and with it. */
export interface FirstBytePlan {
  readonly clients: number;
  readonly connections: number;
  readonly lossy: number;
}

/** The C programs, where they could be built: a server and a load generator of each library. */
export interface NativePaths {
  readonly openssl: { readonly server: string; readonly load: Load } | undefined;
  readonly wolfssl: { readonly server: string; readonly load: Load } | undefined;
}

interface Meeting {
  readonly name: string;
  readonly contender: Contender;
  readonly load: Load;
  readonly early: boolean;
}

interface Result {
  readonly name: string;
  readonly network: Network;
  readonly times: readonly number[];
  /** Connections that got no answer. */
  readonly lost: number;
  readonly flights: number;
  readonly datagrams: number;
}

const NETWORKS: readonly Network[] = [
  { rtt: 0, loss: 0 },
  { rtt: 50, loss: 0 },
  { rtt: 200, loss: 0 },
  { rtt: 50, loss: 1 },
  { rtt: 50, loss: 5 },
  { rtt: 50, loss: 20 },
];
const LIMIT_MS = 150_000;
/** Handshakes before the first path, so that compilers of servers have finished. */
const WARM_UP = { count: 300, seconds: 3, warmup: 0 };

export async function measureFirstBytes(plan: FirstBytePlan, native: NativePaths): Promise<Section> {
  const all = meetings(native);
  const results = await withServers(
    all.map(({ contender }) => contender),
    async (servers) => {
      const pairs = all.flatMap((meeting, i) => {
        const server = servers[i];
        return server === undefined ? [] : [{ meeting, server }];
      });
      for (const { meeting, server } of pairs)
        await server.serve(meeting.load, { mode: 'handshake', ...WARM_UP });
      const taken: Result[] = [];
      for (const network of NETWORKS) {
        const run = ({ meeting, server }: (typeof pairs)[number]) =>
          firstBytes(meeting, server, network, plan);
        // Where only the processors take time, one at a time; else all wait together.
        if (network.rtt > 0) taken.push(...(await Promise.all(pairs.map(run))));
        else for (const pair of pairs) taken.push(await run(pair));
      }
      return taken;
    },
  );
  return sectionOf(all, results);
}

function meetings({ openssl, wolfssl }: NativePaths): Meeting[] {
  const ours = [...ourServers(undefined), ...ourMeetings(undefined)].map((contender) => ({
    contender,
    load: ownLoadGenerator(),
  }));
  const theirs = [
    ...withLoad(openssl, (path) => [...opensslServers(path), ...opensslMeetings(path)], ['--timers']),
    ...withLoad(wolfssl, (path) => [...wolfsslServers(path), ...wolfsslMeetings(path)], [
      '--timers',
      '--early',
    ]),
  ];
  return [...ours, ...theirs]
    .filter(({ contender: { kind, suite } }) => {
      return (kind === 'full' || kind === 'resumed') && suite?.name.startsWith('AES_128_GCM') === true;
    })
    .flatMap(({ contender, load }) => {
      const { family, kind, suite } = contender;
      const library = family === 'ours' ? 'datagram-tls' : family === 'openssl' ? 'OpenSSL C' : 'wolfSSL C';
      const version = suite?.version.replace('DTLSv', 'DTLS ');
      const one = (how: string, early: boolean): Meeting => ({
        name: `${library}, ${version}, ${how}`,
        contender:
          early && family === 'ours'
            ? { ...contender, command: [...contender.command, '--early'] }
            : contender,
        load,
        early,
      });
      const plain = one(kind ?? '', false);
      return kind === 'resumed' && suite?.version === 'DTLSv1.3' ? [plain, one('0-RTT', true)] : [plain];
    });
}

function withLoad(
  native: { readonly server: string; readonly load: Load } | undefined,
  servers: (path: string) => Contender[],
  flags: readonly string[],
): { contender: Contender; load: Load }[] {
  if (native === undefined) return [];
  const { server, load } = native;
  return servers(server).map((contender) => ({
    contender: { ...contender, command: [...contender.command, ...flags] },
    load,
  }));
}

async function firstBytes(
  { name, contender, load, early }: Meeting,
  server: Server,
  network: Network,
  plan: FirstBytePlan,
): Promise<Result> {
  const relay = await Relay.start(network, server.port);
  // As many samples in turn where nothing else takes time.
  const alone = network.rtt === 0;
  const each = network.loss > 0 ? plan.lossy : plan.connections;
  const child = new Child(`${name}: client`, [
    ...load.command,
    ...['first', '--port', String(relay.port), '--suite', contender.suite?.[load.words] ?? ''],
    ...['--clients', String(alone ? 1 : plan.clients), '--count', String(alone ? plan.clients * each : each)],
    ...['--warm-port', String(server.port)],
    ...clientIdentity(contender),
    ...(early ? ['--early'] : []),
  ]);
  try {
    await child.next(LIMIT_MS);
    const { times, lost } = await child.ask<{ times: number[]; lost: number }>('go', LIMIT_MS);
    const { passed } = relay;
    return {
      name,
      network,
      times,
      lost,
      flights: percentile(
        passed.map(({ flights }) => flights),
        0.5,
      ),
      datagrams: percentile(
        passed.map(({ datagrams }) => datagrams),
        0.5,
      ),
    };
  } finally {
    await child.stop();
    relay.stop();
  }
}

function sectionOf(all: readonly Meeting[], results: readonly Result[]): Section {
  const of = (name: string, network: Network) =>
    results.find((result) => result.name === name && result.network === network);
  const header = NETWORKS.map(({ rtt, loss }) => (loss === 0 ? `${rtt} ms` : `${rtt} ms, ${loss} %`));
  const clean = NETWORKS.find(({ rtt, loss }) => rtt > 0 && loss === 0);
  const ms = (value: number) => value.toFixed(value < 10 ? 1 : 0);
  return {
    part: 'first-byte',
    title:
      'Time to the first byte: ms by round trip and loss in each direction, median and 95th percentile; flights, and datagrams of both sides, without loss',
    header: ['client and server', ...header, 'flights', 'datagrams'],
    rows: all.map(({ name }) => [
      name,
      ...NETWORKS.map((network) => {
        const { times = [], lost = 0 } = of(name, network) ?? {};
        const failed = lost > 0 ? `, ${lost} failed` : '';
        return `${ms(percentile(times, 0.5))}, ${ms(percentile(times, 0.95))}${failed}`;
      }),
      ...(clean === undefined
        ? ['', '']
        : [of(name, clean)?.flights, of(name, clean)?.datagrams].map(String)),
    ]),
    samples: results,
    ratios: {},
    counts: Object.fromEntries(
      clean === undefined
        ? []
        : all
            .filter(({ contender }) => contender.family === 'ours')
            .map(({ name }) => [
              `flights to the first byte, ${name}`,
              of(name, clean)?.flights ?? Number.NaN,
            ]),
    ),
  };
}
