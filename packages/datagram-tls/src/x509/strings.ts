import { decodeUtf8 } from '../base/bytes.js';
import { latin1, Tag } from './der.js';

/** Lower case for the 26 letters of ASCII only, as DNS and X.500 names compare (RFC 4343, RFC 5280 §7.1). */
export function lowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** The text of a string type that names may have; `undefined` for other types and for malformed text. */
export function decodeString(tag: number, bytes: Uint8Array): string | undefined {
  switch (tag) {
    case Tag.utf8String:
      // A decoder costs more than most texts are long.
      return bytes.every((byte) => byte < 0x80) ? latin1(bytes) : decodeUtf8(bytes);
    case Tag.printableString:
    case Tag.numericString:
    case Tag.ia5String:
    case Tag.teletexString:
      return latin1(bytes);
    case Tag.bmpString:
      return wide(bytes, 2);
    case Tag.universalString:
      return wide(bytes, 4);
    default:
      return undefined;
  }
}

function wide(bytes: Uint8Array, width: 2 | 4): string | undefined {
  if (bytes.length % width !== 0) return undefined;
  let text = '';
  for (let at = 0; at < bytes.length; at += width) {
    let point = 0;
    for (let i = at; i < at + width; i++) point = point * 256 + (bytes[i] as number);
    if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return undefined;
    text += String.fromCodePoint(point);
  }
  return text;
}
