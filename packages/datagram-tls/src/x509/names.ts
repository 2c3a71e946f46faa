import { sameBytes } from '../base/bytes.js';
import type { Certificate } from './certificate.js';
import { lowerAscii } from './distinguished-name.js';
import { parseIp } from './general-names.js';

/**
 * Whether a certificate contains the host name or IP address that the caller wants to reach; `undefined`: it does.
 * Host names match subjectAltName dNSNames, and common names only where there is no subjectAltName. IP addresses
 * match only iPAddress entries. A name in another script is compared by its A-labels.
 * @see RFC 9525 §6, RFC 5280 §7.2
 */
export function verifyName(
  certificate: Certificate,
  name: string,
): 'HOSTNAME_MISMATCH' | 'IP_ADDRESS_MISMATCH' | undefined {
  const ip = parseIp(name);
  if (ip !== undefined) return holdsIp(certificate, ip) ? undefined : 'IP_ADDRESS_MISMATCH';
  const host = toAscii(name);
  return host !== undefined && holdsHost(certificate, host) ? undefined : 'HOSTNAME_MISMATCH';
}

function holdsIp({ extensions }: Certificate, ip: Uint8Array): boolean {
  return extensions.subjectAltName?.ip.some((entry) => sameBytes(entry, ip)) ?? false;
}

function holdsHost(certificate: Certificate, host: string): boolean {
  return hostNames(certificate).some((pattern) => matchesPattern(lowerAscii(pattern), host));
}

/** The host names of a certificate, wildcards included. */
function hostNames({ extensions, subject }: Certificate): readonly string[] {
  return extensions.subjectAltName?.dns ?? subject.commonNames;
}

/** Those that a host name or an IP address is compared with. Unprintable ones are left out: nobody asks for them. */
export function namesIn(certificate: Certificate): readonly string[] {
  const addresses = certificate.extensions.subjectAltName?.ip ?? [];
  return [...hostNames(certificate).filter(isAscii), ...addresses.map(ipText)];
}

/** Without the longest run of zeros in IPv6, which costs more than it gives. */
function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: bytes.length >> 1 }, (_, i) =>
    (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  return groups.join(':');
}

const LABEL = '[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?';
const HOST = new RegExp(`^${LABEL}(\\.${LABEL})*$`);
/** A whole label and at least two more: `*.com` would match a whole registry. No underscores, as in OpenSSL. */
const WILDCARD = /^\*(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?){2,}$/;
const WILD_LABEL = /^[a-z0-9-]+$/;

/** Whether some host, in lower case, matches `pattern`. */
export function mayBeHost(pattern: string): boolean {
  return pattern.length <= 255 && (HOST.test(pattern) || WILDCARD.test(pattern));
}

function matchesPattern(pattern: string, host: string): boolean {
  if (pattern === host) return true;
  const dot = host.indexOf('.');
  if (dot < 0 || pattern !== `*${host.slice(dot)}`) return false;
  return WILDCARD.test(pattern) && WILD_LABEL.test(host.slice(0, dot));
}

/** Lower case, with U-labels as A-labels; `undefined` for anything that cannot be a host name. */
function toAscii(name: string): string | undefined {
  const ascii = isAscii(name) ? lowerAscii(name) : idnaToAscii(name);
  return ascii !== undefined && ascii.length <= 253 && HOST.test(ascii) ? ascii : undefined;
}

function isAscii(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

/** The platform's URL parser has the only available IDNA table (UTS #46). Delimiters of a URL must not reach it. */
function idnaToAscii(name: string): string | undefined {
  if (/[\s/\\?#@:[\]%]/.test(name)) return undefined;
  try {
    const host = new URL(`https://${name}/`).hostname;
    return parseIp(host) === undefined ? host : undefined;
  } catch {
    return undefined;
  }
}
