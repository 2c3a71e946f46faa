import { own, sameBytes } from '../base/bytes.js';
import type { Certificate } from './certificate.js';
import { DerReader, explicitTag, implicitTag, latin1, oid, Tag } from './der.js';
import { type DistinguishedName, readName } from './distinguished-name.js';
import {
  type AuthorityKeyId,
  readAuthorityKeyId,
  readDistributionPointName,
  readExtensionList,
} from './extensions.js';
import { readSignatureAlgorithm, type Signed } from './signature-algorithm.js';
import { readTime } from './time.js';

/** A certificate revocation list. @see RFC 5280 §5 */
export interface Crl extends Signed {
  readonly issuer: DistinguishedName;
  /** Milliseconds since the epoch. */
  readonly thisUpdate: number;
  readonly nextUpdate: number | undefined;
  readonly authorityKeyId: AuthorityKeyId | undefined;
  /**
   * It is a delta or indirect list, covers some reasons or attribute certificates, or has an unknown critical
   * extension: the absence of a certificate proves nothing.
   */
  readonly isUnhandled: boolean;
  readonly scope: CrlScope;
  isRevoked(serial: Uint8Array): boolean;
}

/** The certificates of the issuer that the list covers (RFC 5280 §5.2.5). */
export interface CrlScope {
  readonly only: 'user' | 'ca' | undefined;
  /**
   * GeneralNames in DER. A certificate must name one of them as its distribution point; `undefined`: any certificate.
   */
  readonly names: readonly Uint8Array[] | undefined;
}

const AUTHORITY_KEY_ID = oid('2.5.29.35');
const DELTA_INDICATOR = oid('2.5.29.27');
const ISSUING_DISTRIBUTION_POINT = oid('2.5.29.28');
const EVERYTHING: CrlScope = { only: undefined, names: undefined };

/** Parses a CRL in DER, which it copies; `undefined` when malformed. Never throws. */
export function parseCrl(der: Uint8Array): Crl | undefined {
  const reader = new DerReader(own(der));
  const crl = reader.inside(Tag.sequence, (r) => {
    const tbs = r.peek(Tag.sequence);
    const list = r.inside(Tag.sequence, readList);
    return { tbs, ...list, signatureAlgorithm: readSignatureAlgorithm(r), signature: r.octets() };
  });
  return reader.finished() ? crl : undefined;
}

/** Whether a list of the certificate's issuer covers this certificate (RFC 5280 §6.3.3 (b)). */
export function covers({ scope }: Crl, { extensions }: Certificate): boolean {
  const { only, names } = scope;
  const isCa = extensions.basicConstraints?.ca ?? false;
  if (only !== undefined && (only === 'ca') !== isCa) return false;
  if (names === undefined) return true;
  const points = extensions.distributionPoints ?? [];
  return points.some((point) => names.some((name) => sameBytes(name, point)));
}

function readList(r: DerReader): Omit<Crl, 'tbs' | 'signatureAlgorithm' | 'signature'> {
  if (r.tag === Tag.integer && r.count() !== 1) r.fail();
  const signedAlgorithm = readSignatureAlgorithm(r);
  const issuer = readName(r);
  const thisUpdate = readTime(r);
  const nextUpdate = r.tag === Tag.utcTime || r.tag === Tag.generalizedTime ? readTime(r) : undefined;
  const extensions: Extensions = { authorityKeyId: undefined, isUnhandled: false, scope: EVERYTHING };
  const revoked = new Set<string>();
  if (r.tag === Tag.sequence) {
    r.inside(Tag.sequence, (entries) => entries.each(() => revoked.add(readEntry(entries, extensions))));
  }
  if (r.tag === explicitTag(0)) {
    r.inside(explicitTag(0), (list) =>
      readExtensionList(list, (id, critical, value) => {
        if (id === AUTHORITY_KEY_ID) extensions.authorityKeyId = readWhole(list, value, readAuthorityKeyId);
        else if (id === ISSUING_DISTRIBUTION_POINT)
          readWhole(list, value, (idp) => readScope(idp, extensions));
        else extensions.isUnhandled ||= critical || id === DELTA_INDICATOR;
      }),
    );
  }
  let longest = 0;
  for (const serial of revoked) longest = Math.max(longest, serial.length);
  // A peer may send a serial number of 60 KB, on many paths.
  const isRevoked = (serial: Uint8Array): boolean => serial.length <= longest && revoked.has(latin1(serial));
  return { signedAlgorithm, issuer, thisUpdate, nextUpdate, ...extensions, isRevoked };
}

interface Extensions {
  authorityKeyId: AuthorityKeyId | undefined;
  isUnhandled: boolean;
  scope: CrlScope;
}

/** The content of the one SEQUENCE in an extension; a malformed one fails `list`. */
function readWhole<T>(list: DerReader, value: Uint8Array, read: (sequence: DerReader) => T): T {
  const reader = new DerReader(value);
  const result = reader.inside(Tag.sequence, read);
  if (!reader.finished()) list.fail();
  return result;
}

/** IssuingDistributionPoint (RFC 5280 §5.2.5). */
function readScope(r: DerReader, extensions: Extensions): void {
  const names = r.tag === explicitTag(0) ? r.inside(explicitTag(0), readDistributionPointName) : undefined;
  const isTrue = (tag: number): boolean =>
    r.tag === implicitTag(tag) && r.content(implicitTag(tag)).some((byte) => byte !== 0);
  const users = isTrue(1);
  const cas = isTrue(2);
  const someReasons = r.tag === implicitTag(3) && r.content(implicitTag(3)).length > 0;
  const indirect = isTrue(4);
  const attributes = isTrue(5);
  extensions.isUnhandled ||= someReasons || indirect || attributes || (users && cas);
  extensions.scope = { only: users ? 'user' : cas ? 'ca' : undefined, names };
}

/** The serial number of one revoked certificate. */
function readEntry(entries: DerReader, extensions: Extensions): string {
  return entries.inside(Tag.sequence, (entry) => {
    const serial = latin1(entry.integer());
    readTime(entry);
    // Critical ones change the certificate that the entry is about, such as certificateIssuer of indirect lists.
    if (entry.left > 0) readExtensionList(entry, (_, critical) => (extensions.isUnhandled ||= critical));
    return serial;
  });
}
