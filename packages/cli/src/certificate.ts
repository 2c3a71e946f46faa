import 'reflect-metadata';
import { randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { keyPinOf, pinOf } from './pin.js';

export interface EphemeralIdentity {
  /** PEM. */
  readonly cert: string;
  /** PKCS#8 in PEM. */
  readonly key: string;
  /** `sha256:` and 64 hexadecimal digits, as `--pin` takes it. */
  readonly pin: string;
  /** The pin of its public key: `spki-sha256:` and the digits. */
  readonly keyPin: string;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const HOUR_MS = 3_600_000;
const LIFETIME_MS = 30 * 24 * HOUR_MS;
const LOOPBACK = ['localhost', '127.0.0.1', '::1'];
const UNSPECIFIED = ['0.0.0.0', '::'];

/** A self-signed P-256 certificate for `host` and the loopback names, and its key, which is never written to a file. */
export async function makeEphemeralIdentity(host: string): Promise<EphemeralIdentity> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const now = Date.now();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: 'CN=dtls server',
    // A client's clock may be behind ours.
    notBefore: new Date(now - HOUR_MS),
    notAfter: new Date(now + LIFETIME_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(alternativeNames(host)),
    ],
  });
  const cert = certificate.toString('pem');
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  const parsed = new X509Certificate(cert);
  return {
    cert,
    key: PemConverter.encode(pkcs8, PemConverter.PrivateKeyTag),
    pin: pinOf(parsed),
    keyPin: keyPinOf(parsed.publicKey),
  };
}

/** 127 random bits: RFC 5280 §4.1.2.2 requires a positive number. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes.toString('hex');
}

function alternativeNames(host: string): { type: 'dns' | 'ip'; value: string }[] {
  const [address = host] = host.split('%'); // A link-local address comes with its interface.
  const names = new Set(UNSPECIFIED.includes(address) ? LOOPBACK : [address, ...LOOPBACK]);
  return [...names].map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }));
}
