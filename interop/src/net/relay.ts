import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { seededRandom } from './random.js';

export type Direction = 'to-server' | 'to-client';

/** The faults of the network between. Probabilities are per datagram, times in milliseconds. */
export interface Weather {
  readonly seed: number;
  readonly loss: number;
  readonly duplicate: number;
  /** Probability of a delay that lets later datagrams overtake. */
  readonly reorder: number;
  readonly delay: number;
}

export interface RelayOptions {
  readonly server: { readonly host: string; readonly port: number };
  /** Absent: every datagram passes at once, as it came. */
  readonly weather?: Weather;
  /** Larger payloads (bytes) are dropped, as on a path with that MTU. */
  readonly mtu?: number;
  /** All clients have one address towards the server, and the answers go to the last that sent something. */
  readonly shared?: boolean;
  /** Replaces a datagram by others; `undefined` passes it unchanged. */
  readonly rewrite?: (
    datagram: Uint8Array,
    direction: Direction,
    index: number,
    at: Crossing,
  ) => Uint8Array[] | undefined;
}

/** Where a datagram is rewritten. */
export interface Crossing {
  readonly relay: Relay;
  /** Of the client that sent it, or to which it goes. */
  readonly clientPort: number;
}

/** One datagram as it reached the relay, delivered or not. */
export interface Passage {
  readonly direction: Direction;
  /** Milliseconds since the relay began. */
  readonly at: number;
  readonly clientPort: number;
  /** How often the clients had moved before. */
  readonly moves: number;
  readonly bytes: Uint8Array;
}

const CAPTURE_LIMIT = 10_000;
const OVERTAKEN_MS = 60;

/** A UDP relay in front of one server, for any number of clients, that loses, repeats, delays and reorders by a seed, and moves them. */
export class Relay {
  readonly passages: Passage[] = [];
  /** Datagrams that were not delivered because they exceed the MTU. */
  tooLarge = 0;
  /** Datagrams that the server sent to an address that a client has left. */
  astray = 0;
  /** How often the clients have moved. */
  moves = 0;
  /** Sees each datagram just before it is sent on. */
  tap: ((bytes: Uint8Array, direction: Direction, clientPort: number) => void) | undefined;
  readonly #options: RelayOptions;
  /** Where clients hear the server, and where they have heard it before. */
  #front: Socket;
  readonly #formerFronts: Socket[] = [];
  readonly #upstreams = new Map<string, Socket>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #counts: Record<Direction, number> = { 'to-server': 0, 'to-client': 0 };
  readonly #began = performance.now();
  /** The address from which the server hears the clients; undefined: the one that the system chooses. */
  #address: string | undefined;
  /** The client that sent something last. */
  #last = { address: '', port: 0 };

  private constructor(options: RelayOptions) {
    this.#options = options;
    this.#front = this.#open();
  }

  static async start(options: RelayOptions): Promise<Relay> {
    const relay = new Relay(options);
    await relay.#listen();
    return relay;
  }

  get port(): number {
    return this.#front.address().port;
  }

  /**
   * Moves all clients, as a NAT that has forgotten them: the server hears them from other ports, and from `address`
   * if given. What it sends to the old ones is lost.
   */
  move(address?: string): void {
    this.moves++;
    this.#address = address;
  }

  /** Moves the server: clients hear it from another port. What they send to the one before still arrives. */
  async moveServer(): Promise<void> {
    this.#formerFronts.push(this.#front);
    this.#front = this.#open();
    await this.#listen();
  }

  /** Sends a datagram to the server from the address of the client that sent something last. */
  inject(bytes: Uint8Array): void {
    const { server } = this.#options;
    this.#upstream(this.#last.address, this.#last.port).send(bytes, server.port, server.host);
  }

  /** Largest payload seen in a direction, in bytes. */
  largest(direction: Direction): number {
    return Math.max(0, ...this.#seen(direction).map((passage) => passage.bytes.length));
  }

  count(direction: Direction): number {
    return this.#seen(direction).length;
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of [this.#front, ...this.#formerFronts, ...this.#upstreams.values()]) socket.close();
  }

  #seen(direction: Direction): Passage[] {
    return this.passages.filter((passage) => passage.direction === direction);
  }

  async #listen(): Promise<void> {
    const front = this.#front;
    await new Promise<void>((resolve, reject) => {
      front.once('error', reject);
      front.bind(0, this.#options.server.host, resolve);
    });
    front.on('message', (bytes, from) => this.#fromClient(bytes, from.address, from.port));
  }

  #open(): Socket {
    const socket = createSocket(isIPv6(this.#options.server.host) ? 'udp6' : 'udp4');
    // A peer that has ended answers with ICMP errors, which the relay ignores.
    socket.on('error', () => undefined);
    return socket;
  }

  #fromClient(bytes: Uint8Array, address: string, port: number): void {
    const { server } = this.#options;
    this.#pass('to-server', port, bytes, (out) => {
      this.#upstream(address, port).send(out, server.port, server.host);
    });
  }

  #upstream(address: string, port: number): Socket {
    const place = this.moves;
    this.#last = { address, port };
    const client = this.#options.shared === true ? `${place}` : `${address} ${port} ${place}`;
    const known = this.#upstreams.get(client);
    if (known !== undefined) return known;
    const socket = this.#open();
    if (this.#address !== undefined) socket.bind(0, this.#address);
    socket.on('message', (bytes, from) => {
      // Another program's datagram, for the earlier user of this port.
      if (from.port !== this.#options.server.port) return;
      const to = this.#options.shared === true ? this.#last : { address, port };
      if (place !== this.moves) this.astray++;
      else this.#pass('to-client', to.port, bytes, (out) => this.#front.send(out, to.port, to.address));
    });
    this.#upstreams.set(client, socket);
    return socket;
  }

  #pass(
    direction: Direction,
    clientPort: number,
    bytes: Uint8Array,
    send: (bytes: Uint8Array) => void,
  ): void {
    const index = this.#counts[direction]++;
    if (this.passages.length < CAPTURE_LIMIT) {
      const { moves } = this;
      this.passages.push({ direction, clientPort, moves, at: performance.now() - this.#began, bytes });
    }
    const at = { relay: this, clientPort };
    for (const out of this.#options.rewrite?.(bytes, direction, index, at) ?? [bytes]) {
      if (out.length > (this.#options.mtu ?? Number.POSITIVE_INFINITY)) this.tooLarge++;
      else
        for (const delay of this.#fate(direction, index))
          this.#later(delay, () => {
            this.tap?.(out, direction, clientPort);
            send(out);
          });
    }
  }

  // The fate of a datagram depends only on its place in its direction, so that a seed means the same in every run.
  #fate(direction: Direction, index: number): number[] {
    const { weather } = this.#options;
    if (weather === undefined) return [0];
    const random = seededRandom(weather.seed, direction === 'to-server' ? 1 : 2, index);
    if (random() < weather.loss) return [];
    const held = random() < weather.reorder ? OVERTAKEN_MS : 0;
    const first = held + random() * weather.delay;
    return random() < weather.duplicate ? [first, first + random() * OVERTAKEN_MS] : [first];
  }

  #later(delay: number, action: () => void): void {
    if (delay === 0) {
      action();
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, delay);
    this.#timers.add(timer);
  }
}
