import { DTLSError } from '../base/errors.js';
import type { Duration } from '../base/instant.js';
import type { Security } from '../config/config.js';
import type { SavedSession } from '../config/saved-session.js';
import { canResumeUnder } from '../crypto/suites.js';
import type { SessionState } from '../keys/session-state.js';
import { type VersionFacts, versionNamed } from '../wire/version.js';
import { type ClaimedChain, claimChain, PeerIdentity } from './authenticate.js';
import type { Context } from './context.js';
import type { JobAnswer, Resumable } from './jobs.js';

type CheckedSession = Extract<JobAnswer, { kind: 'check-session' }>['found'];

/** The session that the application wants to go on with, as far as it fits what we do today (RFC 8446 §4.6.1). */
export function offerableSession(
  { security, destination }: Context,
  versions: readonly VersionFacts[],
): SavedSession | undefined {
  const { session, serverName } = destination;
  if (session === undefined || session.state.serverName !== serverName) return undefined;
  const { suite: earlier, extendedMasterSecret } = session.state;
  const fits = security.suites.some((suite) => canResumeUnder(suite, earlier));
  const offers = fits && extendedMasterSecret && versionNamed(versions, earlier.version) !== undefined;
  return offers ? session : undefined;
}

/** A session from before that a ClientHello offers. */
export interface OldSession {
  readonly saved: SavedSession;
  readonly peer: PeerIdentity;
  /** Since it was saved, ms. */
  readonly age: Duration;
}

/** The session that is to go on, if it was found to be good. */
export function goOnFrom({ security, destination }: Context, found: CheckedSession): OldSession | undefined {
  const { session: saved } = destination;
  const peer = found === undefined ? undefined : resumedPeer(security, found);
  if (saved === undefined || found === undefined || peer === undefined) return undefined;
  return { saved, peer, age: found.age };
}

/** What has to be remembered of a peer to know it again. */
export function shownBy({ chain, publicKey }: PeerIdentity): Pick<SessionState, 'peerType' | 'peerChain'> {
  if (chain.length > 0 || publicKey === undefined)
    return { peerType: 'X509', peerChain: chain.map(({ der }) => der) };
  return { peerType: 'RawPublicKey', peerChain: [publicKey] };
}

/** What the peer of a session from before showed, as if it came now; `undefined` when it would not be taken today. */
export function claimOf(security: Security, { peerType, peerChain }: SessionState): ClaimedChain | undefined {
  try {
    return claimChain(security, peerType, peerChain);
  } catch (error) {
    if (error instanceof DTLSError) return undefined;
    throw error;
  }
}

/**
 * Who the peer of a session from before is, by what our policy says today of what it showed; `undefined` when that lets it
 * not pass, so that a full handshake has to tell. That it is the same peer is proved by the session's secret.
 */
export function resumedPeer(security: Security, { state, verdict }: Resumable): PeerIdentity | undefined {
  if (!asksPeers(security)) return state.peerChain.length === 0 ? PeerIdentity.unasked() : undefined;
  const claim = claimOf(security, state);
  if (claim === undefined) return undefined;
  const peer = PeerIdentity.judged(claim, verdict, security.rejectUnauthorized);
  return peer instanceof DTLSError ? undefined : peer;
}

/** Whether peers have to show who they are. */
export function asksPeers({ role, requestCert }: Security): boolean {
  return role === 'client' || requestCert;
}

/** RFC 8446 §4.6.1: seven days after its full handshake a session is over, whatever its tickets say, ms. */
export const LONGEST_LIFE: Duration = 604_800_000;

/** A larger one is of no use to a client: with it a ClientHello would take a dozen datagrams, bytes. */
export const LARGEST_TICKET_TAKEN = 8192;
