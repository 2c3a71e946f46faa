/** Time to the first byte over our own client. */
import { setTimeout as delay } from 'node:timers/promises';
import { type ConnectOptions, connect } from 'datagram-tls';

/** What `load.c` calls `first`: connections of some clients at once, one after the other in each. */
export interface FirstJob {
  readonly host: string;
  readonly clients: number;
  readonly count: number;
  readonly size: number;
  readonly resume: boolean;
  readonly early: boolean;
  readonly options: ConnectOptions;
}

interface Taken {
  readonly ms: number;
  /** The session that the next connection resumes. */
  readonly kept: Uint8Array | undefined;
}

/** DTLS repeats no message of the application, so the application does. */
const REPEAT_MS = 500;
const TICKET_MS = 10_000;

/** Milliseconds of each connection; one that failed has none. */
export async function firstBytes(port: number, job: FirstJob): Promise<number[]> {
  const times: number[] = [];
  await Promise.all(Array.from({ length: job.clients }, () => ofOneClient(port, job, times)));
  return times;
}

async function ofOneClient(port: number, job: FirstJob, times: number[]): Promise<void> {
  let kept = job.resume ? (await firstByte(port, job, undefined)).kept : undefined;
  for (let i = 0; i < job.count; i++) {
    const taken = await firstByte(port, job, kept).catch(() => undefined);
    if (taken !== undefined) times.push(taken.ms);
    if (job.resume) kept = taken?.kept;
  }
}

async function firstByte(port: number, job: FirstJob, kept: Uint8Array | undefined): Promise<Taken> {
  const message = new Uint8Array(job.size);
  const early = job.early && kept !== undefined;
  const started = performance.now();
  const session = connect(job.host, port, {
    ...job.options,
    ...(kept && { session: kept }),
    ...(early && { earlyData: message }),
  });
  const ticket = new Promise<Uint8Array>((resolve) => {
    session.onsession = resolve;
  });
  let repeat: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      session.onmessage = () => resolve();
      session.opened.then(() => {
        if (!early) session.send(message);
        repeat = setInterval(() => session.send(message), REPEAT_MS);
      }, reject);
      session.closed.then(() => reject(new Error('the session was closed')), reject);
    });
    const ms = performance.now() - started;
    if (!job.resume) return { ms, kept: undefined };
    const next = await Promise.race([ticket, delay(TICKET_MS, undefined, { ref: false })]);
    return { ms, kept: next };
  } finally {
    // Left open until the process ends: a goodbye would be a flight.
    clearInterval(repeat);
  }
}
