import { readFileSync } from 'node:fs';
import type { TestIdentity } from './identities.js';

const FIXTURES = new URL('../../../test/support/fixtures/ocsp/', import.meta.url);

/** Any file of `make.sh`, such as a revocation list. */
export function statusFile(name: string): Buffer {
  return readFileSync(new URL(name, FIXTURES));
}

/** A certificate that `make.sh` made, PEM. */
export function statusPem(name: string): string {
  return statusFile(`${name}.pem`).toString();
}

/** For `localhost`, as server and as client. Its issuer is `ca`. */
export function statusIdentity(
  name: 'leaf' | 'must-staple' | 'other-leaf' | 'critical-feature',
): TestIdentity {
  return { cert: statusPem(name), key: statusFile(`${name}.key`).toString() };
}

/** An OCSP response that `make.sh` made, DER. */
export function ocspResponse(name: string): Uint8Array {
  return new Uint8Array(statusFile(`${name}.der`));
}
