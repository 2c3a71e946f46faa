import { X509Certificate } from 'node:crypto';
import tls from 'node:tls';
import { TrustStore } from '../x509/trust-store.js';

type Getter = (type: 'default') => readonly string[];

let source: readonly string[] | undefined;
let store: TrustStore | undefined;

/**
 * Node's default store: what `--use-system-ca`, NODE_EXTRA_CA_CERTS and `tls.setDefaultCACertificates` made of it where
 * this Node has `tls.getCACertificates` (22.15), else the bundled one. Parsed once, and again when it changed.
 */
export function defaultTrust(): TrustStore {
  const current = currentCertificates();
  if (store === undefined || current !== source) {
    source = current;
    store = TrustStore.fromDer(current.map((pem) => new X509Certificate(pem).raw));
  }
  return store;
}

function currentCertificates(): readonly string[] {
  const getter = (tls as unknown as { getCACertificates?: Getter }).getCACertificates;
  return getter === undefined ? tls.rootCertificates : getter('default');
}
