/** RFC 5246 §7.2, RFC 8446 §6. Both numbers as received, known or not. */
export interface AlertMessage {
  readonly level: number;
  readonly description: number;
}

/** The payload of an alert record; `undefined` unless it is exactly one alert. */
export function decodeAlert(body: Uint8Array): AlertMessage | undefined {
  const [level, description] = body;
  if (body.length !== 2 || level === undefined || description === undefined) return undefined;
  return { level, description };
}

export function encodeAlert({ level, description }: AlertMessage): Uint8Array {
  // `of` is a call out of optimized code.
  const body = new Uint8Array(2);
  body[0] = level;
  body[1] = description;
  return body;
}
