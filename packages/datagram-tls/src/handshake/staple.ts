import type { Identity } from '../config/config.js';
import type { Context } from './context.js';

/** Has the staple of `identity` looked up, where there are staples and the peer wants one; returns whether it did. */
export function askStaple(ctx: Context, wanted: boolean, { leaf }: Identity): boolean {
  if (!wanted || leaf === undefined || ctx.security.findStaple === undefined) return false;
  ctx.emit({ do: 'ask', job: { kind: 'find-staple', leaf } });
  return true;
}
