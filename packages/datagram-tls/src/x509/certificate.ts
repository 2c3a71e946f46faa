import { own } from '../base/bytes.js';
import { ownProperties } from '../base/own-properties.js';
import { DerReader, type DerState, explicitTag, implicitTag, Tag } from './der.js';
import { type DistinguishedName, readName } from './distinguished-name.js';
import { type Extensions, readExtensions } from './extensions.js';
import { type KeyInfo, readKeyInfo } from './public-key.js';
import { readSignatureAlgorithm, type Signed } from './signature-algorithm.js';
import { readTime } from './time.js';

/** A parsed X.509 certificate. All byte fields are views of `der`, which belongs to it. @see RFC 5280 §4.1 */
export interface Certificate extends Signed {
  readonly der: Uint8Array;
  readonly version: 1 | 2 | 3;
  /** Two's complement, big-endian. */
  readonly serial: Uint8Array;
  readonly issuer: DistinguishedName;
  readonly subject: DistinguishedName;
  /** Issuer and subject are the same name. Its signature may still be another key's. */
  readonly isSelfIssued: boolean;
  /** First and last moment of validity, in milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** SubjectPublicKeyInfo in DER. */
  readonly spki: Uint8Array;
  readonly key: KeyInfo;
  readonly extensions: Extensions;
}

/** DER elements in all certificates of one peer. A certificate has about 100, and one more for each of its names. */
export const MAX_CHAIN_ELEMENTS = 10_000;

/** Parses one certificate, which it copies; `undefined` when malformed. Never throws. */
export function parseCertificate(der: Uint8Array): Certificate | undefined {
  return readCertificate(der, { failed: false, elements: Infinity });
}

/** Parses what a peer sent, as {@link parseCertificate} does; `undefined` also beyond {@link MAX_CHAIN_ELEMENTS}. */
export function parseChain(list: readonly Uint8Array[]): readonly Certificate[] | undefined {
  const state = { failed: false, elements: MAX_CHAIN_ELEMENTS };
  const chain: Certificate[] = [];
  for (const der of list) {
    const certificate = readCertificate(der, state);
    if (certificate === undefined) return undefined;
    chain.push(certificate);
  }
  return chain;
}

function readCertificate(der: Uint8Array, state: DerState): Certificate | undefined {
  const copy = own(der);
  const reader = new DerReader(copy, 0, copy.length, state);
  const certificate = reader.inside(Tag.sequence, (r) => {
    const tbs = r.peek(Tag.sequence);
    return {
      der: copy,
      tbs,
      ...r.inside(Tag.sequence, readSignedPart),
      signatureAlgorithm: readSignatureAlgorithm(r),
      signature: r.octets(),
    };
  });
  return reader.finished() ? certificate : undefined;
}

type SignedPart = Omit<Certificate, 'der' | 'tbs' | 'signatureAlgorithm' | 'signature'>;

function readSignedPart(r: DerReader): SignedPart {
  const version = readVersion(r);
  const serial = r.integer();
  const signedAlgorithm = readSignatureAlgorithm(r);
  const issuer = readName(r);
  const [notBefore, notAfter] = r.inside(Tag.sequence, (v) => [readTime(v), readTime(v)] as const);
  const subject = readName(r);
  const key = readKeyInfo(r);
  for (const uniqueId of [implicitTag(1), implicitTag(2)]) {
    if (r.tag === uniqueId && version > 1) r.bits(uniqueId);
  }
  const extensions: Extensions =
    r.tag === explicitTag(3) && version === 3
      ? r.inside(explicitTag(3), (list) => list.inside(Tag.sequence, readExtensions))
      : ownProperties({ unhandledCritical: [] });
  return {
    version,
    serial,
    signedAlgorithm,
    issuer,
    notBefore,
    notAfter,
    subject,
    isSelfIssued: subject.equals(issuer),
    spki: key.der,
    key,
    extensions,
  };
}

function readVersion(r: DerReader): 1 | 2 | 3 {
  const value = r.tag === explicitTag(0) ? r.inside(explicitTag(0), (version) => version.count()) : 0;
  if (value === 0) return 1;
  if (value === 1) return 2;
  if (value > 2) r.fail();
  return 3;
}
