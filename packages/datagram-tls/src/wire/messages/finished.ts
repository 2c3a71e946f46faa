/** Bytes of verify_data in DTLS 1.2, for every supported suite (RFC 5246 §7.4.9). In 1.3 it is the hash's length. */
export const VERIFY_DATA_LENGTH_12 = 12;

/** RFC 5246 §7.4.9, RFC 8446 §4.4.4. */
export interface Finished {
  readonly verifyData: Uint8Array;
}

/** `undefined` when it is not exactly `verifyDataLength` bytes: the caller answers decode_error. */
export function decodeFinished(body: Uint8Array, verifyDataLength: number): Finished | undefined {
  return body.length === verifyDataLength ? { verifyData: body } : undefined;
}

export function encodeFinished({ verifyData }: Finished): Uint8Array {
  return verifyData;
}
