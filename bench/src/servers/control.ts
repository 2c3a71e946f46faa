import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { counted } from './traffic.js';

/** A server's own report: CPU time in µs (user and system, all threads) and memory in bytes. */
export interface Usage {
  readonly cpu: number;
  readonly rss: number;
  /** The memory before garbage was collected, of `settle`; a server in C leaves it out. */
  readonly uncollected?: number;
  /** Messages taken by a sink, or sent by a source; a server that only echoes may leave it out. */
  readonly messages?: number;
}

/** More than a silent new session of ours needs to rest. */
const REST_MS = 12_000;
/** After some collections with pauses V8 gives back the memory of its youngest objects, which a burst of handshakes made larger. */
const COLLECTIONS = 6;
const COLLECTION_PAUSE_MS = 1_000;

/**
 * Announces the port, then answers each line on standard input with the usage of this process; `settle` waits until
 * sessions rest, and collects garbage, first (where Node runs with `--expose-gc`). Ends the process when standard input ends.
 */
export function serveControl(port: number): void {
  print({ port });
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => void answer(line));
  lines.on('close', () => process.exit());
}

async function answer(command: string): Promise<void> {
  const uncollected = command === 'settle' ? await settle() : undefined;
  const { user, system } = process.cpuUsage();
  const usage: Usage = {
    cpu: user + system,
    rss: process.memoryUsage.rss(),
    ...(uncollected !== undefined && { uncollected }),
    messages: counted.messages,
  };
  print(usage);
}

/** Returns the memory at rest. What one collection finalizes, the next one frees. */
async function settle(): Promise<number> {
  await delay(REST_MS);
  const uncollected = process.memoryUsage.rss();
  for (let pass = 0; pass < COLLECTIONS; pass++) {
    globalThis.gc?.();
    await delay(COLLECTION_PAUSE_MS);
  }
  return uncollected;
}

function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
