/** RFC 8446 §4.6.3. */
export const KeyUpdateRequest = { update_not_requested: 0, update_requested: 1 } as const;

export interface KeyUpdate {
  /** As received: for anything but a {@link KeyUpdateRequest} the caller answers illegal_parameter. */
  readonly requestUpdate: number;
}

/** `undefined` unless it is exactly one byte: the caller answers decode_error. */
export function decodeKeyUpdate(body: Uint8Array): KeyUpdate | undefined {
  const [requestUpdate] = body;
  return body.length === 1 && requestUpdate !== undefined ? { requestUpdate } : undefined;
}

export function encodeKeyUpdate({ requestUpdate }: KeyUpdate): Uint8Array {
  return Uint8Array.of(requestUpdate);
}
