import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** A little DER, and certificates that no tool would make. */

const COMMON_NAME = oid(0x55, 0x04, 0x03);
const BASIC_CONSTRAINTS = oid(0x55, 0x1d, 0x13);
const SUBJECT_ALT_NAME = oid(0x55, 0x1d, 0x11);
const NAME_CONSTRAINTS = oid(0x55, 0x1d, 0x1e);
const ECDSA_SHA256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
const RSA_SHA256 = sequence(
  oid(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b),
  der(0x05, Buffer.of()),
);
const RSA_ENCRYPTION = sequence(
  oid(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01),
  der(0x05, Buffer.of()),
);
const TRUE = der(0x01, Buffer.of(0xff));
const DAY_MS = 86_400_000;

export const IS_CA = extension(BASIC_CONSTRAINTS, sequence(TRUE), true);

/** A holder of a key. */
export interface Authority {
  /** A Name in DER. */
  readonly name: Buffer;
  /** `undefined` for an RSA key without a private half: its signatures are random bytes. */
  readonly key: KeyObject | undefined;
  /** SubjectPublicKeyInfo. */
  readonly spki: Buffer;
}

export interface Signer extends Authority {
  readonly key: KeyObject;
}

export function authority(name: string | Buffer, namedCurve = 'P-256'): Signer {
  const key = generateKeyPairSync('ec', { namedCurve }).privateKey;
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return { name: typeof name === 'string' ? commonName(name) : name, key, spki };
}

/** An RSA key with an arbitrary odd modulus, because making a real one of that size takes minutes. */
export function junkRsaAuthority(name: string, bits: number, exponent: Buffer): Authority {
  const modulus = randomBytes(bits / 8);
  modulus[0] = (modulus[0] ?? 0) | 0x80;
  modulus[modulus.length - 1] = (modulus.at(-1) ?? 0) | 1;
  const key = sequence(der(0x02, Buffer.concat([Buffer.of(0), modulus])), der(0x02, exponent));
  const spki = sequence(RSA_ENCRYPTION, der(0x03, Buffer.concat([Buffer.of(0), key])));
  return { name: commonName(name), key: undefined, spki };
}

export function certify(subject: Authority, issuer: Authority, extensions: readonly Buffer[]): Buffer {
  const now = Date.now();
  const algorithm = issuer.key === undefined ? RSA_SHA256 : ECDSA_SHA256;
  const body = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.concat([Buffer.of(1), randomBytes(8)])),
    algorithm,
    issuer.name,
    sequence(time(now - DAY_MS), time(now + DAY_MS)),
    subject.name,
    subject.spki,
    der(0xa3, sequence(...extensions)),
  );
  const signature = issuer.key === undefined ? junkSignature(issuer.spki) : sign('sha256', body, issuer.key);
  return sequence(body, algorithm, der(0x03, Buffer.concat([Buffer.of(0), signature])));
}

/** As long as the modulus, and smaller. */
function junkSignature(spki: Buffer): Buffer {
  const signature = randomBytes(spki.length & ~0xff);
  signature[0] = 0x40;
  return signature;
}

export function commonName(name: string): Buffer {
  return sequence(relativeName([name]));
}

/** A RelativeDistinguishedName of this many common names. */
export function relativeName(values: readonly string[]): Buffer {
  const attributes = values.map((value) => sequence(COMMON_NAME, der(0x0c, Buffer.from(value))));
  return der(0x31, Buffer.concat(attributes));
}

export function dnsName(name: string): Buffer {
  return der(0x82, Buffer.from(name));
}

export function alternativeNames(names: readonly Buffer[]): Buffer {
  return extension(SUBJECT_ALT_NAME, sequence(...names), false);
}

/** Name constraints that exclude these host names. */
export function excluding(names: readonly string[]): Buffer {
  const subtrees = names.map((name) => sequence(dnsName(name)));
  return extension(NAME_CONSTRAINTS, sequence(der(0xa1, Buffer.concat(subtrees))), true);
}

function extension(id: Buffer, value: Buffer, critical: boolean): Buffer {
  return sequence(id, ...(critical ? [TRUE] : []), der(0x04, value));
}

function time(ms: number): Buffer {
  const text = `${new Date(ms).toISOString().slice(2, 19).replace(/[-:T]/g, '')}Z`;
  return der(0x17, Buffer.from(text));
}

function oid(...bytes: number[]): Buffer {
  return der(0x06, Buffer.from(bytes));
}

export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function der(tag: number, body: Uint8Array): Buffer {
  const { length } = body;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), body]);
  if (length < 0x100) return Buffer.concat([Buffer.of(tag, 0x81, length), body]);
  return Buffer.concat([Buffer.of(tag, 0x82, length >> 8, length & 0xff), body]);
}

export function pem(certificate: Buffer): string {
  const lines = certificate.toString('base64').replace(/.{1,64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`;
}

export function pemKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
