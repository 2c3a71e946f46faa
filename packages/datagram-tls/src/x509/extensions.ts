import { ownProperties } from '../base/own-properties.js';
import { type DerReader, explicitTag, implicitTag, type Oid, oid, Tag } from './der.js';
import { type DistinguishedName, readRdn } from './distinguished-name.js';
import { type GeneralNames, noNames, readGeneralName, readGeneralNames } from './general-names.js';

/** Bits of KeyUsage (RFC 5280 §4.2.1.3), as `DerReader.flags` gives them. */
export const KeyUsage = {
  digitalSignature: 0x8000,
  keyEncipherment: 0x2000,
  keyAgreement: 0x0800,
  keyCertSign: 0x0400,
  cRLSign: 0x0200,
} as const;

/** Bits of Netscape's certificate type, an ancestor of extended key usage that old private CAs still set. */
export const NetscapeType = { client: 0x8000, server: 0x4000 } as const;

export const ExtendedKeyUsage = {
  serverAuth: oid('1.3.6.1.5.5.7.3.1'),
  clientAuth: oid('1.3.6.1.5.5.7.3.2'),
  ocspSigning: oid('1.3.6.1.5.5.7.3.9'),
} as const;

export interface NameConstraints {
  readonly permitted: GeneralNames;
  readonly excluded: GeneralNames;
  /** A subtree has a minimum or maximum, which RFC 5280 §4.2.1.10 forbids. */
  readonly hasDistances: boolean;
}

export interface AuthorityKeyId {
  readonly keyId: Uint8Array | undefined;
  /** The issuer's issuer; empty where only `keyId` is given. */
  readonly issuer: readonly DistinguishedName[];
  readonly serial: Uint8Array | undefined;
}

/** What path validation reads of a certificate's extensions; `undefined` where an extension is absent. */
export interface Extensions {
  readonly basicConstraints?: { readonly ca: boolean; readonly pathLength: number | undefined };
  readonly keyUsage?: number;
  readonly netscapeType?: number;
  readonly extendedKeyUsage?: ReadonlySet<Oid>;
  readonly subjectAltName?: GeneralNames;
  readonly nameConstraints?: NameConstraints;
  readonly subjectKeyId?: Uint8Array;
  readonly authorityKeyId?: AuthorityKeyId;
  /** Names of the CRLs that cover this certificate completely (RFC 5280 §4.2.1.13), each a GeneralName in DER. */
  readonly distributionPoints?: readonly Uint8Array[];
  /** TLS extensions that a server with this certificate has to answer when a client sends them (RFC 7633). */
  readonly tlsFeatures?: readonly number[];
  /** An OCSP responder whose certificate is not checked against revocation lists (RFC 6960 §4.2.2.2.1). */
  readonly ocspNoCheck?: true;
  /** Critical extensions that are not understood here (RFC 5280 §4.2: the certificate must be refused). */
  readonly unhandledCritical: readonly Oid[];
}

type Draft = { -readonly [Name in keyof Extensions]: Extensions[Name] };
type Decoder = (reader: DerReader, draft: Draft) => void;

const DECODERS = new Map<Oid, Decoder>([
  [oid('2.5.29.19'), (r, draft) => (draft.basicConstraints = r.inside(Tag.sequence, readBasicConstraints))],
  [oid('2.5.29.15'), (r, draft) => (draft.keyUsage = r.flags())],
  [oid('2.16.840.1.113730.1.1'), (r, draft) => (draft.netscapeType = r.flags())],
  [oid('2.5.29.37'), (r, draft) => (draft.extendedKeyUsage = r.inside(Tag.sequence, readOids))],
  [oid('2.5.29.17'), (r, draft) => (draft.subjectAltName = readGeneralNames(r))],
  [oid('2.5.29.30'), (r, draft) => (draft.nameConstraints = r.inside(Tag.sequence, readNameConstraints))],
  [oid('2.5.29.14'), (r, draft) => (draft.subjectKeyId = r.content(Tag.octetString))],
  [
    oid('2.5.29.31'),
    (r, draft) => (draft.distributionPoints = r.inside(Tag.sequence, readDistributionPoints)),
  ],
  [oid('2.5.29.35'), (r, draft) => (draft.authorityKeyId = r.inside(Tag.sequence, readAuthorityKeyId))],
]);

/** Read, and still not understood where critical: whether they are enforced depends on an option. */
const ADVISORY = new Map<Oid, Decoder>([
  [oid('1.3.6.1.5.5.7.1.24'), (r, draft) => (draft.tlsFeatures = r.inside(Tag.sequence, readCounts))],
  [oid('1.3.6.1.5.5.7.48.1.5'), readNoCheck],
]);

/**
 * Certificate policies and related extensions: accepted when critical, though no policy is required here. OpenSSL
 * does the same unless a policy check is switched on.
 */
const TOLERATED = new Set(['2.5.29.32', '2.5.29.33', '2.5.29.36', '2.5.29.54'].map((dotted) => oid(dotted)));

/**
 * Proxy certificates (RFC 3820) and delegated address blocks (RFC 3779) change what a path means, so they always
 * count as critical.
 */
const ALWAYS_CRITICAL = new Set(
  ['1.3.6.1.5.5.7.1.14', '1.3.6.1.5.5.7.1.7', '1.3.6.1.5.5.7.1.8'].map((dotted) => oid(dotted)),
);

/** Reads the content of an Extensions list. An extension that occurs twice is malformed (RFC 5280 §4.2). */
export function readExtensions(list: DerReader): Extensions {
  const unhandledCritical: Oid[] = [];
  // An absent extension must not come from a prototype.
  const draft: Draft = ownProperties({ unhandledCritical });
  const seen = new Set<Oid>();
  list.each(() =>
    list.inside(Tag.sequence, (extension) => {
      const id = extension.oid();
      const critical = extension.tag === Tag.boolean && extension.boolean();
      if (seen.has(id)) extension.fail();
      seen.add(id);
      const decode = DECODERS.get(id) ?? ADVISORY.get(id);
      if (decode !== undefined) extension.inside(Tag.octetString, (value) => decode(value, draft));
      else extension.content(Tag.octetString);
      if (isUnhandled(id, critical)) unhandledCritical.push(id);
    }),
  );
  return draft;
}

function isUnhandled(id: Oid, critical: boolean): boolean {
  return ALWAYS_CRITICAL.has(id) || (critical && !DECODERS.has(id) && !TOLERATED.has(id));
}

function readBasicConstraints(r: DerReader): { ca: boolean; pathLength: number | undefined } {
  const ca = r.tag === Tag.boolean && r.boolean();
  return { ca, pathLength: r.tag === Tag.integer ? r.count() : undefined };
}

/** Its presence is the information; its value is NULL. */
function readNoCheck(r: DerReader, draft: Draft): void {
  r.element();
  draft.ocspNoCheck = true;
}

function readCounts(r: DerReader): number[] {
  const counts: number[] = [];
  r.each(() => counts.push(r.count()));
  return counts;
}

function readOids(r: DerReader): Set<Oid> {
  const oids = new Set<Oid>();
  r.each(() => oids.add(r.oid()));
  return oids;
}

export function readAuthorityKeyId(r: DerReader): AuthorityKeyId {
  return {
    keyId: r.tag === implicitTag(0) ? r.content(implicitTag(0)) : undefined,
    issuer: r.tag === explicitTag(1) ? readGeneralNames(r, explicitTag(1)).directory : [],
    serial: r.tag === implicitTag(2) ? r.integer(implicitTag(2)) : undefined,
  };
}

/**
 * CRLDistributionPoints (RFC 5280 §4.2.1.13): the names of those that the issuer itself signs for all reasons. Lists
 * for some reasons only, or of another issuer, cannot prove a certificate good.
 */
function readDistributionPoints(points: DerReader): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  points.each(() =>
    points.inside(Tag.sequence, (point) => {
      const names =
        point.tag === explicitTag(0) ? point.inside(explicitTag(0), readDistributionPointName) : [];
      let partial = false;
      if (point.tag === implicitTag(1)) partial = point.content(implicitTag(1)).length > 0;
      if (point.tag === explicitTag(2)) {
        readGeneralNames(point, explicitTag(2));
        partial = true;
      }
      if (!partial) found.push(...names);
    }),
  );
  return found;
}

/** Each name in DER; none for a name relative to the issuer's. */
export function readDistributionPointName(name: DerReader): readonly Uint8Array[] {
  if (name.tag === explicitTag(1)) {
    name.inside(explicitTag(1), readRdn);
    return [];
  }
  const names: Uint8Array[] = [];
  name.inside(explicitTag(0), (list) =>
    list.each(() => {
      names.push(list.peek(list.tag));
      readGeneralName(list, noNames());
    }),
  );
  return names;
}

function readNameConstraints(r: DerReader): NameConstraints {
  const permitted = readSubtrees(r, explicitTag(0));
  const excluded = readSubtrees(r, explicitTag(1));
  return {
    permitted: permitted.names,
    excluded: excluded.names,
    hasDistances: permitted.hasDistances || excluded.hasDistances,
  };
}

function readSubtrees(r: DerReader, tag: number): { names: GeneralNames; hasDistances: boolean } {
  const names = noNames();
  let hasDistances = false;
  const readSubtree = (subtree: DerReader): void => {
    readGeneralName(subtree, names);
    // minimum [0] has the default 0, which some CAs encode all the same.
    if (subtree.tag === implicitTag(0)) hasDistances = subtree.count(implicitTag(0)) !== 0 || hasDistances;
    if (subtree.tag === implicitTag(1)) hasDistances = subtree.count(implicitTag(1)) >= 0;
  };
  if (r.tag === tag) r.inside(tag, (list) => list.each(() => list.inside(Tag.sequence, readSubtree)));
  return { names, hasDistances };
}

/**
 * Called with each extension of a list. `value` is the content of its OCTET STRING, which need not be DER where it is
 * not read.
 */
type OnExtension = (id: Oid, critical: boolean, value: Uint8Array) => void;

/** Reads an Extensions list, header included, where duplicates do no harm (RFC 5280 §4.1.2.9). */
export function readExtensionList(reader: DerReader, use: OnExtension): void {
  reader.inside(Tag.sequence, (list) =>
    list.each(() =>
      list.inside(Tag.sequence, (extension) => {
        const id = extension.oid();
        const critical = extension.tag === Tag.boolean && extension.boolean();
        use(id, critical, extension.content(Tag.octetString));
      }),
    ),
  );
}
