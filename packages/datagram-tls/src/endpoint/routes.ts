import type { Link } from './link.js';
import { PeerMap } from './peer-map.js';

/** The associations with one address. */
export interface Route {
  readonly current: Link;
  /**
   * A client at the same address began anew. The current association lives on until this one has proved itself
   * (RFC 6347 §4.2.8).
   */
  readonly pending: Link | undefined;
}

/** Finds associations by the peer's address. */
export class Routes {
  readonly #byPeer = new PeerMap<Route>();
  #size = 0;

  /** Associations in all. */
  get size(): number {
    return this.#size;
  }

  find(address: string, port: number): Route | undefined {
    return this.#byPeer.get(address, port);
  }

  *links(): Iterable<Link> {
    for (const { current, pending } of this.#byPeer.values()) {
      yield current;
      if (pending !== undefined) yield pending;
    }
  }

  add(link: Link): void {
    const { peer } = link;
    const current = this.find(peer.address, peer.port)?.current;
    this.#byPeer.set(
      peer,
      current === undefined ? { current: link, pending: undefined } : { current, pending: link },
    );
    this.#size++;
  }

  /** A pending link takes the current one's place, which is returned. */
  promote(link: Link): Link | undefined {
    const { peer } = link;
    const route = this.find(peer.address, peer.port);
    if (route?.pending !== link) return undefined;
    this.#byPeer.set(peer, { current: link, pending: undefined });
    this.#size--;
    return route.current;
  }

  /** Does nothing when the link is not there any more. */
  remove(link: Link): void {
    const { peer } = link;
    const route = this.find(peer.address, peer.port);
    if (route?.pending === link) this.#byPeer.set(peer, { current: route.current, pending: undefined });
    else if (route?.current !== link) return;
    else if (route.pending === undefined) this.#byPeer.delete(peer);
    else this.#byPeer.set(peer, { current: route.pending, pending: undefined });
    this.#size--;
  }
}
