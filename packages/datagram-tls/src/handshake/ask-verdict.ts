import type { ClaimedChain } from './authenticate.js';
import type { Context } from './context.js';

/**
 * Asks whether the peer is who it claims to be; the answer is a `verify-peer`. `askedForStaple`: the peer was asked for
 * the status of its certificate.
 */
export function askVerdict(
  ctx: Context,
  { type, chain, key, staple }: ClaimedChain,
  askedForStaple: boolean,
): void {
  const isClient = ctx.security.role === 'client';
  ctx.emit({
    do: 'ask',
    job: {
      kind: 'verify-peer',
      chain,
      rawPublicKey: type === 'RawPublicKey' ? key.spki : undefined,
      purpose: isClient ? 'serverAuth' : 'clientAuth',
      name: isClient ? ctx.destination.verifyName : undefined,
      askedForStaple,
      staple,
    },
  });
}
