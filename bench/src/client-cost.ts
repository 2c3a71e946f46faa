/** What a client costs its own process, of DTLS 1.2 with a pre-shared key, which is all that node-dtls-client has. */
import {
  type Contender,
  type Load,
  nodeProgram,
  opensslMeetings,
  ourMeetings,
  ownLoadGenerator,
} from './contenders.js';
import { interleave, median, medianRatio, type Samples, type Trial } from './measure.js';
import { installPackage } from './native.js';
import { ECHO_SIZES, ECHO_WINDOW, type Plan, type Repeated } from './plan.js';
import type { Section } from './section.js';
import { type Server, type Task, withServers } from './server.js';

const NODE_DTLS_CLIENT = '2.0.3';

interface Client {
  readonly name: string;
  readonly load: Load;
}

/** Clients of one server: OpenSSL's where it could be built, else ours. */
export async function measureClients(
  openssl: { readonly server: string; readonly load: Load } | undefined,
  plan: Plan,
  skipped: string[],
): Promise<Section> {
  const clients: Client[] = [
    { name: 'datagram-tls', load: ownLoadGenerator() },
    ...(openssl === undefined ? [] : [{ name: 'OpenSSL C', load: openssl.load }]),
    ...nodeDtlsClient(skipped),
  ];
  const isPsk = ({ kind }: Contender) => kind === 'PSK';
  const [contender] = (
    openssl === undefined ? ourMeetings(undefined) : opensslMeetings(openssl.server)
  ).filter(isPsk);
  if (contender === undefined) throw new Error('there is no server with a pre-shared key');
  const samples = await withServers([contender], ([server]) =>
    server === undefined ? Promise.reject(new Error('no server')) : measureAt(server, clients, plan),
  );
  return sectionOf(clients, contender.name, samples);
}

function nodeDtlsClient(skipped: string[]): Client[] {
  const name = `node-dtls-client ${NODE_DTLS_CLIENT}, TypeScript`;
  const built = installPackage('node-dtls-client', NODE_DTLS_CLIENT);
  if ('missing' in built) {
    skipped.push(`${name}: ${built.missing}`);
    return [];
  }
  const command = [...nodeProgram('clients/node-dtls-client.js'), '--package', built.path];
  return [{ name, load: { command, words: 'iana' } }];
}

function measureAt(server: Server, clients: readonly Client[], plan: Plan): Promise<Samples> {
  const trials = clients.flatMap(({ name, load }): Trial[] => [
    ...ECHO_SIZES.map((size) =>
      trial(`${name}, ${size}`, server, load, plan.echo, {
        mode: 'echo',
        clients: 1,
        window: ECHO_WINDOW,
        size,
      }),
    ),
    trial(`${name}, handshake`, server, load, plan.handshake, { mode: 'handshake' }),
  ]);
  return interleave(trials, plan.rounds, plan.handshake.until);
}

/** A client is a new process each time, which warms up by itself. */
function trial(key: string, server: Server, load: Load, amount: Repeated, task: Task): Trial {
  const { count, seconds } = amount;
  const job = { ...task, count, seconds, warmup: amount.first.count };
  return {
    key,
    warmUp: () => Promise.resolve(),
    run: async () => {
      const { clientCpu, completed } = await server.serve(load, job);
      return clientCpu / completed;
    },
  };
}

function sectionOf(clients: readonly Client[], server: string, samples: Samples): Section {
  const operations = [...ECHO_SIZES.map(String), 'handshake'];
  const [ours = { name: '' }] = clients;
  const of = (name: string, operation: string) => samples.get(`${name}, ${operation}`) ?? [];
  return {
    part: 'clients',
    title: `Clients with a pre-shared key, AES-128-GCM, DTLS 1.2, at ${server}: their own CPU in µs`,
    header: [
      'client',
      ...ECHO_SIZES.flatMap((size) => [`echo, ${size} B`, 'x ours']),
      'handshake and close',
      'x ours',
    ],
    rows: clients.map(({ name }) => [
      name,
      ...operations.flatMap((operation) => [
        median(of(name, operation)).toFixed(operation === 'handshake' ? 0 : 1),
        medianRatio(of(name, operation), of(ours.name, operation))?.toFixed(2) ?? '',
      ]),
    ]),
    samples: Object.fromEntries(samples),
    ratios: {},
    counts: {},
  };
}
