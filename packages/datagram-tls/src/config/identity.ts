import { EMPTY, fromBase64, toText } from '../base/bytes.js';
import { callerError, invalidArgValue, missingArgs, passedOn } from '../base/errors.js';
import { memberOf } from '../base/own-properties.js';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.js';
import { readPkcs12 } from '../pkcs12/read.js';
import type { CertificateTypeName } from '../wire/codes.js';
import { mayHaveIssued } from '../x509/candidates.js';
import { type Certificate, parseCertificate } from '../x509/certificate.js';
import { readCertificates, readPublicKey } from '../x509/pem.js';
import type { TrustStore } from '../x509/trust-store.js';
import type { Identity, SigningKey } from './config.js';
import { readOptions } from './option-table.js';
import {
  type Encoded,
  type ExternalKey,
  PFX_OPTIONS,
  type PfxObject,
  type SecurityOptions,
} from './options.js';

/**
 * The caller's certificates and keys, matched and parsed. Errors: `ERR_MISSING_ARGS` for one without the other,
 * Node's `ERR_OSSL_…` for unreadable ones, `ERR_OSSL_X509_KEY_VALUES_MISMATCH` for ones that do not match.
 */
export function resolveIdentities(
  options: SecurityOptions,
  pfx: readonly Pfx[],
  platform: KeyPlatform,
): readonly Identity[] {
  const types = resolveCertificateTypes(options.certificateTypes);
  if (!types.includes('X509') && list(options.cert).length > 0) {
    throw invalidArgValue('options.cert', 'is of no use where options.certificateTypes lacks X509');
  }
  return types.flatMap((type) =>
    type === 'X509'
      ? [...resolveCertificates(options, platform), ...pfx.map(certifiedByFile)]
      : resolveRawKeys(options, pfx, platform),
  );
}

/** What reads keys, and gives those outside of this process the data to sign. */
interface KeyPlatform {
  readonly provider: CryptoProvider;
  readonly giveBytes: (bytes: Uint8Array) => Uint8Array;
}

function list<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

function resolveCertificates(options: SecurityOptions, platform: KeyPlatform): readonly Identity[] {
  const certs = list(options.cert);
  const keys = list(options.key);
  if (certs.length > 0 && keys.length === 0)
    throw missingArgs('options.key', 'it is the private key of options.cert');
  if (keys.length > 0 && certs.length === 0)
    throw missingArgs('options.cert', 'it is the chain of options.key');
  if (certs.length !== keys.length) {
    throw invalidArgValue(
      'options.key',
      `must hold as many keys as options.cert holds chains, ${certs.length}`,
    );
  }
  return certs.map((cert, i) =>
    resolveCertified(cert, keys[i] as Encoded | ExternalKey, options.passphrase, platform),
  );
}

function resolveCertified(
  cert: Encoded,
  keyData: Encoded | ExternalKey,
  passphrase: string | undefined,
  platform: KeyPlatform,
): Identity {
  const chain = readCertificates(cert, 'options.cert');
  const leaf = parseCertificate(chain[0] as Uint8Array);
  if (leaf === undefined) {
    throw callerError(
      'ERR_OSSL_ASN1_NESTED_ASN1_ERROR',
      'options.cert: the first certificate cannot be parsed. Look at it with `openssl x509 -text`',
    );
  }
  const key = resolveKey(keyData, leaf, passphrase, platform);
  if (leaf.key.type === undefined) {
    throw callerError(
      'ERR_DTLS_UNSUPPORTED_KEY',
      'options.cert: the key of the first certificate is of a type that is not supported, or spells its curve out. Use RSA, P-256, P-384 or Ed25519',
    );
  }
  if (!platform.provider.isKeyOf(leaf.spki, key)) {
    throw callerError(
      'ERR_OSSL_X509_KEY_VALUES_MISMATCH',
      'options.key does not belong to the first certificate of options.cert (key values mismatch). Put the leaf first',
    );
  }
  return { type: 'X509', chain, leaf, key };
}

/**
 * `identities` with the intermediate certificates of a leaf that was given alone, out of those of `ca`: OpenSSL, and so
 * node:tls and node:dtls, complete such a chain, too.
 */
export function withIssuers(identities: readonly Identity[], ca: TrustStore): readonly Identity[] {
  return identities.map((identity) => {
    const { leaf, chain } = identity;
    if (leaf === undefined || chain.length > 1) return identity;
    return { ...identity, chain: chainOf(leaf, ({ issuer }) => ca.bySubject(issuer)) };
  });
}

function certifiedByFile({ chain, leaf, key }: Pfx): Identity {
  return { type: 'X509', chain, leaf, key };
}

/** The public halves of the keys, each of which is shown without a certificate. */
function resolveRawKeys(
  { key, passphrase }: SecurityOptions,
  pfx: readonly Pfx[],
  platform: KeyPlatform,
): readonly Identity[] {
  const given = list(key).map((data) => resolveKey(data, undefined, passphrase, platform));
  const keys = [...given, ...pfx.map((file) => file.key)];
  if (keys.length === 0) throw missingArgs('options.key', 'options.certificateTypes has RawPublicKey');
  return keys.map((own) => ({ type: 'RawPublicKey', chain: [own.spki], leaf: undefined, key: own }));
}

/** `leaf`: the certificate beside the key, if there is one. */
function resolveKey(
  data: Encoded | ExternalKey,
  leaf: Certificate | undefined,
  passphrase: string | undefined,
  platform: KeyPlatform,
): SigningKey {
  if (isObject(data)) return remoteKey(data, leaf, platform);
  return importKey(data, passphrase, 'options.key', platform.provider);
}

function isObject<T extends object>(value: Encoded | T): value is T {
  return typeof value === 'object' && !(value instanceof Uint8Array);
}

/** The public half gives the type of the key. */
function remoteKey(
  external: ExternalKey,
  leaf: Certificate | undefined,
  { provider, giveBytes }: KeyPlatform,
): SigningKey {
  const publicKey = memberOf(external, 'publicKey') as Encoded | undefined;
  const key = provider.importPublicKey(publicHalf(publicKey, leaf));
  if (key === undefined) {
    throw callerError(
      'ERR_DTLS_UNSUPPORTED_KEY',
      `The key of ${publicKey === undefined ? 'options.cert' : 'options.key.publicKey'} is of a type that is not supported. Use RSA, P-256, P-384 or Ed25519`,
    );
  }
  return { ...key, sign: (scheme, data) => external.sign(scheme, giveBytes(data)) };
}

function publicHalf(publicKey: Encoded | undefined, leaf: Certificate | undefined): Uint8Array {
  if (publicKey !== undefined) return readPublicKey(publicKey, 'options.key.publicKey');
  if (leaf === undefined) throw missingArgs('options.key.publicKey', 'there is no options.cert that has it');
  return leaf.spki;
}

const CERTIFICATES: readonly CertificateTypeName[] = ['X509'];

/** Reads `certificateTypes` and `peerCertificateTypes`. */
export function resolveCertificateTypes(
  types: readonly CertificateTypeName[] | undefined,
): readonly CertificateTypeName[] {
  return types === undefined ? CERTIFICATES : Object.freeze([...new Set(types)]);
}

const DER_SEQUENCE = 0x30;
/** RFC 7468 §10, §11 and the older forms, such as BEGIN EC PRIVATE KEY. */
const PRIVATE_KEY = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/;

/** A key as the provider reads it. Errors have the provider's code and name the option. */
function importKey(
  data: Encoded,
  passphrase: string | undefined,
  option: string,
  provider: CryptoProvider,
): PrivateKey {
  if (!holdsKey(data))
    throw callerError(
      'ERR_OSSL_UNSUPPORTED',
      `${option}: there is no private key in it. Give PKCS#8, PKCS#1 or SEC1, in PEM or DER`,
    );
  try {
    return provider.importPrivateKey(data, passphrase);
  } catch (error) {
    throw passedOn(option, error, 'ERR_OSSL_UNSUPPORTED');
  }
}

/** DER begins with a SEQUENCE; anything else is PEM, in which one block has to be a private key. */
function holdsKey(data: Encoded): boolean {
  if (typeof data !== 'string' && data[0] === DER_SEQUENCE) return true;
  return PRIVATE_KEY.test(typeof data === 'string' ? data : toText(data));
}

/** The content of a PKCS#12 file. */
interface Pfx {
  readonly leaf: Certificate;
  /** DER, leaf first, each issued by the next. */
  readonly chain: readonly Uint8Array[];
  readonly key: PrivateKey;
  /** All its certificates but the leaf. */
  readonly others: readonly Certificate[];
}

/**
 * Reads `pfx`. Beside the codes of {@link readPkcs12}: `ERR_CRYPTO_OPERATION_FAILED` for a file
 * without a private key or without its certificate.
 */
export function resolvePfx({ pfx, passphrase }: SecurityOptions, provider: CryptoProvider): readonly Pfx[] {
  if (pfx === undefined) return [];
  if (!Array.isArray(pfx)) return [readFile(pfx as Encoded, passphrase, 'options.pfx', provider)];
  return (pfx as readonly (Encoded | PfxObject)[]).map((item, i) => {
    const name = `options.pfx[${i}]`;
    if (!isObject(item)) return readFile(item, passphrase, name, provider);
    const own = readOptions(item, PFX_OPTIONS, { name });
    return readFile(own.buf, own.passphrase ?? passphrase, `${name}.buf`, provider);
  });
}

function readFile(
  data: Encoded,
  passphrase: string | undefined,
  option: string,
  provider: CryptoProvider,
): Pfx {
  const bytes = typeof data === 'string' ? (fromBase64(data) ?? EMPTY) : data;
  const file = readPkcs12(bytes, passphrase, provider.passwords, option);
  const [pkcs8] = file.keys;
  if (pkcs8 === undefined) throw lacks(option, 'private key');
  const key = importKey(pkcs8, undefined, option, provider);
  const certificates = file.certificates.map(parseCertificate).filter((parsed) => parsed !== undefined);
  const leaf = certificates.find(({ spki }) => provider.isKeyOf(spki, key));
  if (leaf === undefined) throw lacks(option, 'certificate of the private key');
  const others = certificates.filter((certificate) => certificate !== leaf);
  return { leaf, chain: chainOf(leaf, () => others), key, others };
}

function lacks(option: string, what: string): Error {
  return callerError(
    'ERR_CRYPTO_OPERATION_FAILED',
    `${option} holds no ${what}. Export it with the key and its certificate`,
  );
}

/** Peers need no root: they trust their own, or none. */
function chainOf(
  leaf: Certificate,
  issuersOf: (certificate: Certificate) => readonly Certificate[],
): Uint8Array[] {
  const chain = [leaf];
  for (let next: Certificate | undefined = leaf; next !== undefined; ) {
    const last: Certificate = next;
    next = issuersOf(last).find(
      (other) => mayHaveIssued(other, last) && !other.isSelfIssued && !chain.includes(other),
    );
    if (next !== undefined) chain.push(next);
  }
  return chain.map(({ der }) => der);
}
