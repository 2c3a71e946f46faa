import { invalidArgType, invalidArgValue } from '../base/errors.js';
import {
  checkBoolean,
  checkBytes,
  checkFunction,
  checkInteger,
  checkNames,
  checkOneOf,
  checkReadable,
  checkString,
  checkText,
  checkUsable,
  checkView,
} from './checks.js';
import { type Kind, type OptionsOf, type OptionTable, readOptions } from './option-table.js';

/**
 * Kinds of values that several options take. A union has an exported name: declarations then print the name, and not the
 * parts in an order that changes with the order of compilation.
 */

export function kindOf<T>(
  values: string,
  check: (value: unknown, name: string) => void,
  rows?: OptionTable,
): Kind<T> {
  return { check, values, ...(rows === undefined ? {} : { rows }) };
}

export const boolean: Kind<boolean> = { check: checkBoolean, values: 'true, false' };
export const text: Kind<string> = { check: checkString, values: 'text' };

export const bytes: Kind<Uint8Array> = { check: checkBytes, values: 'bytes' };

/** Bytes in any view. */
export const view: Kind<ArrayBufferView> = { check: checkView, values: 'bytes' };

/**
 * Text, which is taken as UTF-8, or bytes.
 *
 * @example
 * ```ts
 * import type { TextOrBytes } from 'datagram-tls';
 *
 * const identity: TextOrBytes = 'sensor-1';
 * const binary: TextOrBytes = new Uint8Array([0xde, 0xca, 0xfb, 0xad]);
 * ```
 */
export type TextOrBytes = string | Uint8Array;

export const textOrBytes: Kind<TextOrBytes> = { check: checkText, values: 'text or bytes' };

/**
 * Text, or bytes in any view.
 *
 * @example
 * ```ts
 * import type { TextOrView } from 'datagram-tls';
 *
 * const message: TextOrView = 'text is sent as UTF-8';
 * const bytes: TextOrView = new DataView(new ArrayBuffer(4));
 * ```
 */
export type TextOrView = string | ArrayBufferView;

export const message: Kind<TextOrView> = kindOf('text or bytes', (value, name) => {
  if (typeof value === 'string') return;
  if (ArrayBuffer.isView(value)) return checkReadable(value, name);
  throw invalidArgType(name, 'of type string or an instance of Buffer, TypedArray, or DataView', value);
});

/**
 * Names in an array, or in one text with colons between them.
 *
 * @example
 * ```ts
 * import type { NameList } from 'datagram-tls';
 *
 * const groups: NameList = ['x25519', 'secp256r1'];
 * const ciphers: NameList = 'TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256';
 * ```
 */
export type NameList<Name extends string = string> = string | readonly Name[];

export function nameList<Name extends string>(): Kind<NameList<Name>> {
  return kindOf('names', checkNames);
}

export function integer(min: number, max: number): Kind<number> {
  const values = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `${min} to ${max}`;
  return kindOf(values, (value, name) => {
    checkInteger(value, name, min, max);
  });
}

export function oneOf<T extends string | number>(allowed: readonly T[]): Kind<T> {
  return kindOf(allowed.map((value) => `\`${value}\``).join(', '), (value, name) => {
    checkOneOf(value, name, allowed);
  });
}

export function callback<F>(): Kind<F> {
  return kindOf('function', checkFunction);
}

/** A class, also one that only its own module can construct. */
interface Class<T> {
  readonly name: string;
  readonly prototype: T;
  [Symbol.hasInstance](value: unknown): boolean;
}

export function instanceOf<T>(made: Class<T>): Kind<T> {
  return kindOf(`\`${made.name}\``, (value, name) => {
    if (!(value instanceof made)) throw invalidArgType(name, `an instance of ${made.name}`, value);
  });
}

/** An object with options of its own. */
export function nested<Table extends OptionTable>(rows: Table): Kind<OptionsOf<Table>> {
  return kindOf('object', (value, name) => void readOptions(value as object, rows, { name }), rows);
}

/**
 * One value, or several in an array.
 *
 * @example
 * ```ts
 * import type { Encoded, OneOrMore } from 'datagram-tls';
 *
 * const one: OneOrMore<Encoded> = ca;
 * const more: OneOrMore<Encoded> = [ca, clientsOfA];
 * ```
 */
export type OneOrMore<T> = T | readonly T[];

export function oneOrMore<T>({ check, values, rows }: Kind<T>): Kind<OneOrMore<T>> {
  const checkItem: Kind<T>['check'] = check;
  return kindOf(
    `${values}, or an array`,
    (value, name) => {
      if (Array.isArray(value)) checkItems(value, name, checkItem);
      else checkItem(value, name);
    },
    rows,
  );
}

/** An array with at least one value. */
export function listOf<T>({ check, values }: Kind<T>): Kind<readonly T[]> {
  return kindOf(`array of ${values}`, (value, name) => {
    if (!Array.isArray(value)) throw invalidArgType(name, 'an array', value);
    if (value.length === 0) throw invalidArgValue(name, 'must name at least one');
    checkItems(value, name, check);
  });
}

function checkItems(
  items: readonly unknown[],
  name: string,
  check: (item: unknown, name: string) => void,
): void {
  for (const [i, item] of items.entries()) {
    checkUsable(item, `${name}[${i}]`);
    check(item, `${name}[${i}]`);
  }
}
