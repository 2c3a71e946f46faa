import type { Role } from '../vocabulary.js';
import { nativePeer } from './native.js';
import type { Demand } from './peer.js';

/** BoringSSL, as the Rust crate boring-sys builds it. Its suites of DTLS 1.3 cannot be chosen: the other side has to. */
export const boringssl = nativePeer({
  name: 'boringssl',
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
  if (role === 'server' && demand.cookie === true) return 'a BoringSSL server asks for no cookies';
  if (role === 'client' && demand.identity === 'Ed25519') return 'a BoringSSL client does not offer Ed25519';
  return undefined;
}
