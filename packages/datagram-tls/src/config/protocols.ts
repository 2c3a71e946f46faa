import { utf8 } from '../base/bytes.js';
import { callerError, invalidArgType, invalidArgValue, outOfRange } from '../base/errors.js';
import { SrtpProfile, type SrtpProfileName } from '../wire/codes.js';
import { checkInteger, checkString } from './checks.js';
import { DEFAULTS } from './defaults.js';
import type { SecurityOptions } from './options.js';

/** Bytes that all names of an offer may have with their lengths: the list's length field is in the extension, too. */
const MAX_ALPN = 0xffff - 2;

/**
 * Protocol names in order of preference, as bytes: from strings, or from the wire's form with a length before each.
 * Errors are those of node:dtls.
 */
export function resolveAlpn(alpn: unknown): readonly Uint8Array[] {
  if (alpn === undefined) return [];
  if (alpn instanceof Uint8Array) return splitNames(alpn);
  if (!Array.isArray(alpn)) {
    throw invalidArgType('options.alpn', 'an array of strings or an instance of Buffer or Uint8Array', alpn);
  }
  const names = alpn.map((name: unknown, i) => {
    checkString(name, `options.alpn[${i}]`);
    const bytes = utf8(name);
    if (bytes.length < 1 || bytes.length > 255)
      throw outOfRange(`options.alpn[${i}] byte length`, '>= 1 && <= 255', bytes.length);
    return bytes;
  });
  const total = names.reduce((sum, name) => sum + 1 + name.length, 0);
  if (total > MAX_ALPN) throw outOfRange('options.alpn byte length', `<= ${MAX_ALPN}`, total);
  return names;
}

function splitNames(list: Uint8Array): readonly Uint8Array[] {
  if (list.length > MAX_ALPN) throw outOfRange('options.alpn byte length', `<= ${MAX_ALPN}`, list.length);
  const names: Uint8Array[] = [];
  for (let at = 0; at < list.length; ) {
    const end = at + 1 + (list[at] ?? 0);
    if (end === at + 1)
      throw invalidArgValue('options.alpn', `contains a zero-length protocol name at offset ${at}`);
    if (end > list.length)
      throw invalidArgValue('options.alpn', `protocol name at offset ${at} runs past the end of the buffer`);
    names.push(Uint8Array.prototype.slice.call(list, at + 1, end));
    at = end;
  }
  return names;
}

/** SRTP protection profiles in order of preference, from OpenSSL's names with colons between. */
export function resolveSrtp(srtp: unknown): readonly SrtpProfileName[] {
  if (srtp === undefined) return [];
  checkString(srtp, 'options.srtp');
  const names = srtp.split(':').map((name) => {
    if (!Object.hasOwn(SrtpProfile, name))
      throw callerError(
        'ERR_CRYPTO_OPERATION_FAILED',
        `options.srtp: '${name}' is no profile that is known here`,
      );
    return name as SrtpProfileName;
  });
  return [...new Set(names)];
}

/** Values of max_fragment_length (RFC 6066 §4). */
const FRAGMENT_LENGTHS: readonly unknown[] = [512, 1024, 2048, 4096];
/** RFC 8449 §4. */
const LEAST_RECORD_SIZE = 64;

export function resolveRecordLimits({
  recordSizeLimit = DEFAULTS.recordSizeLimit,
  maxFragmentLength,
}: Pick<SecurityOptions, 'recordSizeLimit' | 'maxFragmentLength'>): {
  recordSizeLimit: number;
  maxFragmentLength: number | undefined;
} {
  checkInteger(recordSizeLimit, 'options.recordSizeLimit', LEAST_RECORD_SIZE, DEFAULTS.recordSizeLimit);
  if (maxFragmentLength !== undefined && !FRAGMENT_LENGTHS.includes(maxFragmentLength))
    throw invalidArgValue('options.maxFragmentLength', `must be one of ${FRAGMENT_LENGTHS.join(', ')}`);
  return { recordSizeLimit, maxFragmentLength };
}
