import type { DatagramSource, PeerAddress, Transport } from '#lib/index.js';

type Receiver = NonNullable<Transport['onmessage']>;
type Closer = NonNullable<Transport['onclose']>;

/** How a network in memory hands a datagram over: within `send`, or in a later turn. */
export type Delivery = 'at once' | 'later';

/** Ports of a network in memory, by address and port. Datagrams to an unused address are lost. */
export class MemoryNetwork {
  readonly #ports = new Map<string, MemoryTransport>();
  readonly #delivery: Delivery;

  constructor(delivery: Delivery = 'later') {
    this.#delivery = delivery;
  }

  /** A transport whose peers see it as `address` and `port`. */
  transport(address: string, port = 1): MemoryTransport {
    const transport = new MemoryTransport(this, { address, family: 'other', port });
    this.#ports.set(`${address} ${port}`, transport);
    return transport;
  }

  carry(data: Uint8Array, from: PeerAddress, to: PeerAddress): void {
    const receiver = this.#ports.get(`${to.address} ${to.port}`);
    if (this.#delivery === 'at once') receiver?.deliver(data, from);
    else setImmediate(() => receiver?.deliver(data, from));
  }
}

/** One port of a {@link MemoryNetwork}. */
export class MemoryTransport implements Transport {
  readonly address: PeerAddress;
  onmessage: Receiver | null = null;
  onclose: Closer | null = null;
  readonly sent: Uint8Array[] = [];
  closed = 0;
  readonly #network: MemoryNetwork;

  constructor(network: MemoryNetwork, address: PeerAddress) {
    this.#network = network;
    this.address = address;
  }

  send(data: Uint8Array, to: PeerAddress): unknown {
    this.sent.push(data);
    this.#network.carry(data, this.address, to);
    return undefined;
  }

  close(): unknown {
    this.closed++;
    return undefined;
  }

  /** As from a buffer that the next datagram overwrites. */
  deliver(data: Uint8Array, from?: DatagramSource): void {
    const buffer = Uint8Array.from(data);
    this.onmessage?.(buffer, from);
    buffer.fill(0);
  }
}
