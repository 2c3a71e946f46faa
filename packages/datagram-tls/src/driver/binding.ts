import { isIP } from 'node:net';
import type { PeerAddress } from '../base/peer-address.js';
import type { DatagramChannel } from './datagram-channel.js';
import { Deferred } from './deferred.js';
import { type EndpointOptions, resolveBind } from './options.js';
import type { BindTo } from './peer-search.js';
import type { Port } from './port.js';
import { hasIPv6 } from './resolve-host.js';
import { type SharedSocket, SharedSocketChannel } from './shared-socket.js';
import { type Transport, TransportChannel } from './transport.js';
import { Udp, type UdpOptions } from './udp.js';

/**
 * Bytes of datagrams that wait in a server's socket. Linux counts at least 768 for a small one: its default holds some 250, which
 * a flood fills within milliseconds, and then messages of open sessions are lost (ADR 71).
 */
const SERVER_RECEIVE_BUFFER = 0x10_0000;

/** What carries the datagrams of an endpoint, where it is bound, and when. */
export class Binding {
  readonly #udp: UdpOptions;
  readonly #socket: SharedSocket | undefined;
  readonly #newPort: (channel: DatagramChannel) => Port;
  readonly transport: Transport | undefined;
  /** Where the sockets of clients are bound. */
  readonly bindTo: BindTo;
  readonly opened = new Deferred<PeerAddress>();
  port: Port | undefined;
  /** The socket or the transport is being opened: what fails now is thrown, or comes later. */
  isOpening = false;
  #isAwaited = false;

  constructor(options: EndpointOptions, udp: UdpOptions, newPort: (channel: DatagramChannel) => Port) {
    this.#udp = udp;
    this.#socket = options.socket;
    this.#newPort = newPort;
    this.transport = options.transport;
    this.bindTo = resolveBind(options);
  }

  /** The application's own, which carries what all peers of the endpoint send. */
  get isShared(): boolean {
    return this.#socket !== undefined;
  }

  /** It is bound when the name of its host is resolved. */
  await(): void {
    this.#isAwaited = true;
  }

  /** Nothing can be sent yet. */
  get isPending(): boolean {
    return !this.opened.isSettled && (this.#isAwaited || this.transport?.opened !== undefined);
  }

  /** With a transport or a shared socket, host and port have no meaning. */
  makeServer(host: string, port: number): Port {
    return this.#make(host, port, { ...this.#udp, minReceiveBuffer: SERVER_RECEIVE_BUFFER });
  }

  #make(host: string, port: number, udp: UdpOptions): Port {
    this.port = this.#newPort(this.#channel(host, port, udp));
    return this.port;
  }

  #channel(host: string, port: number, udp: UdpOptions): DatagramChannel {
    if (this.transport !== undefined) return new TransportChannel(this.transport);
    if (this.#socket !== undefined) return new SharedSocketChannel(this.#socket);
    return new Udp(host, port, udp);
  }

  /** Throws the system's error. An error before this returns comes later, when the caller has the endpoint and can set handlers. */
  open(port: Port): void {
    this.isOpening = true;
    try {
      port.open();
    } finally {
      this.isOpening = false;
    }
  }

  /** Binds for a first peer, unless that was done before. `family`: the version of IP for a host name; 0: both. */
  bindFor(peerHost: string, family: 0 | 4 | 6): void {
    if (this.#isAwaited || this.port !== undefined) return;
    const version = isIP(peerHost) === 0 ? family : isIP(peerHost);
    const wantsIPv6 = version === 6 || (version === 0 && hasIPv6());
    const { host = wantsIPv6 ? '::' : '0.0.0.0', port } = this.bindTo;
    try {
      this.open(this.#make(host, port, this.#udp));
    } catch (error) {
      // Another attempt may find the port free.
      this.port = undefined;
      throw error;
    }
  }

  /** A further socket, for an attempt to connect. Throws the system's error. */
  openBeside(host: string, port: number, ipv6Only: boolean): Port {
    const udp = { ...this.#udp, ipv6Only: this.#udp.ipv6Only || ipv6Only };
    const opened = this.#newPort(new Udp(host, port, udp));
    opened.open();
    return opened;
  }
}
