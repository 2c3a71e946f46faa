import type { Duration } from '../../base/instant.js';
import type { SavedSession } from '../../config/saved-session.js';
import { canResumeUnder } from '../../crypto/suites.js';
import type { PeerIdentity } from '../authenticate.js';
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
  const { suite: earlier, extendedMasterSecret } = session.state;
  const fits = security.suites.some((suite) => canResumeUnder(suite, earlier));
  const offers = fits && extendedMasterSecret && supportedVersions(security).includes(earlier.version);
  return offers ? session : undefined;
}

/** A session of DTLS 1.2 that a ClientHello offers. */
export interface OfferedSession12 {
  readonly saved: SavedSession;
  readonly peer: PeerIdentity;
  /** Since it was saved, ms. */
  readonly age: Duration;
}

/** What a ClientHello holds of a session from before, by its version; nothing where none is good. */
export interface OfferedAgain {
  readonly psk?: OfferedPsk;
  readonly session12?: OfferedSession12;
}

/** The session that is to go on, if it was found to be good. */
export function offerAgain({ security, destination }: Context, found: CheckedSession): OfferedAgain {
  const { session: saved } = destination;
  const peer = found === undefined ? undefined : resumedPeer(security, found);
  if (saved === undefined || found === undefined || peer === undefined) return {};
  const { state, ticket, ageAdd } = saved;
  const { age } = found;
  if (state.suite.version === 'DTLSv1.2') return { session12: { saved, peer, age } };
  const obfuscatedTicketAge = (Math.floor(age) + ageAdd) % 0x1_0000_0000;
  return { psk: { ...resumptionPsk(state, peer), identity: ticket, obfuscatedTicketAge } };
}
