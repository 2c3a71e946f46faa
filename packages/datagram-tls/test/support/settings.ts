import { X509Certificate } from 'node:crypto';
import { type BehaviourOptions, resolveBehaviour } from '#lib/config/behaviour.js';
import type { Behaviour, Role } from '#lib/config/config.js';
import { type EndpointLimits, resolveLimits } from '#lib/config/limits.js';
import type { SecurityOptions } from '#lib/config/options.js';
import { type Platform, resolveSecurity } from '#lib/config/resolve.js';
import { dtls12 } from '#lib/connection/dtls12.js';
import { dtls13 } from '#lib/connection/dtls13.js';
import type { ProtocolVersion, Security } from '#lib/connection/version.js';
import { nodeProvider } from '#lib/crypto/node.js';
import type { CryptoProvider } from '#lib/crypto/provider.js';
import type { Version } from '#lib/wire/codes.js';
import { CA, SERVERS } from './identities.js';

/** Versions that every test of behaviour runs with. */
export const VERSIONS = ['DTLSv1.2', 'DTLSv1.3'] as const satisfies readonly Version[];
export type TestedVersion = (typeof VERSIONS)[number];

/** Default options of both sides. With a seeded provider they give repeatable runs. */
const USUAL: Record<Role, SecurityOptions> = {
  client: { ca: CA, groups: 'x25519' },
  server: { ca: CA, ...SERVERS.ed25519, groups: 'x25519', ticketKeys: new Uint8Array(80) },
};

/** Settings of an endpoint without a limit on associations. */
export const UNLIMITED: EndpointLimits = resolveLimits({
  maxSessions: 0,
  maxSessionsPerHost: 0,
  maxHandshakes: 0,
  maxHeldBytes: 0,
});

const NOTHING_MORE: SecurityOptions = {};
/** Parsing keys and certificates costs more than a handshake, and most tests use the same few. */
const parsed = new WeakMap<SecurityOptions, Map<string, Security>>();

export function security(
  role: Role,
  version: TestedVersion,
  options: SecurityOptions = NOTHING_MORE,
  provider: CryptoProvider = nodeProvider,
): Security {
  const known = parsed.get(options) ?? new Map<string, Security>();
  parsed.set(options, known);
  const name = `${role} ${version}`;
  const made = known.get(name) ?? parse(role, version, options);
  known.set(name, made);
  return { ...made, provider };
}

function parse(role: Role, version: TestedVersion, options: SecurityOptions): Security {
  return securityOn(nodeProvider, role, version, options);
}

/** The same for a platform with only `provider`: it decides the defaults and the refusals. */
export function securityOn(
  provider: CryptoProvider,
  role: Role,
  version: TestedVersion,
  options: SecurityOptions,
): Security {
  const merged = { ...USUAL[role], minVersion: version, maxVersion: version, ...options };
  return resolveSecurity(merged, role, { ...PLATFORM, provider });
}

export const PLATFORM: Platform<ProtocolVersion> = {
  provider: nodeProvider,
  versions: [dtls13, dtls12],
  defaultTrust: noTrust,
  describeCertificate: (der) => new X509Certificate(der).toLegacyObject(),
};

function noTrust(): never {
  throw new Error('a test must not trust what the machine trusts');
}

/** Traced by default, so that tests can see flights and alerts. */
export function behaviour(options: BehaviourOptions = {}, traces = true): Behaviour {
  return resolveBehaviour(options, traces);
}
