import type { Role } from '../vocabulary.js';
import { COMMON, nativePeer } from './native.js';
import type { Demand } from './peer.js';

/**
 * BoringSSL, as the Rust crate boring-sys builds it. Its suites of DTLS 1.3 cannot be chosen: the other side chooses.
 */
export const boringssl = nativePeer({ ...COMMON, name: 'boringssl', resumes: 'between processes', cannot });

function cannot(role: Role, demand: Demand): string | undefined {
  if (role === 'server' && demand.cookie === true) return 'a BoringSSL server asks for no cookies';
  // It keeps the request in two signed bits, which makes it none.
  if (role === 'server' && demand.keyUpdate?.by === 'server' && demand.keyUpdate.request)
    return 'a BoringSSL server forgets to ask for new keys where its tickets are not acknowledged yet';
  if (role === 'client' && demand.identity === 'Ed25519') return 'a BoringSSL client does not offer Ed25519';
  return undefined;
}
