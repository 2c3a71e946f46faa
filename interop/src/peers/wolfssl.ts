import { CCM_SUITES, PSK_SUITES, type Role } from '../vocabulary.js';
import { COMMON, nativePeer } from './native.js';
import type { Demand } from './peer.js';

const MIN_MTU = 700;

/** wolfSSL, as the Rust crate wolfssl-sys builds it. */
export const wolfssl = nativePeer({
  ...COMMON,
  name: 'wolfssl',
  resumes: 'between processes',
  suites: [
    ...COMMON.suites,
    ...CCM_SUITES.filter((suite) => suite !== 'TLS_ECDHE_ECDSA_WITH_AES_256_CCM'),
    ...PSK_SUITES,
    'TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256',
    'TLS_AES_128_CCM_SHA256',
  ],
  cannot,
});

function cannot(role: Role, demand: Demand): string | undefined {
  const { keyUpdate } = demand;
  if (demand.identity === 'Ed25519' || demand.clientIdentity === 'Ed25519')
    return 'wolfSSL is built without Ed25519';
  if (role === 'server' && demand.version === 'DTLSv1.2' && demand.group === 'secp384r1') {
    return 'a wolfSSL server takes the curve of its certificate in DTLS 1.2';
  }
  // The crate changes wolfSSL so that it leaves 500 bytes of each datagram free.
  if (demand.version === 'DTLSv1.3' && demand.mtu !== undefined && demand.mtu < MIN_MTU) {
    return 'the crate makes wolfSSL fail for an MTU this small';
  }
  if (role === 'server' && demand.shares?.includes('X25519MLKEM768') === true) {
    return 'a wolfSSL server drops a ClientHello of two datagrams without a cookie';
  }
  if (keyUpdate !== undefined && [role, 'both'].includes(keyUpdate.by) && !keyUpdate.request) {
    return 'wolfSSL asks for new keys whenever it updates its own';
  }
  return undefined;
}
