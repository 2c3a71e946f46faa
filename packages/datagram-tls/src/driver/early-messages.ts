import { own } from '../base/bytes.js';
import { invalidArgValue, outOfRange } from '../base/errors.js';
import { toBytes } from './payload.js';

/** Header, content type and tag of a record, with any suite of DTLS 1.3; bytes. */
const OVERHEAD = 22;
/** RFC 8446 §5.1. */
const LARGEST_RECORD = 16_384;
/** Bytes of all messages: they go out at once, and a session's first word is no place for a file. */
const MOST = 65_536;

/**
 * The messages of the option `earlyData`, copied, of which each has to fit a datagram of `mtu` bytes. Throws
 * `ERR_INVALID_ARG_TYPE`, and `ERR_OUT_OF_RANGE` for what is too large.
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
  if (sum > MOST) throw outOfRange('options.earlyData', `<= ${MOST} bytes in all`, sum);
  return messages;
}
