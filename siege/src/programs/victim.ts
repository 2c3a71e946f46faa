/** The server under attack: an echo with the library's defaults except for an attack's options. */
import { type DTLSEndpoint, type DTLSSession, type ListenOptions, listen } from 'datagram-tls';
import type { Identity } from '../pki.js';
import { Census, type Count, type Unread } from './census.js';
import { serve } from './program.js';

/** Options of `listen`, and the two that are functions. */
export interface VictimSettings {
  readonly host: string;
  readonly identity: Identity;
  readonly options?: Partial<ListenOptions>;
  /** Addresses of honest clients. */
  readonly friends: readonly string[];
  /** The application reads only the messages of honest clients. */
  readonly deaf?: boolean;
  /** The server has an `sni` function that records its arguments. */
  readonly names?: boolean;
  readonly earlyData?: boolean;
}

/** Of the process: CPU in µs, memory in bytes. */
export interface Reading {
  readonly cpu: number;
  readonly rss: number;
  /** Heap in use and memory outside of it, array buffers included. */
  readonly held: number;
  readonly arrayBuffers: number;
}

export interface Report {
  readonly now: Reading;
  /** The most since the last `watch`; `rss`: since the process began. */
  readonly peak: Reading;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly datagramsReceived: number;
  readonly datagramsSent: number;
  readonly refused: number;
  /** Handshakes and silent sessions that were evicted for new clients. */
  readonly evicted: number;
  /**
   * The most CPU between two ticks of a timer that is due every 20 ms, µs: how long all other peers waited. Threads
   * that collect garbage or sign beside it count in the process's CPU, so no turn is longer than the time that passed.
   */
  readonly longestTurn: number;
  readonly sessionsEver: number;
  /** The most since the last `watch`, over samples every 20 ms. */
  readonly most: Count;
  /** The same of unread messages, where the application does not read; sampled every 250 ms. */
  readonly maxUnread: Unread;
  /** Verdicts on certificates since the last `watch`: how many sessions opened with which `authorizationError`. */
  readonly verdicts: Readonly<Record<string, number>>;
  readonly names: readonly string[];
  readonly faults: readonly string[];
}

const SAMPLE_MS = 20;
const UNREAD_SAMPLE_MS = 250;
const NAMES_LIMIT = 1000;
const SETTLE_ROUNDS = 4;

let endpoint: DTLSEndpoint | undefined;
const census = new Census();
let isDeafTo: (session: DTLSSession) => boolean = () => false;
let verdicts: Record<string, number> = {};
const names: string[] = [];
const faults: string[] = [];
let peak = reading();
let lastTick = peak.cpu;
let lastTickAt = performance.now();
let longestTurn = 0;

process.on('uncaughtException', (error) => faults.push(`uncaught: ${error.message}`));
process.on('unhandledRejection', (reason) => faults.push(`unhandled: ${String(reason)}`));
setInterval(tick, SAMPLE_MS).unref();
setInterval(sampleUnread, UNREAD_SAMPLE_MS).unref();

serve({ start, report, watch, forget });

async function start({ host, identity, options, friends, deaf, names: asked, earlyData }: VictimSettings) {
  const { cert, key } = identity;
  isDeafTo = ({ remoteAddress }) => deaf === true && !friends.includes(remoteAddress?.address ?? '');
  endpoint = listen(admit, {
    host,
    port: 0,
    cert,
    key,
    ...(asked === true ? { sni: (name: string | undefined) => noteName(name, identity) } : {}),
    ...(earlyData === true ? { maxEarlyData: 1000, onearlydata: () => undefined } : {}),
    ...options,
  });
  const { port } = await endpoint.opened;
  return { port };
}

function admit(session: DTLSSession): void {
  census.add(session);
  session.opened.then(
    () => noteVerdict(session),
    () => undefined,
  );
  session.closed.catch(() => undefined);
  if (!isDeafTo(session)) session.onmessage = (data) => echo(session, data);
}

function noteVerdict({ authorizationError }: DTLSSession): void {
  if (authorizationError !== undefined)
    verdicts[authorizationError] = (verdicts[authorizationError] ?? 0) + 1;
}

/** A message that `send` refuses is not sent: the application may be slow or gone. */
function echo(session: DTLSSession, data: Uint8Array): void {
  if (data.length <= (session.maxMessageSize ?? 0)) session.send(data);
}

function noteName(name: string | undefined, identity: Identity): Identity {
  if (name !== undefined && names.length < NAMES_LIMIT) names.push(name);
  return identity;
}

/** `settled`: after a garbage collection, for comparisons. */
async function report({ settled }: { readonly settled: boolean }): Promise<Report> {
  if (settled) await settle();
  sample();
  sampleUnread();
  const stats = endpoint?.stats;
  return {
    now: reading(),
    peak: { ...peak, rss: process.resourceUsage().maxRSS * 1024 },
    bytesReceived: Number(stats?.bytesReceived),
    bytesSent: Number(stats?.bytesSent),
    datagramsReceived: Number(stats?.packetsReceived),
    datagramsSent: Number(stats?.packetsSent),
    refused: Number(stats?.serverRefusedCount),
    evicted: Number(stats?.handshakesEvicted) + Number(stats?.sessionsEvicted),
    longestTurn,
    sessionsEver: census.ever,
    most: census.most,
    maxUnread: census.maxUnread,
    verdicts,
    names,
    faults,
  };
}

function watch(): void {
  peak = reading();
  lastTick = peak.cpu;
  lastTickAt = performance.now();
  longestTurn = 0;
  verdicts = {};
  census.reset();
}

/** Ends every session but those with one of these addresses, so that remaining memory is a leak. */
function forget({ except }: { readonly except: readonly string[] }): number {
  const { sessions } = census;
  for (const session of sessions) {
    const address = session.remoteAddress?.address;
    if (address === undefined || !except.includes(address)) session.destroy();
  }
  return sessions.size;
}

async function settle(): Promise<void> {
  for (let round = 0; round < SETTLE_ROUNDS; round++) {
    await new Promise((resolve) => setTimeout(resolve, 25));
    globalThis.gc?.();
  }
}

function tick(): void {
  sample();
  const { cpu } = reading();
  const at = performance.now();
  longestTurn = Math.max(longestTurn, Math.min(cpu - lastTick, (at - lastTickAt) * 1000));
  lastTick = cpu;
  lastTickAt = at;
}

function sampleUnread(): void {
  census.sampleUnread(isDeafTo);
}

function sample(): void {
  census.sample();
  const { cpu, rss, held, arrayBuffers } = reading();
  peak = {
    cpu,
    rss: Math.max(peak.rss, rss),
    held: Math.max(peak.held, held),
    arrayBuffers: Math.max(peak.arrayBuffers, arrayBuffers),
  };
}

function reading(): Reading {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  return { cpu: user + system, rss, held: heapUsed + external, arrayBuffers };
}
