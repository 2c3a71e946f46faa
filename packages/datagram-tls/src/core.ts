export { DTLSError } from './base/errors.js';
export type { PeerAddress } from './base/peer-address.js';
export { type BehaviourOptions, resolveBehaviour } from './config/behaviour.js';
export type {
  Behaviour,
  Destination,
  Identity,
  PeerInfo,
  PeerRefusal,
  Role,
  Sign,
  SigningKey,
  VerifyPeer,
} from './config/config.js';
export { type EndpointLimits, type LimitOptions, resolveLimits } from './config/limits.js';
export type { Encoded, ExternalKey, PfxObject, SecurityOptions } from './config/options.js';
export { type Platform, resolveSecurity } from './config/resolve.js';
export { encodeSession, type NewTicket, resolveSession, type SavedSession } from './config/saved-session.js';
export type { EarlyOutcome } from './connection/application-data.js';
export type { Counters } from './connection/association.js';
export { Connection } from './connection/connection.js';
export { dtls12 } from './connection/dtls12.js';
export { dtls13 } from './connection/dtls13.js';
export type { ConnectionEvent, DropCounts, DropReason, TraceEvent } from './connection/events.js';
export type { PathInfo } from './connection/path.js';
export type { ProtocolVersion, Security } from './connection/version.js';
export { layerProvider, type PartialProvider } from './crypto/layered-provider.js';
export { nodeProvider } from './crypto/node.js';
export type {
  AeadKey,
  AeadName,
  Capabilities,
  CbcKey,
  CryptoProvider,
  HashName,
  KeyExchange,
  KeyExchangeAnswer,
  KeyShape,
  KeyType,
  MacKey,
  PrivateKey,
  PublicKey,
  RecordKey,
  RecordNumberMask,
  RecordPlace,
  RecordSecrets,
  RunningHash,
  SeenNumbers,
} from './crypto/provider.js';
export type { Service } from './endpoint/acceptor.js';
export type { ConnectionEntry } from './endpoint/connection-entry.js';
export type { EarlyRefusals, EndpointCounters, Refusals } from './endpoint/counters.js';
export {
  Endpoint,
  type EndpointEvent,
} from './endpoint/endpoint.js';
export type { RefusalReason } from './endpoint/places.js';
export type { Outgoing } from './endpoint/ready-queue.js';
export type { Refusal } from './endpoint/refusals.js';
export type { ConnectionIdPair } from './extensions/connection-id.js';
export type { EarlyRefusal } from './handshake/actions.js';
export type { Job, JobAnswer, Verdict } from './handshake/jobs.js';
export { exportKeyingMaterial, type Session } from './handshake/session.js';
export { keylogLine } from './keys/keylog.js';
export { performJob } from './policy/perform-job.js';
export { forgetSession, keepSession } from './policy/resumption.js';
export type { CertificateTypeName, GroupName, SchemeName } from './wire/codes.js';
export { TrustStore } from './x509/trust-store.js';
