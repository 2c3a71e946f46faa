import type { Security } from '../config/config.js';
import type { ClaimedChain } from './authenticate.js';
import type { Context } from './context.js';
import type { VerifyPeerJob } from './jobs.js';

/**
 * Asks whether the peer is who it claims to be; the answer is a `verify-peer`. `askedForStaple`: the peer was asked for
 * the status of its certificate.
 */
export function askVerdict(ctx: Context, claim: ClaimedChain, askedForStaple: boolean): void {
  const job = verdictJob(ctx.security, ctx.destination.verifyName, claim, askedForStaple);
  ctx.emit({ do: 'ask', job });
}

/** `name`: what a client wants to find in the certificate of its server. */
export function verdictJob(
  { role }: Security,
  name: string | undefined,
  { type, chain, key, staple }: ClaimedChain,
  askedForStaple: boolean,
): VerifyPeerJob {
  return {
    kind: 'verify-peer',
    chain,
    rawPublicKey: type === 'RawPublicKey' ? key.spki : undefined,
    purpose: role === 'client' ? 'serverAuth' : 'clientAuth',
    name: role === 'client' ? name : undefined,
    askedForStaple,
    staple,
  };
}
