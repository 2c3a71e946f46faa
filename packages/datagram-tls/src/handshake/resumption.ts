import { DTLSError } from '../base/errors.js';
import type { Duration } from '../base/instant.js';
import type { Security } from '../config/config.js';
import type { SavedSession } from '../config/saved-session.js';
import { canResumeUnder } from '../crypto/suites.js';
import type { SessionState } from '../keys/resumption-state.js';
import { type VersionFacts, versionNamed } from '../wire/version.js';
import { type ClaimedChain, claimChain, PeerIdentity } from './authenticate.js';
import type { Context } from './context.js';
import type { JobAnswer, Resumable } from './jobs.js';

type CheckedSession = Extract<JobAnswer, { kind: 'check-session' }>['found'];

/** The saved session that the application wants to resume, as far as it fits today's settings (RFC 8446 §4.6.1). */
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

/** A saved session that a ClientHello offers. */
export interface OldSession {
  readonly saved: SavedSession;
  readonly peer: PeerIdentity;
  /** Since it was saved, ms. */
  readonly age: Duration;
}

/** The session to resume, if it is usable. */
export function goOnFrom({ security, destination }: Context, found: CheckedSession): OldSession | undefined {
  const { session: saved } = destination;
  const peer = found === undefined ? undefined : resumedPeer(security, found);
  if (saved === undefined || found === undefined || peer === undefined) return undefined;
  return { saved, peer, age: found.age };
}

/** The state of a peer that is kept for a resumption. */
export function shownBy({ chain, publicKey }: PeerIdentity): Pick<SessionState, 'peerType' | 'peerChain'> {
  if (chain.length > 0 || publicKey === undefined)
    return { peerType: 'X509', peerChain: chain.map(({ der }) => der) };
  return { peerType: 'RawPublicKey', peerChain: [publicKey] };
}

/** Those of states that are being resumed: the verdict and the handshake after it need the same. */
const claims = new WeakMap<SessionState, { readonly under: Security; readonly claim: ClaimedChain }>();

/** The peer of a saved session, as if it had sent its certificates now; `undefined` when it would be refused today. */
export function claimOf(security: Security, state: SessionState): ClaimedChain | undefined {
  const known = claims.get(state);
  if (known?.under === security) return known.claim;
  try {
    const claim = claimChain(security, state.peerType, state.peerChain);
    claims.set(state, { under: security, claim });
    return claim;
  } catch (error) {
    if (error instanceof DTLSError) return undefined;
    throw error;
  }
}

/**
 * The peer of a saved session, by today's verdict on its certificates; `undefined` when the policy refuses it, so
 * that a full handshake has to report that. The session's secret proves that it is the same peer.
 */
export function resumedPeer(security: Security, { state, verdict }: Resumable): PeerIdentity | undefined {
  if (!asksPeers(security)) return state.peerChain.length === 0 ? PeerIdentity.unasked() : undefined;
  const claim = claimOf(security, state);
  if (claim === undefined) return undefined;
  return PeerIdentity.judged(claim, verdict, security.rejectUnauthorized);
}

/** Whether peers have to authenticate. */
export function asksPeers({ role, requestCert }: Security): boolean {
  return role === 'client' || requestCert;
}

/** RFC 8446 §4.6.1: a session ends seven days after its full handshake, whatever its tickets say, ms. */
export const LONGEST_LIFE: Duration = 604_800_000;

/** A larger one is useless for a client: its ClientHello would take a dozen datagrams, bytes. */
export const LARGEST_TICKET_TAKEN = 8192;
