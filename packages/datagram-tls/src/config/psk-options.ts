import type { Awaitable } from '../base/awaitable.js';

/** Pre-shared keys as callers write them. */

/** At least one byte; the owner keeps the bytes. */
export type PskKey = ArrayBufferView;

/** How a key is imported into DTLS 1.3 (RFC 9258 §5.1); both sides must say the same. */
export interface PskImportOption {
  /** Whom or what the key is for, such as the names of both sides. Default: empty. */
  readonly context?: string | Uint8Array | undefined;
  /** The hash that was agreed on with the key. Default: `sha256`. */
  readonly hash?: 'sha256' | 'sha384' | undefined;
}

/** A key and what is done with it. */
export interface PskStoredOption {
  readonly key: PskKey;
  /** In DTLS 1.3 a key made of this one is used, another for each hash: it is never used itself. Default: false. */
  readonly import?: boolean | PskImportOption | undefined;
}

/** Who a client says it is, and the key by which both sides know. */
export interface PskCredentialOption extends PskStoredOption {
  readonly identity: string | Uint8Array;
}

/** DTLS 1.2 has use for one credential only, the first. */
export type PskCredentialsOption = PskCredentialOption | readonly PskCredentialOption[];

/** Called with the server's hint, `undefined` if it gave none. Nothing: there is no key for that server. */
export type PskChooser = (hint: string | undefined) => Awaitable<PskCredentialsOption | null | undefined>;

export type ClientPskOption = PskCredentialsOption | PskChooser;

/**
 * Called with a client's identity, where it is imported with the external one, as text, in which U+FFFD stands for what is not UTF-8, and as bytes. Nothing: that
 * identity is unknown.
 */
export type PskFinder = (
  identity: string,
  bytes: Uint8Array,
) => Awaitable<PskKey | PskStoredOption | null | undefined>;

export type ServerPskOption =
  | Readonly<Record<string, PskKey | PskStoredOption>>
  | ReadonlyMap<string | Uint8Array, PskKey | PskStoredOption>
  | PskFinder;
