/** A little DER, for certificates that no tool would make. */

export function tlv(tag: number, ...content: (Uint8Array | readonly number[])[]): Uint8Array {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  const header =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Uint8Array.from([tag, ...header, ...content.flatMap((part) => [...part])]);
}

export function text(tag: number, value: string): Uint8Array {
  return tlv(tag, new TextEncoder().encode(value));
}

/** AlgorithmIdentifiers of signatures. */
export const ECDSA_SHA256 = tlv(0x30, tlv(0x06, [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]));
export const RSA_SHA256 = tlv(
  0x30,
  tlv(0x06, [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b]),
  [0x05, 0],
);
const COMMON_NAME = tlv(0x06, [0x55, 0x04, 0x03]);

/** A distinguished name of one common name, in any string type. */
export function commonName(value: string, tag = 0x0c): Uint8Array {
  return tlv(0x30, tlv(0x31, tlv(0x30, COMMON_NAME, text(tag, value))));
}

/** `id`: the last byte of an extension 2.5.29.`id`. */
export function extension(id: number, value: Uint8Array, critical = false): Uint8Array {
  return tlv(0x30, tlv(0x06, [0x55, 0x1d, id]), critical ? tlv(0x01, [0xff]) : [], tlv(0x04, value));
}

export interface Shape {
  readonly subject: string;
  readonly issuer: string;
  readonly spki: Uint8Array;
  readonly serial: number;
  readonly ca?: boolean;
  readonly dns?: readonly string[];
  /** DNS name constraints. */
  readonly permitted?: readonly string[];
  /** Further extensions, or instead. */
  readonly extensions?: readonly Uint8Array[];
  readonly subjectName?: Uint8Array;
  readonly validity?: readonly [notBefore: Uint8Array, notAfter: Uint8Array];
  readonly version?: number;
  /** Of the signature; ECDSA with SHA-256 unless given. */
  readonly algorithm?: Uint8Array;
}

export function encodeCertificate(shape: Shape, sign: (tbs: Uint8Array) => Uint8Array): Uint8Array {
  const { subject, issuer, spki, serial, version = 2, algorithm = ECDSA_SHA256 } = shape;
  const validity = shape.validity ?? [text(0x17, '200101000000Z'), text(0x18, '20700101000000Z')];
  const extensions = extensionsOf(shape);
  const tbs = tlv(
    0x30,
    tlv(0xa0, tlv(0x02, [version])),
    tlv(0x02, [serial]),
    algorithm,
    commonName(issuer),
    tlv(0x30, ...validity),
    shape.subjectName ?? commonName(subject),
    spki,
    extensions.length === 0 ? [] : tlv(0xa3, tlv(0x30, ...extensions)),
  );
  return tlv(0x30, tbs, algorithm, tlv(0x03, [0], sign(tbs)));
}

function extensionsOf({ ca = false, dns = [], permitted = [], extensions = [] }: Shape): Uint8Array[] {
  const found = [...extensions];
  if (ca) found.push(extension(0x13, tlv(0x30, tlv(0x01, [0xff])), true));
  if (dns.length > 0) found.push(extension(0x11, tlv(0x30, ...dns.map((name) => text(0x82, name)))));
  if (permitted.length > 0) {
    const subtrees = permitted.map((base) => tlv(0x30, text(0x82, base)));
    found.push(extension(0x1e, tlv(0x30, tlv(0xa0, ...subtrees)), true));
  }
  return found;
}
