import { createSocket, type Socket, type SocketOptions } from 'node:dgram';
import { isIP, isIPv6 } from 'node:net';
import { ownProperties } from '../base/own-properties.js';
import type { PeerAddress } from '../base/peer-address.js';
import { plain } from '../crypto/node-bytes.js';
import type { ChannelHandlers, DatagramChannel, HelloFilter } from './datagram-channel.js';
import { logBind } from './debug.js';
import { NativeSocket, type NativeSocketOptions } from './native-datagrams.js';
import { canonicalAddress } from './resolve-host.js';

export interface UdpOptions extends NativeSocketOptions {
  /** Native code may receive and send batches, where it can. */
  readonly batches: boolean;
  /** Bytes that may wait for the socket; 0: no limit. */
  readonly maxSendQueue: number;
}

/** The errors that ICMP messages about our datagrams become. */
const FROM_THE_NETWORK: ReadonlySet<string | undefined> = new Set([
  'EACCES',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'EMSGSIZE',
  'ENETDOWN',
  'ENETUNREACH',
  'ENONET',
  'ENOPROTOOPT',
  'ENOTSUP',
  'EOPNOTSUPP',
  'EPROTO',
]);

/** Such an error says nothing of the socket itself, and can be forged. */
export function isFromTheNetwork({ code }: NodeJS.ErrnoException): boolean {
  return FROM_THE_NETWORK.has(code);
}

/** Only Node's sockets are known to be connected when connect returns. */
const CONNECTS_AT_ONCE = !('bun' in process.versions || 'deno' in process.versions);

/**
 * Bun lets an ICMP error about one peer fail the next datagram to any other, which is not sent then (IP_RECVERR on sockets that
 * are not connected).
 */
const FAILS_FOR_OTHERS = 'bun' in process.versions;

/** A `Socket`, or what looks like one, which may leave out `error`. */
interface Unconnected<Data> {
  send(data: Data, port: number, address: string, done?: (error?: Error | null) => void): unknown;
}

/**
 * Sends over a socket that is not connected. On Bun it sends once more what the network has refused: the error, perhaps that of
 * another datagram, does not come twice. `done` gets what a closed socket throws by then.
 */
export function sendTo<Data extends Uint8Array>(
  socket: Unconnected<Data> | undefined,
  data: Data,
  to: PeerAddress,
  done: ((error?: Error | null) => void) | undefined,
): void {
  if (!FAILS_FOR_OTHERS) return void socket?.send(data, to.port, to.address, done);
  socket?.send(data, to.port, to.address, (error) => {
    if (error === undefined || error === null || !isFromTheNetwork(error)) {
      done?.(error);
      return;
    }
    try {
      socket.send(data, to.port, to.address, done);
    } catch (closed) {
      done?.(closed as Error);
    }
  });
}

/** Deno takes the size of a receive buffer for that of the memory that it clears for each datagram, and the system is told nothing. */
const CLEARS_RECEIVE_BUFFER = 'deno' in process.versions;

/** Of the texts that are IPv6 addresses. */
const IS_UNSPECIFIED_IPV6 = /^[0:]*:[0:]*$/;

/**
 * One UDP socket. Addresses are always IP literals, and the socket's own look-up is synchronous: so the socket is
 * bound when `open` returns, and a send costs a third less than with Node's default. Bun still binds later; datagrams
 * that are sent before wait in its socket.
 */
export class Udp implements DatagramChannel {
  readonly reportsEveryFailure = false;
  readonly version: 0 | 4 | 6;
  /** `undefined` where {@link #native} receives and sends. */
  #socket: Socket | undefined;
  #native: NativeSocket | undefined;
  readonly #host: string;
  readonly #port: number;
  readonly #options: UdpOptions;
  #open = true;
  #connected = false;
  /** The address that the system sends from to the one peer. */
  #connectedAs: PeerAddress | undefined;
  #address: PeerAddress | undefined;

  /** `host`: an IP literal. */
  constructor(host: string, port: number, options: UdpOptions) {
    this.#host = host;
    this.#port = port;
    this.#options = options;
    const family = isIPv6(host) ? 6 : 4;
    // A socket on `::` carries IPv4 in mapped addresses (RFC 3493 §3.7).
    this.version = IS_UNSPECIFIED_IPV6.test(host) && !options.ipv6Only ? 0 : family;
  }

  /** Binds at once; throws the system's error, such as `EADDRINUSE`. */
  open(handlers: ChannelHandlers): void {
    const onError = (error: NodeJS.ErrnoException): void => {
      if (!this.#connected || !isFromTheNetwork(error)) handlers.onError(error);
      // The kernel has learned the path's MTU, and fragments datagrams from now on.
      else if (error.code !== 'EMSGSIZE') handlers.onUnreachable(error);
    };
    if (this.#options.batches)
      this.#native = NativeSocket.bind(this.#host, this.#port, this.#options, {
        onDatagram: (datagram, from) => handlers.onDatagram(datagram, from),
        onBatchEnd: () => handlers.onBatchEnd(),
        onError,
      });
    const onBound = (address: PeerAddress): void => {
      this.#address = address;
      logBind(address);
      handlers.onBound(address);
    };
    if (this.#native?.address !== undefined) onBound(this.#native.address);
    else this.#openDgram(handlers, onError, onBound);
  }

  #openDgram(
    handlers: ChannelHandlers,
    onError: (error: Error) => void,
    onBound: (address: PeerAddress) => void,
  ): void {
    const socket = this.#createSocket();
    this.#socket = socket;
    this.#bind(socket);
    socket.on('error', onError);
    socket.on('message', (datagram, from) => handlers.onDatagram(plain(datagram), from));
    const onListening = (address: PeerAddress): void => {
      if (this.#options.ttl !== undefined) socket.setTTL(this.#options.ttl);
      if (this.#options.receiveBufferSize === undefined)
        raiseReceiveBuffer(socket, this.#options.minReceiveBuffer);
      onBound(address);
    };
    const address = localAddress(socket);
    if (address !== undefined) onListening(address);
    else
      socket.once('listening', () => {
        const late = this.#open ? localAddress(socket) : undefined;
        if (late !== undefined) onListening(late);
      });
  }

  peerAt(address: string, port: number): PeerAddress | undefined {
    const version = isIP(address);
    if (version === 6) {
      if (this.version === 4) return undefined;
      return { address: canonicalAddress(address, 'IPv6'), family: 'IPv6', port };
    }
    if (this.version === 6) return undefined;
    const plain = canonicalAddress(address, 'IPv4');
    if (this.version === 4) return { address: plain, family: 'IPv4', port };
    return { address: `::ffff:${plain}`, family: 'IPv6', port };
  }

  /** `undefined` before the socket is bound. */
  get address(): PeerAddress | undefined {
    return this.#address;
  }

  get localAddress(): PeerAddress | undefined {
    return this.#connectedAs ?? this.#address;
  }

  /**
   * What libuv holds because the kernel accepts no more; 0 on a runtime that does not report it. What {@link flush} sends
   * waits for the kernel no more than for the end of this turn.
   */
  get queuedBytes(): number {
    return this.#native === undefined ? this.#queued('getSendQueueSize') : this.#native.queuedBytes;
  }

  get queuedDatagrams(): number {
    return this.#native === undefined ? this.#queued('getSendQueueCount') : this.#native.queuedDatagrams;
  }

  get collects(): boolean {
    return this.#native !== undefined;
  }

  get helloFilter(): HelloFilter | undefined {
    return this.#native?.helloFilter;
  }

  flush(): void {
    this.#native?.flush();
  }

  /**
   * This socket has no other peer: the kernel drops datagrams of others, and reports a closed port, on platforms that
   * connect a socket at once.
   */
  dedicate(peer: PeerAddress): void {
    if (!CONNECTS_AT_ONCE || this.#address === undefined) return;
    // An address that cannot be connected to cannot be sent to either: the first send reports the same error.
    this.#connectedAs =
      this.#native === undefined ? connected(this.#socket, peer) : this.#native.connect(peer);
    this.#connected = this.#connectedAs !== undefined;
  }

  successor(): Udp {
    return new Udp(this.#host, 0, { ...this.#options, reusePort: false });
  }

  /** The errors of a connected socket. */
  get mayReportHearsay(): boolean {
    return this.#connected;
  }

  /**
   * A datagram that the kernel refuses is lost, as any datagram may be. `failed` is called with the error; without it
   * a send is cheaper.
   */
  send(data: Uint8Array, to: PeerAddress, failed?: (error: Error) => void): void {
    if (!this.#open) return;
    if (to.port === 0) {
      if (failed !== undefined) process.nextTick(failed, invalidPort(to));
      return;
    }
    if (this.#native !== undefined) return this.#native.send(data, to, failed);
    const done =
      failed === undefined
        ? undefined
        : (error?: Error | null): void => {
            if (error !== undefined && error !== null) failed(error);
          };
    if (this.#connected) this.#socket?.send(data, done);
    else sendTo(this.#socket, data, to, done);
  }

  setReferenced(referenced: boolean): void {
    this.#native?.setReferenced(referenced);
    if (referenced) this.#socket?.ref();
    else this.#socket?.unref();
  }

  /** Idempotent. */
  close(): undefined {
    if (!this.#open) return;
    this.#open = false;
    this.#native?.close();
    this.#socket?.close();
  }

  /** Some runtimes have these methods and throw. */
  #queued(name: 'getSendQueueSize' | 'getSendQueueCount'): number {
    const socket: Partial<Socket> | undefined = this.#socket;
    try {
      return this.#open ? (socket?.[name]?.() ?? 0) : 0;
    } catch {
      return 0;
    }
  }

  #createSocket(): Socket {
    const { ipv6Only, reusePort, receiveBufferSize, sendBufferSize } = this.#options;
    const family = isIPv6(this.#host) ? 6 : 4;
    return createSocket(
      ownProperties<SocketOptions>({
        type: `udp${family}`,
        ipv6Only,
        lookup: (name, _options, done) => done(null, name, family),
        ...(reusePort ? { reusePort: true } : {}),
        ...(receiveBufferSize === undefined ? {} : { recvBufferSize: receiveBufferSize }),
        ...(sendBufferSize === undefined ? {} : { sendBufferSize }),
      }),
    );
  }

  #bind(socket: Socket): void {
    let failure: Error | undefined;
    const note = (error: Error): void => {
      failure = error;
    };
    socket.on('error', note);
    try {
      // Not shared with other workers of a cluster: associations belong to one process.
      socket.bind({ address: this.#host, port: this.#port, exclusive: true });
    } catch (error) {
      failure = error as Error;
    }
    socket.off('error', note);
    if (failure === undefined) return;
    this.close();
    throw failure;
  }
}

function raiseReceiveBuffer(socket: Socket, least: number): void {
  if (least === 0 || CLEARS_RECEIVE_BUFFER) return;
  try {
    if (socket.getRecvBufferSize() < least) socket.setRecvBufferSize(least);
  } catch {
    // The system or the runtime refuses: its own stays.
  }
}

/** The address that a socket sends to its one peer from; `undefined`: it cannot be connected. */
function connected(socket: Socket | undefined, peer: PeerAddress): PeerAddress | undefined {
  try {
    socket?.connect(peer.port, peer.address, () => undefined);
    socket?.remoteAddress();
    return socket && localAddress(socket);
  } catch {
    return undefined;
  }
}

/** What Linux says of a send to port 0; Node's sockets throw. */
function invalidPort({ address }: PeerAddress): Error {
  return Object.assign(new Error(`send EINVAL ${address}:0`), { code: 'EINVAL', syscall: 'send' });
}

/** `undefined` for a socket that is not bound yet. */
function localAddress(socket: Socket): PeerAddress | undefined {
  try {
    const { address, family, port } = socket.address();
    return { address, family: family as PeerAddress['family'], port };
  } catch (error) {
    if ((error as { code?: unknown }).code === 'EBADF') return undefined;
    throw error;
  }
}
