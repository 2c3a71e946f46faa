import type { ListenOptions } from 'datagram-tls';
import type { Pki } from '../pki.js';
import type { Amounts } from '../plan.js';
import type { Report } from '../programs/victim.js';
import type { Target } from '../wire/hostile-client.js';
import type { Relay } from '../wire/relay.js';

/** The inputs of an attack, in the attacker's process. */
export interface Battlefield {
  readonly target: Target;
  /** Local address number `i` of the attacker. */
  readonly address: (i: number) => string;
  readonly amounts: Amounts;
  /** Handshakes per second that fill the server's core. */
  readonly capacity: number;
  readonly pki: Pki;
  /** The relay between the honest clients and the server, for attacks that need it. */
  readonly relay: Relay | undefined;
}

/** A bound, and whether it held. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** The results of an attack. */
export interface Tally {
  readonly datagrams: number;
  readonly bytes: number;
  /**
   * Datagrams that the server may send: one flight for each datagram of the attack, and those of timers and
   * handshakes.
   */
  readonly mayAnswer?: number;
  /** Verdicts on certificates that the server must have reached, and their minimum numbers. */
  readonly verdicts?: Readonly<Record<string, number>>;
  readonly note?: string;
  readonly checks?: readonly Check[];
}

export type Place = 'loopback' | 'slow-uplink' | 'slow-router' | 'ipv6';

export interface Attack {
  readonly name: string;
  /** Rows of the siege's cases. */
  readonly cases: string;
  readonly place?: Place;
  /** The server has not validated these addresses: no more than 3 bytes out for one in. */
  readonly unvalidated?: boolean;
  /** Flights that a new honest client may send again; one by default. */
  readonly repeats?: number;
  /** Honest clients go through the attacker's relay. */
  readonly relayed?: boolean;
  /** Options of the server, beside its defaults; `amounts` says how large a crowd the run can afford. */
  readonly options?: (amounts: Amounts, pki: Pki) => Partial<ListenOptions>;
  readonly deaf?: boolean;
  readonly names?: boolean;
  readonly earlyData?: boolean;
  readonly run: (field: Battlefield) => Promise<Tally>;
  /** More bounds, on what the server reports when the attack is over. */
  readonly judge?: (report: Report, amounts: Amounts) => readonly Check[];
}

export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Calls `send` `rate` times a second, for `seconds`; a slow machine makes fewer calls. Returns their number. */
export async function atRate(rate: number, seconds: number, send: (i: number) => void): Promise<number> {
  const began = performance.now();
  const [end, most] = [began + seconds * 1000, Math.ceil(rate * MAX_BURST_SECONDS)];
  let sent = 0;
  let skipped = 0;
  for (let now = began; now < end; now = performance.now()) {
    const due = Math.floor(((now - began) / 1000) * rate) - skipped - sent;
    const burst = Math.min(due, most);
    skipped += due - burst;
    for (let i = 0; i < burst; i++) send(sent++);
    await wait(BETWEEN_BURSTS_MS);
  }
  return sent;
}

const BETWEEN_BURSTS_MS = 2;
const MAX_BURST_SECONDS = 0.02;

/** Runs `action` for 0 to `count` - 1, `width` at a time. */
export async function crowd(
  count: number,
  width: number,
  action: (i: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await action(next++);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** Flights that a retransmission timer of 1 s, doubled each time, sends within `ms`, and one more. */
export function timedFlights(ms: number): number {
  return 1 + Math.floor(Math.log2(1 + ms / 1000));
}

export function check(name: string, ok: boolean, detail: string | number): Check {
  return { name, ok, detail: String(detail) };
}
