import { createHash, type KeyObject, type X509Certificate } from 'node:crypto';

/** The pin of a certificate as `--pin` takes it: SHA-256 over its DER. */
export function pinOf(certificate: X509Certificate): string {
  return `sha256:${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}`;
}

/** The pin of a public key as `--pin` takes it: SHA-256 over its SubjectPublicKeyInfo in DER. */
export function keyPinOf(key: KeyObject): string {
  const spki = key.export({ type: 'spki', format: 'der' });
  return `spki-sha256:${createHash('sha256').update(spki).digest('hex')}`;
}
