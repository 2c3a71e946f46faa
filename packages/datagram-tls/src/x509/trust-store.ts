import { sameBytes } from '../base/bytes.js';
import type { CryptoProvider, PublicKey } from '../crypto/provider.js';
import { type Certificate, parseCertificate } from './certificate.js';
import type { DistinguishedName } from './distinguished-name.js';

/**
 * The certificates that the caller trusts, found by subject. Made once, used by all validations.
 *
 * @example
 * ```ts
 * import { nodeProvider, TrustStore } from 'datagram-tls/core';
 *
 * const empty = new TrustStore([]);
 * ```
 */
export class TrustStore {
  readonly #bySubject = new Map<string, Certificate[]>();
  /** Imported keys of issuers, which are few: importing one costs more than checking a signature. */
  readonly #keys = new WeakMap<CryptoProvider, Map<Certificate, PublicKey>>();
  /** Certificates in it. */
  readonly size: number;

  constructor(certificates: Iterable<Certificate>) {
    let size = 0;
    for (const certificate of certificates) {
      const { key } = certificate.subject;
      const others = this.#bySubject.get(key);
      if (others === undefined) this.#bySubject.set(key, [certificate]);
      else others.push(certificate);
      size++;
    }
    this.size = size;
  }

  /**
   * From DER. Malformed certificates are left out, because a platform's default store may contain some; see also
   * `size`.
   */
  static fromDer(list: Iterable<Uint8Array>): TrustStore {
    return new TrustStore(Array.from(list, parseCertificate).filter((parsed) => parsed !== undefined));
  }

  /** The same with additional certificates. */
  with(certificates: Iterable<Certificate>): TrustStore {
    return new TrustStore([...[...this.#bySubject.values()].flat(), ...certificates]);
  }

  /** Those with that subject; often one, or none. */
  bySubject(name: DistinguishedName): readonly Certificate[] {
    return this.#bySubject.get(name.key) ?? [];
  }

  /** Whether it holds the very same certificate. */
  has(certificate: Certificate): boolean {
    return this.bySubject(certificate.subject).some(({ der }) => sameBytes(der, certificate.der));
  }

  /**
   * The public key of a certificate; `undefined` when the provider cannot use it. Keys of this store's own
   * certificates are kept, those of a peer's are not.
   */
  publicKey(certificate: Certificate, provider: CryptoProvider): PublicKey | undefined {
    const keys = this.#keys.get(provider) ?? new Map<Certificate, PublicKey>();
    const key = keys.get(certificate) ?? provider.importPublicKey(certificate.spki);
    if (key !== undefined && this.bySubject(certificate.subject).includes(certificate)) {
      this.#keys.set(provider, keys.set(certificate, key));
    }
    return key;
  }
}
