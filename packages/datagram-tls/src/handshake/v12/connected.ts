import type { GroupName, SchemeName } from '../../wire/codes.js';
import type { FinishedVerified, PeerIdentity } from '../authenticate.js';
import type { Session } from '../session.js';
import type { Negotiated12, Secrets12 } from './secrets.js';

/** What both sides know when all that is left is the peer's Finished. */
interface Ready12 {
  readonly hello: Negotiated12;
  readonly secrets: Secrets12;
  readonly peer: PeerIdentity;
  /** The session from before that goes on, if one does. */
  readonly resumed: object | undefined;
  readonly group: GroupName | undefined;
  /** Of the server's signature, if there was one. */
  readonly scheme: SchemeName | undefined;
}

/** The session of a DTLS 1.2 handshake whose two proofs are there. */
export function connected12(ready: Ready12, finished: FinishedVerified): Session {
  const { hello: negotiated, secrets, peer, resumed, group, scheme } = ready;
  return {
    version: 'DTLSv1.2',
    suite: negotiated.suite,
    group,
    signatureScheme: scheme,
    extendedMasterSecret: negotiated.extendedMasterSecret,
    serverName: negotiated.serverName,
    agreed: negotiated.agreed,
    peer,
    resumed: resumed !== undefined,
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
