import { whenever } from '../base/awaitable.js';
import { EMPTY, toHex, toText, utf8 } from '../base/bytes.js';
import { invalidArgValue, outOfRange, readAnswer } from '../base/errors.js';
import type { Capabilities } from '../crypto/provider.js';
import { KDF_HASHES } from '../wire/imported-identity.js';
import type { VersionFacts } from '../wire/version.js';
import { checkObject, checkText, checkView } from './checks.js';
import type {
  ClientPsk,
  NoPsk,
  PskCredential,
  PskImport,
  PskPolicy,
  Role,
  ServerPsk,
  StoredPsk,
} from './config.js';
import { lacking } from './names.js';
import { readOptions, withDefaults } from './option-table.js';
import { SECURITY_OPTIONS, type SecurityOptions } from './options.js';
import {
  type ClientPskOption,
  PSK_CREDENTIAL_OPTIONS,
  PSK_IMPORT_OPTIONS,
  PSK_STORED_OPTIONS,
  type PskChooser,
  type PskCredentialOption,
  type PskFinder,
  type PskImportOption,
  type PskStoredOption,
  type ServerPskOption,
} from './psk-options.js';

const NO_PSK: NoPsk = Object.freeze({ role: 'none' });
/** More identities than this make a ClientHello that no server accepts. */
const MAX_CREDENTIALS = 16;
/** The limit of the identities' bytes. */
const MAX_OFFERED = 4096;

/** The use of a key that is read. */
interface Rules {
  /** Known when all options are read. */
  readonly latest: () => VersionFacts;
  readonly capabilities: Capabilities;
  readonly giveBytes: PskPlatform['giveBytes'];
}

interface PskPlatform {
  readonly provider: { readonly capabilities: Capabilities };
  readonly giveBytes: (bytes: Uint8Array) => Uint8Array;
}

/**
 * Reads `psk`, `pskHideUnknown` and `pskIdentityHint`; {@link checkOffer} follows when the versions are known, which
 * `latest` then gives.
 */
export function resolvePsk(
  options: SecurityOptions,
  role: Role,
  { provider: { capabilities }, giveBytes }: PskPlatform,
  latest: () => VersionFacts,
): PskPolicy {
  const rules: Rules = { latest, capabilities, giveBytes };
  const { psk, pskIdentityHint, pskHideUnknown } = options;
  const { pskHideUnknown: hideUnknown } = withDefaults(options, SECURITY_OPTIONS);
  if (psk === undefined) {
    if (pskHideUnknown !== undefined)
      throw invalidArgValue('options.pskHideUnknown', 'is only meaningful with options.psk');
    if (pskIdentityHint !== undefined)
      throw invalidArgValue('options.pskIdentityHint', 'is only meaningful with options.psk');
    return NO_PSK;
  }
  if (role === 'client') return Object.freeze({ role, ...resolveChooser(psk as ClientPskOption, rules) });
  const hint =
    pskIdentityHint === undefined ? EMPTY : textOrBytes(pskIdentityHint, 'options.pskIdentityHint');
  return Object.freeze({ role, hint, hideUnknown, ...resolveFinder(psk as ServerPskOption, rules) });
}

function resolveChooser(psk: ClientPskOption, rules: Rules): Pick<ClientPsk, 'choose' | 'fixed'> {
  if (typeof psk === 'function') {
    const name = 'options.psk()';
    const read = (found: unknown): readonly PskCredential[] =>
      readAnswer(() => {
        const offered = credentials(found, name, rules);
        checkRoom(offered, name, rules.latest());
        return offered;
      });
    return { choose: (hint) => whenever(callChooser(psk, hint), read), fixed: undefined };
  }
  const fixed = credentials(psk, 'options.psk', rules);
  if (fixed.length === 0) throw invalidArgValue('options.psk', 'must hold at least one identity and key');
  return { choose: () => fixed, fixed };
}

/** Throws `ERR_OUT_OF_RANGE` for identities that leave no room in a ClientHello. */
export function checkOffer(psk: PskPolicy, latest: VersionFacts): void {
  if (psk.role === 'client' && psk.fixed !== undefined) checkRoom(psk.fixed, 'options.psk', latest);
}

function callChooser(choose: PskChooser, hint: Uint8Array): ReturnType<PskChooser> {
  return choose(hint.length === 0 ? undefined : toText(hint));
}

function credentials(value: unknown, name: string, rules: Rules): readonly PskCredential[] {
  if (value === undefined || value === null) return [];
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (items.length > MAX_CREDENTIALS)
    throw outOfRange(`${name}.length`, `<= ${MAX_CREDENTIALS}`, items.length);
  return items.map((item) => {
    const own = readOptions(item as PskCredentialOption, PSK_CREDENTIAL_OPTIONS, { name });
    return Object.freeze({
      identity: nonEmpty(textOrBytes(own.identity, `${name}.identity`), `${name}.identity`),
      ...keyAndImport(own, name, rules),
    });
  });
}

/** A longer ClientHello exceeds what a server keeps of an unvalidated address. */
function checkRoom(offered: readonly PskCredential[], name: string, latest: VersionFacts): void {
  if (!latest.rules.pskInHello) return;
  const needed = offered.reduce((sum, credential) => sum + roomFor(credential), 0);
  if (needed > MAX_OFFERED)
    throw outOfRange(`${name}: bytes of all identities in DTLS 1.3`, `<= ${MAX_OFFERED}`, needed);
}

/** Bytes; an imported identity is sent with its context, once for each hash (RFC 9258 §5.1). */
function roomFor({ identity, import: how }: PskCredential): number {
  return how === undefined ? identity.length : KDF_HASHES.length * (identity.length + how.context.length);
}

function resolveFinder(psk: ServerPskOption, rules: Rules): Pick<ServerPsk, 'find' | 'findAtHand'> {
  if (typeof psk === 'function') {
    const find: ServerPsk['find'] = (identity) =>
      whenever(psk(toText(identity), rules.giveBytes(identity)), (found) =>
        found === undefined || found === null
          ? undefined
          : readAnswer(() => storedPsk(found, 'options.psk()', rules)),
      );
    return { find, findAtHand: undefined };
  }
  const keys = keysByIdentity(psk, rules);
  const findAtHand = (identity: Uint8Array): StoredPsk | undefined => keys.get(toHex(identity));
  return { find: findAtHand, findAtHand };
}

/** By the identity in hexadecimal digits. */
function keysByIdentity(
  psk: Exclude<ServerPskOption, PskFinder>,
  rules: Rules,
): ReadonlyMap<string, StoredPsk> {
  checkObject(psk, 'options.psk');
  const entries: Iterable<readonly [string | Uint8Array, unknown]> =
    psk instanceof Map ? (psk as ReadonlyMap<string | Uint8Array, unknown>) : Object.entries(psk);
  const keys = new Map<string, StoredPsk>();
  for (const [identity, key] of entries) {
    const name = typeof identity === 'string' ? `options.psk.${identity}` : 'options.psk';
    keys.set(toHex(nonEmpty(textOrBytes(identity, name), name)), storedPsk(key, name, rules));
  }
  if (keys.size === 0) throw invalidArgValue('options.psk', 'must hold at least one identity and key');
  return keys;
}

/** A key alone, or one with its import options. */
function storedPsk(value: unknown, name: string, rules: Rules): StoredPsk {
  const alone = ArrayBuffer.isView(value) || typeof value !== 'object' || value === null;
  return Object.freeze(
    alone
      ? { key: keyBytes(value, name), import: undefined }
      : keyAndImport(readOptions(value as PskStoredOption, PSK_STORED_OPTIONS, { name }), name, rules),
  );
}

function keyAndImport(stored: PskStoredOption, name: string, { capabilities }: Rules): StoredPsk {
  const { key, import: how } = withDefaults(stored, PSK_STORED_OPTIONS);
  return { key: keyBytes(key, `${name}.key`), import: resolveImport(how, `${name}.import`, capabilities) };
}

/** `true` equals an object without properties, `false` an absent value. */
function resolveImport(
  how: boolean | PskImportOption,
  name: string,
  capabilities: Capabilities,
): PskImport | undefined {
  if (how === false) return undefined;
  const given = readOptions(how === true ? {} : how, PSK_IMPORT_OPTIONS, { name });
  const { context = EMPTY, hash } = withDefaults(given, PSK_IMPORT_OPTIONS);
  if (!capabilities.hash(hash)) throw lacking('ERR_DTLS_UNSUPPORTED_HASH', `${name}.hash`, hash, hash);
  return Object.freeze({ context: textOrBytes(context, `${name}.context`), hash });
}

/** The length fields of identities, hints, contexts and keys have two bytes. */
const MAX_LENGTH = 0xffff;

function textOrBytes(value: unknown, name: string): Uint8Array {
  checkText(value, name);
  const bytes = typeof value === 'string' ? encode(value, name) : value;
  if (bytes.length > MAX_LENGTH) throw outOfRange(`${name}.length`, `<= ${MAX_LENGTH}`, bytes.length);
  return Uint8Array.from(bytes);
}

/** Half a surrogate pair has no encoding: two such texts would be one identity. */
function encode(text: string, name: string): Uint8Array {
  const bytes = utf8(text);
  if (toText(bytes) !== text) throw invalidArgValue(name, 'must be well-formed text');
  return bytes;
}

function nonEmpty(bytes: Uint8Array, name: string): Uint8Array {
  if (bytes.length === 0) throw invalidArgValue(name, 'must not be empty');
  return bytes;
}

/** A copy: later changes of the caller's bytes have no effect. */
function keyBytes(key: unknown, name: string): Uint8Array {
  checkView(key, name);
  if (key.byteLength > MAX_LENGTH) throw outOfRange(`${name}.length`, `<= ${MAX_LENGTH}`, key.byteLength);
  return nonEmpty(new Uint8Array(key.buffer, key.byteOffset, key.byteLength).slice(), name);
}
