import { invalidArgType } from '../base/errors.js';

/** The bytes of what `send` takes; throws `ERR_INVALID_ARG_TYPE` for anything else, under `name`. */
export function toBytes(data: unknown, name = 'data'): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  if (data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  throw invalidArgType(name, 'of type string or an instance of Buffer, TypedArray, or DataView', data);
}
