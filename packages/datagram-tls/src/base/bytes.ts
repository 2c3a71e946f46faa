export const EMPTY: Uint8Array = new Uint8Array(0);

/** A view of a buffer that was detached, or has become too small for it, seems to be empty, and its methods throw. */
export function isReadable(view: ArrayBufferView): boolean {
  // Of a typed array; V8 makes a call for the length in bytes.
  if ((view as Partial<Uint8Array>).length) return true;
  try {
    if (view.byteLength === 0 && 'keys' in view) (view as Uint8Array).keys();
    return true;
  } catch {
    return false;
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** Up to this many bytes an array is on the heap, and a loop over ASCII costs less than the platform's encoders. */
export const MAX_LOOPED = 64;

export function utf8(text: string): Uint8Array {
  const { length } = text;
  if (length > MAX_LOOPED) return encoder.encode(text);
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return encoder.encode(text);
    bytes[i] = code;
  }
  return bytes;
}

/** `undefined` when `bytes` are not well-formed UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  const ascii = decodeAscii(bytes);
  if (ascii !== undefined) return ascii;
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** `undefined` for longer texts, and for others. */
function decodeAscii(bytes: Uint8Array): string | undefined {
  if (bytes.length > MAX_LOOPED) return undefined;
  for (let i = 0; i < bytes.length; i++) if ((bytes[i] as number) > 0x7f) return undefined;
  return keyOf(bytes);
}

const lenient = new TextDecoder('utf-8', { ignoreBOM: true });

/** Text for people and for look-ups: malformed UTF-8 becomes U+FFFD. */
export function toText(bytes: Uint8Array): string {
  return decodeAscii(bytes) ?? lenient.decode(bytes);
}

/**
 * The length of the content in an inner plaintext (RFC 8446 §5.4, RFC 9146 §4), whose type goes into `found`: 0 where all bytes are
 * zeros.
 */
export function readInnerType(inner: Uint8Array, found: { type: number }): number {
  let at = inner.length - 1;
  while (at > 0 && inner[at] === 0) at--;
  found.type = inner[at] ?? 0;
  return Math.max(at, 0);
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return joined(parts);
}

/** {@link concat} for any number of parts: hundreds of thousands are too many arguments. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(lengthOf(parts));
  putAll(parts, whole, 0);
  return whole;
}

/** Of all parts together. */
export function lengthOf(parts: readonly Uint8Array[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}

/** For public data only: it stops at the first difference. The crypto provider compares secrets. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Their order as big-endian numbers of one length: negative, 0 or positive. Its time depends on the bytes. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

/** A copy that outlives the datagram of the bytes. */
export function own(bytes: Uint8Array): Uint8Array {
  return bytes.length > MAX_LOOPED ? Uint8Array.prototype.slice.call(bytes) : sliceOf(bytes, 0, bytes.length);
}

/** Writes `bytes` into `out` at `at`: of few bytes `set` is a call out of optimized code. */
export function put(bytes: Uint8Array, out: Uint8Array, at: number): void {
  const { length } = bytes;
  if (length > MAX_LOOPED) out.set(bytes, at);
  else for (let i = 0; i < length; i++) out[at + i] = bytes[i] as number;
}

/** Writes the parts into `out`, one behind the other, from `start` on; returns their end. */
export function putAll(parts: readonly Uint8Array[], out: Uint8Array, start: number): number {
  let at = start;
  for (const part of parts) {
    put(part, out, at);
    at += part.length;
  }
  return at;
}

/**
 * Writes `bytes`, which are few, into `out` from `at` on, as far as there is room. A loop, because a view moves a short
 * array out of the heap.
 */
export function putStart(bytes: Uint8Array, out: Uint8Array, at: number): void {
  const length = Math.min(bytes.length, out.length - at);
  for (let i = 0; i < length; i++) out[at + i] = bytes[i] as number;
}

/** A copy of few bytes: `slice` is a call out of optimized code. */
export function sliceOf(bytes: Uint8Array, start: number, length: number): Uint8Array {
  const copy = new Uint8Array(length);
  for (let i = 0; i < length; i++) copy[i] = bytes[start + i] as number;
  return copy;
}

/** The same, and the bytes are zeros then. */
export function takenFrom(bytes: Uint8Array, start: number, length: number): Uint8Array {
  const copy = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    copy[i] = bytes[start + i] as number;
    bytes[start + i] = 0;
  }
  return copy;
}

/** `undefined` unless `text` is well-formed base64 (RFC 4648 §4), optionally with white space. */
export function fromBase64(text: string): Uint8Array | undefined {
  const digits = text.replace(/\s+/g, '');
  if (digits.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(digits)) return undefined;
  const binary = atob(digits);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

const HEX = Array.from({ length: 256 }, (_, n) => n.toString(16).padStart(2, '0'));

/** Longer ones are rare. */
const MAX_KEY = 128;
/** The bytes of a key as arguments, by their number; zeros between two calls. */
const keyCodes: (number[] | undefined)[] = [];

/**
 * Text with a character for each byte, for a few bytes that serve as a key: it takes a third of the memory of a typed
 * array.
 */
export function keyOf(bytes: Uint8Array): string {
  const { length } = bytes;
  // To spread a typed array costs an object for each byte, and to apply one a call of the runtime. A text that is put together
  // stays a tree of its parts, five times as large.
  if (length > MAX_KEY) return String.fromCharCode.apply(null, bytes as unknown as number[]);
  if (length === 0) return '';
  const codes = keyCodes[length] ?? new Array<number>(length).fill(0);
  keyCodes[length] = codes;
  for (let i = 0; i < length; i++) codes[i] = bytes[i] as number;
  const key = String.fromCharCode.apply(null, codes);
  for (let i = 0; i < length; i++) codes[i] = 0;
  return key;
}

export function toHex(bytes: Uint8Array, separator = ''): string {
  let text = '';
  for (const byte of bytes) text += (text === '' ? '' : separator) + (HEX[byte] as string);
  return text;
}

/** `undefined` unless `text` is an even number of hexadecimal digits. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  return Uint8Array.from({ length: text.length / 2 }, (_, i) =>
    Number.parseInt(text.slice(2 * i, 2 * i + 2), 16),
  );
}
