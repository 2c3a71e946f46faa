import { sameBytes } from '../../base/bytes.js';
import { violation } from '../../base/errors.js';
import type { Context } from '../context.js';
import type { OfferedSession12 } from '../resumption/offer.js';
import { awaitServersEnd12, type ClientEnd12 } from './client-end.js';
import type { ClientHello12 } from './client-ready.js';
import { resumeSecrets12 } from './secrets.js';

/*
 * The client's side of an abbreviated DTLS 1.2 handshake after the ServerHello (RFC 5246 §7.3, RFC 5077 §3.1):
 *
 *   1. NewSessionTicket       if the ServerHello promised one
 *   2. Finished               checked; then our ChangeCipherSpec, Finished: connected
 */

/** The session that the server resumes, which it says by the session id that came with the offer (RFC 5077 §3.4). */
export function resumedBy({ offer, sessionId }: ClientHello12): OfferedSession12 | undefined {
  return sessionId.length > 0 && sameBytes(sessionId, offer.hello.sessionId) ? offer.session12 : undefined;
}

/** The transcript holds both hellos. */
export function resume12(ctx: Context, hello: ClientHello12, resumed: OfferedSession12): ClientEnd12 {
  const { state } = resumed.saved;
  if (hello.suite !== state.suite)
    throw violation('illegal_parameter', 'the server resumes a session under another cipher suite');
  // RFC 7627 §5.3. Sessions without it are never offered.
  if (!hello.extendedMasterSecret)
    throw violation('handshake_failure', 'the server resumes a session without the extended master secret');
  const secrets = resumeSecrets12(ctx, hello, state.secret);
  const { peer } = resumed;
  return awaitServersEnd12(ctx, { hello, peer, scheme: undefined, group: undefined, secrets, resumed });
}
