import type { Role } from '#lib/config/config.js';
import { PacketTrace } from './packet-trace.js';
import type { Random } from './random.js';

/** What a path does to datagrams; probabilities are of 0 to 1, times are ms. */
export interface Weather {
  readonly loss: number;
  readonly duplication: number;
  /** Flipped bits, cut off ends, bytes added. */
  readonly corruption: number;
  readonly latency: number;
  /** Added to the latency of each datagram, 0 to this: datagrams overtake each other. */
  readonly jitter: number;
  /** Largest datagram that gets through, bytes of UDP payload, as a function of time. */
  readonly mtu: (now: number) => number;
}

export const FAIR: Weather = {
  loss: 0,
  duplication: 0,
  corruption: 0,
  latency: 10,
  jitter: 0,
  mtu: () => 65_535,
};

export interface Packet {
  readonly from: Role;
  readonly data: Uint8Array;
  /** Not what was sent. */
  readonly damaged: boolean;
  /** Number of the datagram as it was sent; copies share it. */
  readonly id: number;
}

interface Flying extends Packet {
  readonly at: number;
  readonly order: number;
}

/** The path between two endpoints in virtual time. */
export class Network {
  weather: Weather;
  readonly trace = new PacketTrace();
  readonly #random: Random;
  #flying: Flying[] = [];
  #sent = 0;
  #order = 0;

  constructor(weather: Weather, random: Random) {
    this.weather = weather;
    this.#random = random;
  }

  /** Takes a datagram that `from` sent; returns its number. */
  submit(from: Role, data: Uint8Array, now: number): number {
    const { loss, duplication, mtu } = this.weather;
    const id = this.#sent++;
    if (data.length > mtu(now)) {
      this.trace.add(now, from, data, 'too big');
    } else if (this.#random.chance(loss)) {
      this.trace.add(now, from, data, 'lost');
    } else {
      this.#launch(from, data, id, now, 'delivered');
      if (this.#random.chance(duplication)) this.#launch(from, data, id, now, 'copied');
    }
    return id;
  }

  /** When the next datagram arrives. */
  next(): number | undefined {
    return this.#flying[0]?.at;
  }

  /** Takes a datagram that has arrived by `now`. */
  arrive(now: number): Packet | undefined {
    const first = this.#flying[0];
    return first !== undefined && first.at <= now ? this.#flying.shift() : undefined;
  }

  /** Forgets what is under way. */
  clear(): void {
    this.#flying = [];
  }

  #launch(from: Role, sent: Uint8Array, id: number, now: number, fate: 'delivered' | 'copied'): void {
    const { corruption, latency, jitter } = this.weather;
    const damaged = this.#random.chance(corruption);
    const data = damaged ? damage(sent, this.#random) : sent;
    this.trace.add(now, from, data, damaged ? 'damaged' : fate);
    const at = now + latency + this.#random.fraction() * jitter;
    const flying = { from, data, damaged, id, at, order: this.#order++ };
    const later = this.#flying.findIndex((other) => other.at > at);
    if (later < 0) this.#flying.push(flying);
    else this.#flying.splice(later, 0, flying);
  }
}

/** A copy that differs from `sent`. */
export function damage(sent: Uint8Array, random: Random): Uint8Array {
  const kind = random.below(4);
  if (kind === 0 && sent.length > 1) return sent.slice(0, random.below(sent.length));
  if (kind === 1) return Uint8Array.of(...sent, ...random.bytes(random.between(1, 20)));
  const copy = sent.slice();
  const start = random.below(sent.length);
  const bits = kind === 2 ? 1 : random.between(2, 16);
  for (let i = 0; i < bits; i++) {
    const at = (start + (i === 0 ? 0 : random.below(4))) % copy.length;
    copy[at] = (copy[at] as number) ^ (1 << random.below(8));
  }
  if (copy.every((byte, i) => byte === sent[i])) copy[start] = (copy[start] as number) ^ 1;
  return copy;
}
