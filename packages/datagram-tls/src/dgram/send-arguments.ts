import { invalidArgType } from '../base/errors.js';
import { checkString } from '../config/checks.js';
import { alreadyConnected, badPort, outsideOfBuffer } from './errors.js';

/** `bytes`: the length of the message, where there is no error. */
export type SendCallback = (error: Error | null, bytes: number) => void;

export interface SendArguments {
  /** One message; a list of buffers is one message, too. */
  readonly data: Uint8Array;
  /** `undefined` on a connected socket. */
  readonly port: number;
  /** An IP address or a host name; `undefined`: this host. */
  readonly address: string | undefined;
  readonly callback: SendCallback | undefined;
}

/**
 * The arguments of `send`, in each of the forms that node:dgram takes:
 *
 *   send(message, [offset, length,] port [, address] [, callback])
 *   send(message [, offset, length] [, callback])                     on a connected socket
 *
 * Throws `ERR_INVALID_ARG_TYPE`, `ERR_BUFFER_OUT_OF_BOUNDS`, `ERR_SOCKET_BAD_PORT`, and
 * `ERR_SOCKET_DGRAM_IS_CONNECTED` where a connected socket is given a peer.
 */
export function readSendArguments(given: readonly unknown[], isConnected: boolean): SendArguments {
  return isConnected ? readConnected(given) : readUnconnected(given);
}

function readUnconnected(given: readonly unknown[]): SendArguments {
  const [message, second, third, fourth, fifth] = given;
  const isSlice = Boolean(fifth) || (Boolean(fourth) && typeof fourth !== 'function');
  const [port, address, callback] = isSlice ? given.slice(3) : given.slice(1);
  const part = isSlice ? sliceOf(message, second, third) : message;
  const data = messageOf(part);
  const checkedPort = readPort(port);
  if (typeof address === 'function')
    return { data, port: checkedPort, address: undefined, callback: callbackOf(address) };
  if (address !== undefined && address !== null) checkString(address, 'address');
  // An empty address is this host, as in node:dgram.
  const named = address === undefined || address === null || address === '' ? undefined : address;
  return { data, port: checkedPort, address: named, callback: callbackOf(callback) };
}

function readConnected([message, second, third, fourth, fifth]: readonly unknown[]): SendArguments {
  const isSlice = typeof third === 'number';
  const rest = isSlice && typeof fourth === 'function' ? undefined : fourth;
  if (rest || fifth) throw alreadyConnected();
  const data = messageOf(isSlice ? sliceOf(message, second, third) : message);
  return { data, port: 0, address: undefined, callback: callbackOf(isSlice ? fourth : second) };
}

function callbackOf(value: unknown): SendCallback | undefined {
  return typeof value === 'function' ? (value as SendCallback) : undefined;
}

/** Throws `ERR_SOCKET_BAD_PORT`. */
export function readPort(value: unknown): number {
  const isText = typeof value === 'string' && value.trim() !== '';
  const port = typeof value === 'number' || isText ? Number(value) : Number.NaN;
  if (!Number.isInteger(port) || port < 1 || port > 0xffff) throw badPort(value);
  return port;
}

/** The numbers are read as node:dgram reads them: as unsigned 32 bits. */
function sliceOf(message: unknown, offset: unknown, length: unknown): Uint8Array {
  const bytes = bytesOf(message) ?? failMessage('buffer', message);
  const start = Number(offset) >>> 0;
  const size = Number(length) >>> 0;
  if (start > bytes.length) throw outsideOfBuffer('offset');
  if (start + size > bytes.length) throw outsideOfBuffer('length');
  return bytes.subarray(start, start + size);
}

function messageOf(message: unknown): Uint8Array {
  if (!Array.isArray(message)) return bytesOf(message) ?? failMessage('buffer', message);
  const parts = (message as unknown[]).map(bytesOf);
  const isKnown = (part: Uint8Array | undefined): part is Uint8Array => part !== undefined;
  if (!parts.every(isKnown)) return failMessage('buffer list arguments', message);
  const [first] = parts;
  return parts.length === 1 && first !== undefined ? first : Buffer.concat(parts);
}

function bytesOf(value: unknown): Uint8Array | undefined {
  if (typeof value === 'string') return Buffer.from(value);
  if (value instanceof Uint8Array) return value;
  return ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : undefined;
}

function failMessage(name: string, value: unknown): never {
  throw invalidArgType(name, 'of type string or an instance of Buffer, TypedArray, or DataView', value);
}
