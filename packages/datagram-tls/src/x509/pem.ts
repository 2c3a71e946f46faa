import { callerError } from '../base/errors.js';

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \1-----/g;
const CERTIFICATE_LABELS = ['CERTIFICATE', 'X509 CERTIFICATE'];

/**
 * The certificates of `data` in DER, in order: one in DER, or any number in PEM with any text around them (RFC 7468).
 * `option` is the name to blame in errors, such as `options.ca`; they have the code ERR_OSSL_PEM_NO_START_LINE where
 * there is no certificate at all, and ERR_OSSL_PEM_BAD_BASE64_DECODE or ERR_OSSL_PEM_BAD_END_LINE where one is damaged.
 */
export function readCertificates(data: string | Uint8Array, option: string): Uint8Array[] {
  if (typeof data !== 'string' && isDer(data)) return [data.slice()];
  const text = typeof data === 'string' ? data : new TextDecoder().decode(data);
  const blocks = [...text.matchAll(BLOCK)];
  const opened = text.match(/-----BEGIN (X509 )?CERTIFICATE-----/g) ?? [];
  const certificates = blocks.filter(([, label = '']) => CERTIFICATE_LABELS.includes(label));
  if (opened.length === 0) throw noCertificate(option, blocks[0]?.[1]);
  if (certificates.length < opened.length) {
    throw callerError('ERR_OSSL_PEM_BAD_END_LINE', `${option}: a certificate has no matching END line`);
  }
  return certificates.map(([, , base64 = ''], i) => decodeBody(base64, `${option}: certificate ${i + 1}`));
}

/** A SEQUENCE of more than 127 bytes, which no text starts like; what is in it is for the parser to judge. */
function isDer(bytes: Uint8Array): boolean {
  return bytes[0] === 0x30 && (bytes[1] ?? 0) > 0x80;
}

function noCertificate(option: string, other: string | undefined): Error {
  const found = other === undefined ? '' : `; it holds a ${other}`;
  return callerError('ERR_OSSL_PEM_NO_START_LINE', `${option} holds no certificate in PEM or DER${found}`);
}

function decodeBody(base64: string, where: string): Uint8Array {
  const digits = base64.replace(/\s+/g, '');
  if (!/^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(digits) || digits === '') {
    throw callerError('ERR_OSSL_PEM_BAD_BASE64_DECODE', `${where} is not well-formed base64`);
  }
  const binary = atob(digits);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
