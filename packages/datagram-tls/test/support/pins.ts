import { createHash, createPublicKey } from 'node:crypto';

/** SubjectPublicKeyInfo in DER of a private key, a public key or a certificate in PEM. */
export function spkiOf(pem: string): Buffer {
  return createPublicKey(pem).export({ type: 'spki', format: 'der' });
}

/** The pin of its public key, as the option `pins` takes it. */
export function keyPinOf(pem: string): string {
  return `spki-sha256:${createHash('sha256').update(spkiOf(pem)).digest('hex')}`;
}
