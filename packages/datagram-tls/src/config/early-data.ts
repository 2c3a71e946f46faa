import { whenever } from '../base/awaitable.js';
import { callerError, invalidArgValue } from '../base/errors.js';
import { SeenHellos } from '../keys/seen-hellos.js';
import { checkFunction, checkInteger } from './checks.js';
import type { SecurityOptions } from './options.js';
import type { EarlyPolicy } from './ticket-policy.js';

/** Bytes: what one session may say before its handshake is worth a round trip, and no more. */
export const MOST_EARLY_DATA = 65_536;
/** ClientHellos remembered, some 150 bytes each; at most for twice the tolerance of ticket ages. */
const MOST_SEEN = 16_384;

/**
 * The only reader of `maxEarlyData` and `replayGuard`; `undefined`: no early data. What a process has seen says nothing
 * about other nodes, nor about itself before it was restarted: keys that outlive it need a guard that does, too.
 */
export function resolveEarlyPolicy(options: SecurityOptions): EarlyPolicy | undefined {
  const { maxEarlyData: most = 0, replayGuard, ticketKeys } = options;
  checkInteger(most, 'options.maxEarlyData', 0, MOST_EARLY_DATA);
  if (replayGuard !== undefined) checkFunction(replayGuard, 'options.replayGuard');
  if (most === 0) {
    if (replayGuard !== undefined)
      throw invalidArgValue('options.replayGuard', 'is of no use without options.maxEarlyData');
    return undefined;
  }
  if (ticketKeys === false)
    throw invalidArgValue('options.maxEarlyData', 'needs tickets: options.ticketKeys must not be false');
  if (replayGuard === undefined && ticketKeys !== undefined) {
    const reason =
      'needs options.replayGuard beside options.ticketKeys: other nodes, or this one before a restart, may have seen a ClientHello';
    throw invalidArgValue('options.maxEarlyData', reason);
  }
  return Object.freeze({ most, guard: replayGuard === undefined ? ownGuard() : theirGuard(replayGuard) });
}

function ownGuard(): EarlyPolicy['guard'] {
  const seen = new SeenHellos(MOST_SEEN);
  return (digest, until, time) => seen.add(digest, until, time);
}

function theirGuard(replayGuard: NonNullable<SecurityOptions['replayGuard']>): EarlyPolicy['guard'] {
  return (digest, until, time) =>
    whenever(replayGuard(digest, until - time), (isNew: unknown) => {
      if (typeof isNew !== 'boolean')
        throw callerError('ERR_INVALID_RETURN_VALUE', 'options.replayGuard must answer true or false');
      return isNew ? 'fresh' : 'replayed';
    });
}
