import { isReadable } from '../base/bytes.js';
import { brief, invalidArgType, invalidArgValue, outOfRange, textOf } from '../base/errors.js';
import { didYouMean } from '../base/nearest.js';

/**
 * Checks of single values, one for each kind. They throw the caller's mistake under the name of the option, with the
 * codes that Node's own validators have.
 */

/** Throws `ERR_INVALID_ARG_VALUE` for a proxy that was revoked, of which nothing can be asked. */
export function checkUsable(value: unknown, name: string): void {
  try {
    Array.isArray(value);
  } catch {
    throw invalidArgValue(name, 'must not be a revoked proxy');
  }
}

export function checkObject(value: unknown, name: string): void {
  checkUsable(value, name);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidArgType(name, 'of type object', value);
  }
}

export function checkFunction(value: unknown, name: string): void {
  checkUsable(value, name);
  if (typeof value !== 'function') throw invalidArgType(name, 'of type function', value);
}

export function checkString(value: unknown, name: string): asserts value is string {
  if (typeof value !== 'string') throw invalidArgType(name, 'of type string', value);
}

export function checkBoolean(value: unknown, name: string): asserts value is boolean {
  if (typeof value !== 'boolean') throw invalidArgType(name, 'of type boolean', value);
}

export function checkInteger(
  value: unknown,
  name: string,
  min: number,
  max: number,
): asserts value is number {
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value);
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value);
  if (value < min || value > max) throw outOfRange(name, `>= ${min} && <= ${max}`, value);
}

export function checkOneOf<T extends string | number>(
  value: unknown,
  name: string,
  allowed: readonly T[],
): asserts value is T {
  if (typeof allowed[0] === 'string') checkString(value, name);
  if (!(allowed as readonly unknown[]).includes(value)) {
    const given = textOf(value);
    const hint = didYouMean(given, allowed.map(String));
    throw invalidArgValue(name, `must be one of ${allowed.join(', ')}. Received '${brief(given)}'${hint}`);
  }
}

/** Text or bytes. */
export function checkText(value: unknown, name: string): asserts value is string | Uint8Array {
  checkUsable(value, name);
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
    throw invalidArgType(name, 'of type string or an instance of Buffer or Uint8Array', value);
  }
  if (typeof value !== 'string') checkReadable(value, name);
}

export function checkBytes(value: unknown, name: string): asserts value is Uint8Array {
  if (!isByteArray(value)) {
    checkUsable(value, name);
    throw invalidArgType(name, 'an instance of Buffer or Uint8Array', value);
  }
  checkReadable(value, name);
}

/** Also of another realm, such as that of a test runner. */
export function isByteArray(value: unknown): value is Uint8Array {
  if (!ArrayBuffer.isView(value)) return false;
  return (
    value instanceof Uint8Array || (value as Uint8Array | Int8Array)[Symbol.toStringTag] === 'Uint8Array'
  );
}

export function checkView(value: unknown, name: string): asserts value is ArrayBufferView {
  if (!ArrayBuffer.isView(value))
    throw invalidArgType(name, 'an instance of Buffer, TypedArray, or DataView', value);
  checkReadable(value, name);
}

/** Throws `ERR_INVALID_ARG_VALUE` for a view that has lost its bytes. */
export function checkReadable(view: ArrayBufferView, name: string): void {
  if (!isReadable(view))
    throw invalidArgValue(name, 'must not be a view of a detached buffer, or beyond the end of one');
}

/** Names in an array, or in one text with colons between them; at least one. */
export function checkNames(value: unknown, name: string): asserts value is string | readonly string[] {
  const names: unknown = typeof value === 'string' ? value.split(':') : value;
  if (!Array.isArray(names) || names.some((item) => typeof item !== 'string'))
    throw invalidArgType(name, 'a string or an array of strings', value);
  if ((names as string[]).every((item) => item.trim() === ''))
    throw invalidArgValue(name, 'must name at least one');
}
