import { Child } from './child.js';
import { type Contender, clientIdentity, type Load } from './contenders.js';
import type { Amount } from './plan.js';
import type { Usage } from './servers/control.js';

/** How echoes are asked for: clients at once, messages of each on the way, their size in bytes. */
export interface Shape {
  readonly clients: number;
  readonly window: number;
  readonly size: number;
}

/** The job of a load generator. */
export type Task =
  | ({ readonly mode: 'echo' | 'send' | 'receive' } & Shape)
  | { readonly mode: 'handshake' | 'idle' };

export type Job = Amount & Task;

/** The cost of a job: server CPU in µs, growth of the server's memory in bytes. */
export interface Spent {
  readonly completed: number;
  readonly seconds: number;
  /** CPU of the load generator, in µs. */
  readonly clientCpu: number;
  /** Messages that a sink took, or a source sent. */
  readonly messages: number;
  readonly cpu: number;
  readonly rss: number;
  /** The same to before garbage was collected, where the reading does that. */
  readonly uncollected: number | undefined;
}

type Reading = 'usage' | 'settle';

interface LoadResult {
  readonly completed: number;
  readonly lost: number;
  readonly seconds: number;
  readonly cpu: number;
}

const LOSS_WORTH_A_WARNING = 0.01;

/** A contender in its own process. */
export class Server {
  readonly contender: Contender;
  readonly #child: Child;
  readonly #port: number;

  private constructor(contender: Contender, child: Child, port: number) {
    this.contender = contender;
    this.#child = child;
    this.#port = port;
  }

  static async start(contender: Contender): Promise<Server> {
    const child = new Child(contender.name, contender.command);
    const { port } = await child.next<{ port: number }>();
    return new Server(contender, child, port);
  }

  /** Runs one job from a load generator against this server; `settle` frees garbage before each reading. */
  async serve(load: Load, job: Job, reading: Reading = 'usage'): Promise<Spent> {
    return this.#whileLoaded(load, job, reading, (turn) => turn());
  }

  /** The same for `turns` jobs of one load generator, one after the other: associations of each stay open in the next. */
  async serveInTurns(load: Load, job: Job, reading: Reading, turns: number): Promise<Spent[]> {
    return this.#whileLoaded(load, job, reading, async (turn) => {
      const spent: Spent[] = [];
      while (spent.length < turns) spent.push(await turn());
      return spent;
    });
  }

  /** `use` may call the job more than once. */
  async #whileLoaded<Result>(
    load: Load,
    job: Job,
    reading: Reading,
    use: (turn: () => Promise<Spent>) => Promise<Result>,
  ): Promise<Result> {
    const command = [...load.command, ...this.#arguments(load, job)];
    const generator = new Child(`load on ${this.contender.name}`, command);
    const limitMs = job.seconds * 1000;
    try {
      await generator.next(limitMs);
      let before = await this.#child.ask<Usage>(reading);
      return await use(async () => {
        const result = await generator.ask<LoadResult>('go', limitMs);
        const after = await this.#child.ask<Usage>(reading);
        if (job.mode !== 'send' && job.mode !== 'receive') warnOfLoss(this.contender.name, result);
        const spent = spentBetween(before, after, result);
        before = after;
        return spent;
      });
    } finally {
      await generator.stop();
    }
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get port(): number {
    return this.#port;
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }

  #arguments({ words }: Load, job: Job): string[] {
    const { suite } = this.contender;
    const mode = suite === undefined ? rawMode(job.mode) : job.mode;
    const options: Record<string, string | number> = {
      port: this.#port,
      count: job.count,
      seconds: job.seconds,
      warmup: job.warmup,
      ...(suite === undefined ? {} : { suite: suite[words] }),
      ...('size' in job ? { size: job.size, window: job.window, clients: job.clients } : {}),
    };
    const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    return [mode, ...flags, ...clientIdentity(this.contender)];
  }
}

/** Starts every contender, passes them to `body`, and always stops them. */
export async function withServers<Result>(
  contenders: readonly Contender[],
  body: (servers: readonly Server[]) => Promise<Result>,
): Promise<Result> {
  const servers: Server[] = [];
  try {
    for (const contender of contenders) servers.push(await Server.start(contender));
    return await body(servers);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

function spentBetween(before: Usage, after: Usage, { completed, seconds, cpu }: LoadResult): Spent {
  return {
    ...{ completed, seconds, clientCpu: cpu },
    ...{ cpu: after.cpu - before.cpu, rss: after.rss - before.rss },
    uncollected: after.uncollected === undefined ? undefined : after.uncollected - before.rss,
    messages: (after.messages ?? 0) - (before.messages ?? 0),
  };
}

/** What a load generator calls it without DTLS. */
function rawMode(mode: Task['mode']): string {
  return mode === 'send' || mode === 'receive' ? `raw-${mode}` : 'raw';
}

function warnOfLoss(name: string, { completed, lost }: LoadResult): void {
  if (completed === 0) throw new Error(`${name} answered nothing`);
  if (lost > completed * LOSS_WORTH_A_WARNING) {
    console.error(`warning: ${name} lost ${lost} messages beside ${completed} answered`);
  }
}
