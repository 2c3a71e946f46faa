import { curveOf, type Role } from '../vocabulary.js';
import { nativePeer } from './native.js';
import type { Demand } from './peer.js';

/** Firefox's NSS. */
export const nss = nativePeer({
  name: 'nss',
  suites: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
    'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
    'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
    'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
    'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
    'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
  ],
  groups: ['x25519', 'secp256r1', 'secp384r1', 'X25519MLKEM768'],
  refusals: { 'wrong CA': 'unknown_ca', 'wrong name': 'bad_certificate' },
  cannot,
});

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
