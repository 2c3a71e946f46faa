import { utf8 } from '../base/bytes.js';
import type { Duration, Instant } from '../base/instant.js';
import type { CryptoProvider, MacKey } from '../crypto/provider.js';
import type { ClientHelloPrefix } from '../wire/messages/client-hello.js';
import { type PeerAddress, peerKey } from './peer.js';

const KEY_LENGTH = 32;

/**
 * Cookies that prove a client receives what is sent to its address, without a byte of state for it (RFC 6347 §4.2.1).
 * Keys rotate: a cookie is good for one to two lifetimes. What it covers stands in the first fragment of any
 * ClientHello: the address, version, random and session id; the random ties it to one handshake.
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

  make(peer: PeerAddress, hello: ClientHelloPrefix, now: Instant): Uint8Array {
    this.#rotate(now);
    return this.#compute(this.#current, peer, hello);
  }

  /** Whether `cookie` was made for this address and ClientHello not too long ago. */
  accepts(peer: PeerAddress, hello: ClientHelloPrefix, cookie: Uint8Array, now: Instant): boolean {
    this.#rotate(now);
    if (this.#provider.equal(this.#compute(this.#current, peer, hello), cookie)) return true;
    return (
      this.#previous !== undefined && this.#provider.equal(this.#compute(this.#previous, peer, hello), cookie)
    );
  }

  #compute(key: MacKey, peer: PeerAddress, hello: ClientHelloPrefix): Uint8Array {
    const version = Uint8Array.of(hello.legacyVersion >>> 8, hello.legacyVersion);
    return key.sign(version, hello.random, hello.sessionId, utf8(peerKey(peer.address, peer.port)));
  }

  #rotate(now: Instant): void {
    this.#since ??= now;
    const age = now - this.#since;
    if (age < this.#lifetime) return;
    this.#previous = age < 2 * this.#lifetime ? this.#current : undefined;
    this.#current = this.#newKey();
    this.#since = now;
  }

  #newKey(): MacKey {
    return this.#provider.mac('sha256', this.#provider.randomBytes(KEY_LENGTH));
  }
}
