import { X509Certificate } from 'node:crypto';
import type { Certificate } from '../x509/certificate.js';

/**
 * The leaf of the chain that a peer sent, as Node's class, whose `issuerCertificate` leads along the chain as that of a
 * TLS socket does. `undefined` for no chain, and where the platform cannot parse an unverified certificate.
 */
export function peerCertificate(chain: readonly Certificate[]): X509Certificate | undefined {
  const [leaf, ...others] = chain;
  const certificate = leaf === undefined ? undefined : parse(leaf.der);
  if (certificate !== undefined) linkIssuers(certificate, others);
  return certificate;
}

/** Parses an issuer when it is asked for, once. Each certificate is used once, so that a chain has an end. */
function linkIssuers(certificate: X509Certificate, others: readonly Certificate[]): void {
  let issuer: X509Certificate | undefined;
  let isRead = false;
  const get = (): X509Certificate | undefined => {
    if (!isRead) issuer = issuerOf(certificate, others);
    isRead = true;
    return issuer;
  };
  Object.defineProperty(certificate, 'issuerCertificate', { configurable: true, get });
}

function issuerOf(certificate: X509Certificate, others: readonly Certificate[]): X509Certificate | undefined {
  for (const [i, { der }] of others.entries()) {
    const candidate = parse(der);
    if (candidate === undefined || candidate.subject !== certificate.issuer) continue;
    linkIssuers(
      candidate,
      others.filter((_, at) => at !== i),
    );
    return candidate;
  }
  return undefined;
}

function parse(der: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}
