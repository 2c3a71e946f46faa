/**
 * What a handshake and a record make the library allocate: bytes of V8's heap and of buffers, and objects of the heap, by a
 * profile of it that takes a sample at every byte. Two endpoints of the core meet in this process, without sockets. Prints one
 * JSON object.
 *
 * Exact counts need a heap that nothing is collected from meanwhile, and code that is not optimized: what an optimizing
 * compiler leaves out depends on when it comes to a function.
 *
 *   node --expose-gc --no-opt --min-semi-space-size=256 --max-semi-space-size=256 bench/dist/allocations.js
 */
import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector';
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
type Kind = 'certificate' | 'PSK';

const PSK = { identity: 'bench', key: new Uint8Array(16).fill(7) };
const SERVER: PeerAddress = { address: '192.0.2.1', port: 5684, family: 'IPv4' };
const SIZE = 64;
const HANDSHAKES = { warmUp: 20, count: 20 };
const RECORDS = { warmUp: 300, count: 1000 };
const COLLECTIONS_SEEN_MS = 20;
/** Functions that allocate most, in a report. */
const MAX_SHOWN = 4;

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
    if (entry.connection.session === undefined) throw new Error('a handshake of the benchmark failed');
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
  const versions = { minVersion: version, maxVersion: version, groups: 'X25519:P-256' };
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

/** What `work` allocates. */
interface Allocated {
  readonly bytes: number;
  readonly objects: number;
  /** How many in each function. */
  readonly places: ReadonlyMap<string, number>;
}

async function allocatedBy(work: () => void): Promise<Allocated> {
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
  const bytes = after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers;
  const places = profileOf(work);
  return { bytes, objects: [...places.values()].reduce((sum, count) => sum + count, 0), places };
}

/** V8 collects garbage before it tells the profile. */
const EVERY_OBJECT = {
  samplingInterval: 1,
  includeObjectsCollectedByMajorGC: true,
  includeObjectsCollectedByMinorGC: true,
};

/** What the types of Node leave out of V8's protocol. */
interface Profile {
  readonly head: ProfileNode;
  readonly samples: readonly { readonly nodeId: number }[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string };
  readonly children: readonly ProfileNode[];
}

/** Objects of the heap that `work` makes, by the function that does. */
function profileOf(work: () => void): Map<string, number> {
  const session = new Session();
  session.connect();
  let found: Profile | undefined;
  session.post('HeapProfiler.startSampling', EVERY_OBJECT);
  work();
  session.post('HeapProfiler.stopSampling', (error, answer) => {
    if (error === null) found = answer.profile as unknown as Profile;
  });
  session.disconnect();
  if (found === undefined) throw new Error('V8 made no profile of its heap');
  const names = new Map<number, string>();
  nameAll(found.head, names);
  const places = new Map<string, number>();
  for (const { nodeId } of found.samples) {
    const name = names.get(nodeId) ?? '';
    places.set(name, (places.get(name) ?? 0) + 1);
  }
  return places;
}

function nameAll(node: ProfileNode, names: Map<number, string>): void {
  names.set(node.id, node.callFrame.functionName || 'no name');
  for (const child of node.children) nameAll(child, names);
}

function rowOf(what: string, { bytes, objects, places }: Allocated, times: number): AllocationRow {
  const most = [...places].sort(([, one], [, other]) => other - one).slice(0, MAX_SHOWN);
  return {
    what,
    bytes: Math.round(bytes / times),
    objects: Math.round(objects / times),
    most: most.map(([name, count]) => `${name} ${Math.round(count / times)}`),
  };
}

async function handshakeRow(version: Version, kind: Kind): Promise<AllocationRow> {
  const pair = new Pair(version, kind);
  const meet = (times: number) => {
    for (let i = 0; i < times; i++) pair.meet();
  };
  meet(HANDSHAKES.warmUp);
  const allocated = await allocatedBy(() => meet(HANDSHAKES.count));
  return rowOf(`handshake, ${kind}, ${version}, both sides`, allocated, HANDSHAKES.count);
}

async function recordRow(version: Version): Promise<AllocationRow> {
  const pair = new Pair(version, 'PSK');
  const entry = pair.meet();
  pair.answer(pair.records(entry, RECORDS.warmUp));
  // Each is opened once.
  const batches = [pair.records(entry, RECORDS.count), pair.records(entry, RECORDS.count)];
  const allocated = await allocatedBy(() => pair.answer(batches.shift() ?? []));
  return rowOf(`record of ${SIZE} B in and out, ${version}`, allocated, RECORDS.count);
}

const rows: AllocationRow[] = [];
for (const version of ['DTLSv1.2', 'DTLSv1.3'] as const) {
  for (const kind of ['certificate', 'PSK'] as const) rows.push(await handshakeRow(version, kind));
  rows.push(await recordRow(version));
}
console.log(JSON.stringify(rows));
