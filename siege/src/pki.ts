import { alternativeNames, authority, certify, dnsName, IS_CA, pem, pemKey } from './certify.js';
import { type HostileChain, hostileChains } from './hostile-chains.js';

/** A certificate chain, leaf first, and the leaf's key, PEM both. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** The certificates of one run of the siege, which are not kept. */
export interface Pki {
  readonly ca: string;
  readonly server: Identity;
  /** Client chains that are costly to validate, below the CA. */
  readonly hostileChains: readonly HostileChain[];
}

export function createPki(): Pki {
  const root = authority('Siege CA');
  const server = authority('localhost');
  const names = alternativeNames([dnsName('localhost')]);
  return {
    ca: pem(certify(root, root, [IS_CA])),
    server: { cert: pem(certify(server, root, [names])), key: pemKey(server.key) },
    hostileChains: hostileChains(root),
  };
}
