import { decoded, violation } from '../base/errors.js';
import type { Security } from '../config/config.js';
import { ExtensionType } from '../wire/codes.js';
import { Reader, Writer } from '../wire/cursor.js';
import type { Extensions } from '../wire/extension-block.js';
import type { VersionRules } from '../wire/version.js';
import { type Extension, extension } from './extension.js';

/*
 * How much a record may hold: record_size_limit (RFC 8449), by which each side names what it takes, and for peers that do
 * not know it max_fragment_length (RFC 6066 §4), by which a client names one size for both directions.
 */

/** What both sides settled, bytes of content in one record. */
export interface RecordLimits {
  /** What the peer takes. */
  readonly send: number;
  /** What we take. */
  readonly receive: number;
  /** The extension that says so; `undefined` without one. */
  readonly by: 'record_size_limit' | 'max_fragment_length' | undefined;
}

/** Bytes of content that any record may hold (RFC 8446 §5.1). */
const MAX_CONTENT = 0x4000;

/** The limits are ones that two sides may settle: of 64 bytes DTLS 1.3 counts the type as one. */
export function areLimits({ send, receive }: RecordLimits): boolean {
  return [send, receive].every((limit) => limit >= MIN_RECORD_SIZE_LIMIT - 1 && limit <= MAX_CONTENT);
}

export const UNLIMITED: RecordLimits = { send: MAX_CONTENT, receive: MAX_CONTENT, by: undefined };

export const maxFragmentLengthRow: Extension = extension(
  ExtensionType.max_fragment_length,
  ['CH', 'EE'],
  ({ security }) => offerMaxFragmentLength(security),
);

export const recordSizeLimitRow: Extension = extension(
  ExtensionType.record_size_limit,
  ['CH', 'EE'],
  ({ security }) => offerRecordSizeLimit(security),
);

/** The client's record_size_limit. A server that knows it must know what a smaller max_fragment_length is for. */
export function offerRecordSizeLimit({
  recordSizeLimit,
  maxFragmentLength,
  versions: [latest],
}: Security): Uint8Array {
  const wanted = Math.min(recordSizeLimit, maxFragmentLength ?? recordSizeLimit);
  return encodeRecordSizeLimit(announced(wanted, latest.rules));
}

/** The client's max_fragment_length; `undefined` when it asks for none. */
export function offerMaxFragmentLength({ maxFragmentLength }: Security): Uint8Array | undefined {
  const code = maxFragmentLength === undefined ? undefined : maxFragmentCode(maxFragmentLength);
  return code === undefined ? undefined : encodeMaxFragmentLength(code);
}

/** What the server makes of the client's extensions, of which record_size_limit wins (RFC 8449 §5). */
export function chooseRecordLimits(
  { recordSizeLimit }: Security,
  rules: VersionRules,
  client: Extensions,
): RecordLimits {
  const size = readRecordSizeLimit(client);
  if (size !== undefined) return limitsBySize(size, announced(recordSizeLimit, rules), rules);
  const length = readMaxFragmentLength(client);
  return length === undefined ? UNLIMITED : { send: length, receive: length, by: 'max_fragment_length' };
}

/** The server's extension that says so, and its body; `undefined` when there is none. */
export function encodeRecordLimits(
  { receive, by }: RecordLimits,
  rules: VersionRules,
): readonly [number, Uint8Array] | undefined {
  if (by === 'record_size_limit')
    return [ExtensionType.record_size_limit, encodeRecordSizeLimit(receive + rules.typeBytes)];
  const code = by === undefined ? undefined : maxFragmentCode(receive);
  return code === undefined ? undefined : [ExtensionType.max_fragment_length, encodeMaxFragmentLength(code)];
}

/** What the client learns from the server's answer. That it answers what was offered has been checked. */
export function readRecordLimits(security: Security, rules: VersionRules, answers: Extensions): RecordLimits {
  const size = readRecordSizeLimit(answers);
  const length = readMaxFragmentLength(answers);
  if (size !== undefined && length !== undefined)
    throw violation('illegal_parameter', 'the server answers two extensions that limit records');
  if (size !== undefined) {
    if (size > MAX_CONTENT + rules.typeBytes)
      throw violation('illegal_parameter', 'the server accepts larger records than the protocol allows');
    const offered = decoded(decodeRecordSizeLimit(offerRecordSizeLimit(security)), 'record_size_limit');
    return limitsBySize(size, announced(offered, rules), rules);
  }
  if (length === undefined) return UNLIMITED;
  if (length !== security.maxFragmentLength)
    throw violation('illegal_parameter', 'the server chose a max_fragment_length that was not asked for');
  return { send: length, receive: length, by: 'max_fragment_length' };
}

/** RFC 8449 §4: a value above what the protocol allows is not sent. */
function announced(wanted: number, rules: VersionRules): number {
  return Math.min(wanted, MAX_CONTENT + rules.typeBytes);
}

function limitsBySize(theirs: number, ours: number, rules: VersionRules): RecordLimits {
  const { typeBytes } = rules;
  const send = Math.min(theirs - typeBytes, MAX_CONTENT);
  return { send, receive: ours - typeBytes, by: 'record_size_limit' };
}

function readRecordSizeLimit(extensions: Extensions): number | undefined {
  const body = extensions.get(ExtensionType.record_size_limit);
  if (body === undefined) return undefined;
  const size = decoded(decodeRecordSizeLimit(body), 'record_size_limit');
  if (size < MIN_RECORD_SIZE_LIMIT)
    throw violation('illegal_parameter', 'the peer accepts only records below 64 bytes');
  return size;
}

function readMaxFragmentLength(extensions: Extensions): number | undefined {
  const body = extensions.get(ExtensionType.max_fragment_length);
  if (body === undefined) return undefined;
  const length = maxFragmentBytes(decoded(decodeMaxFragmentLength(body), 'max_fragment_length'));
  if (length === undefined)
    throw violation('illegal_parameter', 'max_fragment_length has a value that does not exist');
  return length;
}

/** The smallest limit a peer may set, in bytes; for less the caller answers illegal_parameter (RFC 8449 §4). */
export const MIN_RECORD_SIZE_LIMIT = 64;

/** The largest plaintext, in bytes, that the sender accepts in one record (RFC 8449 §4); `undefined` when malformed. */
export function decodeRecordSizeLimit(body: Uint8Array): number | undefined {
  const r = new Reader(body);
  const limit = r.u16();
  return r.finished() ? limit : undefined;
}

export function encodeRecordSizeLimit(limit: number): Uint8Array {
  return new Writer().u16(limit).finish();
}

/** The code as received (RFC 6066 §4); `undefined` unless it is exactly one byte. */
export function decodeMaxFragmentLength(body: Uint8Array): number | undefined {
  return body.length === 1 ? body[0] : undefined;
}

export function encodeMaxFragmentLength(code: number): Uint8Array {
  return Uint8Array.of(code);
}

/** The code for so many bytes of plaintext; `undefined` when there is none. */
export function maxFragmentCode(bytes: number): number | undefined {
  return [1, 2, 3, 4].find((code) => maxFragmentBytes(code) === bytes);
}

/** Bytes of plaintext that a code allows per record; `undefined` for an invalid code: illegal_parameter. */
export function maxFragmentBytes(code: number): number | undefined {
  return code >= 1 && code <= 4 ? 2 ** (8 + code) : undefined;
}
