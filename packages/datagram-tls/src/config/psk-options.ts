import type { Awaitable } from '../base/awaitable.js';
import { KDF_HASHES } from '../wire/imported-identity.js';
import { checkObject } from './checks.js';
import { kindOf, nested, oneOf, textOrBytes, view } from './kinds.js';
import { type Kind, type OptionsOf, option, required } from './option-table.js';

/**
 * The hash that belongs to an imported key (RFC 9258).
 *
 * @example
 * ```ts
 * import type { PskImportHash } from 'datagram-tls';
 *
 * const hash: PskImportHash = 'sha384';
 * ```
 */
export type PskImportHash = 'sha256' | 'sha384';

export const PSK_IMPORT_OPTIONS = {
  /**
   * What the key is for, such as the names of both sides.
   * @defaultValue empty
   */
  context: option(textOrBytes),
  /**
   * The hash that was agreed on with the key.
   * @defaultValue sha256
   */
  hash: option(oneOf<PskImportHash>(KDF_HASHES), { default: 'sha256' }),
};

/**
 * How a key is imported into DTLS 1.3 (RFC 9258 §5.1); both sides must say the same.
 *
 * @example
 * ```ts
 * import type { PskImportOption } from 'datagram-tls';
 *
 * const both: PskImportOption = { context: 'sensor-1 to hub', hash: 'sha256' };
 * const plain: PskImportOption = true; // no context, SHA-256
 * ```
 */
export type PskImportOption = OptionsOf<typeof PSK_IMPORT_OPTIONS>;

const pskImportObject: Kind<PskImportOption> = nested(PSK_IMPORT_OPTIONS);

type PskImport = boolean | PskImportOption;

const pskImport: Kind<PskImport> = kindOf(
  'true, false, or an object',
  (value, name) => {
    if (typeof value !== 'boolean') pskImportObject.check(value, name);
  },
  PSK_IMPORT_OPTIONS,
);

/**
 * At least one byte; the owner keeps the bytes.
 *
 * @example
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import type { PskKey } from 'datagram-tls';
 *
 * const strong: PskKey = randomBytes(16);
 * ```
 */
export type PskKey = ArrayBufferView;

export const PSK_STORED_OPTIONS = {
  /** At least one byte. */
  key: required(view),
  /**
   * DTLS 1.3 uses a key that is made of this one, another for each hash, and never this one itself (RFC 9258).
   * @defaultValue false
   */
  import: option(pskImport, { default: false }),
};

export const PSK_CREDENTIAL_OPTIONS = {
  /** The name of the key; at least one byte. */
  identity: required(textOrBytes),
  ...PSK_STORED_OPTIONS,
};

/**
 * A key and what is done with it.
 *
 * @example
 * ```ts
 * import { listen, type PskStoredOption } from 'datagram-tls';
 *
 * const stored: PskStoredOption = { key: secret, import: { context: 'sensor-1 to hub' } };
 * listen(onsession, { port: 9000, psk: { 'sensor-1': stored } });
 * ```
 */
export type PskStoredOption = OptionsOf<typeof PSK_STORED_OPTIONS>;

/**
 * The identity that a client claims, and the key that belongs to it.
 *
 * @example
 * ```ts
 * import type { PskCredentialOption } from 'datagram-tls';
 *
 * const credential: PskCredentialOption = { identity: 'sensor-1', key: secret };
 * ```
 */
export type PskCredentialOption = OptionsOf<typeof PSK_CREDENTIAL_OPTIONS>;

/**
 * DTLS 1.2 has use for one credential only, the first.
 *
 * @example
 * ```ts
 * import { connect, type PskCredentialsOption } from 'datagram-tls';
 *
 * const psk: PskCredentialsOption = [
 *   { identity: 'sensor-1', key: secret },
 *   { identity: 'sensor-1/old', key: new Uint8Array(16).fill(1) },
 * ];
 * connect('10.0.0.7', 9000, { psk });
 * ```
 */
export type PskCredentialsOption = PskCredentialOption | readonly PskCredentialOption[];

/**
 * Called with the server's hint, `undefined` if it gave none. Nothing: there is no key for that server.
 *
 * @example
 * ```ts
 * import { connect, type PskChooser } from 'datagram-tls';
 *
 * const psk: PskChooser = (hint) => ({ identity: hint === 'blue' ? 'sensor-1b' : 'sensor-1', key: secret });
 * connect('10.0.0.7', 9000, { psk });
 * ```
 */
export type PskChooser = (hint: string | undefined) => Awaitable<PskCredentialsOption | null | undefined>;

/**
 * What a client gives as `psk`: one credential, several, or a function that chooses by the server's hint.
 *
 * @example
 * ```ts
 * import { type ClientPskOption, connect } from 'datagram-tls';
 *
 * const psk: ClientPskOption = { identity: 'sensor-1', key: secret };
 * connect('10.0.0.7', 9000, { psk });
 * ```
 */
export type ClientPskOption = PskCredentialsOption | PskChooser;

/**
 * Called with a client's identity as text, in which U+FFFD stands for what is not UTF-8, and as bytes. The identity of an
 * imported key is the external one. Nothing: the identity is unknown.
 */
export type PskFinder<Bytes extends Uint8Array = Uint8Array> = (
  identity: string,
  bytes: Bytes,
) => Awaitable<PskKey | PskStoredOption | null | undefined>;

/** What a server gives as `psk`: keys by identity, or a function that finds them. */
export type ServerPskOption<Bytes extends Uint8Array = Uint8Array> =
  | Readonly<Record<string, PskKey | PskStoredOption>>
  | ReadonlyMap<string | Uint8Array, PskKey | PskStoredOption>
  | PskFinder<Bytes>;

type PskOption = ClientPskOption | ServerPskOption<never>;

/** The option `psk`, of either side. */
export const psk: Kind<PskOption> = kindOf(
  'object, map, array or function',
  (value, name) => {
    if (typeof value !== 'function' && !Array.isArray(value)) checkObject(value, name);
  },
  PSK_CREDENTIAL_OPTIONS,
);
