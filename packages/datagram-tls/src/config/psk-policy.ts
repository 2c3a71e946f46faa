import type { Awaitable } from '../base/awaitable.js';
import type { KdfHash } from '../wire/imported-identity.js';

/** How a key is imported into DTLS 1.3 (RFC 9258 §5.1). */
export interface PskImport {
  readonly context: Uint8Array;
  /** The one that the key was agreed on with. */
  readonly hash: KdfHash;
}

export interface StoredPsk {
  readonly key: Uint8Array;
  /** `undefined`: DTLS 1.3 uses the key as it is, as 1.2 does in any case. */
  readonly import: PskImport | undefined;
}

/** Who we say we are, and the key that goes with it. */
export interface PskCredential extends StoredPsk {
  readonly identity: Uint8Array;
}

/** A client's keys. Both functions may throw what the application throws, or the caller's mistake. */
export interface ClientPsk {
  readonly role: 'client';
  /** In order of preference; none when there is no key for that server. `hint` is empty where there was none. */
  readonly choose: (hint: Uint8Array) => Awaitable<readonly PskCredential[]>;
}

/** A server's keys. */
export interface ServerPsk {
  readonly role: 'server';
  /** Empty for no hint. */
  readonly hint: Uint8Array;
  /** An unknown identity looks like one with a wrong key. */
  readonly hideUnknown: boolean;
  /** `undefined` for an unknown identity. */
  readonly find: (identity: Uint8Array) => Awaitable<StoredPsk | undefined>;
}

export interface NoPsk {
  readonly role: 'none';
}

export type PskPolicy = ClientPsk | ServerPsk | NoPsk;
