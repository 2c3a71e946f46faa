import { concat, EMPTY, utf8 } from '../base/bytes.js';
import type { Duration, Instant } from '../base/instant.js';
import type { PeerAddress } from '../base/peer-address.js';
import type { CryptoProvider, MacKey } from '../crypto/provider.js';
import type { ClientHelloPrefix } from '../wire/messages/client-hello.js';

const KEY_LENGTH = 32;
const MAC_LENGTH = 32;

/** What the text of a cookie begins with: version, port, and the length of what it carries. */
const start = new Uint8Array(7);

/**
 * Cookies that prove that a client receives datagrams at its address, without state for it (RFC 6347 §4.2.1, RFC 9147
 * §5.1). Keys rotate: a cookie is valid for one to two lifetimes. It covers what the first fragment of any
 * ClientHello has: the address, version and random, which ties it to one handshake. It does not cover the session ID,
 * which clients of Mbed TLS 2.28 with a ticket change in every ClientHello. It may carry up to 255 bytes, which the
 * client can read but not change.
 */
export class Cookies {
  readonly #provider: CryptoProvider;
  readonly #lifetime: Duration;
  #current: MacKey;
  #previous: MacKey | undefined;
  #since: Instant | undefined;

  constructor(provider: CryptoProvider, lifetime: Duration) {
    this.#provider = provider;
    this.#lifetime = lifetime;
    this.#current = this.#newKey();
  }

  make(peer: PeerAddress, hello: ClientHelloPrefix, now: Instant, carried = EMPTY): Uint8Array {
    this.#rotate(now);
    const mac = this.#compute(this.#current, peer, hello, carried);
    return carried.length === 0 ? mac : concat(carried, mac);
  }

  /** The data in `cookie`, if it was made for this address and ClientHello recently enough. */
  open(
    peer: PeerAddress,
    hello: ClientHelloPrefix,
    cookie: Uint8Array,
    now: Instant,
  ): Uint8Array | undefined {
    this.#rotate(now);
    if (cookie.length < MAC_LENGTH) return undefined;
    const isWhole = cookie.length === MAC_LENGTH;
    const carried = isWhole ? EMPTY : cookie.subarray(0, -MAC_LENGTH);
    const mac = isWhole ? cookie : cookie.subarray(-MAC_LENGTH);
    if (this.#provider.equal(this.#compute(this.#current, peer, hello, carried), mac)) return carried;
    if (this.#previous === undefined) return undefined;
    return this.#provider.equal(this.#compute(this.#previous, peer, hello, carried), mac)
      ? carried
      : undefined;
  }

  /** Distinguishes the ClientHello of `cookie`, and its address, from others: 32 bits that depend on the secret. */
  static markOf(cookie: Uint8Array): number {
    let mark = 0;
    for (let at = cookie.length - 4; at < cookie.length; at++) mark = (mark << 8) | (cookie[at] as number);
    return mark >>> 0;
  }

  #compute(key: MacKey, peer: PeerAddress, hello: ClientHelloPrefix, carried: Uint8Array): Uint8Array {
    const { legacyVersion, random } = hello;
    const { address, port } = peer;
    start[0] = legacyVersion >>> 8;
    start[1] = legacyVersion;
    start[2] = port >>> 24;
    start[3] = port >>> 16;
    start[4] = port >>> 8;
    start[5] = port;
    // The length comes before, so that no two inputs have the same bytes.
    start[6] = carried.length;
    return key.sign(start, random, carried, bytesOf(address));
  }

  #rotate(now: Instant): void {
    this.#since ??= now;
    const age = now - this.#since;
    if (age < this.#lifetime) return;
    const isPrevious = age < 2 * this.#lifetime;
    this.#previous = isPrevious ? this.#current : undefined;
    this.#current = this.#newKey();
    // However late this is: the key before has its time from when it was to end.
    this.#since = isPrevious ? this.#since + this.#lifetime : now;
  }

  #newKey(): MacKey {
    return this.#provider.mac('sha256', this.#provider.randomBytes(KEY_LENGTH));
  }
}

/** The address of the last cookie: one is made, and then opened, for each client. */
let lastAddress = '';
let lastBytes = EMPTY;

function bytesOf(address: string): Uint8Array {
  if (address !== lastAddress) {
    lastAddress = address;
    lastBytes = utf8(address);
  }
  return lastBytes;
}
