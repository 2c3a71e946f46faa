import { createHash, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { DTLSError } from 'datagram-tls';

/** The pin of a certificate as `--pin` takes it: SHA-256 over its DER. */
export function pinOf(certificate: X509Certificate): string {
  return `sha256:${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}`;
}

/** The pin of a public key as `--pin` takes it: SHA-256 over its SubjectPublicKeyInfo in DER. */
export function keyPinOf(key: KeyObject): string {
  const spki = key.export({ type: 'spki', format: 'der' });
  return `spki-sha256:${createHash('sha256').update(spki).digest('hex')}`;
}

/** The certificate or key of a refused peer, and the options that would accept it. */
export interface Refused {
  readonly pin: string;
  /** Lines that describe it, without the program's name. */
  readonly lines: readonly string[];
}

/** `undefined` for an error of another kind. */
export function refusedCertificate(error: unknown): Refused | undefined {
  if (!(error instanceof DTLSError) || error.code !== 'ERR_DTLS_CERTIFICATE') return undefined;
  const { peerPublicKey, reason } = error;
  const [leaf, ...others] = error.peerCertificates.flatMap(readable);
  if (leaf !== undefined) return { pin: pinOf(leaf), lines: describe(leaf, others, reason) };
  if (peerPublicKey === undefined) return undefined;
  const key = createPublicKey({ key: Buffer.from(peerPublicKey), format: 'der', type: 'spki' });
  return {
    pin: keyPinOf(key),
    lines: [`it sent the raw public key ${keyPinOf(key)}`, advice(keyPinOf(key))],
  };
}

/** Empty for a certificate that the platform cannot read. */
function readable(der: Uint8Array): X509Certificate[] {
  try {
    return [new X509Certificate(der)];
  } catch {
    return [];
  }
}

function describe(
  leaf: X509Certificate,
  others: readonly X509Certificate[],
  reason: string | undefined,
): string[] {
  const { subject, issuer, subjectAltName, validFrom, validTo } = leaf;
  const lines = [
    `it sent the certificate of ${oneLine(subject)}, issued by ${oneLine(issuer)}`,
    `  names: ${subjectAltName ?? 'none'}`,
    `  valid from ${validFrom} to ${validTo}`,
    `  pin: ${pinOf(leaf)}`,
    ...others.map((certificate) => `  followed by the certificate of ${oneLine(certificate.subject)}`),
  ];
  if (reason === 'HOSTNAME_MISMATCH')
    lines.push('if one of these names is the server that you mean, add --servername NAME');
  return [...lines, advice(pinOf(leaf))];
}

function advice(pin: string): string {
  return `to trust it, compare the pin with one that you have from its owner, then add --pin ${pin} (or --ca FILE with its CA)`;
}

/** A distinguished name, which the platform writes with one attribute per line. */
function oneLine(name: string): string {
  return name === '' ? '(no name)' : name.split('\n').join(', ');
}
