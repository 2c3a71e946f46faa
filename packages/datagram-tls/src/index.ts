import { DTLSError } from './driver/buffers.js';
import { connect } from './driver/connect.js';
import { DTLSEndpoint } from './driver/endpoint.js';
import { listen } from './driver/listen.js';
import { describeState } from './driver/sealed-state.js';
import { createSecureContext, DTLSSecureContext } from './driver/secure-context.js';
import { DTLSSession } from './driver/session.js';
import { getSupported } from './driver/supported.js';

export type { Awaitable } from './base/awaitable.js';
export type { DTLSErrorCode } from './base/error-codes.js';
export type { ErrorSource } from './base/errors.js';
export type { PeerAddress } from './base/peer-address.js';
export type { BehaviourOptions, KeepAliveOption } from './config/behaviour.js';
export type { PeerRefusal } from './config/config.js';
export type { ConnectionIdOption } from './config/connection-ids.js';
export type { NameList, OneOrMore, TextOrBytes, TextOrView } from './config/kinds.js';
export type { LimitOptions } from './config/limits.js';
export type {
  CertificateTypeOption,
  Encoded,
  PfxObject,
  PskModeOption,
  SniFunction,
  SniOption,
  TicketKeyOption,
  TicketKeysFunction,
  TicketKeysOption,
} from './config/options.js';
export type {
  ClientPskOption,
  PskChooser,
  PskCredentialOption,
  PskCredentialsOption,
  PskImportHash,
  PskImportOption,
  PskKey,
  PskStoredOption,
} from './config/psk-options.js';
export type { EarlyOutcome } from './connection/application-data.js';
export type { DropCounts, DropReason, TraceEvent } from './connection/events.js';
export type { Acceleration } from './driver/acceleration.js';
export type { AddressChange } from './driver/address-change.js';
export type { Handler } from './driver/arguments.js';
export {
  DTLSError,
  type DTLSErrorConstructor,
  type ExternalKey,
  type OcspResponder,
  type OcspResponseOption,
  type PeerInfo,
  type PskFinder,
  type ReplayGuard,
  type SecurityOptions,
  type ServerPskOption,
  type Sign,
  type VerifyPeer,
} from './driver/buffers.js';
export { connect } from './driver/connect.js';
export type { DiagnosticsChannels } from './driver/diagnostics.js';
export { DTLSEndpoint } from './driver/endpoint.js';
export type { EndpointSessions } from './driver/endpoint-sessions.js';
export type {
  DrainHandler,
  EndHandler,
  EndpointErrorHandler,
  HandshakeHandler,
  KeylogHandler,
  MessageHandler,
  MigrateHandler,
  RefusalHandler,
  SavedSessionHandler,
  SessionErrorHandler,
} from './driver/handlers.js';
export { listen } from './driver/listen.js';
export type { DatagramCapability } from './driver/native-datagrams.js';
export type { CipherInfo } from './driver/negotiated.js';
export type {
  ConnectOptions,
  EarlyDataCallback,
  EndpointConnectOptions,
  EndpointOptions,
  ListenOptions,
  SessionCallback,
  SocketListenOptions,
  Trace,
  TransportConnectOptions,
  TransportListenOptions,
} from './driver/options.js';
export type { LookupAddress, LookupFunction } from './driver/resolve-host.js';
export {
  type CheckpointOptions,
  describeState,
  type ExportOptions,
  type ImportOptions,
  type StateInfo,
  type StateKey,
  type StoreState,
} from './driver/sealed-state.js';
export {
  type CheckPeerCertificate,
  createSecureContext,
  DTLSSecureContext,
  type SecureContextOptions,
  type ServerSecurityOptions,
  type SniIdentity,
} from './driver/secure-context.js';
export type { SendKind, SendQueueDrops } from './driver/send-queue.js';
export { DTLSSession } from './driver/session.js';
export type { SessionEndpoint } from './driver/session-endpoint.js';
export type { SharedSocket, SharedSocketOption } from './driver/shared-socket.js';
export type {
  DTLSEndpointStats,
  DTLSSessionStats,
  EndpointDropReason,
  SessionDropReason,
  SessionDrops,
} from './driver/stats.js';
export { getSupported, type Supported } from './driver/supported.js';
export type { DatagramSource, Transport, TransportOption } from './driver/transport.js';
export type { EarlyRefusals, Refusals } from './endpoint/counters.js';
export type { RefusalReason } from './endpoint/places.js';
export type { Refusal } from './endpoint/refusals.js';
export type { EarlyRefusal } from './handshake/actions.js';
export type { CertificateTypeName, GroupName, SchemeName, SrtpProfileName, Version } from './wire/codes.js';

/**
 * The same names in one object: `import dtls from 'datagram-tls'` stands for `import dtls from 'node:dtls'`.
 *
 * @example
 * ```ts
 * import dtls from 'datagram-tls';
 *
 * const session = dtls.connect('example.net', 9000, { ca });
 * ```
 */
const dtls = {
  connect,
  createSecureContext,
  describeState,
  DTLSEndpoint,
  DTLSError,
  DTLSSecureContext,
  DTLSSession,
  getSupported,
  listen,
};
export default dtls;
export type { RenewalOptions } from './driver/renewals.js';
