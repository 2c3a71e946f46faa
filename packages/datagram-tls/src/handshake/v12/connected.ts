import type { GroupName, SchemeName } from '../../wire/codes.js';
import type { FinishedVerified, PeerIdentity } from '../authenticate.js';
import type { Session } from '../session.js';
import type { Negotiated12, Secrets12 } from './secrets.js';

/** The session of a DTLS 1.2 handshake whose two proofs are there. */
export function connected12(proof: {
  readonly negotiated: Negotiated12;
  readonly secrets: Secrets12;
  readonly peer: PeerIdentity;
  readonly resumed: boolean;
  readonly finished: FinishedVerified;
  readonly group: GroupName | undefined;
  readonly scheme: SchemeName | undefined;
}): Session {
  const { negotiated, secrets, peer, resumed, finished, group, scheme } = proof;
  return {
    version: 'DTLSv1.2',
    suite: negotiated.suite,
    group,
    signatureScheme: scheme,
    extendedMasterSecret: negotiated.extendedMasterSecret,
    serverName: negotiated.serverName,
    agreed: negotiated.agreed,
    peer,
    resumed,
    finished,
    sessionId: negotiated.sessionId,
    secrets: {
      version: 'DTLSv1.2',
      masterSecret: secrets.masterSecret,
      clientRandom: negotiated.clientRandom,
      serverRandom: negotiated.serverRandom,
    },
  };
}
