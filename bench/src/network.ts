/** A path through this process: datagrams take time, and some are lost, the same ones for every implementation. */
import { createSocket, type Socket, type SocketOptions } from 'node:dgram';
import { once } from 'node:events';

/** Round trip in ms; datagrams lost in each direction, in hundredths. */
export interface Network {
  readonly rtt: number;
  readonly loss: number;
}

/** What passed, or was lost, of one client's datagrams. A flight is what one side sends before the other does. */
export interface Passed {
  readonly flights: number;
  readonly datagrams: number;
}

interface Client extends Passed {
  flights: number;
  datagrams: number;
  readonly upstream: Socket;
  readonly random: () => number;
  last: 'up' | 'down' | undefined;
}

const HOST = '127.0.0.1';
const SOCKET: SocketOptions = { type: 'udp4', lookup: (host, _options, done) => done(null, host, 4) };

export class Relay {
  readonly #network: Network;
  readonly #server: number;
  readonly #socket = createSocket(SOCKET);
  readonly #clients = new Map<number, Client>();

  private constructor(network: Network, server: number) {
    this.#network = network;
    this.#server = server;
    this.#socket.on('message', (datagram, { port }) => {
      const client = this.#clients.get(port) ?? this.#accept(port);
      this.#pass(client, 'up', () => client.upstream.send(datagram, this.#server, HOST));
    });
  }

  static async start(network: Network, server: number): Promise<Relay> {
    const relay = new Relay(network, server);
    const listening = once(relay.#socket, 'listening');
    relay.#socket.bind(0, HOST);
    await listening;
    return relay;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  get passed(): readonly Passed[] {
    return [...this.#clients.values()];
  }

  stop(): void {
    this.#socket.close();
    for (const { upstream } of this.#clients.values()) upstream.close();
  }

  #accept(port: number): Client {
    const upstream = createSocket(SOCKET);
    const random = lossOf(this.#clients.size);
    const client: Client = { upstream, random, flights: 0, datagrams: 0, last: undefined };
    upstream.on('error', () => undefined);
    upstream.on('message', (datagram) =>
      this.#pass(client, 'down', () => this.#socket.send(datagram, port, HOST)),
    );
    this.#clients.set(port, client);
    return client;
  }

  #pass(client: Client, way: 'up' | 'down', send: () => void): void {
    if (client.last !== way) client.flights++;
    client.last = way;
    client.datagrams++;
    if (client.random() * 100 < this.#network.loss) return;
    // A socket that was closed meanwhile has no peer.
    const deliver = (): void => {
      try {
        send();
      } catch {
        client.last = undefined;
      }
    };
    if (this.#network.rtt === 0) deliver();
    else setTimeout(deliver, this.#network.rtt / 2);
  }
}

/** Numbers from 0 to 1, the same for each client of this number (mulberry32). */
export function lossOf(client: number): () => number {
  let state = Math.imul(client + 1, 0x9e37_79b1);
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
