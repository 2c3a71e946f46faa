import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { decodeUtf8 } from '../base/bytes.js';
import type { CipherSuite } from '../crypto/suites.js';
import { exportKeyingMaterial, type Session } from '../handshake/session.js';
import type { Version } from '../wire/codes.js';
import type { Certificate } from '../x509/certificate.js';
import { checkExport, viewBytes } from './arguments.js';
import { toBuffer } from './buffers.js';
import { platform } from './platform.js';

// What the handshake settled, as users of a session see it.

/**
 * Cipher of a session, as node:tls names it.
 *
 * @example
 * ```ts
 * import type { CipherInfo } from 'datagram-tls';
 *
 * const cipher: CipherInfo | undefined = session.cipher;
 * console.log(cipher?.name, cipher?.standardName, cipher?.version);
 * ```
 */
export interface CipherInfo {
  /** OpenSSL's name. */
  readonly name: string;
  /** IANA's name. */
  readonly standardName: string;
  readonly version: Version;
}

export function cipherInfo({ opensslName, name, version }: CipherSuite): CipherInfo {
  return { name: opensslName, standardName: name, version };
}

/** As `session.exportKeyingMaterial`. */
export function exportKeys(
  session: Session,
  length: number,
  label: string,
  context?: ArrayBufferView,
): Buffer {
  checkExport(length, label, context);
  const bytes = context === undefined ? undefined : viewBytes(context);
  return toBuffer(exportKeyingMaterial(platform.provider, session, label, bytes, length));
}

/** The name of an application protocol is text, or else bytes. */
export function protocolName(name: Uint8Array): string {
  return decodeUtf8(name) ?? Buffer.from(name).toString('latin1');
}

/** `der`: a SubjectPublicKeyInfo. */
export function publicKey(der: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
}

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
