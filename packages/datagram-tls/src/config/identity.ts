import { sameBytes } from '../base/bytes.js';
import { callerError, invalidArgValue, missingArgs } from '../base/errors.js';
import type { CryptoProvider } from '../crypto/provider.js';
import { type Certificate, parseCertificate } from '../x509/certificate.js';
import { readCertificates } from '../x509/pem.js';
import { checkFunction, checkString, checkText } from './checks.js';
import type { Identity, SigningKey } from './config.js';
import type { Encoded, ExternalKey, SecurityOptions } from './options.js';

/**
 * Certificates and keys as the caller gave them, matched and parsed. Errors: `ERR_MISSING_ARGS` for one without the
 * other, Node's `ERR_OSSL_…` for what cannot be read, `ERR_OSSL_X509_KEY_VALUES_MISMATCH` for a pair that is none.
 */
export function resolveIdentities(options: SecurityOptions, provider: CryptoProvider): readonly Identity[] {
  const certs = list(options.cert);
  const keys = list(options.key);
  if (options.passphrase !== undefined) checkString(options.passphrase, 'options.passphrase');
  if (certs.length > 0 && keys.length === 0) throw missingArgs('options.key');
  if (keys.length > 0 && certs.length === 0) throw missingArgs('options.cert');
  if (certs.length !== keys.length) {
    throw invalidArgValue(
      'options.key',
      `must hold as many keys as options.cert holds chains, ${certs.length}`,
    );
  }
  return certs.map((cert, i) =>
    resolveIdentity(cert, keys[i] as Encoded | ExternalKey, options.passphrase, provider),
  );
}

/** As in node:tls `null` is as good as nothing. */
function list<T>(value: T | readonly T[] | undefined | null): readonly T[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

function resolveIdentity(
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
  if (isExternal(keyData)) return { chain, leaf, key: remoteKey(keyData, leaf, provider) };
  checkText(keyData, 'options.key');
  const key = importKey(keyData, passphrase, provider);
  if (!sameBytes(key.spki, leaf.spki)) {
    throw callerError(
      'ERR_OSSL_X509_KEY_VALUES_MISMATCH',
      'options.key does not belong to the first certificate of options.cert',
    );
  }
  return { chain, leaf, key };
}

function isExternal(key: Encoded | ExternalKey | null): key is ExternalKey {
  return typeof key === 'object' && key !== null && !(key instanceof Uint8Array);
}

/** The certificate says what kind of key it is. */
function remoteKey(external: ExternalKey, leaf: Certificate, provider: CryptoProvider): SigningKey {
  checkFunction(external.sign, 'options.key.sign');
  const key = provider.importPublicKey(leaf.spki);
  if (key === undefined) {
    throw callerError(
      'ERR_DTLS_UNSUPPORTED_KEY',
      'The key of options.cert is of a type that is not supported',
    );
  }
  return { ...key, sign: (scheme, data) => external.sign(scheme, data) };
}

function importKey(data: Encoded, passphrase: string | undefined, provider: CryptoProvider): Identity['key'] {
  try {
    return provider.importPrivateKey(data, passphrase);
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    const reason = error instanceof Error ? error.message : String(error);
    throw callerError(
      typeof code === 'string' ? code : 'ERR_OSSL_UNSUPPORTED',
      `options.key: ${reason}`,
      error,
    );
  }
}
