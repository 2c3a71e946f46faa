import { own, utf8 } from '../base/bytes.js';
import { invalidArgType, invalidArgValue, outOfRange } from '../base/errors.js';
import type { Duration } from '../base/instant.js';
import type { Version } from '../wire/codes.js';
import { checkInteger, checkKnown, checkObject } from './checks.js';

/** When a silent peer is asked whether it is there, and when it counts as gone. */
export interface KeepAliveOption {
  /** ms of silence after which the peer is asked, and asked again; at least 1000. */
  readonly interval: number;
  /** ms of silence after which the session ends with `ERR_DTLS_PEER_GONE`. Default: four intervals. */
  readonly timeout?: number | undefined;
  /**
   * DTLS 1.2: a message of the application's own protocol that its peer answers, at most 60 bytes; needed unless
   * `minVersion` is `DTLSv1.3`, which asks by a KeyUpdate that every peer has to acknowledge.
   */
  readonly message?: string | ArrayBufferView | undefined;
}

export interface KeepAlive {
  readonly interval: Duration;
  readonly timeout: Duration;
  readonly message: Uint8Array | undefined;
}

/** Each question of DTLS 1.3 takes an epoch, of which a session has 65,533. */
const MIN_INTERVAL: Duration = 1000;
/** Timers of all platforms hold as much. */
const MAX_TIMEOUT: Duration = 0x7fff_ffff;
const DEFAULT_INTERVALS = 4;
/** Bytes; the smallest records that peers may ask for have room for it. */
const MAX_MESSAGE = 60;

const KNOWN = new Set(['interval', 'timeout', 'message']);

/** The only reader of `keepAlive`. `undefined`: nobody is asked. */
export function resolveKeepAlive(option: KeepAliveOption | undefined): KeepAlive | undefined {
  if (option === undefined) return undefined;
  checkObject(option, 'options.keepAlive');
  checkKnown(option, KNOWN);
  const { interval, message } = option;
  checkInteger(interval, 'options.keepAlive.interval', MIN_INTERVAL, MAX_TIMEOUT / DEFAULT_INTERVALS);
  const { timeout = DEFAULT_INTERVALS * interval } = option;
  checkInteger(timeout, 'options.keepAlive.timeout', interval + 1, MAX_TIMEOUT);
  return Object.freeze({ interval, timeout, message: message === undefined ? undefined : bytesOf(message) });
}

function bytesOf(message: unknown): Uint8Array {
  const name = 'options.keepAlive.message';
  if (typeof message !== 'string' && !ArrayBuffer.isView(message))
    throw invalidArgType(name, 'of type string or an instance of Buffer, TypedArray, or DataView', message);
  const bytes =
    typeof message === 'string'
      ? utf8(message)
      : own(new Uint8Array(message.buffer, message.byteOffset, message.byteLength));
  if (bytes.length > MAX_MESSAGE) throw outOfRange(`${name}.length`, `<= ${MAX_MESSAGE}`, bytes.length);
  return bytes;
}

/** DTLS 1.2 has nothing that a peer must answer. */
export function checkKeepAlive(option: KeepAliveOption | undefined, minVersion: Version): void {
  const keepAlive = resolveKeepAlive(option);
  if (keepAlive !== undefined && keepAlive.message === undefined && minVersion === 'DTLSv1.2')
    throw invalidArgValue(
      'options.keepAlive.message',
      'is needed unless options.minVersion is DTLSv1.3: DTLS 1.2 itself has nothing that a peer must answer',
    );
}
