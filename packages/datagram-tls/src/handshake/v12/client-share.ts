import { violation } from '../../base/errors.js';
import { groupFits } from '../../crypto/groups.js';
import type { KeyExchangeAnswer } from '../../crypto/provider.js';
import type { GroupName } from '../../wire/codes.js';
import type { ServerEcdhParams } from '../../wire/messages/server-key-exchange.js';
import type { Context } from '../context.js';
import { offeredGroup } from '../negotiate.js';

/** Our share in answer to the server's, and the secret of both. */
export interface ClientShare12 extends KeyExchangeAnswer {
  readonly group: GroupName;
}

/** Answers the share of a ServerKeyExchange, whose group must be one of ours. */
export function answerShare12(ctx: Context, { namedCurve, point }: ServerEcdhParams): ClientShare12 {
  const offered = ctx.security.groups.filter((name) => groupFits(name, 'DTLSv1.2'));
  const group = offeredGroup(namedCurve, offered);
  if (group === undefined)
    throw violation('illegal_parameter', 'the server chose a group that was not offered');
  const answer = ctx.provider.answerKeyExchange(group, point);
  if (answer === undefined) throw violation('illegal_parameter', "the server's key share is not valid");
  return { ...answer, group };
}
