/** The code as it came (RFC 6066 §4); `undefined` unless it is exactly one byte. */
export function decodeMaxFragmentLength(body: Uint8Array): number | undefined {
  return body.length === 1 ? body[0] : undefined;
}

export function encodeMaxFragmentLength(code: number): Uint8Array {
  return Uint8Array.of(code);
}

/** Bytes of plaintext that a code allows a record; `undefined` for one that is none: illegal_parameter. */
export function maxFragmentBytes(code: number): number | undefined {
  return code >= 1 && code <= 4 ? 2 ** (8 + code) : undefined;
}
