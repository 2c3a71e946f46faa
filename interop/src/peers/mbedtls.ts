import { CCM_SUITES, GROUPS, PSK_CBC_SUITES, PSK_SUITES, type Role, SUITES } from '../vocabulary.js';
import { nativePeer } from './native.js';
import { type ClientOptions, type Demand, REFUSALS, type ServerOptions } from './peer.js';

/** Of a client, bytes. */
const MIN_MTU = 450;

/** Mbed TLS 2.28, as the Rust crate mbedtls-sys-auto builds it: DTLS 1.2 for constrained devices. */
export const mbedtls = nativePeer({
  name: 'mbedtls',
  suites: [...SUITES, ...CCM_SUITES, ...PSK_SUITES, ...PSK_CBC_SUITES],
  groups: GROUPS,
  refusals: REFUSALS,
  resumes: 'between processes',
  cannot,
  flags: (options) => fragmentFlags(options),
});

function cannot(role: Role, { identity, clientIdentity, mtu }: Demand): string | undefined {
  if ([identity, clientIdentity].includes('Ed25519')) return 'Mbed TLS has no Ed25519';
  return role === 'client' && mtu !== undefined && mtu < MIN_MTU
    ? 'Mbed TLS never cuts a ClientHello, and its own with all its suites is longer'
    : undefined;
}

function fragmentFlags(options: ServerOptions | ClientOptions): readonly string[] {
  return options.maxFragmentLength === undefined ? [] : ['--max-fragment', String(options.maxFragmentLength)];
}
