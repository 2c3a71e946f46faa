import type { Role } from '../vocabulary.js';
import { nativePeer } from './native.js';
import type { Demand } from './peer.js';

/** wolfSSL, as the Rust crate wolfssl-sys builds it. */
export const wolfssl = nativePeer({
  name: 'wolfssl',
  suites: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'TLS_AES_128_CCM_SHA256',
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
  const { keyUpdate } = demand;
  if (keyUpdate !== undefined && [role, 'both'].includes(keyUpdate.by) && !keyUpdate.request) {
    return 'wolfSSL asks for new keys whenever it updates its own';
  }
  return undefined;
}
