import { createSocket, dtlsModule, Socket } from './dgram/create-socket.js';

export type { DgramModule, PeerInfo, SocketExtras } from './dgram/create-socket.js';
export type {
  DgramClientFunction,
  DgramClientOptions,
  DgramDtlsOptions,
  DgramServerOptions,
  DgramTarget,
  SocketOptions,
} from './dgram/options.js';
export type { DgramDropReason } from './dgram/peer.js';
export type { DgramDrops } from './dgram/socket.js';
export { createSocket, dtlsModule, Socket };

/**
 * The same names in one object, as node:dgram has one.
 *
 * @example
 * ```ts
 * import dgram from 'datagram-tls/dgram';
 *
 * const socket = dgram.createSocket({ type: 'udp4', dtls: { client: { ca } } });
 * ```
 */
const dgram: {
  readonly createSocket: typeof createSocket;
  readonly dtlsModule: typeof dtlsModule;
  readonly Socket: typeof Socket;
} = { createSocket, dtlsModule, Socket };

export default dgram;
