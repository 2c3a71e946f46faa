import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import type { Platform } from '../config/resolve.js';
import { dtls12 } from '../connection/dtls12.js';
import { dtls13 } from '../connection/dtls13.js';
import type { ProtocolVersion } from '../connection/version.js';
import { nodeProvider } from '../crypto/node.js';
import { TrustStore } from '../x509/trust-store.js';
import { toBuffer } from './buffers.js';

/** The cryptography and the trusted certificates of the current runtime. */
export const platform: Platform<ProtocolVersion> = {
  provider: nodeProvider,
  versions: [dtls13, dtls12],
  defaultTrust,
  sessionIdContext,
  describeCertificate: (der) => new X509Certificate(der).toLegacyObject(),
  giveBytes: toBuffer,
};

let contextOfProcess: string | undefined;

/** As in node:tls: servers that were started in another way do not share sessions, even if they share ticket keys. */
function sessionIdContext(): string {
  contextOfProcess ??= createHash('sha256').update(process.argv.join(' ')).digest('hex').slice(0, 32);
  return contextOfProcess;
}

type Getter = (type: 'default') => readonly string[];

let source: readonly string[] | undefined;
let store: TrustStore | undefined;

/**
 * Node's default store: where this Node has `tls.getCACertificates` (22.15), as changed by `--use-system-ca`,
 * NODE_EXTRA_CA_CERTS and `tls.setDefaultCACertificates`, otherwise the bundled one and NODE_EXTRA_CA_CERTS. Parsed
 * once, and again after a change.
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
  return getter === undefined ? bundledCertificates() : getter('default');
}

let bundled: readonly string[] | undefined;

function bundledCertificates(): readonly string[] {
  bundled ??= [...tls.rootCertificates, ...extraCertificates()];
  return bundled;
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Node itself has warned at start-up of a file that it cannot read. */
function extraCertificates(): readonly string[] {
  const file = process.env['NODE_EXTRA_CA_CERTS'];
  if (file === undefined || file === '') return [];
  try {
    return readFileSync(file, 'latin1').match(PEM) ?? [];
  } catch {
    return [];
  }
}
