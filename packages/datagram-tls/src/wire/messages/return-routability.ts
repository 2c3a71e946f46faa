/** RFC 9853 §4. */
export const RoutabilityType = { path_challenge: 0, path_response: 1, path_drop: 2 } as const;

const COOKIE_LENGTH = 8;

/** RFC 9853 §4. */
export interface RoutabilityMessage {
  /** As received: of another than a {@link RoutabilityType} nothing is known. */
  readonly type: number;
  /** 8 bytes, a view. */
  readonly cookie: Uint8Array;
}

/** `undefined` when malformed. A message of an unknown type may have any body (RFC 9853 §4): its cookie is empty. */
export function decodeRoutability(content: Uint8Array): RoutabilityMessage | undefined {
  const [type] = content;
  if (type === undefined) return undefined;
  if (type > RoutabilityType.path_drop) return { type, cookie: content.subarray(0, 0) };
  return content.length === 1 + COOKIE_LENGTH ? { type, cookie: content.subarray(1) } : undefined;
}

export function encodeRoutability({ type, cookie }: RoutabilityMessage): Uint8Array {
  return Uint8Array.of(type, ...cookie);
}

/** A fresh cookie has this many bytes. */
export const ROUTABILITY_COOKIE_LENGTH: number = COOKIE_LENGTH;
