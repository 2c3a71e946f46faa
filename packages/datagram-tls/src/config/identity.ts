import { callerError, invalidArgValue, missingArgs } from '../base/errors.js';
import { memberOf } from '../base/own-properties.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { type Certificate, parseCertificate } from '../x509/certificate.js';
import { readCertificates, readPublicKey } from '../x509/pem.js';
import { resolveCertificateTypes } from './certificate-types.js';
import { checkFunction, checkString, checkText } from './checks.js';
import type { Identity, SigningKey } from './config.js';
import type { Encoded, ExternalKey, SecurityOptions } from './options.js';
import type { Pfx } from './pfx.js';
import { importKey } from './private-key.js';

/**
 * Certificates and keys as the caller gave them, matched and parsed. Errors: `ERR_MISSING_ARGS` for one without the
 * other, Node's `ERR_OSSL_…` for what cannot be read, `ERR_OSSL_X509_KEY_VALUES_MISMATCH` for a pair that is none.
 */
export function resolveIdentities(
  options: SecurityOptions,
  pfx: readonly Pfx[],
  provider: CryptoProvider,
): readonly Identity[] {
  if (options.passphrase !== undefined) checkString(options.passphrase, 'options.passphrase');
  const types = resolveCertificateTypes(options.certificateTypes, 'certificateTypes');
  if (!types.includes('X509') && list(options.cert).length > 0) {
    throw invalidArgValue('options.cert', 'is of no use where options.certificateTypes lacks X509');
  }
  return types.flatMap((type) =>
    type === 'X509'
      ? [...resolveCertificates(options, provider), ...pfx.map(certifiedByFile)]
      : resolveRawKeys(options, pfx, provider),
  );
}

/** As in node:tls `null` is as good as nothing. */
function list<T>(value: T | readonly T[] | undefined | null): readonly T[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

function resolveCertificates(options: SecurityOptions, provider: CryptoProvider): readonly Identity[] {
  const certs = list(options.cert);
  const keys = list(options.key);
  if (certs.length > 0 && keys.length === 0) throw missingArgs('options.key');
  if (keys.length > 0 && certs.length === 0) throw missingArgs('options.cert');
  if (certs.length !== keys.length) {
    throw invalidArgValue(
      'options.key',
      `must hold as many keys as options.cert holds chains, ${certs.length}`,
    );
  }
  return certs.map((cert, i) =>
    resolveCertified(cert, keys[i] as Encoded | ExternalKey, options.passphrase, provider),
  );
}

function resolveCertified(
  cert: Encoded,
  keyData: Encoded | ExternalKey,
  passphrase: string | undefined,
  provider: CryptoProvider,
): Identity {
  checkText(cert, 'options.cert');
  const chain = readCertificates(cert, 'options.cert');
  const leaf = parseCertificate(chain[0] as Uint8Array);
  if (leaf === undefined) {
    throw callerError(
      'ERR_OSSL_ASN1_NESTED_ASN1_ERROR',
      'options.cert: the first certificate cannot be read',
    );
  }
  const key = resolveKey(keyData, leaf, passphrase, provider);
  if (leaf.key.type === undefined) {
    throw callerError(
      'ERR_DTLS_UNSUPPORTED_KEY',
      'options.cert: the key of the first certificate is of a type that is not supported, or spells its curve out',
    );
  }
  if (!provider.isKeyOf(leaf.spki, key)) {
    throw callerError(
      'ERR_OSSL_X509_KEY_VALUES_MISMATCH',
      'options.key does not belong to the first certificate of options.cert',
    );
  }
  return { type: 'X509', chain, leaf, key };
}

function certifiedByFile({ chain, leaf, key }: Pfx): Identity {
  return { type: 'X509', chain, leaf, key };
}

/** The public halves of the keys, each of which is shown alone. */
function resolveRawKeys(
  { key, passphrase }: SecurityOptions,
  pfx: readonly Pfx[],
  provider: CryptoProvider,
): readonly Identity[] {
  const given = list(key).map((data) => resolveKey(data, undefined, passphrase, provider));
  const keys = [...given, ...pfx.map((file) => file.key)];
  if (keys.length === 0) throw missingArgs('options.key');
  return keys.map((own) => ({ type: 'RawPublicKey', chain: [own.spki], leaf: undefined, key: own }));
}

/** `leaf`: the certificate beside the key, if there is one. */
function resolveKey(
  data: Encoded | ExternalKey | null,
  leaf: Certificate | undefined,
  passphrase: string | undefined,
  provider: CryptoProvider,
): SigningKey {
  if (isExternal(data)) return remoteKey(data, leaf, provider);
  checkText(data, 'options.key');
  return importKey(data, passphrase, 'options.key', provider);
}

function isExternal(key: Encoded | ExternalKey | null): key is ExternalKey {
  return typeof key === 'object' && key !== null && !(key instanceof Uint8Array);
}

/** What kind of key it is its public half tells. */
function remoteKey(
  external: ExternalKey,
  leaf: Certificate | undefined,
  provider: CryptoProvider,
): SigningKey {
  checkFunction(memberOf(external, 'sign'), 'options.key.sign');
  const publicKey = memberOf(external, 'publicKey');
  const key = provider.importPublicKey(publicHalf(publicKey, leaf));
  if (key === undefined) {
    throw callerError(
      'ERR_DTLS_UNSUPPORTED_KEY',
      `The key of ${publicKey === undefined ? 'options.cert' : 'options.key.publicKey'} is of a type that is not supported`,
    );
  }
  return { ...key, sign: (scheme, data) => external.sign(scheme, data) };
}

function publicHalf(publicKey: unknown, leaf: Certificate | undefined): Uint8Array {
  if (publicKey !== undefined) {
    checkText(publicKey, 'options.key.publicKey');
    return readPublicKey(publicKey, 'options.key.publicKey');
  }
  if (leaf === undefined) throw missingArgs('options.key.publicKey');
  return leaf.spki;
}
