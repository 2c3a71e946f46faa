import type { Socket } from 'node:dgram';
import { isIP } from 'node:net';
import { withOwnMemory } from '../base/byte-pool.js';
import { callerError, DTLSError } from '../base/errors.js';
import type { PeerAddress } from '../base/peer-address.js';
import { checkFunction, checkObject } from '../config/checks.js';
import { toBuffer } from './buffers.js';
import {
  type ChannelHandlers,
  channelError,
  type DatagramChannel,
  datagramOf,
  wholeCount,
} from './datagram-channel.js';
import { canonicalAddress } from './resolve-host.js';
import { isFromTheNetwork, sendTo } from './udp.js';

type Listener = Parameters<Socket['removeListener']>[1];

/**
 * A `dgram.Socket`, or what looks like one. It stays the application's: the endpoint adds listeners and removes them at
 * its end, and does not close it. `bind`, `address`, `remoteAddress`, `type` and `getSendQueueSize` of a `dgram.Socket`
 * are used where they are.
 *
 * @example
 * ```ts
 * import { createSocket } from 'node:dgram';
 * import { connect, type SharedSocket } from 'datagram-tls';
 *
 * const socket: SharedSocket = createSocket('udp4');
 * const session = connect('192.0.2.1', 9000, { socket, ca });
 * ```
 */
export interface SharedSocket {
  send(data: Buffer, port: number, address: string, done?: (error: Error | null) => void): unknown;
  on(event: string, listener: Listener): unknown;
  removeListener(event: string, listener: Listener): unknown;
}

/**
 * Options of an own socket have no meaning beside one of the application, and are refused.
 *
 * @example
 * ```ts
 * import { createSocket } from 'node:dgram';
 * import { listen, type SharedSocketOption } from 'datagram-tls';
 *
 * const shared: SharedSocketOption = { socket: createSocket('udp4').bind(9000) };
 * const endpoint = listen(onsession, { ...shared, cert, key });
 * ```
 */
export interface SharedSocketOption {
  socket: SharedSocket;
  transport?: undefined;
  host?: undefined;
  port?: undefined;
  ipv6Only?: undefined;
  reusePort?: undefined;
  udpReceiveBufferSize?: undefined;
  udpSendBufferSize?: undefined;
  udpTTL?: undefined;
}

/** What may be missing. */
type Whole = Partial<Pick<Socket, 'address' | 'bind' | 'getSendQueueSize' | 'remoteAddress'>> & {
  readonly type?: unknown;
};

/** Throws `ERR_INVALID_ARG_TYPE` for what is no socket. */
export function checkSocket(value: unknown, name: string): void {
  checkObject(value, name);
  for (const method of ['send', 'on', 'removeListener'])
    checkFunction(Reflect.get(value as object, method), `${name}.${method}`);
}

/** The first bytes of DTLS among the protocols that share a socket (RFC 7983 §7). */
const FIRST = 20;
const LAST = 63;

/** Sockets that an endpoint uses. */
const taken = new WeakSet<object>();

/** The socket of the application, which may serve other protocols beside DTLS. */
export class SharedSocketChannel implements DatagramChannel {
  readonly collects = false;
  readonly helloFilter = undefined;
  readonly reportsEveryFailure = false;
  readonly mayReportHearsay: boolean;
  readonly #socket: SharedSocket;
  readonly #whole: Whole;
  /** The one peer of a connected socket. */
  readonly #peer: PeerAddress | undefined;
  #handlers: ChannelHandlers | undefined;
  #address: PeerAddress | undefined;
  readonly #listeners: readonly (readonly [event: string, listener: Listener])[] = [
    ['message', (data: unknown, from: unknown) => this.#onMessage(data, from)],
    ['listening', () => this.#onListening()],
    ['error', (error: unknown) => this.#onError(channelError('socket', error))],
    ['close', () => this.#onClose()],
  ];

  constructor(socket: SharedSocket) {
    this.#socket = socket;
    this.#whole = socket as Whole;
    this.#peer = addressOf(() => this.#whole.remoteAddress?.());
    this.mayReportHearsay = this.#peer !== undefined;
  }

  get address(): PeerAddress | undefined {
    return this.#address;
  }

  get localAddress(): PeerAddress | undefined {
    return this.#address;
  }

  get version(): 0 | 4 | 6 {
    const address = this.#address ?? addressOf(() => this.#whole.address?.());
    if (address?.address === '::') return 0;
    const version = isIP(address?.address ?? '');
    if (version !== 0) return version as 4 | 6;
    return this.#whole.type === 'udp4' ? 4 : 0;
  }

  get queuedBytes(): number {
    return wholeCount(attempted(() => this.#whole.getSendQueueSize?.()));
  }

  get queuedDatagrams(): number {
    return 0;
  }

  /** Binds a socket that is not bound, to any port. */
  open(handlers: ChannelHandlers): void {
    if (taken.has(this.#socket))
      throw callerError(
        'ERR_DTLS_TRANSPORT_IN_USE',
        'options.socket belongs to another endpoint. Give each its own',
      );
    taken.add(this.#socket);
    this.#handlers = handlers;
    for (const [event, listener] of this.#listeners) this.#socket.on(event, listener);
    if (addressOf(() => this.#whole.address?.()) !== undefined) return this.#onListening();
    // It throws where the application has begun to bind it.
    attempted(() => this.#whole.bind?.());
  }

  peerAt(address: string, port: number): PeerAddress | undefined {
    const version = isIP(address);
    if (version === 0) return { address, family: 'other', port };
    if (this.version !== 0 && this.version !== version) return undefined;
    const family = version === 6 ? 'IPv6' : 'IPv4';
    const plainAddress = canonicalAddress(address, family);
    // A socket on `::` carries IPv4 in mapped addresses (RFC 3493 §3.7).
    const isMapped = version === 4 && this.#whole.type === 'udp6';
    return isMapped
      ? { address: `::ffff:${plainAddress}`, family: 'IPv6', port }
      : { address: plainAddress, family, port };
  }

  /** The application connects its socket, or does not. */
  dedicate(): void {}

  successor(): undefined {}

  send(data: Uint8Array, to: PeerAddress, failed?: (error: Error) => void): void {
    if (this.#handlers === undefined) return;
    const done = (error?: Error | null): void => {
      if (error !== null && error !== undefined) failed?.(error);
    };
    const bytes = toBuffer(withOwnMemory(data));
    try {
      if (this.#peer === undefined) sendTo(this.#socket, bytes, to, done);
      else Reflect.apply(this.#socket.send.bind(this.#socket), undefined, [bytes, done]);
    } catch (error) {
      process.nextTick(done, error);
    }
  }

  flush(): void {}

  /** It is for the application to say what its socket keeps running. */
  setReferenced(): void {}

  /** Idempotent. The socket stays open. */
  close(): undefined {
    if (this.#handlers === undefined) return;
    this.#handlers = undefined;
    for (const [event, listener] of this.#listeners) this.#socket.removeListener(event, listener);
    taken.delete(this.#socket);
  }

  #onListening(): void {
    if (this.#handlers === undefined || this.#address !== undefined) return;
    this.#address = addressOf(() => this.#whole.address?.()) ?? { address: '', family: 'other', port: 0 };
    this.#handlers.onBound(this.#address);
  }

  /** What is not DTLS is for other listeners, and is not counted. */
  #onMessage(data: unknown, from: unknown): void {
    const sender = addressOf(() => from);
    const datagram = datagramOf(data);
    if (datagram === undefined || sender === undefined) return;
    const [first = 0] = datagram;
    if (first >= FIRST && first <= LAST) this.#handlers?.onDatagram(datagram, sender);
  }

  /**
   * Once the socket is bound, most errors are about one datagram, which may be one of another protocol, to a peer that an
   * attacker has named. Errors of a connected socket may come from the network, and can be forged.
   */
  #onError(error: NodeJS.ErrnoException): void {
    if (this.#peer !== undefined) this.#handlers?.onUnreachable(error);
    else if (this.#address === undefined || !isOfOneDatagram(error)) this.#handlers?.onError(error);
  }

  #onClose(): void {
    const handlers = this.#handlers;
    this.close();
    const message =
      'the socket of options.socket was closed while its endpoint was open. Close the endpoint first';
    handlers?.onClosed(new DTLSError('ERR_DTLS_TRANSPORT_CLOSED', message, { source: 'network' }));
  }
}

/** A send that failed, a look-up for one, or what ICMP said of it. */
function isOfOneDatagram(error: NodeJS.ErrnoException): boolean {
  const { syscall } = error;
  return isFromTheNetwork(error) || syscall === 'send' || syscall === 'getaddrinfo';
}

function attempted<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}

/** `undefined` for what is no address, and where a socket has none yet. */
function addressOf(read: () => unknown): PeerAddress | undefined {
  const { address, port } = attempted(() => parts(read() as Given)) ?? {};
  if (typeof address !== 'string' || !isPort(port)) return undefined;
  const version = isIP(address);
  return { address, family: version === 0 ? 'other' : version === 6 ? 'IPv6' : 'IPv4', port };
}

interface Given {
  readonly address?: unknown;
  readonly port?: unknown;
}

/** Getters of the application's objects are called here. */
function parts({ address, port }: Given): Given {
  return { address, port };
}

function isPort(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffff;
}
