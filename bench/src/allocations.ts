/**
 * What a handshake and a record make the library allocate, in bytes of V8's heap and of buffers. Two endpoints of the core meet
 * in this process, without sockets. Prints one JSON object.
 *
 * Exact counts need a heap that nothing is collected from meanwhile, and code that is not optimized: what an optimizing
 * compiler leaves out depends on when it comes to a function.
 *
 *   node --expose-gc --no-opt --min-semi-space-size=256 --max-semi-space-size=256 bench/dist/allocations.js
 */
import { readFileSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  type ConnectionEntry,
  dtls12,
  dtls13,
  Endpoint,
  type EndpointEvent,
  nodeProvider,
  type PeerAddress,
  performJob,
  resolveBehaviour,
  resolveLimits,
  resolveSecurity,
} from 'datagram-tls/core';
import type { AllocationRow } from './allocating.js';

type Version = 'DTLSv1.2' | 'DTLSv1.3';
type Kind = 'full' | 'PSK';

const PSK = { identity: 'bench', key: new Uint8Array(16).fill(7) };
const SERVER: PeerAddress = { address: '192.0.2.1', port: 5684, family: 'IPv4' };
const SIZE = 64;
const HANDSHAKES = { warmUp: 20, count: 20 };
const RECORDS = { warmUp: 300, count: 1000 };
const COLLECTIONS_SEEN_MS = 20;

const platform = { provider: nodeProvider, versions: [dtls13, dtls12] as const };
const behaviour = resolveBehaviour({ hibernateAfter: 0 }, false);
const collections: number[] = [];
new PerformanceObserver((list) => {
  for (const { startTime } of list.getEntries()) collections.push(startTime);
}).observe({ entryTypes: ['gc'] });

/** Two endpoints, of which the server echoes what it gets. */
class Pair {
  readonly server = new Endpoint(resolveLimits({}));
  client = new Endpoint(resolveLimits({}));
  readonly #clientSecurity: ReturnType<typeof securityOf>;
  #port = 40_000;

  constructor(version: Version, kind: Kind) {
    this.server.serve({ security: securityOf('server', version, kind), behaviour });
    this.#clientSecurity = securityOf('client', version, kind);
  }

  /** A handshake with a new client, at an address of its own; the client's end of it. */
  meet(): ConnectionEntry {
    this.client = new Endpoint(resolveLimits({}));
    const address = { address: '192.0.2.2', port: this.#port++, family: 'IPv4' } as const;
    const destination = { serverName: undefined, verifyName: undefined };
    const entry = this.client.connect(SERVER, this.#clientSecurity, behaviour, destination, 0);
    for (let moved = true; moved; ) {
      moved = pass(this.client, this.server, address);
      moved = pass(this.server, this.client, SERVER) || moved;
    }
    return entry;
  }

  /** Datagrams with a record each. */
  records(entry: ConnectionEntry, count: number): Uint8Array[] {
    const datagrams: Uint8Array[] = [];
    const message = new Uint8Array(SIZE);
    for (let i = 0; i < count; i++) {
      this.client.send(entry, message);
      for (let out = this.client.pollTransmit(); out !== undefined; out = this.client.pollTransmit())
        datagrams.push(out.data);
    }
    return datagrams;
  }

  /** Opens each, and seals the echo. */
  answer(datagrams: readonly Uint8Array[]): void {
    let answers = 0;
    for (const data of datagrams) {
      this.server.receive(data, '192.0.2.2', this.#port - 1, 'IPv4', 1);
      drain(this.server);
      while (this.server.pollTransmit() !== undefined) answers++;
    }
    if (answers !== datagrams.length) throw new Error(`${answers} answers to ${datagrams.length} records`);
  }
}

function securityOf(role: 'client' | 'server', version: Version, kind: Kind) {
  const versions = { minVersion: version, maxVersion: version, groups: 'X25519' };
  return resolveSecurity({ ...identityOf(role, kind), ...versions }, role, platform);
}

function identityOf(role: 'client' | 'server', kind: Kind) {
  const own = role === 'server' ? { ticketKeys: false as const } : {};
  if (kind === 'PSK') return { ...own, psk: role === 'client' ? PSK : { [PSK.identity]: PSK.key } };
  if (role === 'client') return { rejectUnauthorized: false };
  return { ...own, cert: fixture('server-cert.pem'), key: fixture('server-key.pem') };
}

/** Gives what one has to send to the other; whether there was anything. */
function pass(from: Endpoint, to: Endpoint, { address, port, family }: PeerAddress): boolean {
  let moved = drain(from);
  for (let out = from.pollTransmit(); out !== undefined; out = from.pollTransmit()) {
    to.receive(out.data, address, port, family, 0);
    moved = true;
  }
  return drain(to) || moved;
}

function drain(side: Endpoint): boolean {
  let moved = false;
  for (let told = side.pollEvent(); told !== undefined; told = side.pollEvent()) {
    moved = true;
    if (told.type === 'connection') onEvent(side, told);
  }
  return moved;
}

function onEvent(side: Endpoint, { entry, event }: Extract<EndpointEvent, { type: 'connection' }>): void {
  if (event.type === 'message') side.send(entry, event.data);
  if (event.type !== 'job') return;
  const answer = performJob(event.job, entry.connection.security, Date.now());
  if (answer instanceof Promise) throw new Error('a job of the benchmark takes time');
  side.answer(entry, event.id, answer, 0);
}

function fixture(name: string): string {
  return readFileSync(fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url)), 'utf8');
}

/** Bytes that `work` allocates. */
async function allocatedBy(work: () => void): Promise<number> {
  globalThis.gc?.();
  await delay(COLLECTIONS_SEEN_MS);
  const started = performance.now();
  const before = process.memoryUsage();
  work();
  const after = process.memoryUsage();
  const ended = performance.now();
  await delay(COLLECTIONS_SEEN_MS);
  if (collections.some((at) => at >= started && at <= ended))
    throw new Error('V8 collected garbage meanwhile');
  return after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers;
}

async function handshakeRow(version: Version, kind: Kind): Promise<AllocationRow> {
  const pair = new Pair(version, kind);
  const meet = (times: number) => {
    for (let i = 0; i < times; i++) pair.meet();
  };
  meet(HANDSHAKES.warmUp);
  const bytes = (await allocatedBy(() => meet(HANDSHAKES.count))) / HANDSHAKES.count;
  return { what: `handshake, ${kind}, ${version}, both sides`, bytes: Math.round(bytes) };
}

async function recordRow(version: Version): Promise<AllocationRow> {
  const pair = new Pair(version, 'PSK');
  const entry = pair.meet();
  pair.answer(pair.records(entry, RECORDS.warmUp));
  const datagrams = pair.records(entry, RECORDS.count);
  const bytes = (await allocatedBy(() => pair.answer(datagrams))) / RECORDS.count;
  return { what: `record of ${SIZE} B in and out, ${version}`, bytes: Math.round(bytes) };
}

const rows: AllocationRow[] = [];
for (const version of ['DTLSv1.2', 'DTLSv1.3'] as const) {
  for (const kind of ['full', 'PSK'] as const) rows.push(await handshakeRow(version, kind));
  rows.push(await recordRow(version));
}
console.log(JSON.stringify(rows));
