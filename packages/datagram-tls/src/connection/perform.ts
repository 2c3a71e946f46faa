import type { Instant } from '../base/instant.js';
import type { Action } from '../handshake/actions.js';
import type { Association } from './association.js';
import type { EarlyData } from './early-data.js';
import type { HandshakeHost } from './handshake-host.js';

/** Actions that need nothing of the handshake's own state. */
type PlainAction = Extract<
  Action,
  {
    do: 'limit-records' | 'log-secret' | 'ask' | 'ticket' | 'send-early-data' | 'early-data' | 'decline';
  }
>;

export function performPlain(
  action: PlainAction,
  association: Association,
  host: HandshakeHost,
  early: EarlyData,
  now: Instant,
): void {
  switch (action.do) {
    case 'limit-records':
      association.recordLimits = action.limits;
      return;
    case 'log-secret': {
      const { label, clientRandom, secret } = action;
      association.tell({ type: 'secret', label, clientRandom, secret });
      return;
    }
    case 'ask':
      association.tell({ type: 'job', job: action.job });
      return;
    case 'ticket':
      association.tell({ type: 'ticket', ticket: action.ticket });
      return;
    case 'send-early-data':
      early.send(action);
      return;
    case 'early-data':
      if (action.accepted) association.answerEarly(now);
      early.onAnswer(action);
      return;
    case 'decline':
      host.onDecline(action.reason);
      return;
  }
}
