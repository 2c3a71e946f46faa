import type { SavedSession } from '../../config/saved-session.js';
import type { Context } from '../context.js';
import type { JobAnswer } from '../jobs.js';
import { supportedVersions } from '../negotiate.js';
import { type OfferedPsk, resumptionPsk } from '../offered-psk.js';
import { resumedPeer } from './peer.js';

type CheckedSession = Extract<JobAnswer, { kind: 'check-session' }>['found'];

/** The session that the application wants to go on with, as far as it fits what we do today (RFC 8446 §4.6.1). */
export function offerableSession({ security, destination }: Context): SavedSession | undefined {
  const { session, serverName } = destination;
  if (session === undefined || session.state.serverName !== serverName) return undefined;
  const { hash, version } = session.state.suite;
  const suites = security.suites.some((suite) => suite.version === version && suite.hash === hash);
  return suites && supportedVersions(security).includes(version) ? session : undefined;
}

/** Its ticket among the pre-shared keys of a ClientHello, if it was found to be good. */
export function offerTicket(
  { security, destination }: Context,
  found: CheckedSession,
): OfferedPsk | undefined {
  const { session } = destination;
  const peer = found === undefined ? undefined : resumedPeer(security, found);
  if (session === undefined || found === undefined || peer === undefined) return undefined;
  const { state, ticket, ageAdd } = session;
  const obfuscatedTicketAge = (Math.floor(found.age) + ageAdd) % 0x1_0000_0000;
  return { ...resumptionPsk(state, peer), identity: ticket, obfuscatedTicketAge };
}
