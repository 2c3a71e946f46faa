import { sameBytes } from '../base/bytes.js';
import type { CryptoProvider, HashName } from '../crypto/provider.js';
import { ValidationBudget } from './budget.js';
import { type CandidatePath, mayHaveIssued } from './candidates.js';
import { type Certificate, parseCertificate } from './certificate.js';
import type { VerifyCode } from './codes.js';
import type { Crl } from './crl.js';
import { type Oid, oid } from './der.js';
import { ExtendedKeyUsage, KeyUsage } from './extensions.js';
import { ConstraintChecker } from './name-constraints.js';
import {
  type CertId,
  type OcspResponse,
  parseOcspResponse,
  type ResponderId,
  type SingleResponse,
} from './ocsp-response.js';
import { checkConstraints, checkStrength, checkValidity } from './path-checks.js';
import { subjectPublicKey } from './public-key.js';
import { checkRevocation } from './revocation.js';
import { SignatureChecker } from './signatures.js';
import type { TrustStore } from './trust-store.js';

export interface OcspQuestion {
  /** DER. */
  readonly response: Uint8Array;
  /** That which it is to be about, the first, and all that vouch for it, up to an anchor. */
  readonly path: CandidatePath;
  readonly trust: TrustStore;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly provider: CryptoProvider;
  /** Where given, the certificate of a responder must not be on its issuer's list. */
  readonly crls: readonly Crl[] | undefined;
  /** What the validation of the path left; one of its own unless given. */
  readonly budget?: ValidationBudget;
}

/** Who is to have signed, and what that takes. */
interface Authority extends OcspQuestion {
  readonly issuer: Certificate;
  readonly signatures: SignatureChecker;
  readonly constraints: ConstraintChecker;
}

type DigestName = HashName | 'sha1';

/** By what a CertID may name the issuer. SHA-1 is no risk: nobody gains by an issuer who is only almost the one meant. */
const DIGESTS = new Map<Oid, DigestName>([
  [oid('1.3.14.3.2.26'), 'sha1'],
  [oid('2.16.840.1.101.3.4.2.1'), 'sha256'],
  [oid('2.16.840.1.101.3.4.2.2'), 'sha384'],
  [oid('2.16.840.1.101.3.4.2.3'), 'sha512'],
]);

/** The TLS extension of that name (RFC 6066 §8). */
const STATUS_REQUEST = 5;
/** Certificates looked at in one response, where one is enough. */
const MAX_CERTIFICATES = 4;
/** How far ahead of ours the responder's clock may be, ms. */
const SKEW = 300_000;
/** How long a response counts that names no end of its own, ms (RFC 6960 §4.2.2.1 leaves that to us). */
const UNLIMITED = 86_400_000;

/**
 * Whether an OCSP response says that the first of `path` is good; `undefined` if so, else OpenSSL's short name of what is
 * wrong. It has to be signed by the issuer, or by a responder that has its certificate from the issuer itself for that
 * purpose. @see RFC 6960 §3.2, §4.2.2
 */
export function checkOcspResponse(question: OcspQuestion): VerifyCode | undefined {
  const { path, time, provider } = question;
  // Nobody can tell the status of a certificate without an issuer but the certificate itself.
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
  const signer = findSigner(response, { ...question, issuer, signatures, constraints });
  const isSigned = signer !== undefined && signatures.check(response, signer) === undefined;
  if (budget.exhausted) return 'VALIDATION_LIMIT_REACHED';
  if (signer === undefined) return 'OCSP_VERIFY_FAILED';
  if (!isSigned) return 'OCSP_SIGNATURE_FAILURE';
  return checkCurrent(single, time) ?? checkStatus(single);
}

/** The certificate itself forbids its use without a staple, where one was asked for (RFC 7633 §4.2.3). */
export function mustStaple({ extensions }: Certificate): boolean {
  return extensions.tlsFeatures?.includes(STATUS_REQUEST) ?? false;
}

/** Whether `response` is a successful one about `subject`, whatever it says and whoever signed it. */
export function isResponseFor(response: Uint8Array, subject: Certificate, provider: CryptoProvider): boolean {
  const parsed = parseOcspResponse(response);
  const names = new Digests(subject.issuer.der, provider);
  return parsed?.responses.some(({ id }) => concerns(id, subject, names)) ?? false;
}

/** Serial number and issuer's name agree. */
function concerns({ hash, issuerName, serial }: CertId, subject: Certificate, names: Digests): boolean {
  return sameBytes(serial, subject.serial) && names.has(hash, issuerName);
}

/** The digests of a name or key, each made once: a response may hold a thousand answers, and a name 60 KB. */
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

/** The issuer, or who may speak for it. */
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

/** RFC 6960 §4.2.2.2.1: asked of our lists, unless the issuer says that nobody needs to. */
function isRevoked(candidate: Certificate, { issuer, path, crls, time, signatures }: Authority): boolean {
  if (crls === undefined || candidate.extensions.ocspNoCheck === true) return false;
  const lists = { crls, time, signatures, certificates: path };
  return checkRevocation([candidate, issuer, ...path.slice(2)], lists) !== undefined;
}

/** Of several answers about one certificate a current `revoked` counts, else the newest current one, else the newest. */
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
