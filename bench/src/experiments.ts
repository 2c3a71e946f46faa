import type { Contender, LoadFor } from './contenders.js';
import { interleave, type Samples, type Trial } from './measure.js';
import {
  type Amount,
  ECHO_SIZES,
  ECHO_WINDOW,
  MESSAGE_SIZE,
  MESSAGES_PER_HANDSHAKE,
  type Plan,
  type Repeated,
  SHAPES,
} from './plan.js';
import { type Server, type Shape, type Task, withServers } from './server.js';

/** Costs in µs of server CPU, one sample per round. */
export interface CostRow {
  readonly contender: Contender;
  readonly samples: readonly number[];
}

/** An echo cost for each message size in bytes. */
export interface EchoRow {
  readonly contender: Contender;
  readonly bySize: ReadonlyMap<number, readonly number[]>;
}

/** An echo cost for each of the `SHAPES`. */
export interface ShapeRow {
  readonly contender: Contender;
  readonly byShape: readonly (readonly number[])[];
}

/** Growth of resident memory for each of `associations`, in bytes. */
export interface MemoryRow {
  readonly contender: Contender;
  readonly associations: number;
  readonly bytes: number;
  /** With the garbage that nothing has made the process collect; `undefined` where there is none. */
  readonly uncollected: number | undefined;
  /** For each of as many more beside those: without what a process takes once. Of our servers alone. */
  readonly more: number | undefined;
}

const MAX_IDLE_IN_C = 2_000;

/** Server CPU of one message in and the same one out. */
export function measureEcho(contenders: readonly Contender[], load: LoadFor, plan: Plan): Promise<EchoRow[]> {
  return withServers(contenders, async (servers) => {
    const trials = servers.flatMap((server) =>
      ECHO_SIZES.map((size) =>
        trial(echoKey(server.contender, size), server, load, plan.echo, {
          mode: 'echo',
          clients: 1,
          window: ECHO_WINDOW,
          size,
        }),
      ),
    );
    const samples = await interleave(trials, plan.rounds, plan.echo.until);
    return contenders.map((contender) => ({ contender, bySize: echoSamples(samples, contender) }));
  });
}

/** The same in each form of load; one row a contender, its samples in the order of the shapes. */
export function measureShapes(
  contenders: readonly Contender[],
  load: LoadFor,
  plan: Plan,
): Promise<ShapeRow[]> {
  return withServers(contenders, async (servers) => {
    const trials = servers.flatMap((server) =>
      SHAPES.map((shape) =>
        trial(shapeKey(server.contender, shape), server, load, plan.shapes, { mode: 'echo', ...shape }),
      ),
    );
    const samples = await interleave(trials, plan.rounds, plan.shapes.until);
    return contenders.map((contender) => ({
      contender,
      byShape: SHAPES.map((shape) => samples.get(shapeKey(contender, shape)) ?? []),
    }));
  });
}

/** Server CPU of one full handshake with cookie exchange, and the close after it. */
export function measureHandshakes(
  contenders: readonly Contender[],
  load: LoadFor,
  plan: Plan,
): Promise<CostRow[]> {
  return withServers(contenders, async (servers) => {
    const trials = servers.map((server) =>
      server.contender.family === 'platform'
        ? platformTrial(server, load, plan.handshake)
        : trial(server.contender.name, server, load, plan.handshake, { mode: 'handshake' }),
    );
    const samples = await interleave(trials, plan.rounds, plan.handshake.until);
    return contenders.map((contender) => ({ contender, samples: samples.get(contender.name) ?? [] }));
  });
}

/** Growth of a fresh server's resident memory for each association that is open and idle after one echo. */
export async function measureMemory(
  contenders: readonly Contender[],
  load: LoadFor,
  plan: Plan,
): Promise<MemoryRow[]> {
  const rows: MemoryRow[] = [];
  for (const contender of contenders) {
    const task = { mode: 'idle', ...idleOf(contender, plan) } as const;
    const [spent, more] = await withServers([awake(contender)], ([server]) =>
      server === undefined
        ? Promise.reject(new Error(`${contender.name} did not start`))
        : server.serveInTurns(load(contender), task, 'settle', contender.family === 'ours' ? 2 : 1),
    );
    if (spent === undefined) throw new Error(`${contender.name} served nobody`);
    const { completed, rss, uncollected } = spent;
    rows.push({
      contender,
      associations: completed,
      bytes: rss / completed,
      uncollected: uncollected === undefined ? undefined : uncollected / completed,
      more: more === undefined ? undefined : more.rss / more.completed,
    });
  }
  return rows;
}

/** Ours at rest: on a slow machine the first associations would hibernate before the last are there. */
function awake(contender: Contender): Contender {
  return contender.family === 'ours'
    ? { ...contender, command: [...contender.command, '--awake'] }
    : contender;
}

/** Those in C take up to 490 KiB for each, and no less where they are more. */
function idleOf({ family }: Contender, { idle }: Plan): Amount {
  return family === 'ours' ? idle : { ...idle, count: Math.min(idle.count, MAX_IDLE_IN_C) };
}

function trial(key: string, server: Server, load: LoadFor, amount: Repeated, task: Task): Trial {
  return {
    key,
    warmUp: () => server.serve(load(server.contender), { ...task, ...amount.first }),
    run: async () => {
      const { cpu, completed } = await server.serve(load(server.contender), { ...task, ...amount });
      return cpu / completed;
    },
  };
}

/** One operation has as many messages as a handshake. */
function platformTrial(server: Server, load: LoadFor, amount: Repeated): Trial {
  const times = (one: Amount) => ({
    ...one,
    count: one.count * MESSAGES_PER_HANDSHAKE,
    warmup: one.warmup * MESSAGES_PER_HANDSHAKE,
  });
  const task = { mode: 'echo', size: MESSAGE_SIZE, clients: 1, window: 1 } as const;
  const messages = trial(
    server.contender.name,
    server,
    load,
    { ...times(amount), first: times(amount.first), until: amount.until },
    task,
  );
  return { ...messages, run: async () => (await messages.run()) * MESSAGES_PER_HANDSHAKE };
}

function echoKey(contender: Contender, size: number): string {
  return `${contender.name}, ${size} B`;
}

function shapeKey(contender: Contender, { clients, window, size }: Shape): string {
  return `${contender.name}, ${clients} x ${window}, ${size} B`;
}

function echoSamples(samples: Samples, contender: Contender): EchoRow['bySize'] {
  return new Map(ECHO_SIZES.map((size) => [size, samples.get(echoKey(contender, size)) ?? []]));
}
