import { createSocket, type Socket, type SocketOptions } from 'node:dgram';
import { isIP, isIPv6 } from 'node:net';
import { ownProperties } from '../base/own-properties.js';
import type { PeerAddress } from '../base/peer-address.js';
import { plain } from '../crypto/node-bytes.js';
import type { ChannelHandlers, DatagramChannel } from './datagram-channel.js';
import { logBind } from './debug.js';
import { type BatchHandlers, DatagramBatches } from './native-datagrams.js';
import { canonicalAddress } from './resolve-host.js';

export interface UdpOptions {
  readonly ipv6Only: boolean;
  readonly reusePort: boolean;
  /** SO_RCVBUF and SO_SNDBUF, bytes. */
  readonly receiveBufferSize: number | undefined;
  /** Where that is `undefined`: the least that it should be, as far as the system allows; 0: as the system has it. */
  readonly minReceiveBuffer: number;
  readonly sendBufferSize: number | undefined;
  readonly ttl: number | undefined;
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
  readonly #socket: Socket;
  readonly #host: string;
  readonly #port: number;
  readonly #options: UdpOptions;
  #open = true;
  #connected = false;
  /** The address that the system sends from to the one peer. */
  #connectedAs: PeerAddress | undefined;
  #address: PeerAddress | undefined;
  /** `undefined`: node:dgram receives and sends each datagram. */
  #batches: DatagramBatches | undefined;

  /** `host`: an IP literal. */
  constructor(host: string, port: number, options: UdpOptions) {
    this.#host = host;
    this.#port = port;
    this.#options = options;
    const family = isIPv6(host) ? 6 : 4;
    // A socket on `::` carries IPv4 in mapped addresses (RFC 3493 §3.7).
    this.version = IS_UNSPECIFIED_IPV6.test(host) && !options.ipv6Only ? 0 : family;
    this.#socket = createSocket(
      ownProperties<SocketOptions>({
        type: `udp${family}`,
        ipv6Only: options.ipv6Only,
        lookup: (name, _options, done) => done(null, name, family),
        ...(options.reusePort ? { reusePort: true } : {}),
        ...(options.receiveBufferSize === undefined ? {} : { recvBufferSize: options.receiveBufferSize }),
        ...(options.sendBufferSize === undefined ? {} : { sendBufferSize: options.sendBufferSize }),
      }),
    );
  }

  /** Binds at once; throws the system's error, such as `EADDRINUSE`. */
  open(handlers: ChannelHandlers): void {
    this.#bind(this.#host, this.#port);
    const onError = (error: NodeJS.ErrnoException): void => {
      if (!this.#connected || !isFromTheNetwork(error)) handlers.onError(error);
      // The kernel has learned the path's MTU, and fragments datagrams from now on.
      else if (error.code !== 'EMSGSIZE') handlers.onUnreachable(error);
    };
    this.#socket.on('error', onError);
    this.#listen({ onDatagram: (datagram, from) => handlers.onDatagram(datagram, from), onError });
    const onBound = (address: PeerAddress): void => {
      if (this.#options.ttl !== undefined) this.#socket.setTTL(this.#options.ttl);
      if (this.#options.receiveBufferSize === undefined) this.#raiseReceiveBuffer();
      this.#address = address;
      logBind(address);
      handlers.onBound(address);
    };
    const address = localAddress(this.#socket);
    if (address !== undefined) onBound(address);
    else this.#whenBound(onBound);
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
    return this.#queued('getSendQueueSize');
  }

  get queuedDatagrams(): number {
    return this.#queued('getSendQueueCount');
  }

  get collects(): boolean {
    return this.#batches !== undefined;
  }

  flush(): void {
    this.#batches?.flush();
  }

  /**
   * This socket has no other peer: the kernel drops datagrams of others, and reports a closed port, on platforms that
   * connect a socket at once.
   */
  dedicate(peer: PeerAddress): void {
    if (!CONNECTS_AT_ONCE || this.#address === undefined) return;
    try {
      // An address that cannot be connected to cannot be sent to either: the first send reports the same error.
      this.#socket.connect(peer.port, peer.address, () => undefined);
      this.#socket.remoteAddress();
      this.#connected = true;
      this.#connectedAs = localAddress(this.#socket);
      this.#batches?.onConnected();
    } catch {
      this.#connected = false;
    }
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
    if (this.#batches?.collect(data, to, failed) === true) return;
    const done =
      failed === undefined
        ? undefined
        : (error: Error | null): void => {
            if (error !== null) failed(error);
          };
    if (this.#connected) this.#socket.send(data, done);
    else this.#socket.send(data, to.port, to.address, done);
  }

  setReferenced(referenced: boolean): void {
    if (referenced) this.#socket.ref();
    else this.#socket.unref();
  }

  /** Idempotent. */
  close(): undefined {
    if (!this.#open) return;
    this.#open = false;
    this.#batches?.close();
    this.#socket.close();
  }

  #listen(handlers: BatchHandlers): void {
    const batches = this.#batches;
    if (batches === undefined)
      this.#socket.on('message', (datagram, from) => handlers.onDatagram(plain(datagram), from));
    else
      this.#socket.on('message', (datagram, from) => {
        handlers.onDatagram(plain(datagram), from);
        batches.receive(handlers);
      });
  }

  #whenBound(onBound: (address: PeerAddress) => void): void {
    this.#socket.once('listening', () => {
      const address = this.#open ? localAddress(this.#socket) : undefined;
      if (address !== undefined) onBound(address);
    });
  }

  #raiseReceiveBuffer(): void {
    const { minReceiveBuffer } = this.#options;
    if (minReceiveBuffer === 0) return;
    try {
      if (this.#socket.getRecvBufferSize() < minReceiveBuffer)
        this.#socket.setRecvBufferSize(minReceiveBuffer);
    } catch {
      // The system or the runtime refuses: its own stays.
    }
  }

  /** Some runtimes have these methods and throw. */
  #queued(name: 'getSendQueueSize' | 'getSendQueueCount'): number {
    const socket: Partial<Socket> = this.#socket;
    try {
      return this.#open ? (socket[name]?.() ?? 0) : 0;
    } catch {
      return 0;
    }
  }

  #bind(host: string, port: number): void {
    let failure: Error | undefined;
    const note = (error: Error): void => {
      failure = error;
    };
    this.#socket.on('error', note);
    try {
      this.#batches = this.#options.batches ? DatagramBatches.bind(host, port, this.#options) : undefined;
      // Not shared with other workers of a cluster: associations belong to one process.
      if (this.#batches === undefined) this.#socket.bind({ address: host, port, exclusive: true });
      else this.#batches.attach(this.#socket);
    } catch (error) {
      failure = error as Error;
    }
    this.#socket.off('error', note);
    if (failure === undefined) return;
    this.close();
    throw failure;
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
