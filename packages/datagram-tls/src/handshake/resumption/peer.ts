import { DTLSError } from '../../base/errors.js';
import type { Security } from '../../config/config.js';
import type { SessionState } from '../../keys/session-state.js';
import { type ClaimedChain, claimChain, PeerIdentity } from '../authenticate.js';
import type { Resumable } from '../jobs.js';

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
