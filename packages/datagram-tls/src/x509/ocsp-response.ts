import { own } from '../base/bytes.js';
import { DerReader, explicitTag, implicitTag, type Oid, oid, Tag } from './der.js';
import { type DistinguishedName, readName } from './distinguished-name.js';
import { readExtensionList } from './extension-list.js';
import { readSignatureAlgorithm, type Signed } from './signature-algorithm.js';
import { readGeneralizedTime } from './time.js';

/** A successful basic response: what a responder signed of the status of some certificates. @see RFC 6960 §4.2.1 */
export interface OcspResponse extends Signed {
  readonly responder: ResponderId;
  readonly responses: readonly SingleResponse[];
  /** DER certificates, one of which may be the responder's. Nobody vouches for them. */
  readonly certificates: readonly Uint8Array[];
  /** It has a critical extension that is not known: it proves nothing. */
  readonly isUnhandled: boolean;
}

export type ResponderId =
  | { readonly by: 'name'; readonly name: DistinguishedName }
  /** The SHA-1 of its public key. */
  | { readonly by: 'key'; readonly hash: Uint8Array };

export interface SingleResponse {
  readonly id: CertId;
  readonly status: 'good' | 'revoked' | 'unknown';
  /** Milliseconds since the epoch. */
  readonly thisUpdate: number;
  readonly nextUpdate: number | undefined;
}

/** Which certificate is meant: hashes of its issuer's name and key, and its serial number. */
export interface CertId {
  readonly hash: Oid;
  readonly issuerName: Uint8Array;
  readonly issuerKey: Uint8Array;
  readonly serial: Uint8Array;
}

const SUCCESSFUL = 0;
const BASIC = oid('1.3.6.1.5.5.7.48.1.1');

/** DER elements of one response. One answer has about 10, a certificate about 100. */
const MAX_ELEMENTS = 10_000;

/** Parses an OCSPResponse, which it copies; `undefined` when malformed or too large, or no basic response, or none of success. Never throws. */
export function parseOcspResponse(der: Uint8Array): OcspResponse | undefined {
  const copy = own(der);
  const reader = new DerReader(copy, 0, copy.length, { failed: false, elements: MAX_ELEMENTS });
  const basic = reader.inside(Tag.sequence, (r) => {
    if (r.count(Tag.enumerated) !== SUCCESSFUL) r.fail();
    return r.inside(explicitTag(0), (bytes) => bytes.inside(Tag.sequence, readResponseBytes));
  });
  return reader.finished() ? basic : undefined;
}

function readResponseBytes(r: DerReader): OcspResponse {
  if (r.oid() !== BASIC) r.fail();
  return r.inside(Tag.octetString, (basic) => basic.inside(Tag.sequence, readBasicResponse));
}

function readBasicResponse(r: DerReader): OcspResponse {
  const tbs = r.peek(Tag.sequence);
  const data = r.inside(Tag.sequence, readResponseData);
  const signatureAlgorithm = readSignatureAlgorithm(r);
  const signature = r.octets();
  const certificates: Uint8Array[] = [];
  if (r.tag === explicitTag(0)) {
    r.inside(explicitTag(0), (certs) =>
      certs.inside(Tag.sequence, (list) => list.each(() => certificates.push(list.element(Tag.sequence)))),
    );
  }
  // Unlike a certificate the signed part does not name the algorithm a second time.
  return { tbs, ...data, signatureAlgorithm, signedAlgorithm: signatureAlgorithm, signature, certificates };
}

function readResponseData(r: DerReader): Pick<OcspResponse, 'responder' | 'responses' | 'isUnhandled'> {
  if (r.tag === explicitTag(0) && r.inside(explicitTag(0), (version) => version.count()) !== 0) r.fail();
  const responder = readResponderId(r);
  readGeneralizedTime(r);
  const found = { isUnhandled: false };
  const responses: SingleResponse[] = [];
  r.inside(Tag.sequence, (list) =>
    list.each(() => responses.push(list.inside(Tag.sequence, (single) => readSingleResponse(single, found)))),
  );
  readExtensions(r, found);
  return { responder, responses, isUnhandled: found.isUnhandled };
}

function readResponderId(r: DerReader): ResponderId {
  if (r.tag === explicitTag(1)) return { by: 'name', name: r.inside(explicitTag(1), readName) };
  return { by: 'key', hash: r.inside(explicitTag(2), (key) => key.content(Tag.octetString)) };
}

function readSingleResponse(r: DerReader, found: { isUnhandled: boolean }): SingleResponse {
  const id = r.inside(Tag.sequence, readCertId);
  const status = readStatus(r);
  const thisUpdate = readGeneralizedTime(r);
  const nextUpdate = r.tag === explicitTag(0) ? r.inside(explicitTag(0), readGeneralizedTime) : undefined;
  readExtensions(r, found);
  return { id, status, thisUpdate, nextUpdate };
}

/** One critical extension that we do not know makes all of the response useless: it tells of one certificate only. */
function readExtensions(r: DerReader, found: { isUnhandled: boolean }): void {
  if (r.tag !== explicitTag(1)) return;
  r.inside(explicitTag(1), (list) =>
    readExtensionList(list, (_, critical) => {
      found.isUnhandled ||= critical;
    }),
  );
}

function readCertId(r: DerReader): CertId {
  return {
    hash: readSignatureAlgorithm(r).id,
    issuerName: r.content(Tag.octetString),
    issuerKey: r.content(Tag.octetString),
    serial: r.integer(),
  };
}

function readStatus(r: DerReader): SingleResponse['status'] {
  if (r.tag === explicitTag(1)) {
    r.inside(explicitTag(1), readRevokedInfo);
    return 'revoked';
  }
  const status = r.tag === implicitTag(0) ? 'good' : 'unknown';
  if (r.content(implicitTag(status === 'good' ? 0 : 2)).length > 0) r.fail();
  return status;
}

function readRevokedInfo(r: DerReader): void {
  readGeneralizedTime(r);
  if (r.tag === explicitTag(0)) r.inside(explicitTag(0), (reason) => reason.count(Tag.enumerated));
}
