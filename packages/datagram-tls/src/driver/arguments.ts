import { own } from '../base/bytes.js';
import { invalidArgType, invalidArgValue, outOfRange } from '../base/errors.js';
import { checkFunction, checkInteger, checkReadable, checkString, checkView } from '../config/checks.js';

/**
 * The bytes of a message for `send`. Throws, under `name`, `ERR_INVALID_ARG_TYPE` for other types and `ERR_INVALID_ARG_VALUE` for
 * a view that has lost its bytes.
 */
export function toBytes(data: unknown, name = 'data'): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  if (ArrayBuffer.isView(data)) {
    checkReadable(data, name);
    return data instanceof Uint8Array ? data : viewBytes(data);
  }
  throw invalidArgType(name, 'of type string or an instance of Buffer, TypedArray, or DataView', data);
}

export function viewBytes({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Bytes of one export. The limit bounds the hashes of one call. */
const MAX_EXPORT = 65_536;

/** Checks the arguments of `exportKeyingMaterial`; throws `ERR_INVALID_ARG_TYPE` and `ERR_OUT_OF_RANGE`. */
export function checkExport(length: unknown, label: unknown, context: unknown): void {
  checkInteger(length, 'length', 1, 0xffff_ffff);
  if (length > MAX_EXPORT) throw outOfRange('length', `<= ${MAX_EXPORT}`, length);
  checkString(label, 'label');
  if (context === undefined) return;
  checkView(context, 'context');
  if (context.byteLength > 0xffff) throw outOfRange('context.length', '<= 65535', context.byteLength);
}

/**
 * A handler of a session, or of an endpoint: called with it as `this`, and with `Args`.
 *
 * @example
 * ```ts
 * import type { DTLSSession, Handler } from 'datagram-tls';
 *
 * const onhandshake: Handler<DTLSSession, [protocol: string]> = (protocol) => console.log(protocol);
 * session.onhandshake = onhandshake;
 * ```
 */
export type Handler<This, Args extends unknown[]> = (this: This, ...args: Args) => void;

/**
 * As in node:dtls a handler is bound to its owner when it is set, and reads back bound; `null` and `undefined` clear
 * it.
 */
export function bound<This, F extends (this: This, ...values: never[]) => void>(
  fn: F | null | undefined,
  name: string,
  owner: This,
): OmitThisParameter<F> | undefined {
  return unbound(fn, name)?.bind(owner) as OmitThisParameter<F> | undefined;
}

/** As in node:dtls a handler of an endpoint reads back as it was set; `null` and `undefined` clear it. */
export function unbound<F>(fn: F | null | undefined, name: string): F | undefined {
  if (fn === null || fn === undefined) return undefined;
  checkFunction(fn, name);
  return fn;
}

/** The same, to be bound when it is read. */
export function checkedHandler<F>(fn: F | null | undefined, name: string): F | undefined {
  if (fn === null || fn === undefined) return undefined;
  checkFunction(fn, name);
  return fn;
}

/** Header, content type and tag of a record, with any suite of DTLS 1.3; bytes. */
const OVERHEAD = 22;
/** RFC 8446 §5.1. */
const LARGEST_RECORD = 16_384;
/** Bytes of all messages: they are sent at once, without congestion control. */
const MAX_EARLY_DATA = 65_536;

/**
 * The messages of the option `earlyData`, copied. Each has to fit a datagram of `mtu` bytes. Throws
 * `ERR_INVALID_ARG_TYPE`, and `ERR_OUT_OF_RANGE` for messages that are too large.
 */
export function resolveEarlyMessages(value: unknown, mtu: number): readonly Uint8Array[] {
  if (value === undefined) return [];
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (items.length === 0) throw invalidArgValue('options.earlyData', 'must hold at least one message');
  const messages = items.map((item) => own(toBytes(item, 'options.earlyData')));
  const largest = Math.min(mtu - OVERHEAD, LARGEST_RECORD);
  const tooLarge = messages.find(({ length }) => length > largest);
  if (tooLarge !== undefined)
    throw outOfRange('options.earlyData.length', `<= ${largest} to fit a datagram`, tooLarge.length);
  const sum = messages.reduce((total, { length }) => total + length, 0);
  if (sum > MAX_EARLY_DATA) throw outOfRange('options.earlyData', `<= ${MAX_EARLY_DATA} bytes in all`, sum);
  return messages;
}
