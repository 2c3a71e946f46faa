import type { Security } from '../config/config.js';
import { type ClaimedChain, PeerIdentity } from './authenticate.js';
import type { Context } from './context.js';
import type { Verdict, VerifyPeerJob } from './jobs.js';
import { refusedCertificate } from './refused-certificate.js';

/**
 * Starts the verification of the peer; the answer is a `verify-peer`. `askedForStaple`: we requested an OCSP
 * response.
 */
export function askVerdict(ctx: Context, claim: ClaimedChain, askedForStaple: boolean): void {
  const job = verdictJob(ctx.security, ctx.destination.verifyName, claim, askedForStaple);
  ctx.emit({ do: 'ask', job });
}

/** The peer after `verdict`; an error that ends the handshake when the policy refuses it. */
export function acceptPeer(ctx: Context, claim: ClaimedChain, verdict: Verdict): PeerIdentity {
  const peer = PeerIdentity.judged(claim, verdict, ctx.security.rejectUnauthorized);
  if (peer === undefined && !verdict.ok) throw refusedCertificate(ctx, claim, verdict);
  return peer as PeerIdentity;
}

/** `name`: the name that a client requires in its server's certificate. */
export function verdictJob(
  { role }: Security,
  name: string | undefined,
  { type, chain, key, staple }: ClaimedChain,
  askedForStaple: boolean,
): VerifyPeerJob {
  return {
    kind: 'verify-peer',
    chain,
    leafKey: type === 'X509' ? key : undefined,
    rawPublicKey: type === 'RawPublicKey' ? key.spki : undefined,
    purpose: role === 'client' ? 'serverAuth' : 'clientAuth',
    name: role === 'client' ? name : undefined,
    askedForStaple,
    staple,
  };
}
