import { EMPTY, own } from '../../base/bytes.js';
import type { Duration } from '../../base/instant.js';
import type { NewTicket } from '../../config/saved-session.js';
import { NO_EARLY_DATA } from '../../keys/early-terms.js';
import type { Context } from '../context.js';
import { LARGEST_TICKET_TAKEN, LONGEST_LIFE } from '../resumption/limits.js';
import { shownBy } from '../resumption/peer.js';
import type { ClientReady12, Given12 } from './client-ready.js';

/** What only DTLS 1.3 has a use for. */
const FOR_13 = { ageAdd: 0, early: NO_EARLY_DATA, recordLimit: 0 };

/** What a server knows a session by, and for how long. */
type Handle = Pick<NewTicket, 'ticket' | 'sessionId' | 'lifetime'>;

/** Where a server does not say how long: RFC 5246 §F.1.4 wants no session id to live longer, ms. */
const UNSAID_LIFE: Duration = 86_400_000;

/**
 * Tells of what the server gave to resume the session with; one that was resumed may be resumed again. Only with the
 * extended master secret does a session stand for one handshake (RFC 7627 §5.3), and pre-shared keys need no other way.
 */
export function tellTicket12(ctx: Context, ready: ClientReady12, given: Given12): void {
  const { hello, peer, secrets, resumed } = ready;
  if (!hello.extendedMasterSecret || peer.pskIdentity !== undefined) return;
  const handle = ticketHandle(given) ?? heldHandle(ready) ?? idHandle(hello.sessionId);
  if (handle === undefined) return;
  const { suite, extendedMasterSecret, serverName } = hello;
  const state = {
    suite,
    secret: secrets.masterSecret,
    extendedMasterSecret,
    serverName,
    since: resumed?.saved.state.since,
    ...shownBy(peer),
  };
  const identity = ctx.destination.verifyName ?? '';
  ctx.emit({ do: 'ticket', ticket: { ...handle, ...FOR_13, state, identity } });
}

/** An empty one is none (RFC 5077 §3.3). */
function ticketHandle(given: Given12): Handle | undefined {
  if (given === undefined || given.ticket.length === 0 || given.ticket.length > LARGEST_TICKET_TAKEN)
    return undefined;
  const { ticketLifetimeHint: hint } = given;
  const lifetime = hint === 0 ? UNSAID_LIFE : Math.min(hint * 1000, LONGEST_LIFE);
  return { ticket: own(given.ticket), sessionId: EMPTY, lifetime };
}

/** What it was resumed with this time, for what is left of its life. */
function heldHandle({ resumed }: ClientReady12): Handle | undefined {
  if (resumed === undefined) return undefined;
  const { ticket, sessionId, lifetime } = resumed.saved;
  return { ticket, sessionId, lifetime: lifetime - resumed.age };
}

function idHandle(sessionId: Uint8Array): Handle | undefined {
  return sessionId.length === 0 ? undefined : { ticket: EMPTY, sessionId, lifetime: UNSAID_LIFE };
}
