import type { PeerAddress } from './peer.js';

/** The one peer that has a port. */
interface Only<V> {
  readonly address: string;
  readonly value: V;
}

/**
 * Values by where the peer is. It is asked for every datagram, whose port is a number that comes for nothing, whereas to join address and
 * port to a key costs as much as to read the record. So the port is looked up, and the address only compared: few peers
 * have the same port, unless all keep to a well-known one.
 */
export class PeerMap<V extends object> {
  readonly #byPort = new Map<number, Only<V> | Map<string, V>>();

  get(address: string, port: number): V | undefined {
    const found = this.#byPort.get(port);
    if (found instanceof Map) return found.get(address);
    return found?.address === address ? found.value : undefined;
  }

  set({ address, port }: PeerAddress, value: V): void {
    const found = this.#byPort.get(port);
    if (found instanceof Map) found.set(address, value);
    else if (found === undefined || found.address === address) this.#byPort.set(port, { address, value });
    else {
      const both = new Map([
        [found.address, found.value],
        [address, value],
      ]);
      this.#byPort.set(port, both);
    }
  }

  delete({ address, port }: PeerAddress): void {
    const found = this.#byPort.get(port);
    if (found instanceof Map) {
      found.delete(address);
      if (found.size === 0) this.#byPort.delete(port);
    } else if (found?.address === address) this.#byPort.delete(port);
  }

  *values(): Iterable<V> {
    for (const found of this.#byPort.values()) {
      if (found instanceof Map) yield* found.values();
      else yield found.value;
    }
  }
}
