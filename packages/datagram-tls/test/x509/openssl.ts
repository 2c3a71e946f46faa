import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseIp } from '#lib/x509/general-names.js';
import type { Purpose } from '#lib/x509/path-checks.js';

export interface Question extends Setting {
  /** PEM, leaf first. */
  readonly chain: readonly string[];
}

/** What several questions may have in common. */
export interface Setting {
  /** PEM */
  readonly trust: readonly string[];
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly purpose: Purpose;
  readonly host?: string | undefined;
  /** PEM */
  readonly crls?: readonly string[] | undefined;
  readonly partialChain?: boolean | undefined;
}

/** The output of a missing program is null. */
export const isThere = String(spawnSync('openssl', ['version']).stdout).startsWith('OpenSSL 3');

/** Runs `openssl verify` at the security level that forbids 1024-bit keys and SHA-1: `ok` or the short name of the error. */
export function opensslVerify({ chain, ...setting }: Question): string {
  return opensslVerifyAll(chain.slice(0, 1), chain.slice(1), setting)[0] ?? 'no answer';
}

/** The same for many leaves, PEM each, with one set of intermediates. */
export function opensslVerifyAll(
  leaves: readonly string[],
  untrusted: readonly string[],
  { trust, time, purpose, host, crls, partialChain }: Setting,
): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'verify-'));
  const file = (name: string, texts: readonly string[]): string => {
    const path = join(folder, name);
    writeFileSync(path, texts.join('\n'));
    return path;
  };
  const args = ['verify', '-no-CApath', '-no-CAstore', '-auth_level', '2'];
  args.push('-CAfile', file('trust', trust));
  if (untrusted.length > 0) args.push('-untrusted', file('untrusted', untrusted));
  args.push('-attime', String(Math.floor(time / 1000)));
  args.push('-purpose', purpose === 'serverAuth' ? 'sslserver' : 'sslclient');
  if (host !== undefined) args.push(parseIp(host) === undefined ? '-verify_hostname' : '-verify_ip', host);
  if (crls !== undefined) args.push('-crl_check_all', '-CRLfile', file('crls', crls));
  if (partialChain === true) args.push('-partial_chain');
  try {
    const files = leaves.map((leaf, i) => file(`leaf${i}.pem`, [leaf]));
    const { stdout, stderr } = spawnSync('openssl', [...args, ...files], { encoding: 'utf8' });
    return verdicts(files, stdout, stderr);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A verdict on each file; of several errors with one the first counts. */
function verdicts(files: readonly string[], stdout: string, stderr: string): string[] {
  let rest = stderr;
  return files.map((file) => {
    if (stdout.includes(`${file}: OK`)) return 'ok';
    const [before = '', ...after] = rest.split(`error ${file}: verification failed`);
    // An unreadable file has no error line.
    if (after.length > 0) rest = after.join('');
    const number = after.length > 0 ? /^error (\d+) at/m.exec(before)?.[1] : undefined;
    return SHORT_NAMES[Number(number)] ?? `error ${before}`;
  });
}

/** X509_V_ERR_… of x509_vfy.h */
const SHORT_NAMES: Readonly<Record<number, string>> = {
  2: 'UNABLE_TO_GET_ISSUER_CERT',
  3: 'UNABLE_TO_GET_CRL',
  6: 'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  7: 'CERT_SIGNATURE_FAILURE',
  8: 'CRL_SIGNATURE_FAILURE',
  9: 'CERT_NOT_YET_VALID',
  10: 'CERT_HAS_EXPIRED',
  11: 'CRL_NOT_YET_VALID',
  12: 'CRL_HAS_EXPIRED',
  18: 'DEPTH_ZERO_SELF_SIGNED_CERT',
  19: 'SELF_SIGNED_CERT_IN_CHAIN',
  20: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  21: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  22: 'CERT_CHAIN_TOO_LONG',
  23: 'CERT_REVOKED',
  25: 'PATH_LENGTH_EXCEEDED',
  26: 'INVALID_PURPOSE',
  32: 'KEYUSAGE_NO_CERTSIGN',
  34: 'UNHANDLED_CRITICAL_EXTENSION',
  35: 'KEYUSAGE_NO_CRL_SIGN',
  36: 'UNHANDLED_CRITICAL_CRL_EXTENSION',
  40: 'PROXY_CERTIFICATES_NOT_ALLOWED',
  47: 'PERMITTED_VIOLATION',
  48: 'EXCLUDED_VIOLATION',
  49: 'SUBTREE_MINMAX',
  51: 'UNSUPPORTED_CONSTRAINT_TYPE',
  52: 'UNSUPPORTED_CONSTRAINT_SYNTAX',
  53: 'UNSUPPORTED_NAME_SYNTAX',
  62: 'HOSTNAME_MISMATCH',
  64: 'IP_ADDRESS_MISMATCH',
  66: 'EE_KEY_TOO_SMALL',
  67: 'CA_KEY_TOO_SMALL',
  68: 'CA_MD_TOO_WEAK',
  79: 'INVALID_CA',
  94: 'EC_KEY_EXPLICIT_PARAMS',
};
