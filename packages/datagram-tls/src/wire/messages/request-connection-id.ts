/** RFC 9147 §9. */
export interface RequestConnectionId {
  readonly numCids: number;
}

/** `undefined` unless it is exactly one byte: the caller answers decode_error. */
export function decodeRequestConnectionId(body: Uint8Array): RequestConnectionId | undefined {
  const [numCids] = body;
  return body.length === 1 && numCids !== undefined ? { numCids } : undefined;
}

export function encodeRequestConnectionId({ numCids }: RequestConnectionId): Uint8Array {
  return Uint8Array.of(numCids);
}
