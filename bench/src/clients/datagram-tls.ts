/**
 * The load generator over our own client, with the arguments and answers of `native/load.c`; used where there is no C
 * compiler.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type ConnectOptions, connect, type DTLSSession } from 'datagram-tls';
import { firstBytes } from './first.js';

interface Result {
  readonly completed: number;
  readonly lost: number;
  readonly seconds: number;
  readonly times?: readonly number[];
}

/** A way to send messages to the server and to receive its answers. */
interface Channel {
  readonly send: (message: Uint8Array) => void;
  readonly hear: (onmessage: () => void) => void;
  readonly close: () => Promise<unknown>;
}

const HOST = '127.0.0.1';
const LOSS_TIMEOUT_MS = 250;
/** Messages between two looks at the socket. */
const BURST = 32;
/** Connections of each client before those that are measured. */
const FIRST_WARM_UP = 20;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: 'string', default: '0' },
    size: { type: 'string', default: '64' },
    clients: { type: 'string', default: '1' },
    window: { type: 'string', default: '32' },
    count: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '5' },
    warmup: { type: 'string', default: '0' },
    suite: { type: 'string', default: 'ECDHE-ECDSA-AES128-GCM-SHA256' },
    groups: { type: 'string', default: 'X25519:P-256' },
    cert: { type: 'string' },
    key: { type: 'string' },
    psk: { type: 'string' },
    resume: { type: 'boolean', default: false },
    early: { type: 'boolean', default: false },
    'warm-port': { type: 'string', default: '0' },
  },
});
const port = Number(values.port);
const count = Number(values.count);
const warmup = Number(values.warmup);
const limitMs = Number(values.seconds) * 1000;

async function main(): Promise<void> {
  switch (positionals[0]) {
    case 'raw':
      return measureEcho(await openAll(openPlain));
    case 'echo':
      return measureEcho(await openAll(async () => secureChannel(await openAssociation())));
    case 'handshake':
      return measure((wanted) => runHandshakes(wanted, (session) => session.close()));
    case 'idle':
      return measureAgain((wanted) => runHandshakes(wanted, echoOnce));
    case 'raw-send':
    case 'raw-receive':
      return measureOneWay(await openAll(openPlain));
    case 'send':
    case 'receive':
      return measureOneWay(await openAll(async () => secureChannel(await openAssociation())));
    case 'first':
      return measureFirst();
    default:
      throw new RangeError('the mode is raw, echo, handshake, idle, send, receive or first');
  }
}

async function measure(run: (wanted: number) => Promise<Result>): Promise<void> {
  await run(warmup);
  print({ ready: true });
  await measureOnce(run);
}

/** As many more for each line of standard input. */
async function measureAgain(run: (wanted: number) => Promise<Result>): Promise<void> {
  await measure(run);
  process.stdin.once('end', () => process.exit());
  for (;;) await measureOnce(run);
}

async function measureOnce(run: (wanted: number) => Promise<Result>): Promise<void> {
  await once(process.stdin, 'data');
  const before = process.cpuUsage();
  const result = await run(count);
  const { user, system } = process.cpuUsage(before);
  print({ ...result, cpu: user + system });
}

async function openAll(open: () => Promise<Channel>): Promise<Channel[]> {
  const channels: Channel[] = [];
  while (channels.length < Number(values.clients)) channels.push(await open());
  return channels;
}

async function measureEcho(channels: readonly Channel[]): Promise<void> {
  await measure((wanted) => runEcho(channels, wanted));
  await Promise.all(channels.map((channel) => channel.close()));
}

async function measureOneWay(channels: readonly Channel[]): Promise<void> {
  const run = positionals[0]?.endsWith('send') === true ? sendOnly : receiveOnly;
  await measure((wanted) => run(channels, wanted));
  await Promise.all(channels.map((channel) => channel.close()));
}

async function sendOnly(channels: readonly Channel[], wanted: number): Promise<Result> {
  const message = new Uint8Array(Number(values.size));
  const start = performance.now();
  let completed = 0;
  while (completed < wanted && performance.now() - start < limitMs) {
    for (let i = 0; i < BURST && completed < wanted; i++)
      channels[completed++ % channels.length]?.send(message);
    await new Promise(setImmediate);
  }
  return { completed, lost: 0, seconds: (performance.now() - start) / 1000 };
}

/** The first four bytes of a request say how many messages of its length are to come. */
function receiveOnly(channels: readonly Channel[], wanted: number): Promise<Result> {
  if (wanted === 0) return Promise.resolve({ completed: 0, lost: 0, seconds: 0 });
  const request = new Uint8Array(Number(values.size));
  new DataView(request.buffer).setUint32(0, Math.floor(wanted / channels.length));
  const start = performance.now();
  let completed = 0;
  let last = start;
  return new Promise((resolve) => {
    const watch = setInterval(() => {
      const now = performance.now();
      if (completed < wanted && now - last < LOSS_TIMEOUT_MS && now - start < limitMs) return;
      clearInterval(watch);
      resolve({ completed, lost: wanted - completed, seconds: (last - start) / 1000 });
    }, LOSS_TIMEOUT_MS / 10);
    for (const channel of channels) {
      channel.hear(() => {
        completed += 1;
        last = performance.now();
      });
      channel.send(request);
    }
  });
}

async function measureFirst(): Promise<void> {
  const job = {
    ...{ host: HOST, clients: Number(values.clients), count, size: Number(values.size) },
    ...{ resume: values.resume, early: values.early, options: clientOptions() },
  };
  if (values['warm-port'] !== '0')
    await firstBytes(Number(values['warm-port']), { ...job, count: FIRST_WARM_UP });
  await measure(async (wanted) => {
    if (wanted === 0) return { completed: 0, lost: 0, seconds: 0 };
    const start = performance.now();
    const times = await firstBytes(port, job);
    const lost = job.clients * count - times.length;
    return { times, completed: times.length, lost, seconds: (performance.now() - start) / 1000 };
  });
}

/** Keeps a window of messages of each channel in flight until `wanted` came back or time is up; then waits for the rest. */
function runEcho(channels: readonly Channel[], wanted: number): Promise<Result> {
  const message = new Uint8Array(Number(values.size));
  const window = Number(values.window);
  const start = performance.now();
  const inFlight = channels.map(() => 0);
  let sent = 0;
  let pending = 0;
  let completed = 0;
  let lost = 0;
  let quiet = true;
  return new Promise((resolve) => {
    const fill = (channel: Channel, index: number) => {
      let own = inFlight[index] ?? 0;
      for (; own < window && sent < wanted && performance.now() - start < limitMs; own++) {
        channel.send(message);
        sent += 1;
        pending += 1;
      }
      inFlight[index] = own;
    };
    const finish = () => {
      clearInterval(watch);
      resolve({ completed, lost, seconds: (performance.now() - start) / 1000 });
    };
    const fillAll = () => {
      channels.forEach(fill);
      if (pending <= 0) finish();
    };
    const watch = setInterval(() => {
      if (quiet) {
        lost += pending;
        pending = 0;
        inFlight.fill(0);
        fillAll();
      }
      quiet = true;
    }, LOSS_TIMEOUT_MS);
    channels.forEach((channel, index) => {
      channel.hear(() => {
        quiet = false;
        completed += 1;
        pending -= 1;
        inFlight[index] = (inFlight[index] ?? 0) - 1;
        fill(channel, index);
        if (pending <= 0) finish();
      });
    });
    fillAll();
  });
}

async function runHandshakes(
  wanted: number,
  finish: (session: DTLSSession) => Promise<unknown>,
): Promise<Result> {
  const start = performance.now();
  let completed = 0;
  while (completed < wanted && performance.now() - start < limitMs) {
    await finish(await openAssociation());
    completed += 1;
  }
  return { completed, lost: 0, seconds: (performance.now() - start) / 1000 };
}

/** The answer also tells the server that its last flight arrived, so it may forget the handshake. */
async function echoOnce(session: DTLSSession): Promise<void> {
  await new Promise<void>((resolve) => {
    session.onmessage = () => resolve();
    session.send(new Uint8Array(Number(values.size)));
  });
}

/** With `--resume`: the session to resume. */
let kept: Uint8Array | undefined;

async function openAssociation(): Promise<DTLSSession> {
  const session = connect(HOST, port, { ...clientOptions(), ...(kept && { session: kept }) });
  const ticket = new Promise<Uint8Array>((resolve) => {
    session.onsession = resolve;
  });
  await session.opened;
  if (kept !== undefined && !session.reused) throw new Error('the server did not resume the session');
  // A ticket of DTLS 1.3 is valid for one session, which brings the next; one of DTLS 1.2 for as long as its session.
  if (values.resume && (kept === undefined || session.protocol === 'DTLSv1.3')) kept = await ticket;
  return session;
}

function clientOptions(): ConnectOptions {
  const { suite: ciphers, groups } = values;
  return { rejectUnauthorized: false, mtu: 1400, ciphers, groups, ...identity() };
}

function identity(): Partial<ConnectOptions> {
  const { cert, key, psk } = values;
  if (psk !== undefined) return { psk: { identity: 'bench', key: Buffer.from(psk, 'hex') } };
  if (cert === undefined || key === undefined) return {};
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}

function secureChannel(session: DTLSSession): Channel {
  return {
    send: (message) => void session.send(message),
    hear: (onmessage) => {
      session.onmessage = onmessage;
    },
    close: () => session.close(),
  };
}

async function openPlain(): Promise<Channel> {
  const socket = createSocket('udp4');
  socket.connect(port, HOST);
  await once(socket, 'connect');
  return {
    send: (message) => socket.send(message),
    hear: (onmessage) => void socket.removeAllListeners('message').on('message', onmessage),
    close: () => new Promise<void>((resolve) => void socket.close(resolve)),
  };
}

function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

await main();
process.exit();
