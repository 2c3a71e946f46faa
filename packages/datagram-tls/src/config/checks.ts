import { invalidArgType, invalidArgValue, outOfRange } from '../base/errors.js';

/**
 * Checks of single values, one for each kind. They throw the caller's mistake under the name of the option, with the
 * codes that Node's own validators have.
 */

export function checkObject(value: unknown, name: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidArgType(name, 'of type object', value);
  }
}

export function checkFunction(value: unknown, name: string): void {
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

export function checkOneOf<T extends string>(
  value: unknown,
  name: string,
  allowed: readonly T[],
): asserts value is T {
  checkString(value, name);
  if (!(allowed as readonly string[]).includes(value)) {
    throw invalidArgValue(name, `must be one of ${allowed.join(', ')}. Received '${value}'`);
  }
}

/** PEM text, or PEM or DER bytes. */
export function checkText(value: unknown, name: string): asserts value is string | Uint8Array {
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
    throw invalidArgType(name, 'of type string or an instance of Buffer or Uint8Array', value);
  }
}

/** Rejects names that nobody reads: a misspelt option must not be ignored. */
export function checkKnown(options: object, known: ReadonlySet<string>): void {
  for (const [key, value] of Object.entries(options)) {
    if (value !== undefined && !known.has(key))
      throw invalidArgValue(`options.${key}`, 'is not a known option');
  }
}
