import type { Socket as PlainSocket, RemoteInfo, SocketType } from 'node:dgram';
import type { AddressInfo } from 'node:net';
import type { DTLSEndpoint } from '../driver/endpoint.js';
import type { DTLSSession } from '../driver/session.js';
import { type DgramDtlsOptions, type DgramSettings, resolveDtls, type SocketOptions } from './options.js';
import type { DgramDropReason } from './peer.js';
import { type DgramDrops, DtlsSocket, type MessageListener } from './socket.js';

/**
 * The address of a peer, without the size of a message.
 *
 * @example
 * ```ts
 * import type { PeerInfo } from 'datagram-tls/dgram';
 *
 * const peer: PeerInfo = { address: '127.0.0.1', port: 9000, family: 'IPv4' };
 * ```
 */
export type PeerInfo = Omit<RemoteInfo, 'size'>;

/**
 * What a socket has beside all that a `dgram.Socket` has.
 *
 * @example
 * ```ts
 * import { createSocket, type SocketExtras } from 'datagram-tls/dgram';
 *
 * const extras: SocketExtras = createSocket({ type: 'udp4', dtls: { client: { ca } } });
 * extras.on('session', (session) => console.log(session.remoteAddress));
 * ```
 */
export interface SocketExtras {
  /** `udp4` or `udp6`. */
  readonly type: SocketType;
  /** How many messages were not sent, by reason. Datagrams that are lost on the way are not counted. */
  readonly drops: DgramDrops;
  /** The endpoint of the sessions, with its counters; `undefined` until the socket is bound. */
  readonly endpoint: DTLSEndpoint | undefined;
  /** As in Node 24 and later, on any Node: binds to an IP address, or throws the system's error, before it returns. */
  bindSync(options?: { readonly port?: number; readonly address?: string }): AddressInfo;
  /** As in Node 24 and later, with an IP address: messages may be sent at once, and wait for the handshake. */
  connectSync(port: number, address?: string): void;
  /** The session with an IP address and a port, such as those of `rinfo`. */
  sessionWith(peer: { readonly address: string; readonly port: number }): DTLSSession | undefined;
  /**
   * `session`: a session has begun, from either side; its handshake is still to be done. The socket has set its
   * `onmessage`, `onhandshake` and `onerror`, the others are free.
   */
  on(event: 'session', listener: (session: DTLSSession, peer: PeerInfo) => void): this;
  /** `sessionError`: a handshake or a session failed. The socket goes on, and needs no listener for it. */
  on(event: 'sessionError', listener: (error: Error, peer: PeerInfo) => void): this;
  /** `drop`: a message was not sent. */
  on(event: 'drop', listener: (reason: DgramDropReason, peer: PeerInfo) => void): this;
  once(event: 'session', listener: (session: DTLSSession, peer: PeerInfo) => void): this;
  once(event: 'sessionError', listener: (error: Error, peer: PeerInfo) => void): this;
  once(event: 'drop', listener: (reason: DgramDropReason, peer: PeerInfo) => void): this;
}

/**
 * A socket of node:dgram whose messages go through DTLS: `instanceof dgram.Socket` is true.
 *
 * @example
 * ```ts
 * import { createSocket, Socket } from 'datagram-tls/dgram';
 *
 * const socket = createSocket({ type: 'udp4', dtls: { client: { ca } } });
 * console.log(socket instanceof Socket);
 * ```
 */
export type Socket = SocketExtras & PlainSocket;

/** The class of sockets, for `instanceof`; `createSocket` makes them. */
export const Socket = DtlsSocket as unknown as {
  new (options: SocketType | SocketOptions, listener?: MessageListener): Socket;
  readonly prototype: Socket;
};

/**
 * Makes a socket as `dgram.createSocket` does, with all of its options, and `dtls`. A socket with `dtls.server` accepts
 * sessions when it is bound; one with `dtls.client`, or with neither, begins a session with each address to which it
 * sends.
 *
 * Throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`, `ERR_MISSING_ARGS` for wrong options,
 * `ERR_OSSL_…` for keys and certificates, and what `dgram.createSocket` throws.
 *
 * @example
 * ```ts
 * import { createSocket } from 'datagram-tls/dgram';
 *
 * const server = createSocket({ type: 'udp4', dtls: { server: { cert, key } } });
 * server.on('message', (message, from) => server.send(message, from.port, from.address));
 * server.bind(9000, '127.0.0.1');
 *
 * const client = createSocket({ type: 'udp4', dtls: { client: { ca } } });
 * client.on('message', (message) => console.log(message.toString()));
 * client.send('hello', 9000, '127.0.0.1');
 * ```
 */
export function createSocket(options: SocketType | SocketOptions, listener?: MessageListener): Socket {
  return make(options, listener, undefined);
}

/**
 * What libraries use of node:dgram that take the module, such as net-snmp's `dgramModule`.
 *
 * @example
 * ```ts
 * import { type DgramModule, dtlsModule } from 'datagram-tls/dgram';
 *
 * const dgramModule: DgramModule = dtlsModule({ client: { ca } }); // such as net-snmp's option
 * ```
 */
export interface DgramModule {
  readonly createSocket: (options: SocketType | SocketOptions, listener?: MessageListener) => Socket;
  readonly Socket: typeof Socket;
}

/**
 * A module like node:dgram whose sockets have these options of DTLS, for libraries that make their sockets themselves.
 * The options are read once, and its sockets share certificates, keys and tickets. Throws as {@link createSocket}.
 *
 * @example
 * ```ts
 * import { dtlsModule } from 'datagram-tls/dgram';
 *
 * const dgramModule = dtlsModule({ client: { psk: { identity: 'sensor-1', key: secret } } });
 * const socket = dgramModule.createSocket('udp4');
 * ```
 */
export function dtlsModule(dtls: DgramDtlsOptions = {}): DgramModule {
  const settings = resolveDtls(dtls);
  return {
    createSocket: (options, listener) => make(options, listener, settings),
    Socket,
  };
}

function make(
  options: SocketType | SocketOptions,
  listener: MessageListener | undefined,
  dtls: DgramSettings | undefined,
): Socket {
  const socket: unknown = new DtlsSocket(options, listener, dtls);
  return socket as Socket;
}
