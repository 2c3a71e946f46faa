import type { DTLSSession } from 'datagram-tls';
import type { Settings } from './settings.js';

/** When to report that nothing has arrived yet, seconds after the start. */
const NOTICES = [2, 5, 10, 20, 40];

/** Reports on a terminal that a handshake still waits. Calling the result stops that. */
export function showProgress(
  session: DTLSSession,
  target: string,
  { terminal, report }: Settings,
): () => void {
  if (terminal.stderr.isTTY !== true || report.verbose) return () => undefined;
  const timers = NOTICES.map((seconds) =>
    setTimeout(() => {
      const { retransmitCount } = session.stats;
      const times = `${retransmitCount} retransmission${retransmitCount === 1n ? '' : 's'}`;
      report.say(
        `no answer from ${target} that completes the handshake yet, after ${seconds} s and ${times}`,
      );
    }, seconds * 1000).unref(),
  );
  return () => {
    for (const timer of timers) clearTimeout(timer);
  };
}
