import type { Awaitable } from '../base/awaitable.js';

/** Who we say we are, and the key that goes with it. */
export interface PskCredential {
  readonly identity: Uint8Array;
  readonly key: Uint8Array;
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
  /** `undefined` for an unknown identity. */
  readonly find: (identity: Uint8Array) => Awaitable<Uint8Array | undefined>;
}

export interface NoPsk {
  readonly role: 'none';
}

export type PskPolicy = ClientPsk | ServerPsk | NoPsk;
