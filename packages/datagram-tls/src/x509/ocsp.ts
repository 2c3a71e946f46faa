import { own, sameBytes } from '../base/bytes.js';
import type { CryptoProvider, HashName } from '../crypto/provider.js';
import { ValidationBudget } from './budget.js';
import { type CandidatePath, mayHaveIssued } from './candidates.js';
import { type Certificate, parseCertificate } from './certificate.js';
import type { VerifyCode } from './codes.js';
import type { Crl } from './crl.js';
import { DerReader, explicitTag, implicitTag, type Oid, oid, Tag } from './der.js';
import { type DistinguishedName, readName } from './distinguished-name.js';
import { ExtendedKeyUsage, KeyUsage, readExtensionList } from './extensions.js';
import { ConstraintChecker } from './name-constraints.js';
import { checkConstraints, checkStrength, checkValidity } from './path-checks.js';
import { subjectPublicKey } from './public-key.js';
import { RevocationChecker } from './revocation.js';
import { readSignatureAlgorithm, type Signed } from './signature-algorithm.js';
import { SignatureChecker } from './signatures.js';
import { readGeneralizedTime } from './time.js';
import type { TrustStore } from './trust-store.js';

interface OcspQuestion {
  /** DER. */
  readonly response: Uint8Array;
  /** The certificate that the response must be about comes first, then its issuers, up to an anchor. */
  readonly path: CandidatePath;
  readonly trust: TrustStore;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly provider: CryptoProvider;
  /** Where given, the certificate of a responder must not be on its issuer's list. */
  readonly crls: readonly Crl[] | undefined;
  /** The rest of the path validation's budget; a new one unless given. */
  readonly budget?: ValidationBudget;
}

/** The required signer of a response, and what verifying it needs. */
interface Authority extends OcspQuestion {
  readonly issuer: Certificate;
  readonly signatures: SignatureChecker;
  readonly constraints: ConstraintChecker;
  readonly budget: ValidationBudget;
}

type DigestName = HashName | 'sha1';

/** How a CertID may name the issuer. SHA-1 is no risk: an issuer with a colliding hash gains nothing. */
const DIGESTS = new Map<Oid, DigestName>([
  [oid('1.3.14.3.2.26'), 'sha1'],
  [oid('2.16.840.1.101.3.4.2.1'), 'sha256'],
  [oid('2.16.840.1.101.3.4.2.2'), 'sha384'],
  [oid('2.16.840.1.101.3.4.2.3'), 'sha512'],
]);

/** The TLS extension of that name (RFC 6066 §8). */
const STATUS_REQUEST = 5;
/** Certificates examined in one response, where one is enough. */
const MAX_CERTIFICATES = 4;
/** How far the responder's clock may be ahead of ours, ms. */
const SKEW = 300_000;
/** How long a response without nextUpdate counts, ms (RFC 6960 §4.2.2.1 leaves that to us). */
const UNLIMITED = 86_400_000;

/**
 * Whether an OCSP response says that the first of `path` is good; `undefined` if so, else OpenSSL's short name of the
 * fault. Its signer must be the issuer, or a responder that has its certificate from the issuer itself for that
 * purpose. @see RFC 6960 §3.2, §4.2.2
 */
export function checkOcspResponse(question: OcspQuestion): VerifyCode | undefined {
  const { path, time, provider } = question;
  // Without an issuer, only a self-signed certificate has a known status.
  const [subject, issuer = subject] = path;
  if (subject === undefined || issuer === undefined) return 'OCSP_NO_RESPONSE';
  const response = parseOcspResponse(question.response);
  if (response === undefined || response.isUnhandled) return 'OCSP_RESP_INVALID';
  const names = new Digests(subject.issuer.der, provider);
  const keys = new Digests(subjectPublicKey(issuer.spki), provider);
  const singles = response.responses.filter(
    ({ id }) => concerns(id, subject, names) && keys.has(id.hash, id.issuerKey),
  );
  const [single] = singles.sort((a, b) => rank(b, time) - rank(a, time) || b.thisUpdate - a.thisUpdate);
  if (single === undefined) return 'OCSP_NO_RESPONSE';
  const { budget = new ValidationBudget() } = question;
  const signatures = new SignatureChecker(provider, question.trust, budget);
  const constraints = new ConstraintChecker(budget);
  const signer = findSigner(response, { ...question, issuer, signatures, constraints, budget });
  const isSigned = signer !== undefined && signatures.check(response, signer) === undefined;
  if (budget.exhausted) return 'VALIDATION_LIMIT_REACHED';
  if (signer === undefined) return 'OCSP_VERIFY_FAILED';
  if (!isSigned) return 'OCSP_SIGNATURE_FAILURE';
  return checkCurrent(single, time) ?? checkStatus(single);
}

/** The certificate forbids its use without a staple, where one was requested (RFC 7633 §4.2.3). */
export function mustStaple({ extensions }: Certificate): boolean {
  return extensions.tlsFeatures?.includes(STATUS_REQUEST) ?? false;
}

/** Whether `response` is a successful one about `subject`, whatever its status and signer. */
export function isResponseFor(response: Uint8Array, subject: Certificate, provider: CryptoProvider): boolean {
  const parsed = parseOcspResponse(response);
  const names = new Digests(subject.issuer.der, provider);
  return parsed?.responses.some(({ id }) => concerns(id, subject, names)) ?? false;
}

/** Serial number and issuer's name match. */
function concerns({ hash, issuerName, serial }: CertId, subject: Certificate, names: Digests): boolean {
  return sameBytes(serial, subject.serial) && names.has(hash, issuerName);
}

/**
 * The digests of a name or key, each computed once: a response may hold a thousand answers, and a name may have 60
 * KB.
 */
class Digests {
  readonly #data: Uint8Array;
  readonly #provider: CryptoProvider;
  readonly #known = new Map<DigestName, Uint8Array | undefined>();

  constructor(data: Uint8Array, provider: CryptoProvider) {
    this.#data = data;
    this.#provider = provider;
  }

  has(algorithm: Oid, expected: Uint8Array): boolean {
    const name = DIGESTS.get(algorithm);
    if (name === undefined) return false;
    if (!this.#known.has(name)) this.#known.set(name, digest(name, this.#data, this.#provider));
    const made = this.#known.get(name);
    return made !== undefined && sameBytes(made, expected);
  }
}

/** `undefined` for a hash that the platform lacks. */
function digest(name: DigestName, data: Uint8Array, provider: CryptoProvider): Uint8Array | undefined {
  if (!provider.capabilities.hash(name)) return undefined;
  const hash = provider.hash(name);
  hash.update(data);
  return hash.digest();
}

/** The issuer, or its delegate. */
function findSigner(
  { responder, certificates }: OcspResponse,
  authority: Authority,
): Certificate | undefined {
  const { issuer, provider, signatures } = authority;
  if (isResponder(issuer, responder, provider)) return issuer;
  return certificates
    .slice(0, MAX_CERTIFICATES)
    .map(parseCertificate)
    .find(
      (candidate) =>
        candidate !== undefined &&
        isResponder(candidate, responder, provider) &&
        isDelegate(candidate, authority) &&
        signatures.check(candidate, issuer) === undefined &&
        !isRevoked(candidate, authority),
    );
}

function isResponder(candidate: Certificate, id: ResponderId, provider: CryptoProvider): boolean {
  if (id.by === 'name') return id.name.equals(candidate.subject);
  const made = digest('sha1', subjectPublicKey(candidate.spki), provider);
  return made !== undefined && sameBytes(made, id.hash);
}

/** RFC 6960 §4.2.2.2: issued by the issuer directly, for signing OCSP responses; the signature is not checked here. */
function isDelegate(candidate: Certificate, { issuer, path, time, constraints }: Authority): boolean {
  const { extendedKeyUsage, keyUsage, unhandledCritical } = candidate.extensions;
  return (
    extendedKeyUsage?.has(ExtendedKeyUsage.ocspSigning) === true &&
    (keyUsage === undefined || (keyUsage & KeyUsage.digitalSignature) !== 0) &&
    unhandledCritical.length === 0 &&
    mayHaveIssued(issuer, candidate) &&
    checkValidity(candidate, time) === undefined &&
    checkStrength([candidate, issuer]) === undefined &&
    checkConstraints([candidate, issuer, ...path.slice(2)], 'client', constraints) === undefined
  );
}

/** RFC 6960 §4.2.2.2.1: checked against our lists, unless the issuer exempts it. */
function isRevoked(
  candidate: Certificate,
  { issuer, path, crls, time, signatures, budget }: Authority,
): boolean {
  if (crls === undefined || candidate.extensions.ocspNoCheck === true) return false;
  const lists = new RevocationChecker({ crls, time, certificates: path }, signatures, budget);
  return lists.check([candidate, issuer, ...path.slice(2)]) !== undefined;
}

/**
 * Of several answers about one certificate a current `revoked` counts, else the newest current one, else the newest.
 */
function rank(single: SingleResponse, time: number): number {
  if (checkCurrent(single, time) !== undefined) return 0;
  return single.status === 'revoked' ? 2 : 1;
}

function checkCurrent({ thisUpdate, nextUpdate }: SingleResponse, time: number): VerifyCode | undefined {
  const end = nextUpdate ?? thisUpdate + UNLIMITED;
  if (end < thisUpdate) return 'OCSP_RESP_INVALID';
  if (time + SKEW < thisUpdate) return 'OCSP_NOT_YET_VALID';
  return time >= end ? 'OCSP_HAS_EXPIRED' : undefined;
}

function checkStatus({ status }: SingleResponse): VerifyCode | undefined {
  if (status === 'good') return undefined;
  return status === 'revoked' ? 'CERT_REVOKED' : 'OCSP_CERT_UNKNOWN';
}

/**
 * A successful basic response: a responder's signed statement about the status of some certificates. @see RFC 6960
 * §4.2.1
 */
interface OcspResponse extends Signed {
  readonly responder: ResponderId;
  readonly responses: readonly SingleResponse[];
  /** DER certificates, one of which may be the responder's. They are not verified. */
  readonly certificates: readonly Uint8Array[];
  /** It has an unknown critical extension: it proves nothing. */
  readonly isUnhandled: boolean;
}

type ResponderId =
  | { readonly by: 'name'; readonly name: DistinguishedName }
  /** The SHA-1 of its public key. */
  | { readonly by: 'key'; readonly hash: Uint8Array };

interface SingleResponse {
  readonly id: CertId;
  readonly status: 'good' | 'revoked' | 'unknown';
  /** Milliseconds since the epoch. */
  readonly thisUpdate: number;
  readonly nextUpdate: number | undefined;
}

/** Identifies a certificate: hashes of its issuer's name and key, and its serial number. */
interface CertId {
  readonly hash: Oid;
  readonly issuerName: Uint8Array;
  readonly issuerKey: Uint8Array;
  readonly serial: Uint8Array;
}

const SUCCESSFUL = 0;
const BASIC = oid('1.3.6.1.5.5.7.48.1.1');

/** DER elements of one response. One answer has about 10, a certificate about 100. */
const MAX_ELEMENTS = 10_000;

/**
 * Parses an OCSPResponse, which it copies; `undefined` when it is malformed, too large, not basic or not successful.
 * Never throws.
 */
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
  // Unlike in a certificate the signed part does not repeat the algorithm.
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

/** One unknown critical extension makes the whole response useless: it is about one certificate only. */
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
