import { GROUPS, type Role } from '../vocabulary.js';
import { COMMON, nativePeer } from './native.js';
import type { ClientOptions, Demand, ServerOptions } from './peer.js';

/** Records after which it updates its keys, when it should. */
const UPDATE_AFTER = 3;

/** The Rust crate dimpl: ECDSA only, and no verification of certificates. */
export const dimpl = nativePeer({
  name: 'dimpl',
  // Their refusals are not tested: see below.
  ...COMMON,
  suites: COMMON.suites.filter((suite) => !suite.startsWith('TLS_ECDHE_RSA')),
  groups: GROUPS,
  cannot,
  flags: ({ updatesKeys }: ServerOptions | ClientOptions) =>
    updatesKeys === true ? ['--update-after', String(UPDATE_AFTER)] : [],
});

function cannot(role: Role, demand: Demand): string | undefined {
  if (demand.identity === 'RSA' || demand.clientIdentity === 'RSA') return 'dimpl has no RSA';
  if (demand.identity === 'Ed25519' || demand.clientIdentity === 'Ed25519') return 'dimpl has no Ed25519';
  if (demand.keyUpdate?.by === 'both' && demand.keyUpdate.request) {
    return 'dimpl sends a second KeyUpdate before its first is acknowledged';
  }
  if (demand.attacked === true) return 'dimpl neither marks nor notices a forged downgrade';
  if (role === 'client' && demand.trust !== 'right')
    return 'dimpl leaves the judgement of certificates to its caller';
  if (role === 'client' && demand.shares !== undefined) return 'dimpl chooses its key shares itself';
  return undefined;
}
