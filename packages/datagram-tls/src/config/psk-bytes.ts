import { toText, utf8 } from '../base/bytes.js';
import { invalidArgType, invalidArgValue, outOfRange } from '../base/errors.js';

/** The length fields of identities, hints, contexts and keys have two bytes. */
const MAX_LENGTH = 0xffff;

export function textOrBytes(value: unknown, name: string): Uint8Array {
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

export function nonEmpty(bytes: Uint8Array, name: string): Uint8Array {
  if (bytes.length === 0) throw invalidArgValue(name, 'must not be empty');
  return bytes;
}

/** A copy: what the caller does with its own later changes nothing here. */
export function keyBytes(key: unknown, name: string): Uint8Array {
  if (!ArrayBuffer.isView(key))
    throw invalidArgType(name, 'an instance of Buffer, TypedArray, or DataView', key);
  if (key.byteLength > MAX_LENGTH) throw outOfRange(`${name}.length`, `<= ${MAX_LENGTH}`, key.byteLength);
  return nonEmpty(new Uint8Array(key.buffer, key.byteOffset, key.byteLength).slice(), name);
}
