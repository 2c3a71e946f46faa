import type { DTLSEndpoint, Refusal } from 'datagram-tls';
import { formatHostPort } from './args.js';
import type { Report } from './report.js';

/** ms between two lines. */
const INTERVAL = 10_000;

/**
 * Reports clients that get no session because a limit is reached: the first at once, then at most one line in ten
 * seconds.
 */
export function reportRefusals(endpoint: DTLSEndpoint, report: Report): void {
  let told = 0n;
  let last: Refusal | undefined;
  let timer: NodeJS.Timeout | undefined;
  const tell = (): void => {
    timer = undefined;
    const { serverRefusedCount: refused } = endpoint.stats;
    if (last === undefined || refused === told) return;
    report.say(lineOf(refused - told, last, told === 0n));
    told = refused;
    timer = setTimeout(tell, INTERVAL).unref();
  };
  endpoint.onrefused = (refusal) => {
    last = refusal;
    if (timer === undefined) tell();
  };
}

function lineOf(count: bigint, { peer, reason }: Refusal, first: boolean): string {
  const what = `refused ${count} ${count === 1n ? 'ClientHello' : 'ClientHellos'}`;
  const when = first ? '' : ` in the last ${INTERVAL / 1000} s`;
  return `${what}${when}: ${reason}, the last from ${formatHostPort(peer.address, peer.port)}`;
}
