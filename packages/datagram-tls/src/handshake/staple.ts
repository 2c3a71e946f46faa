import type { Identity } from '../config/config.js';
import type { Context } from './context.js';

/**
 * Starts the look-up of the staple of `identity`, where there are staples and the peer wants one; returns whether it
 * did.
 */
export function askStaple(ctx: Context, wanted: boolean, { leaf }: Identity): boolean {
  if (!wanted || leaf === undefined || ctx.security.findStaple === undefined) return false;
  ctx.emit({ do: 'ask', job: { kind: 'find-staple', leaf } });
  return true;
}
