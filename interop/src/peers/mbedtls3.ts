import { CCM_SUITES, GROUPS, PSK_CBC_SUITES, PSK_SUITES, SUITES } from '../vocabulary.js';
import { nativePeer } from './native.js';
import { REFUSALS } from './peer.js';

/** Mbed TLS 3.6, from the sources in the Rust crate mbedtls-rs-sys: DTLS 1.2 with connection IDs. */
export const mbedtls3 = nativePeer({
  name: 'mbedtls3',
  suites: [...SUITES, ...CCM_SUITES, ...PSK_SUITES, ...PSK_CBC_SUITES],
  groups: GROUPS,
  refusals: REFUSALS,
  cannot: () => undefined,
});
