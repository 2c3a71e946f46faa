import { createSocket, type RemoteInfo, type Socket, type SocketOptions } from 'node:dgram';
import { lookup as systemLookup } from 'node:dns';
import { isIP } from 'node:net';
import type { PeerAddress } from '../base/peer-address.js';
import { plain } from '../crypto/node-bytes.js';
import { canonicalAddress } from '../driver/resolve-host.js';
import type { DatagramSource, Transport } from '../driver/transport.js';

type Lookup = NonNullable<SocketOptions['lookup']>;
type Found = Parameters<Lookup>[2];

/** Datagrams up to this size pass any path, bytes (IPv6's minimum MTU less headers): their fate needs no report. */
const SAFE_SIZE = 1232;

/**
 * The UDP socket below a socket with DTLS, as the transport of its endpoint. It is the one that checks what node:dgram
 * checks, binds and has the system's options. IP addresses are looked up at once, so that a send to one costs no turn of
 * the event loop.
 */
export class PlainSocket implements Transport {
  readonly udp: Socket;
  readonly family: 4 | 6;
  onmessage: ((data: Uint8Array, from?: DatagramSource) => void) | null | undefined;
  onclose: ((error?: Error) => void) | null | undefined;
  /** A handshake is under way, or another reason to report each datagram that the system refuses. */
  isWatched: () => boolean = () => false;
  readonly #lookup: Lookup;
  #isOpen = true;

  constructor(options: SocketOptions) {
    const { lookup, signal: _signal, ...plainOptions } = options;
    this.family = options.type === 'udp6' ? 6 : 4;
    this.#lookup = lookup ?? systemLookup;
    this.udp = createSocket({
      ...plainOptions,
      lookup: (name, _options, done) => this.resolve(name, done),
    });
    this.udp.on('message', (datagram: Buffer, from: RemoteInfo) => this.onmessage?.(plain(datagram), from));
    this.udp.on('close', () => {
      this.#isOpen = false;
    });
  }

  /** Calls `done` at once for an IP address. */
  resolve(name: string, done: Found): void {
    const literal = isIP(name);
    if (literal === 0) this.#lookup(name, { family: this.family }, done);
    else done(null, name, literal);
  }

  /** Where datagrams for an IP address go, in the form in which answers come. */
  peerAt(address: string, port: number): PeerAddress {
    const family = isIP(address) === 6 ? 'IPv6' : 'IPv4';
    return { address: canonicalAddress(address, family), family, port };
  }

  /** The address that stands for this host. */
  get loopback(): string {
    return this.family === 6 ? '::1' : '127.0.0.1';
  }

  /** Throws the system's EBADF before the socket is bound. */
  get address(): PeerAddress {
    const { address, family, port } = this.udp.address();
    return { address, family: family as PeerAddress['family'], port };
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get bufferedAmount(): number {
    return this.#queued('getSendQueueSize');
  }

  get bufferedCount(): number {
    return this.#queued('getSendQueueCount');
  }

  /** The promise rejects with the system's error; it is only made where the error matters. */
  send(data: Uint8Array, to: PeerAddress): Promise<void> | undefined {
    if (data.length > SAFE_SIZE || this.isWatched())
      return new Promise((resolve, reject) => {
        this.udp.send(data, to.port, to.address, (error) => (error === null ? resolve() : reject(error)));
      });
    this.udp.send(data, to.port, to.address);
    return undefined;
  }

  ref(): void {
    this.udp.ref();
  }

  unref(): void {
    this.udp.unref();
  }

  close(): Promise<void> | undefined {
    if (!this.#isOpen) return undefined;
    return new Promise((resolve) => this.udp.close(() => resolve()));
  }

  /** Some runtimes have these methods and throw. */
  #queued(name: 'getSendQueueSize' | 'getSendQueueCount'): number {
    const socket: Partial<Socket> = this.udp;
    try {
      return this.#isOpen ? (socket[name]?.() ?? 0) : 0;
    } catch {
      return 0;
    }
  }
}
