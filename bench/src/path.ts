import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
// Internal: the cost of a verdict cannot be separated from a handshake around it.
import { nodeProvider } from '../../packages/datagram-tls/build/src/crypto/node.js';
import {
  type Certificate,
  parseCertificate,
} from '../../packages/datagram-tls/build/src/x509/certificate.js';
import { verifyPath } from '../../packages/datagram-tls/build/src/x509/path.js';
import { readCertificates } from '../../packages/datagram-tls/build/src/x509/pem.js';
import { TrustStore } from '../../packages/datagram-tls/build/src/x509/trust-store.js';

const TIMES = 200;
const WARM_UP = 500;

/**
 * CPU µs, one sample per round, of the verdict on a chain of three certificates (P-256) below a trusted root, parsing
 * included.
 */
export function measurePath(rounds: number): readonly number[] {
  const chain = read('chain.pem');
  const trust = new TrustStore(read('chain-root.pem').map(parsed));
  const judge = () => {
    const result = verifyPath({
      chain: chain.map(parsed),
      trust,
      time: Date.now(),
      purpose: 'serverAuth',
      provider: nodeProvider,
    });
    if (!result.ok) throw new Error(`the chain of the benchmark does not verify: ${result.code}`);
  };
  cost(judge, WARM_UP);
  return Array.from({ length: rounds }, () => cost(judge, TIMES));
}

function cost(work: () => void, times: number): number {
  const before = process.cpuUsage();
  for (let i = 0; i < times; i++) work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / times;
}

function read(name: string): Uint8Array[] {
  const file = fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
  return readCertificates(readFileSync(file), name);
}

function parsed(der: Uint8Array): Certificate {
  const certificate = parseCertificate(der);
  if (certificate === undefined) throw new TypeError('a certificate of the benchmark cannot be read');
  return certificate;
}
