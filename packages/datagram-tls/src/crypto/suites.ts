import type { Version } from '../wire/codes.js';
import { rulesOf } from '../wire/version.js';
import type { AeadName, Capabilities, HashName } from './provider.js';

/** How a suite agrees on keys and authenticates the server; `tls13` leaves both to extensions. */
export type KeyExchangeName = 'ecdhe_ecdsa' | 'ecdhe_rsa' | 'ecdhe_psk' | 'psk' | 'tls13';

/** One cipher suite; lengths in bytes. */
export type CipherSuite = AeadSuite | CbcSuite;

export interface AeadSuite extends SuiteShape {
  readonly aead: AeadName;
  readonly macKeyLength: 0;
}

/** AES-CBC, and HMAC over the ciphertext: never without encrypt-then-MAC (RFC 7366). */
export interface CbcSuite extends SuiteShape {
  readonly aead: undefined;
  /** Of HMAC-SHA256. */
  readonly macKeyLength: 32;
}

interface SuiteShape {
  readonly code: number;
  /** As IANA registers it. */
  readonly name: string;
  readonly opensslName: string;
  readonly version: Version;
  readonly keyExchange: KeyExchangeName;
  readonly keyLength: number;
  /** The part of the nonce that comes from the key block; the whole nonce where nothing is sent. */
  readonly fixedIvLength: number;
  /** The part of the nonce that every record carries (RFC 5288 §3, RFC 6655 §3); the whole IV of CBC. */
  readonly explicitNonceLength: number;
  readonly tagLength: number;
  /** Of the PRF or HKDF, and of the transcript. */
  readonly hash: HashName;
}

interface AeadShape {
  readonly keyLength: number;
  readonly tagLength: number;
  /** How DTLS 1.2 makes a nonce: 4 bytes of key material and 8 in the record, or all 12 from the key block. */
  readonly explicitNonce12: 8 | 0;
}

/** Of each AEAD, bytes. */
export const AEADS: Readonly<Record<AeadName, AeadShape>> = {
  'aes-128-gcm': { keyLength: 16, tagLength: 16, explicitNonce12: 8 },
  'aes-256-gcm': { keyLength: 32, tagLength: 16, explicitNonce12: 8 },
  'chacha20-poly1305': { keyLength: 32, tagLength: 16, explicitNonce12: 0 },
  'aes-128-ccm': { keyLength: 16, tagLength: 16, explicitNonce12: 8 },
  'aes-256-ccm': { keyLength: 32, tagLength: 16, explicitNonce12: 8 },
  'aes-128-ccm-8': { keyLength: 16, tagLength: 8, explicitNonce12: 8 },
  'aes-256-ccm-8': { keyLength: 32, tagLength: 8, explicitNonce12: 8 },
};

/** Throws a `RangeError` for a key of another length: none is cut off, or filled with zeros. */
export function checkKeyLength(name: AeadName, { length }: Uint8Array): void {
  const { keyLength } = AEADS[name];
  if (length !== keyLength) throw new RangeError(`A key of ${name} has ${keyLength} bytes, not ${length}`);
}

/** Of DTLS 1.3, in the default order of preference; AES-128-GCM leads because it is the fastest on hardware with AES instructions. */
const SUITES_13: readonly AeadSuite[] = [
  suite13(0x1301, 'TLS_AES_128_GCM_SHA256', 'aes-128-gcm', 'sha256'),
  suite13(0x1302, 'TLS_AES_256_GCM_SHA384', 'aes-256-gcm', 'sha384'),
  suite13(0x1303, 'TLS_CHACHA20_POLY1305_SHA256', 'chacha20-poly1305', 'sha256'),
  suite13(0x1304, 'TLS_AES_128_CCM_SHA256', 'aes-128-ccm', 'sha256'),
];

/** Of DTLS 1.2, likewise; the hash of a suite without one in its name is SHA-256 (RFC 5246 §5). */
const SUITES_12: readonly CipherSuite[] = [
  suite12(0xc02b, 'ecdhe_ecdsa', 'AES_128_GCM_SHA256', 'AES128-GCM-SHA256', 'aes-128-gcm', 'sha256'),
  suite12(0xc02f, 'ecdhe_rsa', 'AES_128_GCM_SHA256', 'AES128-GCM-SHA256', 'aes-128-gcm', 'sha256'),
  suite12(0xc02c, 'ecdhe_ecdsa', 'AES_256_GCM_SHA384', 'AES256-GCM-SHA384', 'aes-256-gcm', 'sha384'),
  suite12(0xc030, 'ecdhe_rsa', 'AES_256_GCM_SHA384', 'AES256-GCM-SHA384', 'aes-256-gcm', 'sha384'),
  suite12(
    0xcca9,
    'ecdhe_ecdsa',
    'CHACHA20_POLY1305_SHA256',
    'CHACHA20-POLY1305',
    'chacha20-poly1305',
    'sha256',
  ),
  suite12(
    0xcca8,
    'ecdhe_rsa',
    'CHACHA20_POLY1305_SHA256',
    'CHACHA20-POLY1305',
    'chacha20-poly1305',
    'sha256',
  ),
  suite12(0xc0ac, 'ecdhe_ecdsa', 'AES_128_CCM', 'AES128-CCM', 'aes-128-ccm', 'sha256'),
  suite12(0xc0ad, 'ecdhe_ecdsa', 'AES_256_CCM', 'AES256-CCM', 'aes-256-ccm', 'sha256'),
  suite12(0xc0ae, 'ecdhe_ecdsa', 'AES_128_CCM_8', 'AES128-CCM8', 'aes-128-ccm-8', 'sha256'),
  suite12(0xc0af, 'ecdhe_ecdsa', 'AES_256_CCM_8', 'AES256-CCM8', 'aes-256-ccm-8', 'sha256'),
  suite12(0xd001, 'ecdhe_psk', 'AES_128_GCM_SHA256', 'AES128-GCM-SHA256', 'aes-128-gcm', 'sha256'),
  suite12(0xd002, 'ecdhe_psk', 'AES_256_GCM_SHA384', 'AES256-GCM-SHA384', 'aes-256-gcm', 'sha384'),
  suite12(
    0xccac,
    'ecdhe_psk',
    'CHACHA20_POLY1305_SHA256',
    'CHACHA20-POLY1305',
    'chacha20-poly1305',
    'sha256',
  ),
  suite12(0x00a8, 'psk', 'AES_128_GCM_SHA256', 'AES128-GCM-SHA256', 'aes-128-gcm', 'sha256'),
  suite12(0x00a9, 'psk', 'AES_256_GCM_SHA384', 'AES256-GCM-SHA384', 'aes-256-gcm', 'sha384'),
  suite12(0xccab, 'psk', 'CHACHA20_POLY1305_SHA256', 'CHACHA20-POLY1305', 'chacha20-poly1305', 'sha256'),
  suite12(0xd005, 'ecdhe_psk', 'AES_128_CCM_SHA256', 'AES128-CCM-SHA256', 'aes-128-ccm', 'sha256'),
  suite12(0xd003, 'ecdhe_psk', 'AES_128_CCM_8_SHA256', 'AES128-CCM8-SHA256', 'aes-128-ccm-8', 'sha256'),
  suite12(0xc0a4, 'psk', 'AES_128_CCM', 'AES128-CCM', 'aes-128-ccm', 'sha256'),
  suite12(0xc0a5, 'psk', 'AES_256_CCM', 'AES256-CCM', 'aes-256-ccm', 'sha256'),
  suite12(0xc0a8, 'psk', 'AES_128_CCM_8', 'AES128-CCM8', 'aes-128-ccm-8', 'sha256'),
  suite12(0xc0a9, 'psk', 'AES_256_CCM_8', 'AES256-CCM8', 'aes-256-ccm-8', 'sha256'),
  suiteCbc(0xc037, 'ecdhe_psk'),
  suiteCbc(0x00ae, 'psk'),
];

/** Every suite the library can speak. */
export const SUITES: readonly CipherSuite[] = [...SUITES_13, ...SUITES_12];

/**
 * The default suites, in order of preference. CCM is not a default in 1.2: it is slow on the platforms that run Node,
 * and an 8-byte tag is for constrained peers that require it (RFC 9325 §4.2.1). Neither is CBC, which is for peers
 * without any other suite.
 */
export const DEFAULT_SUITES: Readonly<Record<Version, readonly AeadSuite[]>> = {
  'DTLSv1.2': withAead(SUITES_12, (suite) => isUsual(suite) && !needsPsk(suite)),
  'DTLSv1.3': SUITES_13,
};

/** DTLS 1.2: the default suites when there is a pre-shared key; those with forward secrecy come first. */
export const DEFAULT_PSK_SUITES: readonly AeadSuite[] = withAead(
  SUITES_12,
  (suite) => isUsual(suite) && needsPsk(suite),
);

function withAead(suites: readonly CipherSuite[], which: (suite: AeadSuite) => boolean): AeadSuite[] {
  return suites.filter((suite) => suite.aead !== undefined).filter(which);
}

function isUsual({ aead }: AeadSuite): boolean {
  return !aead.includes('ccm');
}

/** Tells the suites of a version from others. */
export function suiteOf(version: Version): (suite: CipherSuite) => boolean {
  return (suite) => suite.version === version;
}

/** Whether it requires a pre-shared key. */
export function needsPsk({ keyExchange }: CipherSuite): boolean {
  return keyExchange === 'psk' || keyExchange === 'ecdhe_psk';
}

const byCode = new Map(SUITES.map((suite) => [suite.code, suite]));
const byName = new Map(
  SUITES.flatMap((suite) => [[suite.name, suite] as const, [suite.opensslName, suite] as const]),
);

/** `undefined` for an unsupported code. */
export function suiteByCode(code: number): CipherSuite | undefined {
  return byCode.get(code);
}

/** By IANA's name or OpenSSL's. */
export function suiteByName(name: string): CipherSuite | undefined {
  return byName.get(name);
}

/** IANA's and OpenSSL's names. */
export function suiteNames(): readonly string[] {
  return [...byName.keys()];
}

/** What a suite needs and the platform lacks, by name; `undefined` where the suite can be used. */
export function lackOf(suite: CipherSuite, capabilities: Capabilities): string | undefined {
  const { aead, hash, version } = suite;
  if (!capabilities.hash(hash)) return hash;
  if (aead === undefined) return capabilities.aesCbc() ? undefined : 'aes-128-cbc';
  if (!capabilities.aead(aead)) return aead;
  const masks = !rulesOf(version).encryptsNumbers || capabilities.recordNumberMask(aead);
  return masks ? undefined : `the record number encryption of ${aead}`;
}

/** Whether both sides have to agree on encrypt-then-MAC to use it. AEADs do not need it (RFC 7366 §3). */
export function needsEncryptThenMac(suite: CipherSuite): suite is CbcSuite {
  return suite.aead === undefined;
}

/**
 * Whether a session under `earlier` can be resumed under `suite`: in DTLS 1.3 the hash decides (RFC 8446 §4.6.1), in
 * DTLS 1.2 the suite must be the same (RFC 5246 §7.4.1.3).
 */
export function canResumeUnder(suite: CipherSuite, earlier: CipherSuite): boolean {
  if (!rulesOf(earlier.version).resumesByHash) return suite === earlier;
  return suite.version === earlier.version && suite.hash === earlier.hash;
}

/** RFC 8446 §B.4: the whole 12-byte nonce is derived; none of it is sent. */
function suite13(code: number, name: string, aead: AeadName, hash: HashName): AeadSuite {
  const { keyLength, tagLength } = AEADS[aead];
  return {
    code,
    name,
    opensslName: name,
    version: 'DTLSv1.3',
    keyExchange: 'tls13',
    aead,
    macKeyLength: 0,
    keyLength,
    fixedIvLength: 12,
    explicitNonceLength: 0,
    tagLength,
    hash,
  };
}

/** RFC 5289, 7905, 7251; with a PSK RFC 5487, 6655, 8442. */
function suite12(
  code: number,
  keyExchange: Exclude<KeyExchangeName, 'tls13'>,
  cipher: string,
  opensslCipher: string,
  aead: AeadName,
  hash: HashName,
): AeadSuite {
  const { keyLength, tagLength, explicitNonce12 } = AEADS[aead];
  return {
    code,
    ...names12(keyExchange, cipher, opensslCipher),
    version: 'DTLSv1.2',
    keyExchange,
    aead,
    macKeyLength: 0,
    keyLength,
    fixedIvLength: 12 - explicitNonce12,
    explicitNonceLength: explicitNonce12,
    tagLength,
    hash,
  };
}

/** RFC 5487 §3, RFC 5489 §3.1: AES-128 and HMAC-SHA256. The IV is random and sent (RFC 5246 §6.2.3.2). */
function suiteCbc(code: number, keyExchange: 'ecdhe_psk' | 'psk'): CbcSuite {
  return {
    code,
    ...names12(keyExchange, 'AES_128_CBC_SHA256', 'AES128-CBC-SHA256'),
    version: 'DTLSv1.2',
    keyExchange,
    aead: undefined,
    macKeyLength: 32,
    keyLength: 16,
    fixedIvLength: 0,
    explicitNonceLength: 16,
    tagLength: 32,
    hash: 'sha256',
  };
}

function names12(
  keyExchange: KeyExchangeName,
  cipher: string,
  opensslCipher: string,
): Pick<CipherSuite, 'name' | 'opensslName'> {
  const exchange = keyExchange.toUpperCase();
  return {
    name: `TLS_${exchange}_WITH_${cipher}`,
    opensslName: `${exchange.replace('_', '-')}-${opensslCipher}`,
  };
}
