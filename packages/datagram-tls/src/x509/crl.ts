import { own } from '../base/bytes.js';
import { DerReader, explicitTag, latin1, oid, Tag } from './der.js';
import { type DistinguishedName, readName } from './distinguished-name.js';
import { readExtensionList } from './extension-list.js';
import { type AuthorityKeyId, readAuthorityKeyId } from './extensions.js';
import { readSignatureAlgorithm, type Signed } from './signature-algorithm.js';
import { readTime } from './time.js';

/** A certificate revocation list that covers all certificates of its issuer. @see RFC 5280 §5 */
export interface Crl extends Signed {
  readonly issuer: DistinguishedName;
  /** Milliseconds since the epoch. */
  readonly thisUpdate: number;
  readonly nextUpdate: number | undefined;
  readonly authorityKeyId: AuthorityKeyId | undefined;
  /** It is a delta or partial list, or has a critical extension that is not known: it proves nothing. */
  readonly isUnhandled: boolean;
  isRevoked(serial: Uint8Array): boolean;
}

const AUTHORITY_KEY_ID = oid('2.5.29.35');
const DELTA_INDICATOR = oid('2.5.29.27');
const ISSUING_DISTRIBUTION_POINT = oid('2.5.29.28');

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

function readList(r: DerReader): Omit<Crl, 'tbs' | 'signatureAlgorithm' | 'signature'> {
  if (r.tag === Tag.integer && r.count() !== 1) r.fail();
  const signedAlgorithm = readSignatureAlgorithm(r);
  const issuer = readName(r);
  const thisUpdate = readTime(r);
  const nextUpdate = r.tag === Tag.utcTime || r.tag === Tag.generalizedTime ? readTime(r) : undefined;
  const extensions: Extensions = { authorityKeyId: undefined, isUnhandled: false };
  const revoked = new Set<string>();
  if (r.tag === Tag.sequence) {
    r.inside(Tag.sequence, (entries) => entries.each(() => revoked.add(readEntry(entries, extensions))));
  }
  if (r.tag === explicitTag(0)) {
    r.inside(explicitTag(0), (list) =>
      readExtensionList(list, (id, critical, value) => {
        if (id === AUTHORITY_KEY_ID)
          extensions.authorityKeyId = value.inside(Tag.sequence, readAuthorityKeyId);
        else
          extensions.isUnhandled ||= critical || id === DELTA_INDICATOR || id === ISSUING_DISTRIBUTION_POINT;
      }),
    );
  }
  const isRevoked = (serial: Uint8Array): boolean => revoked.has(latin1(serial));
  return { signedAlgorithm, issuer, thisUpdate, nextUpdate, ...extensions, isRevoked };
}

interface Extensions {
  authorityKeyId: AuthorityKeyId | undefined;
  isUnhandled: boolean;
}

/** The serial number of one revoked certificate. */
function readEntry(entries: DerReader, extensions: Extensions): string {
  return entries.inside(Tag.sequence, (entry) => {
    const serial = latin1(entry.integer());
    readTime(entry);
    // Critical ones change whom the entry is about, such as certificateIssuer of indirect lists.
    if (entry.left > 0) readExtensionList(entry, (_, critical) => (extensions.isUnhandled ||= critical));
    return serial;
  });
}
