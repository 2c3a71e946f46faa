import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Target } from './hostile-client.js';

export type Direction = 'to-server' | 'to-client';

/** One client of the relay: its datagrams leave from its own socket. */
export interface Relayed {
  /** Datagrams that passed so far, both ways. */
  readonly passed: number;
  /** In the client's name. */
  toServer(datagram: Uint8Array): void;
  /** In the server's name. */
  toClient(datagram: Uint8Array): void;
}

/** Forwards between honest clients and the server, and lets an attacker forge datagrams of both. */
export class Relay {
  /** Called before a datagram is forwarded. */
  onPassage: ((client: Relayed, direction: Direction, datagram: Buffer) => void) | undefined;
  readonly forged = { datagrams: 0, bytes: 0, toServer: 0 };
  readonly #target: Target;
  readonly #address: string;
  readonly #front: Socket;
  readonly #clients = new Map<
    string,
    { readonly upstream: Socket; readonly client: Relayed & { passed: number } }
  >();

  private constructor(target: Target, address: string) {
    this.#target = target;
    this.#address = address;
    this.#front = this.#socket();
    this.#front.on('message', (datagram: Buffer, from) =>
      this.#fromClient(datagram, from.address, from.port),
    );
  }

  static async start(target: Target, address: string): Promise<Relay> {
    const relay = new Relay(target, address);
    await new Promise<void>((resolve) => relay.#front.bind(0, address, resolve));
    return relay;
  }

  get target(): Target {
    return { host: this.#address, port: this.#front.address().port };
  }

  /** In the order of arrival. */
  get clients(): Relayed[] {
    return [...this.#clients.values()].map(({ client }) => client);
  }

  #socket(): Socket {
    const socket = createSocket(isIPv6(this.#target.host) ? 'udp6' : 'udp4');
    socket.on('error', () => undefined);
    return socket;
  }

  #fromClient(datagram: Buffer, address: string, port: number): void {
    const { upstream, client } = this.#known(address, port);
    this.onPassage?.(client, 'to-server', datagram);
    client.passed++;
    this.#send(upstream, datagram, this.#target);
  }

  #known(address: string, port: number) {
    const key = `${address} ${port}`;
    const found = this.#clients.get(key);
    if (found !== undefined) return found;
    const made = this.#newClient({ host: address, port });
    this.#clients.set(key, made);
    return made;
  }

  #newClient(honest: Target) {
    const upstream = this.#socket();
    const client = {
      passed: 0,
      toServer: (datagram: Uint8Array) => {
        this.#count(datagram);
        this.forged.toServer++;
        this.#send(upstream, datagram, this.#target);
      },
      toClient: (datagram: Uint8Array) => {
        this.#count(datagram);
        this.#send(this.#front, datagram, honest);
      },
    };
    upstream.bind(0, this.#address);
    upstream.on('message', (datagram: Buffer) => {
      this.onPassage?.(client, 'to-client', datagram);
      client.passed++;
      this.#send(this.#front, datagram, honest);
    });
    return { upstream, client };
  }

  #count({ length }: Uint8Array): void {
    this.forged.datagrams++;
    this.forged.bytes += length;
  }

  #send(socket: Socket, datagram: Uint8Array, to: Target): void {
    socket.send(datagram, to.port, to.host, () => undefined);
  }
}
