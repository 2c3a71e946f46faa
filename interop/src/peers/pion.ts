import type { Role } from '../vocabulary.js';
import { nativePeer } from './native.js';
import type { Demand } from './peer.js';

/**
 * pion/dtls, a Go module. It tells nothing of the alerts that it sends and receives, other than close_notify.
 * Its limits are those of a pre-release of version 4.
 */
export const pion = nativePeer({
  name: 'pion',
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
  // Never asked for: see below.
  refusals: { 'wrong CA': 'unknown_ca', 'wrong name': 'bad_certificate' },
  closing: { answers: false, waits: false },
  cannot,
});

function cannot(role: Role, demand: Demand): string | undefined {
  if (demand.trust !== 'right' || demand.attacked === true) return 'pion does not tell its alerts';
  if (demand.mtu !== undefined && demand.mtu < 500)
    return "pion's datagrams are larger than the MTU that it is told";
  if (demand.version === 'DTLSv1.3') {
    const own = role === 'client' ? demand.clientIdentity : demand.identity;
    if (own === 'RSA') return 'pion cannot sign with RSA in DTLS 1.3';
    if (own === 'P-384') return 'pion names the scheme of P-256 when it signs with P-384';
  }
  if (role === 'client' && demand.shares !== undefined) return 'pion chooses its key shares itself';
  return undefined;
}
