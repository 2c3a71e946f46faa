import { brief, DTLSError } from '../base/errors.js';
import { alertForCode } from '../x509/codes.js';
import { namesIn } from '../x509/names.js';
import { pinsOf } from '../x509/pins.js';
import type { ClaimedChain } from './authenticate.js';
import type { Context } from './context.js';
import type { Verdict } from './jobs.js';

type Refusal = Extract<Verdict, { readonly ok: false }>;

/** What the peer of a refused certificate showed, and what we wanted. */
interface Facts {
  /** `server`, `client`. */
  readonly peer: string;
  readonly wanted: string | undefined;
  readonly names: readonly string[];
  readonly pins: readonly string[];
}

/** The error for a peer that the policy refuses. Its text has the phrases of OpenSSL and of node:dtls. */
export function refusedCertificate(
  { provider, security, destination }: Context,
  { chain, key }: ClaimedChain,
  verdict: Refusal,
): DTLSError {
  const [leaf] = chain;
  const isClient = security.role === 'client';
  const facts: Facts = {
    peer: isClient ? 'server' : 'client',
    wanted: isClient ? destination.verifyName : undefined,
    names: leaf === undefined ? [] : namesIn(leaf),
    pins: pinsOf(leaf?.der, key.spki, provider),
  };
  const { code, alert, cause } = verdict;
  const summary = `Peer certificate verification failed: ${brief(code)} (certificate verify failed)`;
  const explained = ADVICE[code]?.(facts);
  return new DTLSError(
    'ERR_DTLS_CERTIFICATE',
    explained === undefined ? summary : `${summary}: ${explained}`,
    {
      alert: alert ?? alertForCode(code),
      cause,
      reason: code,
      shown: {
        peerCertificates: chain.map(({ der }) => der),
        peerPublicKey: key.spki,
        peerNames: facts.names,
        peerPins: facts.pins,
      },
    },
  );
}

type Advice = (facts: Facts) => string;

/** By the verdict's code. What is not here speaks for itself, or is the application's own word. */
const ADVICE: Partial<Record<string, Advice>> = {
  CERT_HAS_EXPIRED: ({ peer }) =>
    `a certificate of the ${peer} is no longer valid. Renew it, or correct the clock of this host`,
  CERT_NOT_YET_VALID: ({ peer }) =>
    `a certificate of the ${peer} is not valid yet. Correct the clock of this host, or of the one that issued it`,
  CERT_REVOKED: ({ peer }) => `the issuer has revoked a certificate of the ${peer}`,
  DEPTH_ZERO_SELF_SIGNED_CERT: (facts) =>
    `the ${facts.peer} has a self-signed certificate. To trust it give it in options.ca, or ${pinning(facts)}`,
  HOSTNAME_MISMATCH: wrongName,
  INVALID_PURPOSE: ({ peer }) =>
    `the extended key usage of the certificate does not allow ${peer}s. Let the CA issue one for ${peer}s`,
  IP_ADDRESS_MISMATCH: wrongName,
  OCSP_VERIFY_NEEDED: ({ peer }) =>
    `the ${peer} sent no OCSP response. Let it staple one, or leave out options.requireOCSP`,
  PIN_MISMATCH: (facts) =>
    `the ${facts.peer} has ${list(facts.pins)}, and none of options.pins. If that is the right one, ${pinning(facts)}`,
  RPK_UNTRUSTED: (facts) => `no CA vouches for the raw public key of the ${facts.peer}: ${pinning(facts)}`,
  SELF_SIGNED_CERT_IN_CHAIN: noIssuer,
  UNABLE_TO_GET_CRL: () => 'options.crl has no current list of an issuer in the path. Add it',
  UNABLE_TO_GET_ISSUER_CERT: noIssuer,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: noIssuer,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: noIssuer,
  VALIDATION_LIMIT_REACHED: ({ peer }) => `the chain of the ${peer} would cost too much to verify`,
};

function wrongName({ peer, wanted, names }: Facts): string {
  const is = names.length === 0 ? 'has no host name or IP address' : `is for ${list(names)}`;
  const not = wanted === undefined ? '' : `, and not for ${brief(wanted)}`;
  const advice =
    names.length === 0 ? 'Issue one with a subjectAltName' : 'Set options.servername to one of its names';
  return `the certificate of the ${peer} ${is}${not}. ${advice}`;
}

function noIssuer({ peer }: Facts): string {
  return `no trusted certificate issued that of the ${peer}. Give its CA in options.ca, and let the ${peer} send its intermediate certificates`;
}

function pinning({ pins }: Facts): string {
  return `pin it: options.pins ['${pins[0] ?? ''}']`;
}

const MAX_SHOWN = 4;

/** The first of them: a certificate may have hundreds of names. */
function list(texts: readonly string[]): string {
  const shown = texts.slice(0, MAX_SHOWN).map(brief).join(', ');
  return texts.length > MAX_SHOWN ? `${shown} and ${texts.length - MAX_SHOWN} more` : shown;
}
