import { curveOf, type Role } from '../vocabulary.js';
import { COMMON, nativePeer } from './native.js';
import type { Demand } from './peer.js';

/** Firefox's NSS. */
export const nss = nativePeer({ ...COMMON, name: 'nss', resumes: 'in one process', cannot });

function cannot(role: Role, demand: Demand): string | undefined {
  if (demand.mtu !== undefined) return 'NSS finds the MTU by itself';
  if (demand.identity === 'Ed25519' || demand.clientIdentity === 'Ed25519')
    return 'NSS has no Ed25519 in TLS';
  if (role === 'server' && demand.cookie === true && demand.version === 'DTLSv1.2') {
    return 'an NSS server asks for cookies in DTLS 1.3 only';
  }
  if (role === 'server' && demand.version === 'DTLSv1.2' && lacksOwnCurve(demand)) {
    return 'an NSS server wants the curve of its certificate among its groups in DTLS 1.2';
  }
  return undefined;
}

function lacksOwnCurve({ identity, group }: Demand): boolean {
  return group !== undefined && curveOf(identity) !== undefined && group !== curveOf(identity);
}
