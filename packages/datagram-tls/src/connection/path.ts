import type { Duration } from '../base/instant.js';
import type { PeerAddress } from '../base/peer-address.js';
import type { Reader, Writer } from '../wire/cursor.js';

/** What every IPv4 host takes (RFC 791 §3.1), bytes of UDP payload. */
const ANY_HOST = 548;
/** Datagram sizes to fall back to, bytes of UDP payload: IPv6's minimum MTU, IPv4's common one, and a last resort. */
const SMALLEST = 256;
const STEPS = [1232, ANY_HOST, SMALLEST];
/** Transmissions of one size without an answer before the next smaller one is tried: a single loss is just a loss. */
const TRIES_PER_STEP = 2;

/**
 * How large a datagram may be, bytes of UDP payload: as configured, until the path shows that it takes less. What the
 * system refuses is known not to pass; what goes unanswered may have been too large (RFC 6347 §4.1.1.1, RFC 9147 §4.4).
 */
export class PathSize {
  #known: number;
  #guessed: number;
  #inVain = 0;
  /** Length of the connection ID on our records, by which the smallest datagram grows; bytes. */
  #cidLength = 0;
  /** What goes out now is as large as is known to pass, whatever was guessed. */
  #whole = false;

  constructor(mtu: number) {
    this.#known = mtu;
    this.#guessed = mtu;
  }

  /** For what is sent once, such as application data: a guess is no reason to refuse it. */
  get known(): number {
    return this.#known;
  }

  /** For flights, whose messages can be cut to any size. */
  get forFlights(): number {
    const size = this.#whole ? this.#known : Math.min(this.#known, this.#guessed);
    return Math.max(size, this.smallest);
  }

  /** The least that a flight is cut to. */
  get smallest(): number {
    return Math.min(SMALLEST + this.#cidLength, this.#known);
  }

  /** Our records have a connection ID of `length` bytes, at most 255. */
  onConnectionId(length: number): void {
    this.#cidLength = length;
  }

  /** A datagram of `size` bytes was too large for the system; returns whether smaller ones will be sent for it. */
  onRefused(size: number): boolean {
    if (size > this.#known) return false;
    const before = this.#known;
    this.#known = stepBelow(size);
    return this.#known < before;
  }

  /**
   * A flight, with datagrams of up to `largest` bytes, goes out again because nothing answered it. One that any host takes
   * was lost. A ClientHello (`hello`) that was cut goes out as it was at first every other time, as there are servers that
   * take one only whole, and the first two may have been lost by chance.
   */
  onUnanswered(largest: number, hello: boolean): void {
    if (!this.#whole && largest <= ANY_HOST && this.forFlights > ANY_HOST) return;
    this.#inVain++;
    this.#whole = hello && !this.#whole && this.#guessed < this.#known;
    if (this.#whole || this.#inVain % TRIES_PER_STEP !== 0) return;
    this.#guessed = stepBelow(Math.min(this.#known, this.#guessed, largest));
  }

  save(w: Writer): void {
    w.varint(this.#known)
      .varint(this.#guessed)
      .varint(this.#inVain)
      .u8(this.#whole ? 1 : 0);
  }

  /** No more than is configured now, and no less than is ever written. */
  restore(r: Reader): void {
    const mtu = this.#known;
    const known = r.varint();
    const guessed = r.varint();
    if (known < SMALLEST || guessed < SMALLEST) r.fail();
    this.#known = Math.min(mtu, known);
    this.#guessed = Math.min(mtu, guessed);
    this.#inVain = r.varint();
    this.#whole = r.u8() === 1;
  }

  /** The flight was answered. The next one begins at the size at which this one arrived: the path is the same. */
  onAnswer(): void {
    this.#inVain = 0;
    if (this.#whole) this.#guessed = this.#known;
    this.#whole = false;
  }
}

/** There is nothing below the last resort. */
function stepBelow(size: number): number {
  return STEPS.find((step) => step < size) ?? Math.min(...STEPS);
}

/**
 * What is known of the path to a peer.
 *
 * @example
 * ```ts
 * import type { Connection, PathInfo } from 'datagram-tls/core';
 *
 * function isValidated(connection: Connection): boolean {
 *   const { validated }: PathInfo = connection.path;
 *   return validated;
 * }
 * ```
 */
export interface PathInfo {
  /** Where datagrams go. */
  readonly address: PeerAddress;
  /** The peer has shown that it receives datagrams there. */
  readonly validated: boolean;
  /** Bytes of UDP payload. */
  readonly bytesReceived: number;
  /** Bytes of UDP payload. */
  readonly bytesSent: number;
  /** The largest datagram that is sent, bytes of UDP payload: the option `mtu`, or less where that was refused. */
  readonly maxDatagramSize: number;
}

/** RFC 9147 §5.1: this many times the bytes of a peer whose address is not validated. */
const AMPLIFICATION = 3;
/** How long a handshake may take on a path that is not validated, ms. */
export const UNVALIDATED_LIFE: Duration = 10_000;
/** How long a client whose early data is accepted may take to validate its path, ms, if its handshake may take that long. */
const ANSWERED_LIFE: Duration = 60_000;

/** `timeout`: of handshakes, 0 for none. */
export function answeredLife(timeout: Duration): Duration {
  return timeout === 0 ? ANSWERED_LIFE : Math.min(timeout, ANSWERED_LIFE);
}

/**
 * The peer's address, and what may be sent there. Until the path is validated the peer gets at most three times the
 * bytes that it sent (RFC 9147 §5.1), and no timer of ours repeats a flight.
 */
export class Path implements PathInfo {
  readonly address: PeerAddress;
  /** Of the datagrams that it takes. */
  readonly size: PathSize;
  /** A cookie has come, or a record under keys that only a peer that receives our datagrams can have. */
  validated: boolean;
  /** The peer of an association under way has moved here: its records prove nothing about the path. */
  moved: boolean;
  /** Bytes of UDP payload. */
  bytesReceived = 0;
  bytesSent = 0;

  constructor(address: PeerAddress, mtu: number, validated: boolean, moved = false) {
    this.address = address;
    this.size = new PathSize(mtu);
    this.validated = validated;
    this.moved = moved;
  }

  /** Bytes of UDP payload of the largest datagram that fits the path, as far as is known. */
  get maxDatagramSize(): number {
    return this.size.known;
  }

  /** Bytes of the datagrams of a flight: while the path is not validated, one of them at least is to go out at once. */
  get flightDatagramSize(): number {
    const size = this.size.forFlights;
    if (this.validated) return size;
    return Math.min(size, Math.max(AMPLIFICATION * this.bytesReceived - this.bytesSent, this.size.smallest));
  }

  /** Whether `bytes` more may be sent. */
  grants(bytes: number): boolean {
    return this.validated || this.bytesSent + bytes <= AMPLIFICATION * this.bytesReceived;
  }

  /** Another process may have sent all that the path, which is not validated, takes until the peer sends again. */
  spend(): void {
    this.bytesSent = Math.max(this.bytesSent, AMPLIFICATION * this.bytesReceived);
  }

  /** Its address is the endpoint's matter. */
  save(w: Writer): void {
    w.u8(this.validated ? 1 : 0);
    this.size.save(w);
    w.varint(this.bytesReceived).varint(this.bytesSent);
  }

  restore(r: Reader): void {
    this.validated = r.u8() === 1;
    this.moved = !this.validated;
    this.size.restore(r);
    this.bytesReceived = r.varint();
    this.bytesSent = r.varint();
  }

  /** Whether `from` is the other end of this path. */
  endsAt(from: PeerAddress): boolean {
    return from === this.address || sameAddress(from, this.address);
  }
}

export function sameAddress(one: PeerAddress, other: PeerAddress): boolean {
  return one.port === other.port && one.address === other.address;
}
