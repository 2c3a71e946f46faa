import type { PeerCertificate } from 'node:tls';
import type { Awaitable } from '../base/awaitable.js';
import { callerError, invalidArgType } from '../base/errors.js';
import { checkBoolean, checkFunction, checkInteger } from '../config/checks.js';
import { DEFAULTS } from '../config/defaults.js';
import { LIMIT_OPTIONS, type LimitOptions } from '../config/limits.js';
import type {
  BehaviourOptions,
  ClientPskOption,
  SecurityOptions,
  ServerPskOption,
  SniOption,
} from '../config/options.js';
import { BEHAVIOUR_OPTIONS } from '../config/resolve.js';
import type { TraceEvent } from '../connection/events.js';
import type { DTLSSecureContext, SniIdentity } from './secure-context.js';
import type { DTLSSession } from './session.js';
import type { UdpOptions } from './udp.js';

/** Called for every flight and alert of a session, in order. */
export type Trace = (event: TraceEvent, session: DTLSSession) => void;

/** The receiver owns `data`. */
export type EarlyDataCallback = (data: Uint8Array, session: DTLSSession) => void;

/** Of the socket and of the endpoint as a whole. */
export interface EndpointOptions extends BehaviourOptions, LimitOptions {
  /** IPv6 sockets take IPv6 only. Default false. */
  ipv6Only?: boolean | undefined;
  /** Let several sockets share the port (Node ≥ 22.12). Default false. */
  reusePort?: boolean | undefined;
  /** SO_RCVBUF, bytes. */
  udpReceiveBufferSize?: number | undefined;
  /** SO_SNDBUF, bytes. */
  udpSendBufferSize?: number | undefined;
  /**
   * Bytes that may wait because the socket takes no more, with 512 for each datagram; 0: no limit. Default 1048576. Beyond a sixteenth
   * of it answers to addresses that are not validated are dropped, beyond a quarter handshakes, which are sent again, beyond all of it
   * messages: see `endpoint.sendQueueDrops`.
   */
  maxSendQueue?: number | undefined;
  /** IP_TTL, 1 to 255. */
  udpTTL?: number | undefined;
  /**
   * What the messages of one session that the application has not read may cost, bytes; a message costs 512 beside its
   * length. A slow reader loses the oldest, counted as `slow_reader` in `session.drops`. Default 524288.
   */
  maxUnreadBytes?: number | undefined;
  /**
   * The same over all sessions of the endpoint: the session that was read least recently loses its oldest message.
   * Default 67108864.
   */
  maxUnreadBytesInAll?: number | undefined;
  trace?: Trace | undefined;
  /** Destroys what it was given to. */
  signal?: AbortSignal | undefined;
}

export interface ListenOptions extends EndpointOptions, SecurityOptions {
  /** Keys by identity, or a function that finds the key of an identity. */
  psk?: ServerPskOption | undefined;
  /** Who this server is, by the name that a client asks for; `*`: for every other name, and for none. */
  sni?: SniOption<SniIdentity> | undefined;
  /**
   * Called with each message of early data, before the handshake of its session is done: who the client is, and that
   * nobody repeats it, is known afterwards only. The session can answer. Needed with `maxEarlyData`.
   */
  onearlydata?: EarlyDataCallback | undefined;
  /** Default `0.0.0.0`. A name is resolved first: see `endpoint.opened`. */
  host?: string | undefined;
  /** 0: any free port. */
  port: number;
  secureContext?: DTLSSecureContext | undefined;
}

export interface ConnectOptions extends EndpointOptions, SecurityOptions {
  /** An identity and its key, several of them, or a function that chooses. */
  psk?: ClientPskOption | undefined;
  /** Name to ask for (SNI) and to find in the certificate. Default: the host; empty: no SNI. */
  servername?: string | undefined;
  /** Instead of our own comparison of the name: an error refuses the certificate. As in node:tls. */
  checkServerIdentity?:
    | ((name: string, certificate: PeerCertificate) => Awaitable<Error | undefined>)
    | undefined;
  /** What `session.session` of a session before gave: it is resumed if the server still can. Each is used once in DTLS 1.3. */
  session?: Uint8Array | undefined;
  /**
   * One message, or several, that go out before the handshake if `session` lets them (DTLS 1.3), and else when it is done: see
   * `session.earlyData`. Whoever sees them on their way can send them to the server again.
   */
  earlyData?: string | ArrayBufferView | readonly (string | ArrayBufferView)[] | undefined;
  bindHost?: string | undefined;
  bindPort?: number | undefined;
  secureContext?: DTLSSecureContext | undefined;
}

export const ENDPOINT_OPTIONS = [
  ...BEHAVIOUR_OPTIONS,
  ...LIMIT_OPTIONS,
  'ipv6Only',
  'maxSendQueue',
  'maxUnreadBytes',
  'maxUnreadBytesInAll',
  'reusePort',
  'signal',
  'trace',
  'udpReceiveBufferSize',
  'udpSendBufferSize',
  'udpTTL',
] as const;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
/** Earlier versions ignore the option without a word. */
const canReusePort = major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);

export function resolveUdp(options: EndpointOptions): UdpOptions {
  const { ipv6Only = false, reusePort = false } = options;
  checkBoolean(ipv6Only, 'options.ipv6Only');
  checkBoolean(reusePort, 'options.reusePort');
  if (reusePort && !canReusePort) {
    throw callerError('ERR_FEATURE_UNAVAILABLE_ON_PLATFORM', 'options.reusePort needs Node 22.12 or later');
  }
  return {
    ipv6Only,
    reusePort,
    receiveBufferSize: optionalInteger(options, 'udpReceiveBufferSize', 1, 0xffff_ffff),
    sendBufferSize: optionalInteger(options, 'udpSendBufferSize', 1, 0xffff_ffff),
    ttl: optionalInteger(options, 'udpTTL', 1, 255),
    maxSendQueue: optionalInteger(options, 'maxSendQueue', 0, 0xffff_ffff) ?? DEFAULTS.maxSendQueue,
  };
}

/** Bytes of unread messages. */
export interface UnreadLimits {
  readonly perSession: number;
  readonly inAll: number;
}

export function resolveUnread(options: EndpointOptions): UnreadLimits {
  const { maxUnreadBytes = DEFAULTS.maxUnreadBytes, maxUnreadBytesInAll = DEFAULTS.maxUnreadBytesInAll } =
    options;
  checkInteger(maxUnreadBytes, 'options.maxUnreadBytes', 1, Number.MAX_SAFE_INTEGER);
  checkInteger(maxUnreadBytesInAll, 'options.maxUnreadBytesInAll', 1, Number.MAX_SAFE_INTEGER);
  return { perSession: maxUnreadBytes, inAll: maxUnreadBytesInAll };
}

/** What is to be called back, checked. */
export function resolveHooks({ trace, signal }: EndpointOptions): { trace: Trace | undefined } {
  if (trace !== undefined) checkFunction(trace, 'options.trace');
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalidArgType('options.signal', 'an instance of AbortSignal', signal);
  }
  return { trace };
}

function optionalInteger(
  options: EndpointOptions,
  name: 'udpReceiveBufferSize' | 'udpSendBufferSize' | 'udpTTL' | 'maxSendQueue',
  min: number,
  max: number,
): number | undefined {
  const value = options[name];
  if (value !== undefined) checkInteger(value, `options.${name}`, min, max);
  return value;
}
