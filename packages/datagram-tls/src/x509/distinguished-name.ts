import { decodeUtf8, sameBytes } from '../base/bytes.js';
import { type DerReader, latin1, type Oid, oid, Tag } from './der.js';

/** One attribute of a relative distinguished name. */
interface Attribute {
  readonly type: Oid;
  /** The tag of its ASN.1 string type. */
  readonly tag: number;
  readonly text: string;
}

const COMMON_NAME = oid('2.5.4.3');
const EMAIL_ADDRESS = oid('1.2.840.113549.1.9.1');

const SHORT_NAMES = new Map<Oid, string>([
  [COMMON_NAME, 'CN'],
  [oid('2.5.4.5'), 'serialNumber'],
  [oid('2.5.4.6'), 'C'],
  [oid('2.5.4.7'), 'L'],
  [oid('2.5.4.8'), 'ST'],
  [oid('2.5.4.10'), 'O'],
  [oid('2.5.4.11'), 'OU'],
  [oid('0.9.2342.19200300.100.1.25'), 'DC'],
  [EMAIL_ADDRESS, 'emailAddress'],
]);

/** The subject or issuer of a certificate. Its bytes are those of the certificate. @see RFC 5280 §4.1.2.4 */
export class DistinguishedName {
  readonly der: Uint8Array;
  readonly #rdns: readonly (readonly Attribute[])[];
  #key: string | undefined;

  constructor(der: Uint8Array, rdns: readonly (readonly Attribute[])[]) {
    this.der = der;
    this.#rdns = rdns;
  }

  get isEmpty(): boolean {
    return this.#rdns.length === 0;
  }

  /** Names compare without regard to case, white space and string type (RFC 5280 §7.1). */
  equals(other: DistinguishedName): boolean {
    if (this.#key !== undefined && other.#key !== undefined) return this.#key === other.#key;
    return sameBytes(this.der, other.der) || this.key === other.key;
  }

  /** Equal for equal names: a key of maps. */
  get key(): string {
    this.#key ??= this.#rdns.map((rdn) => rdn.map(canonicalAttribute).sort().join('+')).join('/');
    return this.#key;
  }

  get commonNames(): string[] {
    return this.#values(COMMON_NAME).map(({ text }) => text);
  }

  /** `undefined` when one of them is not an IA5String. */
  get emailAddresses(): string[] | undefined {
    const values = this.#values(EMAIL_ADDRESS);
    if (values.some(({ tag }) => tag !== Tag.ia5String)) return undefined;
    return values.map(({ text }) => text);
  }

  /** For people, such as `C=AQ, O=Example, CN=Root`; control characters are escaped. */
  get text(): string {
    return this.#rdns.map((rdn) => rdn.map(attributeText).join(' + ')).join(', ');
  }

  #values(type: Oid): Attribute[] {
    return this.#rdns.flatMap((rdn) => rdn.filter((attribute) => attribute.type === type));
  }
}

const SLASH = 0x2f;

/** Whether the name with the key `name` is in the subtree of the one with the key `base` (RFC 5280 §4.2.1.10). */
export function isKeyWithin(name: string, base: string): boolean {
  if (name.length === base.length) return name === base;
  // A key includes the lengths of its parts, so a prefix that ends before a slash consists of whole parts.
  return base === '' || (name.charCodeAt(base.length) === SLASH && name.startsWith(base));
}

export function readName(reader: DerReader): DistinguishedName {
  const der = reader.peek(Tag.sequence);
  const rdns: Attribute[][] = [];
  reader.inside(Tag.sequence, (name) => name.each(() => rdns.push(name.inside(Tag.set, readRdn))));
  return new DistinguishedName(der, rdns);
}

/** The content of one relative distinguished name. */
export function readRdn(rdn: DerReader): Attribute[] {
  const attributes: Attribute[] = [];
  if (rdn.left === 0) rdn.fail();
  rdn.each(() => attributes.push(rdn.inside(Tag.sequence, readAttribute)));
  return attributes;
}

/** Values without text, such as bit strings, are refused: they could not be compared (RFC 5280 §7.1). */
function readAttribute(reader: DerReader): Attribute {
  const type = reader.oid();
  const tag = reader.tag;
  const text = decodeString(tag, reader.content(tag));
  if (text === undefined) reader.fail();
  return { type, tag, text: text ?? '' };
}

/** Lengths are included, so that no value can pass for several attributes. */
function canonicalAttribute({ type, tag, text }: Attribute): string {
  const value = tag === Tag.numericString ? `#${text}` : fold(text);
  return `${type.length}:${type}${value.length}:${value}`;
}

/** Linear in the length, whatever the text. */
function fold(text: string): string {
  const words = text.split(/[ \t-\r]+/).filter((word) => word !== '');
  return lowerAscii(words.join(' '));
}

function attributeText({ type, text }: Attribute): string {
  return `${SHORT_NAMES.get(type) ?? dotted(type)}=${text.replace(/[\p{C}\\,+=]/gu, escapeCharacter)}`;
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) as number;
  return /\p{C}/u.test(character) ? `\\u{${code.toString(16)}}` : `\\${character}`;
}

function dotted(type: Oid): string {
  const arcs: bigint[] = [];
  let arc = 0n;
  for (const character of type) {
    const byte = character.charCodeAt(0);
    arc = arc * 128n + BigInt(byte & 0x7f);
    if (byte >= 0x80) continue;
    arcs.push(arc);
    arc = 0n;
  }
  const [first = 0n, ...rest] = arcs;
  const top = first < 80n ? first / 40n : 2n;
  return [top, first - top * 40n, ...rest].join('.');
}

/** Lower case for the 26 letters of ASCII only, as DNS and X.500 names compare (RFC 4343, RFC 5280 §7.1). */
export function lowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** The text of a string type that names may have; `undefined` for other types and for malformed text. */
function decodeString(tag: number, bytes: Uint8Array): string | undefined {
  switch (tag) {
    case Tag.utf8String:
      // Creating a decoder costs more than decoding most texts.
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
