import { concat, own, sameBytes, utf8 } from '../base/bytes.js';
import type { Duration } from '../base/instant.js';
import type { AeadKey, CryptoProvider } from '../crypto/provider.js';

/** Bytes of a ticket key: a name and two secrets, as in node:tls and node:dtls. */
export const TICKET_KEY_LENGTH = 80;

const NAME_LENGTH = 16;
const SEED_LENGTH = 16;
/** Seals tickets. */
export const TICKET_AEAD = 'aes-256-gcm';
const AEAD_KEY_LENGTH = 32;
const NONCE_LENGTH = 12;
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
  const aead = protection(provider, key, head);
  const ticket = new Uint8Array(head.length + content.length + aead.tagLength);
  ticket.set(head);
  aead.seal(nonce, additionalData(head, context), content, ticket, head.length);
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
  const head = ticket.subarray(0, NAME_LENGTH + SEED_LENGTH);
  const name = ticket.subarray(0, NAME_LENGTH);
  for (const [keyIndex, key] of keys.entries()) {
    if (!sameBytes(key.name, name)) continue;
    const aead = protection(provider, key, head);
    const content = aead.open(nonce, additionalData(head, context), ticket.subarray(head.length));
    if (content !== undefined) return { content, keyIndex };
  }
  return undefined;
}

/** Of the ticket at hand: native code would move short arrays of the heap out of it first. */
const nonce = new Uint8Array(new ArrayBuffer(NONCE_LENGTH));
const additional = new Uint8Array(new ArrayBuffer(0x100));

/** The cipher of a ticket that begins with `head`; {@link nonce} is that of the ticket then. */
function protection(provider: CryptoProvider, key: TicketKey, head: Uint8Array): AeadKey {
  const info = concat(PURPOSE, head);
  const bytes = provider.hkdfExpand('sha256', key.root, info, AEAD_KEY_LENGTH + NONCE_LENGTH);
  for (let i = 0; i < NONCE_LENGTH; i++) nonce[i] = bytes[AEAD_KEY_LENGTH + i] as number;
  return provider.aead(TICKET_AEAD, bytes.slice(0, AEAD_KEY_LENGTH));
}

function additionalData(head: Uint8Array, context: Uint8Array): Uint8Array {
  const length = head.length + context.length;
  if (length > additional.length) return concat(head, context);
  additional.set(head);
  additional.set(context, head.length);
  return additional.subarray(0, length);
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
