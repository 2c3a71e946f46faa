import { isIP } from 'node:net';
import { withOwnMemory } from '../base/byte-pool.js';
import { callerError, DTLSError, invalidArgType, outOfRange } from '../base/errors.js';
import type { PeerAddress } from '../base/peer-address.js';
import { checkFunction, checkInteger, checkObject, checkOneOf, checkString } from '../config/checks.js';
import { toBuffer } from './buffers.js';
import {
  type ChannelHandlers,
  channelError,
  type DatagramChannel,
  datagramOf,
  wholeCount,
} from './datagram-channel.js';
import { attempt, throwLater } from './guard.js';

/**
 * The sender of a datagram. An absent `family` is that of `address` if it is an IP address, otherwise `other`.
 *
 * @example
 * ```ts
 * import type { DatagramSource, Transport } from 'datagram-tls';
 *
 * const from: DatagramSource = { address: '192.0.2.1', port: 5684 };
 * function arrived(transport: Transport, datagram: Uint8Array): void {
 *   transport.onmessage?.(datagram, from);
 * }
 * ```
 */
export interface DatagramSource {
  readonly address: string;
  readonly port: number;
  readonly family?: PeerAddress['family'] | undefined;
}

/**
 * Carries datagrams instead of a UDP socket: an ICE agent, a tunnel, a link in memory, a simulated network. It may
 * lose, repeat and reorder datagrams, and must keep their boundaries. One transport serves one endpoint: `listen` and
 * `connect` take ownership of it, and close it when the endpoint ends.
 *
 * @example
 * ```ts
 * import type { Transport } from 'datagram-tls';
 *
 * class Wire implements Transport {
 *   onmessage: Transport['onmessage'];
 *   other: Wire | undefined;
 *   send(data: Uint8Array) {
 *     queueMicrotask(() => this.other?.onmessage?.(data));
 *   }
 *   close() {}
 * }
 * ```
 */
export interface Transport {
  /** The value of `endpoint.address`. Default: address `''`, family `other`, port 0. */
  readonly address?: PeerAddress | undefined;
  /** Largest datagram it carries, 256 to 65535 bytes: the default and the maximum of `mtu`. */
  readonly maxDatagramSize?: number | undefined;
  /**
   * `connect` sends no datagram before this resolves, and counts `handshakeTimeout` from then on; a server answers
   * every call of `onmessage`. When it rejects the endpoint fails with its error. Default: the transport is ready.
   */
  readonly opened?: PromiseLike<unknown> | undefined;
  /**
   * Bytes that `send` has accepted and that have not left: see `maxSendQueue`. Promises of `send` are counted
   * separately.
   */
  readonly bufferedAmount?: number | undefined;
  /**
   * Set by the endpoint. The transport calls it with each received datagram, also from within `send`. `from`
   * distinguishes peers; a transport with one peer omits it. The endpoint keeps nothing of `data` when the call
   * returns, and does not change it. After the end it does nothing. Throws `ERR_INVALID_ARG_TYPE`,
   * `ERR_INVALID_ARG_VALUE` and `ERR_OUT_OF_RANGE` for invalid arguments.
   */
  onmessage?: ((data: Uint8Array, from?: DatagramSource) => void) | null | undefined;
  /**
   * Set by the endpoint. The transport calls it when it has ended by itself, and is not closed then. Open sessions
   * fail with `error`, which `endpoint.onerror` also gets, or without one with `ERR_DTLS_TRANSPORT_CLOSED`.
   */
  onclose?: ((error?: Error) => void) | null | undefined;
  /**
   * Sends one datagram, now or later. The transport owns `data` from now on. `to` is the `from` of `onmessage`, or
   * the arguments `host` and `port` of `connect`; with one peer it has no meaning. An exception or a rejected promise
   * means that this datagram is lost: it is counted as `send_failed` in `session.drops`. The code `EMSGSIZE` makes
   * datagrams smaller; the codes of a UDP socket for an unreachable peer, such as `EHOSTUNREACH`, end a handshake of
   * `connect` that has received nothing.
   */
  send(data: Buffer, to: PeerAddress): unknown;
  /**
   * Called by `ref()` and `unref()` of the endpoint: whether the transport is to keep the process running. Default: the
   * transport decides.
   */
  ref?(): unknown;
  unref?(): unknown;
  /** Called once. `endpoint.closed` waits for its promise, and rejects with its error. */
  close(): unknown;
}

/**
 * Options of sockets have no meaning with a transport and are refused.
 *
 * @example
 * ```ts
 * import { connect, type Transport, type TransportOption } from 'datagram-tls';
 *
 * function open(transport: Transport) {
 *   const option: TransportOption = { transport };
 *   return connect('device.example', 1, { ca, ...option });
 * }
 * ```
 */
export interface TransportOption {
  /** The application's transport. */
  transport: Transport;
  host?: undefined;
  port?: undefined;
  bindHost?: undefined;
  bindPort?: undefined;
  ipv6Only?: undefined;
  reusePort?: undefined;
  udpReceiveBufferSize?: undefined;
  udpSendBufferSize?: undefined;
  udpTTL?: undefined;
  socket?: undefined;
  lookup?: undefined;
  family?: undefined;
  autoSelectFamily?: undefined;
  autoSelectFamilyAttemptTimeout?: undefined;
}

/** Throws `ERR_INVALID_ARG_TYPE` and `ERR_OUT_OF_RANGE` for an invalid transport. */
export function checkTransport(value: unknown, name: string): void {
  checkObject(value, name);
  const transport = value as Transport;
  for (const method of ['send', 'close']) checkFunction(Reflect.get(transport, method), `${name}.${method}`);
  for (const method of ['ref', 'unref']) {
    const given: unknown = Reflect.get(transport, method);
    if (given !== undefined) checkFunction(given, `${name}.${method}`);
  }
  const { address, maxDatagramSize, opened } = transport;
  if (address !== undefined) peerFrom(address, `${name}.address`);
  if (maxDatagramSize !== undefined) checkInteger(maxDatagramSize, `${name}.maxDatagramSize`, 256, 65_535);
  if (opened !== undefined && !isThenable(opened))
    throw invalidArgType(`${name}.opened`, 'an instance of Promise', opened);
}

/** The option `mtu`: by default the transport's maximum. Throws `ERR_OUT_OF_RANGE` when it is larger. */
export function datagramSize(mtu: number | undefined, transport: Transport | undefined): number | undefined {
  const most = transport?.maxDatagramSize;
  if (mtu === undefined || most === undefined) return mtu ?? most;
  if (mtu > most) throw outOfRange('options.mtu', `<= ${most}, the transport's maxDatagramSize`, mtu);
  return mtu;
}

/** An address as a transport, or the caller of `connect`, gives it: it is compared unchanged. */
export function familyOf(address: string): PeerAddress['family'] {
  const version = isIP(address);
  return version === 4 ? 'IPv4' : version === 6 ? 'IPv6' : 'other';
}

const NO_ADDRESS: PeerAddress = Object.freeze({ address: '', family: 'other', port: 0 });
/** The peer of a server's transport that does not distinguish peers. */
const ONLY_PEER: PeerAddress = Object.freeze({ address: 'peer', family: 'other', port: 0 });

/** Transports that an endpoint has, or had. */
const taken = new WeakSet<Transport>();

/** A transport of the application. Its behaviour and its calls at the wrong time do not reach the core. */
export class TransportChannel implements DatagramChannel {
  readonly collects = false;
  readonly helloFilter = undefined;
  readonly reportsEveryFailure = true;
  readonly mayReportHearsay = false;
  readonly version = 0;
  readonly #transport: Transport;
  #handlers: ChannelHandlers | undefined;
  #peer = ONLY_PEER;
  /** The cost of pending promises of `send`. */
  #pendingBytes = 0;
  #pendingDatagrams = 0;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  get address(): PeerAddress {
    const { address } = this.#transport;
    return address === undefined ? NO_ADDRESS : peerFrom(address, 'transport.address');
  }

  get localAddress(): PeerAddress | undefined {
    return this.address;
  }

  get queuedBytes(): number {
    return this.#pendingBytes + wholeCount(this.#bufferedAmount());
  }

  /** A getter that throws means that the transport has failed. */
  #bufferedAmount(): unknown {
    try {
      return this.#transport.bufferedAmount;
    } catch (error) {
      this.#failed(error);
      return 0;
    }
  }

  get queuedDatagrams(): number {
    return this.#pendingDatagrams;
  }

  open(handlers: ChannelHandlers): void {
    const transport = this.#transport;
    if (taken.has(transport))
      throw callerError('ERR_DTLS_TRANSPORT_IN_USE', 'options.transport belongs to another endpoint');
    taken.add(transport);
    this.#handlers = handlers;
    transport.onclose = (error) => this.#onClose(error);
    if (transport.opened === undefined) handlers.onBound(this.address);
    else {
      const bound = (): void => this.#handlers?.onBound(this.address);
      void Promise.resolve(transport.opened).then(bound).catch(this.#failed);
    }
    // Last: it may bring waiting datagrams at once.
    transport.onmessage = (data, from) => this.#onMessage(data, from);
  }

  /** Addresses are the application's own, and stay unchanged. */
  peerAt(address: string, port: number): PeerAddress {
    return { address, family: familyOf(address), port };
  }

  successor(): undefined {}

  /** Datagrams without a source come from this peer. */
  dedicate(peer: PeerAddress): void {
    this.#peer = peer;
  }

  send(data: Uint8Array, to: PeerAddress, failed: (error: Error) => void): void {
    if (this.#handlers === undefined) return;
    try {
      const sent = this.#transport.send(toBuffer(withOwnMemory(data)), to);
      if (isThenable(sent)) this.#await(sent, data.length, failed);
    } catch (error) {
      // Later, as with a socket: the current work is finished first.
      process.nextTick(failed, channelError('transport', error));
    }
  }

  flush(): void {}

  setReferenced(referenced: boolean): void {
    if (this.#handlers === undefined) return;
    attempt(() => {
      if (referenced) this.#transport.ref?.();
      else this.#transport.unref?.();
    }, this.#failed);
  }

  /** Idempotent. Returns the transport's promise, or one that rejects with its error. */
  close(): Promise<unknown> | undefined {
    if (this.#handlers === undefined) return undefined;
    this.#release();
    try {
      const closed = this.#transport.close();
      return isThenable(closed) ? Promise.resolve(closed) : undefined;
    } catch (error) {
      return Promise.reject(channelError('transport', error));
    }
  }

  #onMessage(data: unknown, from: unknown): void {
    if (this.#handlers === undefined) return;
    const datagram = datagramOf(data);
    if (datagram === undefined) throw invalidArgType('data', 'an instance of Uint8Array', data);
    this.#handlers.onDatagram(datagram, from === undefined ? this.#peer : peerFrom(from, 'from'));
  }

  #onClose(error: unknown): void {
    const handlers = this.#handlers;
    if (handlers === undefined) return;
    this.#release();
    if (error === undefined) handlers.onClosed(transportClosed());
    else handlers.onError(channelError('transport', error));
  }

  /** From now on calls of the transport are ignored. */
  #release(): void {
    this.#handlers = undefined;
    attempt(() => {
      this.#transport.onmessage = null;
      this.#transport.onclose = null;
    }, throwLater);
  }

  /** A part of the transport threw what only the endpoint can hear: it has failed. The current work is finished first. */
  readonly #failed = (error: unknown): void => {
    process.nextTick(() => this.#handlers?.onError(channelError('transport', error)));
  };

  #await(sent: PromiseLike<unknown>, size: number, failed: (error: Error) => void): void {
    this.#pendingBytes += size;
    this.#pendingDatagrams++;
    const settled = (): void => {
      this.#pendingBytes -= size;
      this.#pendingDatagrams--;
    };
    void Promise.resolve(sent).then(settled, (error: unknown) => {
      settled();
      failed(channelError('transport', error));
    });
  }
}

function transportClosed(): DTLSError {
  return new DTLSError(
    'ERR_DTLS_TRANSPORT_CLOSED',
    'the transport ended without an error. Make a new transport, and connect again',
    { source: 'network' },
  );
}

/** A copy of a peer's address. Throws the caller's mistake under `name`. */
function peerFrom(value: unknown, name: string): PeerAddress {
  if (typeof value !== 'object' || value === null) throw invalidArgType(name, 'of type object', value);
  const { address, family, port } = value as Partial<DatagramSource>;
  checkString(address, `${name}.address`);
  checkInteger(port, `${name}.port`, 0, 65_535);
  if (family === undefined) return { address, family: familyOf(address), port };
  checkOneOf(family, `${name}.family`, ['IPv4', 'IPv6', 'other']);
  return { address, family, port };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}
