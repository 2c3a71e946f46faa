import fc from 'fast-check';
import type { Extensions } from '#lib/wire/extension-block.js';

/** One codec of the wire layer, with its types forgotten so that all can stand in one table. */
export interface Codec {
  readonly name: string;
  decode(body: Uint8Array): unknown;
  /** Encodes again what a body decodes to; `undefined` for a body that does not decode, or that we never send. */
  reencode(body: Uint8Array): Uint8Array | undefined;
  readonly samples: fc.Arbitrary<Sample>;
  /** Any longer or shorter body is well-formed too. */
  readonly anyLength: boolean;
}

export interface Sample {
  readonly value: unknown;
  readonly body: Uint8Array;
  /** Lengths at which the body may legally be cut: where an optional part begins. */
  readonly cuts: readonly number[];
}

interface Extras<T> {
  cuts?: (value: T) => number[];
  anyLength?: boolean;
}

export function codec<T>(
  name: string,
  decode: (body: Uint8Array) => T | undefined,
  encode: (value: T) => Uint8Array | undefined,
  values: fc.Arbitrary<T>,
  { cuts = () => [], anyLength = false }: Extras<T> = {},
): Codec {
  const sample = (value: T): Sample => ({
    value,
    body: encode(value) ?? new Uint8Array(0),
    cuts: cuts(value),
  });
  const reencode = (body: Uint8Array) => {
    const value = decode(body);
    return value === undefined ? undefined : encode(value);
  };
  return { name, decode, reencode, samples: values.map(sample), anyLength };
}

export const u8 = fc.integer({ min: 0, max: 0xff });
export const u16 = fc.integer({ min: 0, max: 0xffff });
export const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
export const u48 = fc.integer({ min: 0, max: 0xffff_ffff_ffff });

/** The value of a body that is empty: the message or extension is there. */
export const present = fc.constant(true as const);

export function bytes(minLength: number, maxLength = minLength + 40): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength, maxLength });
}

export function list<T>(item: fc.Arbitrary<T>, minLength: number): fc.Arbitrary<T[]> {
  return fc.array(item, { minLength, maxLength: minLength + 4 });
}

/** Objects as decoders make them: with the ordinary prototype. */
export function record<T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record<T>(fields, { noNullPrototype: true });
}

export const extensions: fc.Arbitrary<Extensions> = fc
  .uniqueArray(fc.tuple(u16, bytes(0)), { selector: ([type]) => type, maxLength: 4 })
  .map((entries) => new Map(entries));
