/**
 * The client of node-dtls-client, an implementation in TypeScript that has pre-shared keys alone: `--package FOLDER`, and the
 * arguments and answers of `native/load.c` for `echo` and `handshake`.
 */
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

/** The parts of it that are used here. */
interface NodeDtlsClient {
  readonly dtls: {
    createSocket(options: {
      type: 'udp4';
      address: string;
      port: number;
      psk: Record<string, Buffer>;
      ciphers: string[];
      timeout: number;
    }): Client;
  };
}

interface Client {
  on(event: 'connected' | 'message', heard: () => void): unknown;
  on(event: 'error', heard: (error: Error) => void): unknown;
  removeAllListeners(event: 'message'): unknown;
  send(message: Buffer): void;
  close(closed: () => void): void;
}

interface Result {
  readonly completed: number;
  readonly lost: number;
  readonly seconds: number;
  readonly cpu: number;
}

const HANDSHAKE_MS = 5_000;
const LOSS_TIMEOUT_MS = 250;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    package: { type: 'string', default: '' },
    port: { type: 'string', default: '0' },
    size: { type: 'string', default: '64' },
    clients: { type: 'string', default: '1' },
    window: { type: 'string', default: '32' },
    count: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '5' },
    warmup: { type: 'string', default: '0' },
    suite: { type: 'string', default: '' },
    psk: { type: 'string', default: '' },
  },
});
const { dtls } = (await import(pathToFileURL(join(values.package, 'build/dtls.js')).href)) as NodeDtlsClient;
const limitMs = Number(values.seconds) * 1000;

function open(): Promise<Client> {
  return new Promise((resolve, reject) => {
    const client = dtls.createSocket({
      type: 'udp4',
      address: '127.0.0.1',
      port: Number(values.port),
      psk: { bench: Buffer.from(values.psk, 'hex') },
      ciphers: [values.suite],
      timeout: HANDSHAKE_MS,
    });
    client.on('connected', () => resolve(client));
    client.on('error', reject);
  });
}

const close = (client: Client) => new Promise<void>((resolve) => client.close(resolve));

async function handshakes(wanted: number): Promise<number> {
  const start = performance.now();
  let completed = 0;
  for (; completed < wanted && performance.now() - start < limitMs; completed++) await close(await open());
  return completed;
}

/** Keeps a window of messages on the way; what is lost is not waited for. */
function echoes(client: Client, wanted: number): Promise<{ completed: number; lost: number }> {
  const message = Buffer.alloc(Number(values.size));
  const start = performance.now();
  let [sent, completed, lost, pending] = [0, 0, 0, 0];
  let quiet = true;
  return new Promise((resolve) => {
    const fill = (): void => {
      const open = performance.now() - start < limitMs;
      for (; open && pending < Number(values.window) && sent < wanted; sent++, pending++)
        client.send(message);
      if (pending > 0) return;
      clearInterval(watch);
      resolve({ completed, lost });
    };
    const watch = setInterval(() => {
      if (quiet) {
        lost += pending;
        pending = 0;
        fill();
      }
      quiet = true;
    }, LOSS_TIMEOUT_MS);
    client.removeAllListeners('message');
    client.on('message', () => {
      quiet = false;
      completed += 1;
      pending -= 1;
      fill();
    });
    fill();
  });
}

async function timed(work: () => Promise<{ completed: number; lost: number }>): Promise<Result> {
  const [start, before] = [performance.now(), process.cpuUsage()];
  const done = await work();
  const { user, system } = process.cpuUsage(before);
  return { ...done, seconds: (performance.now() - start) / 1000, cpu: user + system };
}

function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

async function go(): Promise<void> {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  print({ ready: true });
  if ((await lines.next()).done === true) process.exit();
}

if (positionals[0] === 'echo') {
  const client = await open();
  await echoes(client, Number(values.warmup));
  await go();
  print(await timed(() => echoes(client, Number(values.count))));
  await close(client);
} else {
  await handshakes(Number(values.warmup));
  await go();
  print(await timed(async () => ({ completed: await handshakes(Number(values.count)), lost: 0 })));
}
process.exit();
