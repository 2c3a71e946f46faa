import type { Session } from '../handshake/session.js';
import type { Association } from './association.js';

/** Server: a session that ended in failure is not resumed by its id (RFC 5246 §7.2.2). */
export function forgetSession(association: Association, session: Session | undefined): void {
  const { sessionId } = session ?? {};
  if (association.role === 'server' && sessionId !== undefined && sessionId.length > 0)
    association.tell({ type: 'job', job: { kind: 'forget-session', sessionId } });
}
