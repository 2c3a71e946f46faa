import { EMPTY, fromBase64 } from '../base/bytes.js';
import { callerError } from '../base/errors.js';
import { ownProperties } from '../base/own-properties.js';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.js';
import { readPkcs12 } from '../pkcs12/read.js';
import { type Certificate, parseCertificate } from '../x509/certificate.js';
import { checkObject, checkString, checkText } from './checks.js';
import type { Encoded, PfxObject, SecurityOptions } from './options.js';
import { importKey } from './private-key.js';

/** What a PKCS#12 file gives. */
export interface Pfx {
  readonly leaf: Certificate;
  /** DER, leaf first, each issued by the next. */
  readonly chain: readonly Uint8Array[];
  readonly key: PrivateKey;
  /** All its certificates but the leaf. */
  readonly others: readonly Certificate[];
}

/**
 * The only reader of the option `pfx`. Beside the codes of {@link readPkcs12}: `ERR_CRYPTO_OPERATION_FAILED` for a file
 * without a private key or without its certificate.
 */
export function resolvePfx({ pfx, passphrase }: SecurityOptions, provider: CryptoProvider): readonly Pfx[] {
  if (pfx === undefined || (pfx as unknown) === null) return [];
  if (passphrase !== undefined) checkString(passphrase, 'options.passphrase');
  if (!Array.isArray(pfx)) return [readFile(pfx as Encoded, passphrase, 'options.pfx', provider)];
  return (pfx as readonly (Encoded | PfxObject)[]).map((item, i) => {
    const name = `options.pfx[${i}]`;
    if (!isObject(item)) return readFile(item, passphrase, name, provider);
    checkObject(item, name);
    const own = ownProperties(item);
    if (own.passphrase !== undefined) checkString(own.passphrase, `${name}.passphrase`);
    return readFile(own.buf, own.passphrase ?? passphrase, `${name}.buf`, provider);
  });
}

function isObject(item: Encoded | PfxObject): item is PfxObject {
  return typeof item === 'object' && !(item instanceof Uint8Array);
}

function readFile(
  data: Encoded,
  passphrase: string | undefined,
  option: string,
  provider: CryptoProvider,
): Pfx {
  checkText(data, option);
  const bytes = typeof data === 'string' ? (fromBase64(data) ?? EMPTY) : data;
  const file = readPkcs12(bytes, passphrase, provider.passwords, option);
  const [pkcs8] = file.keys;
  if (pkcs8 === undefined) throw lacks(option, 'private key');
  const key = importKey(pkcs8, undefined, option, provider);
  const certificates = file.certificates.map(parseCertificate).filter((parsed) => parsed !== undefined);
  const leaf = certificates.find(({ spki }) => provider.isKeyOf(spki, key));
  if (leaf === undefined) throw lacks(option, 'certificate of the private key');
  const others = certificates.filter((certificate) => certificate !== leaf);
  return { leaf, chain: chainOf(leaf, others), key, others };
}

function lacks(option: string, what: string): Error {
  return callerError('ERR_CRYPTO_OPERATION_FAILED', `${option} holds no ${what}`);
}

/** Peers need no root: they trust their own, or none. */
function chainOf(leaf: Certificate, others: readonly Certificate[]): Uint8Array[] {
  const chain = [leaf];
  for (let next: Certificate | undefined = leaf; next !== undefined; ) {
    const { issuer }: Certificate = next;
    next = others.find(
      (other) => other.subject.equals(issuer) && !other.isSelfIssued && !chain.includes(other),
    );
    if (next !== undefined) chain.push(next);
  }
  return chain.map(({ der }) => der);
}
