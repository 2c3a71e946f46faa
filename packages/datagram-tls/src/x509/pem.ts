import { fromBase64, own } from '../base/bytes.js';
import type { ErrorCode } from '../base/error-codes.js';
import { callerError } from '../base/errors.js';

interface Kind {
  /** For people. */
  readonly name: string;
  readonly labels: readonly string[];
  /** The code where there is none. */
  readonly none: ErrorCode;
}

const NO_START = 'ERR_OSSL_PEM_NO_START_LINE';

const CERTIFICATE: Kind = {
  name: 'certificate',
  labels: ['CERTIFICATE', 'X509 CERTIFICATE'],
  none: NO_START,
};
const TRUSTED: Kind = { ...CERTIFICATE, name: 'CA certificate', none: 'ERR_CRYPTO_OPERATION_FAILED' };
const PUBLIC_KEY: Kind = { name: 'public key', labels: ['PUBLIC KEY'], none: NO_START };
const CRL: Kind = { name: 'CRL', labels: ['X509 CRL'], none: NO_START };

/**
 * The certificates of `data` in DER, in order: one in DER, or any number in PEM with any text around them (RFC 7468).
 * `option` is the name to use in errors, such as `options.ca`. Their code is ERR_OSSL_PEM_NO_START_LINE where there
 * is no certificate at all, and ERR_OSSL_PEM_BAD_BASE64_DECODE or ERR_OSSL_PEM_BAD_END_LINE where one is damaged.
 */
export function readCertificates(data: string | Uint8Array, option: string): Uint8Array[] {
  return readPem(data, option, CERTIFICATE);
}

/** Trusted certificates, read as {@link readCertificates} does, with the error of node:dtls where there is none. */
export function readTrusted(data: string | Uint8Array, option: string): Uint8Array[] {
  return readPem(data, option, TRUSTED);
}

/** Certificate revocation lists, read as {@link readCertificates} reads certificates. */
export function readCrls(data: string | Uint8Array, option: string): Uint8Array[] {
  return readPem(data, option, CRL);
}

/** A SubjectPublicKeyInfo in DER or PEM, read as {@link readCertificates} reads certificates; the first one counts. */
export function readPublicKey(data: string | Uint8Array, option: string): Uint8Array {
  if (typeof data !== 'string' && data[0] === DER_SEQUENCE) return own(data);
  return readPem(data, option, PUBLIC_KEY)[0] as Uint8Array;
}

const DER_SEQUENCE = 0x30;
const BEGIN = /-----BEGIN ([A-Z0-9 ]+)-----/g;
const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \1-----/g;

function readPem(data: string | Uint8Array, option: string, { name, labels, none }: Kind): Uint8Array[] {
  if (typeof data !== 'string' && isDer(data)) return [own(data)];
  const text = typeof data === 'string' ? data : new TextDecoder().decode(data);
  const opened = Array.from(text.matchAll(BEGIN), ([, label = '']) => label);
  const wanted = opened.filter((label) => labels.includes(label));
  if (wanted.length === 0) {
    const [found] = opened;
    const instead =
      found === undefined
        ? '. Give the content of the file, not its path'
        : `; it holds a ${found.slice(0, 40)}`;
    throw callerError(none, `${option} holds no ${name} in PEM or DER${instead}`);
  }
  const blocks = Array.from(text.matchAll(BLOCK)).filter(([, label = '']) => labels.includes(label));
  if (blocks.length < wanted.length) {
    throw callerError(
      'ERR_OSSL_PEM_BAD_END_LINE',
      `${option}: a ${name} has no matching END line. The file is cut off`,
    );
  }
  return blocks.map(([, , base64 = ''], i) => decodeBase64(base64, `${option}: ${name} ${i + 1}`));
}

/** A SEQUENCE of more than 127 bytes. No text starts like that; the parser checks the content. */
function isDer(bytes: Uint8Array): boolean {
  return bytes[0] === 0x30 && (bytes[1] ?? 0) > 0x80;
}

function decodeBase64(body: string, where: string): Uint8Array {
  const bytes = fromBase64(body);
  if (bytes === undefined)
    throw callerError(
      'ERR_OSSL_PEM_BAD_BASE64_DECODE',
      `${where} is not well-formed base64. The file is damaged`,
    );
  return bytes;
}
