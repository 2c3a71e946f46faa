export { DTLSError } from './base/errors.js';
export type {
  Behaviour,
  Destination,
  Identity,
  PeerInfo,
  PeerRefusal,
  Role,
  Security,
  Sign,
  SigningKey,
  VerifyPeer,
} from './config/config.js';
export { type EndpointLimits, type LimitOptions, resolveLimits } from './config/limits.js';
export type { BehaviourOptions, Encoded, ExternalKey, PfxObject, SecurityOptions } from './config/options.js';
export { type Platform, resolveBehaviour, resolveSecurity } from './config/resolve.js';
export { encodeSession, type NewTicket, resolveSession, type SavedSession } from './config/saved-session.js';
export type { Counters } from './connection/association.js';
export { type Beginning, FROM_ZERO } from './connection/beginning.js';
export { Connection } from './connection/connection.js';
export type { DropCounts, DropReason } from './connection/drops.js';
export type { EarlyOutcome } from './connection/early-data.js';
export type { ConnectionEvent, TraceEvent } from './connection/events.js';
export { nodeProvider } from './crypto/node.js';
export type { Capabilities, CryptoProvider } from './crypto/provider.js';
export type { Service } from './endpoint/arrivals.js';
export type { EarlyRefusals, EndpointCounters, Refusals } from './endpoint/counters.js';
export {
  Endpoint,
  type EndpointEvent,
} from './endpoint/endpoint.js';
export type { Link } from './endpoint/link.js';
export type { PeerAddress } from './endpoint/peer.js';
export type { RefusalReason } from './endpoint/places.js';
export type { Refusal } from './endpoint/refusals.js';
export type { Outgoing } from './endpoint/rounds.js';
export type { EarlyRefusal } from './handshake/early-refusal.js';
export type { Job, JobAnswer, Verdict } from './handshake/jobs.js';
export { performJob } from './handshake/perform-job.js';
export { exportKeyingMaterial, type Session } from './handshake/session.js';
export { keylogLine } from './keys/keylog.js';
export type { CertificateTypeName } from './wire/extensions/certificate-type.js';
export { TrustStore } from './x509/trust-store.js';
