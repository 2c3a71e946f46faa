import type { Awaitable } from '../base/awaitable.js';

/** Pre-shared keys as callers write them. */

/** At least one byte; the owner keeps the bytes. */
export type PskKey = ArrayBufferView;

/** Who a client says it is, and the key by which both sides know. */
export interface PskCredentialOption {
  readonly identity: string | Uint8Array;
  readonly key: PskKey;
}

/** DTLS 1.2 has use for one credential only, the first. */
export type PskCredentialsOption = PskCredentialOption | readonly PskCredentialOption[];

/** Called with the server's hint, `undefined` if it gave none. Nothing: there is no key for that server. */
export type PskChooser = (hint: string | undefined) => Awaitable<PskCredentialsOption | null | undefined>;

export type ClientPskOption = PskCredentialsOption | PskChooser;

/**
 * Called with a client's identity as text, in which U+FFFD stands for what is not UTF-8, and as bytes. Nothing: that
 * identity is unknown.
 */
export type PskFinder = (identity: string, bytes: Uint8Array) => Awaitable<PskKey | null | undefined>;

export type ServerPskOption =
  | Readonly<Record<string, PskKey>>
  | ReadonlyMap<string | Uint8Array, PskKey>
  | PskFinder;
