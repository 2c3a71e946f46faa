/** The part of CoAP (RFC 7252 §3) that a GET and its answer need. */

export const CONFIRMABLE = 0;
export const ACKNOWLEDGEMENT = 2;
export const GET = 0x01;
/** 2.05 */
export const CONTENT = 0x45;

const VERSION = 1;
const URI_PATH = 11;
const PAYLOAD_MARKER = 0xff;
/** Option numbers and lengths from here on have one byte of their own, and from 269 on two. */
const EXTENDED = 13;
const EXTENDED_TWICE = 14;

export interface CoapMessage {
  readonly type: number;
  readonly code: number;
  readonly id: number;
  readonly token: Uint8Array;
  readonly path: readonly string[];
  readonly payload: string;
}

/** Path segments are shorter than 13 bytes. */
export function encodeCoap({ type, code, id, token, path, payload }: CoapMessage): Buffer {
  const options = path.flatMap((segment, index) => {
    const delta = index === 0 ? URI_PATH : 0;
    return [Buffer.from([(delta << 4) | segment.length]), Buffer.from(segment)];
  });
  return Buffer.concat([
    Buffer.from([(VERSION << 6) | (type << 4) | token.length, code, id >> 8, id & 0xff]),
    token,
    ...options,
    ...(payload === '' ? [] : [Buffer.from([PAYLOAD_MARKER]), Buffer.from(payload)]),
  ]);
}

export function decodeCoap(bytes: Uint8Array): CoapMessage {
  const data = Buffer.from(bytes);
  const first = data.readUInt8(0);
  const tokenEnd = 4 + (first & 0x0f);
  const path: string[] = [];
  let at = tokenEnd;
  let option = 0;
  while (at < data.length && data[at] !== PAYLOAD_MARKER) {
    const head = data.readUInt8(at);
    const delta = optionField(data, at + 1, head >> 4);
    const length = optionField(data, delta.end, head & 0x0f);
    option += delta.value;
    at = length.end + length.value;
    if (option === URI_PATH) path.push(data.toString('utf8', length.end, at));
  }
  return {
    type: (first >> 4) & 3,
    code: data.readUInt8(1),
    id: data.readUInt16BE(2),
    token: data.subarray(4, tokenEnd),
    path,
    payload: data.toString('utf8', at + 1),
  };
}

/** The value of the four bits, and the start of the bytes after it. */
function optionField(
  data: Buffer,
  at: number,
  bits: number,
): { readonly value: number; readonly end: number } {
  if (bits === EXTENDED) return { value: data.readUInt8(at) + EXTENDED, end: at + 1 };
  if (bits === EXTENDED_TWICE) return { value: data.readUInt16BE(at) + 269, end: at + 2 };
  return { value: bits, end: at };
}
