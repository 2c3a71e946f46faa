import { concat, own, sliceOf, utf8 } from '../base/bytes.js';
import type { Duration } from '../base/instant.js';
import { derivedAead } from '../crypto/derived-aead.js';
import type { CryptoProvider, DerivedAead } from '../crypto/provider.js';

/** Bytes of a ticket key: a name and two secrets, as in node:tls and node:dtls. */
export const TICKET_KEY_LENGTH = 80;

const NAME_LENGTH = 16;
const SEED_LENGTH = 16;
const HEAD_LENGTH = NAME_LENGTH + SEED_LENGTH;
/** Seals tickets. */
export const TICKET_AEAD = 'aes-256-gcm';
/** Separates these keys from others that are derived from the same secrets. */
const PURPOSE = utf8('datagram-tls ticket 1');

/** A key that seals tickets, or once did. */
export interface TicketKey {
  /** Precedes each ticket in plaintext, to find the key again. */
  readonly name: Uint8Array;
  /** The key of each ticket is derived from it. */
  readonly root: Uint8Array;
}

/** `bytes`: {@link TICKET_KEY_LENGTH} of them, which are copied. */
export function importTicketKey(provider: CryptoProvider, bytes: Uint8Array): TicketKey {
  const root = provider.mac('sha256', bytes.subarray(48)).sign(bytes.subarray(NAME_LENGTH, 48));
  return { name: own(bytes.subarray(0, NAME_LENGTH)), root };
}

/**
 * The name of the key, a random seed, and `content` under a key and nonce that are derived from the seed. So keys
 * that many nodes share for years never come near the limits of random nonces. Opening needs the same `context`.
 */
export function sealTicket(
  provider: CryptoProvider,
  key: TicketKey,
  context: Uint8Array,
  content: Uint8Array,
): Uint8Array {
  const head = concat(key.name, provider.randomBytes(SEED_LENGTH));
  const aead = aeadOf(provider);
  const ticket = new Uint8Array(head.length + content.length + aead.tagLength);
  ticket.set(head);
  aead.seal(key.root, [PURPOSE, head], [head, context], content, ticket, head.length);
  return ticket;
}

/** The content of a ticket, and the index of its key. */
export interface UnsealedTicket {
  readonly content: Uint8Array;
  readonly keyIndex: number;
}

/** The content of a ticket that one of `keys` sealed; `undefined` for anything else. */
export function openTicket(
  provider: CryptoProvider,
  keys: readonly TicketKey[],
  context: Uint8Array,
  ticket: Uint8Array,
): UnsealedTicket | undefined {
  if (ticket.length < HEAD_LENGTH) return undefined;
  for (let keyIndex = 0; keyIndex < keys.length; keyIndex++) {
    const key = keys[keyIndex] as TicketKey;
    if (!beginsWith(ticket, key.name)) continue;
    const head = sliceOf(ticket, 0, HEAD_LENGTH);
    const sealed = ticket.subarray(HEAD_LENGTH);
    const content = aeadOf(provider).open(key.root, [PURPOSE, head], [head, context], sealed);
    if (content !== undefined) return { content, keyIndex };
  }
  return undefined;
}

function beginsWith(ticket: Uint8Array, name: Uint8Array): boolean {
  for (let i = 0; i < NAME_LENGTH; i++) if (ticket[i] !== name[i]) return false;
  return true;
}

const aeads = new WeakMap<CryptoProvider, DerivedAead>();

function aeadOf(provider: CryptoProvider): DerivedAead {
  const known = aeads.get(provider);
  if (known !== undefined) return known;
  const made = derivedAead(provider, 'sha256', TICKET_AEAD);
  aeads.set(provider, made);
  return made;
}

/** How long one key seals at most, ms. */
const LONGEST_USE: Duration = 86_400_000;

interface Generation {
  readonly key: TicketKey;
  readonly from: number;
}

/**
 * Ticket keys of this context alone. A new one replaces the sealing key from time to time; each opens as long as its
 * tickets are valid.
 */
export class OwnTicketKeys {
  readonly #provider: CryptoProvider;
  readonly #lifetime: Duration;
  #generations: readonly Generation[] = [];
  /** Of the generations. */
  #keys: readonly TicketKey[] = [];

  /** `lifetime`: of tickets, ms. */
  constructor(provider: CryptoProvider, lifetime: Duration) {
    this.#provider = provider;
    this.#lifetime = lifetime;
  }

  /** The keys at `time`, ms since 1970; the first one seals. */
  at(time: number): readonly TicketKey[] {
    const use = Math.min(this.#lifetime, LONGEST_USE);
    const [newest] = this.#generations;
    if (newest === undefined || time - newest.from >= use) {
      const good = this.#generations.filter(({ from }) => time - from < use + this.#lifetime);
      this.#generations = [{ key: this.#newKey(), from: time }, ...good];
      this.#keys = this.#generations.map(({ key }) => key);
    }
    return this.#keys;
  }

  #newKey(): TicketKey {
    return importTicketKey(this.#provider, this.#provider.randomBytes(TICKET_KEY_LENGTH));
  }
}
