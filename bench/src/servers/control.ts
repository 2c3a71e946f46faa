import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { counted } from './traffic.js';

/** A server's own report: CPU time in µs (user and system, all threads) and memory in bytes. */
export interface Usage {
  readonly cpu: number;
  readonly rss: number;
  /** Messages taken by a sink, or sent by a source; a server that only echoes may leave it out. */
  readonly messages?: number;
}

const SETTLE_MS = 200;

/**
 * Announces the port, then answers each line on standard input with the usage of this process; `settle` collects garbage first
 * (where Node runs with `--expose-gc`). Ends the process when standard input ends.
 */
export function serveControl(port: number): void {
  print({ port });
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => void answer(line));
  lines.on('close', () => process.exit());
}

async function answer(command: string): Promise<void> {
  if (command === 'settle') await settle();
  const { user, system } = process.cpuUsage();
  const usage: Usage = { cpu: user + system, rss: process.memoryUsage.rss(), messages: counted.messages };
  print(usage);
}

/** Twice: what the first collection finalizes, the second one frees. */
async function settle(): Promise<void> {
  for (let pass = 0; pass < 2; pass++) {
    globalThis.gc?.();
    await delay(SETTLE_MS);
  }
}

function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
