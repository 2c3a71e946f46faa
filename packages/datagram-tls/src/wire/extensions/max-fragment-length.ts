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
