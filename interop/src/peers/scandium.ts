import { CCM_SUITES, ECDHE_PSK_SUITES, GROUPS } from '../vocabulary.js';
import { COMMON, nativePeer } from './native.js';

/** Eclipse Californium's Scandium, in Java: DTLS 1.2 for constrained devices. */
export const scandium = nativePeer({
  ...COMMON,
  name: 'scandium',
  // It has more: those that other peers lack, and those that devices must have.
  suites: [...CCM_SUITES, ...ECDHE_PSK_SUITES, 'TLS_PSK_WITH_AES_128_CCM_8'],
  groups: GROUPS,
  closing: { answers: true, waits: false },
  cannot: () => undefined,
});
