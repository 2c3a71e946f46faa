import { whenever } from '../base/awaitable.js';
import { EMPTY, toHex, toText, utf8 } from '../base/bytes.js';
import { invalidArgType, invalidArgValue, outOfRange } from '../base/errors.js';
import { checkObject } from './checks.js';
import type { Role } from './config.js';
import type { SecurityOptions } from './options.js';
import type { ClientPskOption, PskChooser, PskFinder, ServerPskOption } from './psk-options.js';
import type { ClientPsk, NoPsk, PskCredential, PskPolicy, ServerPsk } from './psk-policy.js';

/** Both length fields have two bytes. */
const MAX_LENGTH = 0xffff;
const NO_PSK: NoPsk = Object.freeze({ role: 'none' });
/** More identities than this make a ClientHello that nobody takes. */
const MAX_CREDENTIALS = 16;

/** The only reader of the options `psk` and `pskIdentityHint`. */
export function resolvePsk(options: SecurityOptions, role: Role): PskPolicy {
  const { psk, pskIdentityHint } = options;
  if (psk === undefined) {
    if (pskIdentityHint !== undefined)
      throw invalidArgValue('options.pskIdentityHint', 'is only meaningful with options.psk');
    return NO_PSK;
  }
  if (role === 'client') return Object.freeze({ role, choose: resolveChooser(psk as ClientPskOption) });
  const hint =
    pskIdentityHint === undefined ? EMPTY : textOrBytes(pskIdentityHint, 'options.pskIdentityHint');
  return Object.freeze({ role, hint, find: resolveFinder(psk as ServerPskOption) });
}

function resolveChooser(psk: ClientPskOption): ClientPsk['choose'] {
  if (typeof psk === 'function') {
    return (hint) =>
      whenever(callChooser(psk, hint), (found) => credentials(found, 'the result of options.psk'));
  }
  checkObjectOrList(psk);
  const fixed = credentials(psk, 'options.psk');
  if (fixed.length === 0) throw invalidArgValue('options.psk', 'must hold at least one identity and key');
  return () => fixed;
}

function checkObjectOrList(psk: unknown): void {
  if (!Array.isArray(psk)) checkObject(psk, 'options.psk');
}

function callChooser(choose: PskChooser, hint: Uint8Array): ReturnType<PskChooser> {
  return choose(hint.length === 0 ? undefined : toText(hint));
}

function credentials(value: unknown, name: string): readonly PskCredential[] {
  if (value === undefined || value === null) return [];
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (items.length > MAX_CREDENTIALS)
    throw outOfRange(`${name}.length`, `<= ${MAX_CREDENTIALS}`, items.length);
  return items.map((item) => {
    checkObject(item, name);
    const { identity, key } = item as { identity?: unknown; key?: unknown };
    return Object.freeze({
      identity: nonEmpty(textOrBytes(identity, `${name}.identity`), `${name}.identity`),
      key: keyBytes(key, `${name}.key`),
    });
  });
}

function resolveFinder(psk: ServerPskOption): ServerPsk['find'] {
  if (typeof psk === 'function') {
    return (identity) =>
      whenever(callFinder(psk, identity), (key) =>
        key === undefined || key === null ? undefined : keyBytes(key, 'the result of options.psk'),
      );
  }
  const keys = keysByIdentity(psk);
  return (identity) => keys.get(toHex(identity));
}

function callFinder(find: PskFinder, identity: Uint8Array): ReturnType<PskFinder> {
  return find(toText(identity), identity);
}

/** By the identity in hexadecimal digits. */
function keysByIdentity(psk: Exclude<ServerPskOption, PskFinder>): ReadonlyMap<string, Uint8Array> {
  checkObject(psk, 'options.psk');
  const entries: Iterable<readonly [string | Uint8Array, unknown]> =
    psk instanceof Map ? (psk as ReadonlyMap<string | Uint8Array, unknown>) : Object.entries(psk);
  const keys = new Map<string, Uint8Array>();
  for (const [identity, key] of entries) {
    const name = typeof identity === 'string' ? `options.psk.${identity}` : 'options.psk';
    keys.set(toHex(nonEmpty(textOrBytes(identity, name), name)), keyBytes(key, name));
  }
  if (keys.size === 0) throw invalidArgValue('options.psk', 'must hold at least one identity and key');
  return keys;
}

function textOrBytes(value: unknown, name: string): Uint8Array {
  const bytes = typeof value === 'string' ? encode(value, name) : value;
  if (!(bytes instanceof Uint8Array))
    throw invalidArgType(name, 'of type string or an instance of Buffer or Uint8Array', value);
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

/** A copy: what the caller does with its own later changes nothing here. */
function keyBytes(key: unknown, name: string): Uint8Array {
  if (!ArrayBuffer.isView(key))
    throw invalidArgType(name, 'an instance of Buffer, TypedArray, or DataView', key);
  if (key.byteLength > MAX_LENGTH) throw outOfRange(`${name}.length`, `<= ${MAX_LENGTH}`, key.byteLength);
  return nonEmpty(new Uint8Array(key.buffer, key.byteOffset, key.byteLength).slice(), name);
}
