import { Exporter12 } from '../../keys/exporter.js';
import { deriveKeyBlock12 } from '../../keys/prf12.js';
import { type GroupName, HandshakeType, type SchemeName } from '../../wire/codes.js';
import { FACTS_12 } from '../../wire/version.js';
import type { FinishedVerified, PeerIdentity } from '../authenticate.js';
import type { Context } from '../context.js';
import { type Message, outOfPlace } from '../message.js';
import type { Session } from '../session.js';
import { Stage, type StateRow } from '../stage.js';
import type { Reopening } from '../version.js';
import { keysOf12, type Negotiated12, type Secrets12 } from './secrets.js';

/** The session is open. */
export interface Open12 {
  readonly at: 'open';
}

export const OPEN_12: Open12 = { at: 'open' };

export const openRow12: StateRow<Open12, Open12> = {
  epoch: 1,
  awaits: 'message',
  peerProtects: true,
  on: (ctx, state, message) => {
    refuseRenegotiation(ctx, message);
    return state;
  },
  save: () => {
    // Being open is all.
  },
};

export const reopening12: Reopening = {
  readSecrets: (r) => Exporter12.restore(r),
  deriveKeys: (provider, { suite, secrets }, sender) => {
    const { masterSecret, clientRandom, serverRandom } = secrets as Exporter12;
    const master = provider.mac(suite.hash, masterSecret);
    return keysOf12(deriveKeyBlock12(master, suite, clientRandom, serverRandom), sender);
  },
  readStage: () => Stage.of<Open12>(FACTS_12, { open: openRow12 }, OPEN_12),
};

/** RFC 5246 §7.4.1.1: it is refused, and the session goes on. */
function refuseRenegotiation(ctx: Context, message: Message): void {
  const asks = ctx.security.role === 'client' ? HandshakeType.hello_request : HandshakeType.client_hello;
  if (message.type !== asks) throw outOfPlace(message, 'no handshake message');
  ctx.emit({ do: 'refuse-renegotiation' });
}

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
    version: FACTS_12.name,
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
    secrets: new Exporter12(secrets.masterSecret, negotiated.clientRandom, negotiated.serverRandom),
  };
}
