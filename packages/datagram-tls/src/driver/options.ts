import { isIP } from 'node:net';
import { brief, callerError, invalidArgValue, missingArgs } from '../base/errors.js';

import { BEHAVIOUR_OPTIONS, type BehaviourOptions } from '../config/behaviour.js';
import { checkInteger } from '../config/checks.js';
import {
  boolean,
  bytes,
  callback,
  instanceOf,
  integer,
  kindOf,
  message,
  oneOf,
  oneOrMore,
  text,
} from '../config/kinds.js';
import { LIMIT_OPTIONS, type LimitOptions } from '../config/limits.js';
import { type Kind, type OptionsOf, option, required, withDefaults } from '../config/option-table.js';
import { SECURITY_OPTIONS, type SecurityOptionsFor, type SniOption } from '../config/options.js';
import type { ClientPskOption } from '../config/psk-options.js';
import type { TraceEvent } from '../connection/events.js';
import type { ServerPskOption } from './buffers.js';
import type { LookupFunction } from './resolve-host.js';
import { type CheckPeerCertificate, DTLSSecureContext, type SniIdentity } from './secure-context.js';
import type { DTLSSession } from './session.js';
import { checkSocket, type SharedSocket, type SharedSocketOption } from './shared-socket.js';
import { checkTransport, type Transport, type TransportOption } from './transport.js';
import type { UdpOptions } from './udp.js';

/**
 * Called for every flight and alert of a session, in order.
 *
 * @example
 * ```ts
 * import { connect, type Trace } from 'datagram-tls';
 *
 * const trace: Trace = (event) => console.log(event.kind);
 * connect('example.net', 9000, { ca, trace });
 * ```
 */
export type Trace = (event: TraceEvent, session: DTLSSession) => void;

/**
 * The receiver owns `data`.
 *
 * @example
 * ```ts
 * import { type EarlyDataCallback, listen } from 'datagram-tls';
 *
 * const onearlydata: EarlyDataCallback = (data, session) => {
 *   if (isIdempotent(data)) session.send(answerTo(data));
 * };
 * listen(onsession, { port: 9000, cert, key, maxEarlyData: 1000, onearlydata });
 * ```
 */
export type EarlyDataCallback = (data: Buffer, session: DTLSSession) => void;

/**
 * Called with each new session of a server. It may be asynchronous: where it throws or rejects, the session fails with
 * that error.
 *
 * @example
 * ```ts
 * import { listen, type SessionCallback } from 'datagram-tls';
 *
 * const echo: SessionCallback = (session) => {
 *   session.onmessage = (data) => void session.send(data);
 * };
 * listen(echo, { port: 9000, cert, key });
 * ```
 */
export type SessionCallback = (session: DTLSSession) => unknown;

const port: Kind<number> = kindOf('0 to 65535', (value, name) => {
  if (value === undefined) throw missingArgs(name);
  checkInteger(value, name, 0, 65_535);
});

/** Options of a socket that the endpoint opens. */
const OWN_SOCKET = ['transport', 'socket'] as const;

/** The socket and the endpoint as a whole. `connect`, `listen` and `DTLSEndpoint` take these options. */
export const SOCKET_OPTIONS = {
  /**
   * Carries the datagrams in place of a UDP socket. Options of sockets, `host` and `port` are refused beside it.
   * @defaultValue a UDP socket
   */
  transport: option(kindOf<Transport>('`Transport`', checkTransport)),
  /**
   * A socket of the application, or what looks like one, that the endpoint shares and does not close; it is bound to
   * a free port if it is not bound yet. Datagrams that are not DTLS are left to other listeners. Options of sockets,
   * `host` and `port` are refused beside it.
   * @defaultValue a UDP socket of the endpoint
   */
  socket: option(kindOf<SharedSocket>('`dgram.Socket`', checkSocket), { notWith: ['transport'] }),
  /**
   * IPv6 sockets take IPv6 only.
   * @defaultValue false
   */
  ipv6Only: option(boolean, { default: false, notWith: OWN_SOCKET }),
  /**
   * Let several sockets share the port (Node ≥ 22.12).
   * @defaultValue false
   */
  reusePort: option(boolean, { default: false, notWith: OWN_SOCKET }),
  /**
   * SO_RCVBUF. What comes while the event loop does something else has to wait in it; what finds no room is lost.
   * @defaultValue the system's, and for a server at least 1048576 as far as the system allows
   */
  udpReceiveBufferSize: option(integer(1, 0xffff_ffff), { unit: 'bytes', notWith: OWN_SOCKET }),
  /**
   * SO_SNDBUF.
   * @defaultValue the system's
   */
  udpSendBufferSize: option(integer(1, 0xffff_ffff), { unit: 'bytes', notWith: OWN_SOCKET }),
  /**
   * What may wait to be sent, for the socket or for a later turn of the event loop; a datagram counts 512 beside its
   * length. 0: no limit. Beyond a sixteenth of it answers to addresses that are not validated are dropped (beyond half of
   * that, unless the client repeats its ClientHello), beyond a quarter handshakes, which are sent again, beyond all of it
   * messages: see `session.drained` and `endpoint.sendQueueDrops`.
   * @defaultValue 1048576
   */
  maxSendQueue: option(integer(0, 0xffff_ffff), { default: 0x10_0000, unit: 'bytes' }),
  /**
   * IP_TTL.
   * @defaultValue the system's
   */
  udpTTL: option(integer(1, 255), { notWith: OWN_SOCKET }),
  /**
   * What the messages of one session that the application has not read may cost; a message costs 512 beside its length. A
   * slow reader loses the oldest messages, counted as `slow_reader` in `session.drops`.
   * @defaultValue 524288
   */
  maxUnreadBytes: option(integer(1, Number.MAX_SAFE_INTEGER), { default: 0x8_0000, unit: 'bytes' }),
  /**
   * The same over all sessions of the endpoint: the session that was read least recently loses its oldest message.
   * @defaultValue 67108864
   */
  maxUnreadBytesInAll: option(integer(1, Number.MAX_SAFE_INTEGER), { default: 0x400_0000, unit: 'bytes' }),
  /**
   * Whether to use native code: that of the optional package `datagram-tls-native`, which npm installs with this one where
   * there is a binary for the platform. `off`: node:crypto and node:dgram do all, as they do in a process whose environment has
   * `DATAGRAM_TLS_ACCELERATION=off`. See `endpoint.acceleration`.
   * @defaultValue auto
   */
  acceleration: option(oneOf<'auto' | 'off'>(['auto', 'off']), { default: 'auto' }),
  /** Called for every flight and alert of a session, in order. */
  trace: option(callback<Trace>()),
  /** Destroys the session or the endpoint that it was given to. */
  signal: option(instanceOf(AbortSignal)),
};

/** Where an endpoint without a server binds its socket: what `connect` and `DTLSEndpoint` take. */
export const BIND_OPTIONS = {
  /**
   * Address to send from, an IP address of the server's family; `::` serves both families unless `ipv6Only` is set.
   * @defaultValue the system's choice
   */
  bindHost: option(text, { only: 'client', notWith: OWN_SOCKET, absent: [''] }),
  /**
   * Port to send from; 0: any free port.
   * @defaultValue 0
   */
  bindPort: option(integer(0, 65_535), { default: 0, only: 'client', notWith: OWN_SOCKET }),
};

/** What `DTLSEndpoint` takes. */
export const ENDPOINT_OPTIONS = {
  ...BEHAVIOUR_OPTIONS,
  ...LIMIT_OPTIONS,
  ...SOCKET_OPTIONS,
  ...BIND_OPTIONS,
};

/** What `listen` takes beside the options of its endpoint and its secure context. */
export const LISTEN_OPTIONS = {
  /**
   * Address to bind. A name is resolved first: see `endpoint.opened`. `connect` ignores it, so that both can be given the
   * same object.
   * @defaultValue 0.0.0.0
   */
  host: option(text, {
    default: '0.0.0.0',
    only: 'server',
    ignoredBy: 'client',
    notWith: OWN_SOCKET,
    absent: [null, ''],
  }),
  /** Port to bind; 0: any free port. `connect` ignores it, as `host`. */
  port: required(port, { only: 'server', ignoredBy: 'client', notWith: OWN_SOCKET }),
  /**
   * Sessions with a finished handshake that may wait for `for await` over the endpoint; further clients are refused and try again.
   * @defaultValue 256
   */
  backlog: option(integer(1, 0xffff_ffff), { default: 256, unit: 'sessions', only: 'server' }),
  /**
   * Called with each message of early data, before the handshake of its session is done. The client is not
   * authenticated yet, and the message may be a replay. The session can answer. Needed with `maxEarlyData`.
   */
  onearlydata: option(callback<EarlyDataCallback>(), { only: 'server' }),
};

/** How host names are resolved. */
export const HOST_OPTIONS = {
  /**
   * Resolves a host name, as `dns.lookup`.
   * @defaultValue dns.lookup
   */
  lookup: option(callback<LookupFunction>(), { notWith: ['transport'] }),
  /**
   * The version of IP to use for a host name; 0: both.
   * @defaultValue 0
   */
  family: option(oneOf<0 | 4 | 6>([0, 4, 6]), { default: 0, notWith: ['transport'] }),
};

/** What `connect` and `endpoint.connect` take beside the options of the endpoint and of the secure context. */
export const CONNECT_OPTIONS = {
  /**
   * Name to ask for (SNI) and to find in the certificate. Empty: no SNI.
   * @defaultValue the host
   */
  servername: option(text, { only: 'client' }),
  /**
   * A session before, as `session.session` or `onsession` gave it: it is resumed if the server still can. In DTLS 1.3 each is
   * used once.
   */
  session: option(bytes, { only: 'client' }),
  /**
   * One message, or several, that go out before the handshake if `session` allows that (DTLS 1.3), and otherwise when it is
   * done: see `session.earlyData`. An attacker on the path can send them to the server again.
   */
  earlyData: option(oneOrMore(message), { only: 'client' }),
  /**
   * Try the addresses of a host name, of both versions of IP in turn, and take the first that a server answers (RFC 8305).
   * False: only the first address.
   * @defaultValue true
   */
  autoSelectFamily: option(boolean, { default: true, only: 'client', notWith: ['transport'] }),
  /**
   * How long an address may be without an answer before the next one is tried beside it; at least 10. Messages of
   * `earlyData` in the first datagram go to one address at a time: the next one is tried when that has failed.
   * @defaultValue 250
   */
  autoSelectFamilyAttemptTimeout: option(integer(1, 60_000), {
    default: 250,
    unit: 'ms',
    only: 'client',
    notWith: ['transport'],
  }),
};

export const SHARED_OPTIONS = {
  /** Made by `createSecureContext`; takes the place of all options that it was made of. */
  secureContext: option(instanceOf(DTLSSecureContext)),
};

/** All that `listen` and `connect` take; the rows say which of them. */
export const SESSION_OPTIONS = {
  ...ENDPOINT_OPTIONS,
  ...SECURITY_OPTIONS,
  ...LISTEN_OPTIONS,
  ...CONNECT_OPTIONS,
  ...HOST_OPTIONS,
  ...SHARED_OPTIONS,
};

/** What `endpoint.connect` takes: the endpoint itself has the socket and its limits. */
export const PEER_OPTIONS = {
  ...BEHAVIOUR_OPTIONS,
  ...SECURITY_OPTIONS,
  ...LISTEN_OPTIONS,
  ...CONNECT_OPTIONS,
  ...HOST_OPTIONS,
  ...SHARED_OPTIONS,
  trace: SOCKET_OPTIONS.trace,
  signal: SOCKET_OPTIONS.signal,
};

/** What `connect` and `listen` take beside their own, and `DTLSEndpoint` beside where to bind. */
interface CommonOptions extends BehaviourOptions, LimitOptions, OptionsOf<typeof SOCKET_OPTIONS> {}

/**
 * What `DTLSEndpoint` takes.
 *
 * @example
 * ```ts
 * import { DTLSEndpoint, type EndpointOptions } from 'datagram-tls';
 *
 * const options: EndpointOptions = { bindHost: '::', maxSendQueue: 262_144 };
 * const endpoint = new DTLSEndpoint(options);
 * ```
 */
export interface EndpointOptions extends CommonOptions, OptionsOf<typeof BIND_OPTIONS> {}

/**
 * What `listen` takes.
 *
 * @example
 * ```ts
 * import { listen, type ListenOptions } from 'datagram-tls';
 *
 * const options: ListenOptions = { host: '127.0.0.1', port: 9000, cert, key, requestCert: true, ca };
 * listen(onsession, options);
 * ```
 */
export interface ListenOptions
  extends CommonOptions,
    SecurityOptionsFor<Buffer, 'server'>,
    OptionsOf<typeof LISTEN_OPTIONS, 'server'>,
    OptionsOf<typeof HOST_OPTIONS, 'server'>,
    OptionsOf<typeof SHARED_OPTIONS, 'server'> {
  psk?: ServerPskOption | undefined;
  sni?: SniOption<SniIdentity> | undefined;
}

/**
 * What `connect` takes.
 *
 * @example
 * ```ts
 * import { connect, type ConnectOptions } from 'datagram-tls';
 *
 * const options: ConnectOptions = { ca, servername: 'device.example', handshakeTimeout: 10_000 };
 * connect('10.0.0.7', 9000, options);
 * ```
 */
export interface ConnectOptions
  extends EndpointOptions,
    SecurityOptionsFor<Buffer, 'client'>,
    OptionsOf<typeof CONNECT_OPTIONS, 'client'>,
    OptionsOf<typeof HOST_OPTIONS, 'client'>,
    OptionsOf<typeof SHARED_OPTIONS, 'client'> {
  psk?: ClientPskOption | undefined;
  checkServerIdentity?: CheckPeerCertificate | undefined;
}

/**
 * What `endpoint.connect` takes.
 *
 * @example
 * ```ts
 * import type { EndpointConnectOptions } from 'datagram-tls';
 *
 * const options: EndpointConnectOptions = { ca, servername: 'device.example' };
 * const another = endpoint.connect('127.0.0.1', 9000, options);
 * ```
 */
export interface EndpointConnectOptions
  extends BehaviourOptions,
    SecurityOptionsFor<Buffer, 'client'>,
    OptionsOf<typeof CONNECT_OPTIONS, 'client'>,
    OptionsOf<typeof HOST_OPTIONS, 'client'>,
    OptionsOf<typeof SHARED_OPTIONS, 'client'>,
    Pick<EndpointOptions, 'signal' | 'trace'> {
  psk?: ClientPskOption | undefined;
  checkServerIdentity?: CheckPeerCertificate | undefined;
}

/**
 * `listen` over a socket of the application: without the options of own sockets.
 *
 * @example
 * ```ts
 * import { createSocket } from 'node:dgram';
 * import { listen, type SocketListenOptions } from 'datagram-tls';
 *
 * const options: SocketListenOptions = { socket: createSocket('udp4').bind(9000), cert, key };
 * const endpoint = listen(onsession, options);
 * ```
 */
export type SocketListenOptions = Omit<ListenOptions, keyof SharedSocketOption> & SharedSocketOption;

/**
 * `listen` over a transport: without the options of sockets.
 *
 * @example
 * ```ts
 * import type { Transport, TransportListenOptions } from 'datagram-tls';
 *
 * function over(transport: Transport): TransportListenOptions {
 *   return { transport, cert, key };
 * }
 * ```
 */
export type TransportListenOptions = Omit<ListenOptions, keyof TransportOption> & TransportOption;
/**
 * `connect` over a transport: without the options of sockets.
 *
 * @example
 * ```ts
 * import { connect, type Transport, type TransportConnectOptions } from 'datagram-tls';
 *
 * function over(transport: Transport): TransportConnectOptions {
 *   return { transport, ca, servername: 'device.example' };
 * }
 * ```
 */
export type TransportConnectOptions = Omit<ConnectOptions, keyof TransportOption> & TransportOption;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
/** Earlier versions ignore the option silently. */
const canReusePort = major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);

/** `batches`: native code may receive and send them. */
export function resolveUdp(options: EndpointOptions, batches: boolean): UdpOptions {
  const { ipv6Only, reusePort, udpReceiveBufferSize, udpSendBufferSize, udpTTL, maxSendQueue } = withDefaults(
    options,
    SOCKET_OPTIONS,
  );
  if (reusePort && !canReusePort) {
    throw callerError('ERR_FEATURE_UNAVAILABLE_ON_PLATFORM', 'options.reusePort needs Node 22.12 or later');
  }
  return {
    ipv6Only,
    reusePort,
    receiveBufferSize: udpReceiveBufferSize,
    minReceiveBuffer: 0,
    sendBufferSize: udpSendBufferSize,
    ttl: udpTTL,
    maxSendQueue,
    batches,
  };
}

/** Bytes of unread messages. */
export interface UnreadLimits {
  readonly perSession: number;
  readonly inAll: number;
}

export function resolveUnread(options: EndpointOptions): UnreadLimits {
  const { maxUnreadBytes, maxUnreadBytesInAll } = withDefaults(options, SOCKET_OPTIONS);
  return { perSession: maxUnreadBytes, inAll: maxUnreadBytesInAll };
}

/** Whether native code may be used. */
export function resolveAcceleration(options: EndpointOptions): 'auto' | 'off' {
  return withDefaults(options, SOCKET_OPTIONS).acceleration;
}

/** Where an endpoint that serves no clients binds. */
export function resolveBind(options: EndpointOptions): { host: string | undefined; port: number } {
  const { bindHost: host, bindPort: port } = withDefaults(options, BIND_OPTIONS);
  if (host !== undefined && isIP(host) === 0)
    throw invalidArgValue('options.bindHost', `must be an IP address. Received '${brief(host)}'`);
  return { host, port };
}
