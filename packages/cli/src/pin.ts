import type { X509Certificate } from 'node:crypto';

/** The pin of a certificate as `--pin` takes it: SHA-256 over its DER. */
export function pinOf(certificate: X509Certificate): string {
  return `sha256:${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}`;
}
