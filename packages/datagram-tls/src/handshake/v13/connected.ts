import { EMPTY } from '../../base/bytes.js';
import type { ApplicationSecrets13 } from '../../keys/schedule13.js';
import type { SchemeName } from '../../wire/codes.js';
import type { FinishedVerified, PeerIdentity } from '../authenticate.js';
import type { Context } from '../context.js';
import type { Psk13 } from '../offered-psk.js';
import type { Agreed, Session } from '../session.js';
import type { Established13 } from './post-handshake.js';
import { APPLICATION_EPOCH, byDirection, installKeys13, type Negotiated13 } from './secrets.js';
import { resumption13 } from './tickets.js';

/** What a DTLS 1.3 handshake has proved when it is done. */
interface Proof13 {
  readonly negotiated: Negotiated13;
  readonly agreed: Agreed;
  /** Of the server's signature, if there was one. */
  readonly scheme: SchemeName | undefined;
  readonly peer: PeerIdentity;
  /** What took the place of certificates. */
  readonly psk: Psk13 | undefined;
  readonly finished: FinishedVerified;
  readonly application: ApplicationSecrets13;
}

/**
 * Installs the keys for application data, so far as they are not there yet, and tells of the session. Both Finished are in
 * the transcript.
 */
export function connected13(ctx: Context, proof: Proof13): Established13 {
  const { negotiated, agreed, scheme, peer, psk, finished, application } = proof;
  const { suite, group, clientRandom, serverName } = negotiated;
  const { own, peers } = byDirection(ctx, application);
  const isClient = ctx.security.role === 'client';
  if (isClient) installKeys13(ctx, suite, 'write', APPLICATION_EPOCH, own);
  installKeys13(ctx, suite, 'read', APPLICATION_EPOCH, peers);
  const session: Session = {
    version: 'DTLSv1.3',
    suite,
    group,
    signatureScheme: scheme,
    // What the extension is for, DTLS 1.3 does in any case (RFC 8446 appendix D).
    extendedMasterSecret: true,
    serverName,
    agreed,
    peer,
    resumed: psk?.origin === 'res',
    finished,
    sessionId: EMPTY,
    secrets: { version: 'DTLSv1.3', exporterSecret: application.exporter },
  };
  ctx.emit({ do: 'connected', session });
  const resumption = resumption13(ctx, session, application.masterSecret, psk?.since);
  ctx.transcript.end();
  return {
    at: 'established',
    suite,
    clientRandom,
    read: { epoch: APPLICATION_EPOCH, secret: peers },
    write: { epoch: APPLICATION_EPOCH, secret: own },
    unacknowledged: isClient ? 'finished' : undefined,
    due: undefined,
    ticketDue: undefined,
    resumption,
  };
}
