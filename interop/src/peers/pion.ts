import type { Role } from '../vocabulary.js';
import { SUITES } from '../vocabulary.js';
import { COMMON, type Native, nativePeer } from './native.js';
import type { Demand } from './peer.js';

/** The common parts of two versions of pion/dtls, a Go module. They report no alert but close_notify. */
const PION = {
  ...COMMON,
  closing: { answers: false, waits: false },
  cannot,
} satisfies Partial<Native>;

/** Version 4. */
export const pion = nativePeer({ ...PION, name: 'pion' });

/** Version 3, which has DTLS 1.2 only. */
export const pion3 = nativePeer({
  ...PION,
  name: 'pion3',
  suites: [
    ...SUITES,
    'TLS_ECDHE_ECDSA_WITH_AES_128_CCM',
    'TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8',
    'TLS_PSK_WITH_AES_128_GCM_SHA256',
    'TLS_PSK_WITH_CHACHA20_POLY1305_SHA256',
    'TLS_PSK_WITH_AES_128_CCM',
    'TLS_PSK_WITH_AES_128_CCM_8',
    'TLS_PSK_WITH_AES_256_CCM_8',
    'TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256',
  ],
  groups: ['x25519', 'secp256r1', 'secp384r1'],
  cannot: (role, demand) =>
    role === 'server' && demand.mtu !== undefined && demand.mtu < 500
      ? "a pion 3 server's datagrams are larger than the MTU that it is told"
      : cannot(role, demand),
});

function cannot(role: Role, demand: Demand): string | undefined {
  if (demand.trust !== 'right' || demand.attacked === true) return 'pion does not tell its alerts';
  if (role === 'client' && demand.shares !== undefined) return 'pion chooses its key shares itself';
  return undefined;
}
