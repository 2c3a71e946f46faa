import { sameBytes } from '../base/bytes.js';
import { type Certificate, isSelfIssued } from './certificate.js';
import type { VerifyCode } from './codes.js';
import type { AuthorityKeyId } from './extensions.js';
import type { TrustStore } from './trust-store.js';

/** Certificates from a leaf to an anchor, each named as issuer by the one before it. No signature is checked yet. */
export type CandidatePath = readonly Certificate[];

/** Why a path leads to no anchor. `depth`: of its last certificate. */
export interface DeadEnd {
  readonly code: VerifyCode;
  readonly depth: number;
}

export interface SearchOptions {
  readonly leaf: Certificate;
  /** In any order; what does not belong to the path does no harm. */
  readonly intermediates: readonly Certificate[];
  readonly trust: TrustStore;
  /** Milliseconds since the epoch; certificates that are valid then are tried first. */
  readonly time: number;
  /** Certificates allowed between leaf and anchor. */
  readonly maxIntermediates: number;
  /** Trusted certificates that are not self-signed are anchors, too. */
  readonly partialChain: boolean;
}

/** Issuers looked at in one search. A hostile set of cross-signed certificates has exponentially many paths. */
const MAX_STEPS = 500;

/**
 * Walks the paths from a leaf to the trust anchors by names and key identifiers, the most promising first: trusted
 * issuers before those of the peer, valid ones before expired ones. Once a path is among trusted certificates it
 * stays there. @see RFC 4158, RFC 5280 §6.1
 */
export class PathSearch {
  readonly #options: SearchOptions;
  readonly #offered = new Map<string, Certificate[]>();
  #steps = 0;
  /** The first one met. */
  deadEnd: DeadEnd | undefined;

  constructor(options: SearchOptions) {
    this.#options = options;
    for (const certificate of options.intermediates) this.#offer(certificate);
  }

  *paths(): Generator<CandidatePath, void> {
    const { leaf, trust } = this.#options;
    yield* this.#extend([leaf], trust.has(leaf));
  }

  *#extend(path: readonly Certificate[], trusted: boolean): Generator<CandidatePath, void> {
    const { trust, maxIntermediates, partialChain } = this.#options;
    const last = path[path.length - 1] as Certificate;
    if (trusted && (partialChain || isSelfSigned(last))) {
      if (path.length - 2 > maxIntermediates) this.#end(path, 'CERT_CHAIN_TOO_LONG');
      else yield path;
      return;
    }
    if (path.length - 1 > maxIntermediates) {
      this.#end(path, 'CERT_CHAIN_TOO_LONG');
      return;
    }
    const anchors = isSelfSigned(last) ? [] : this.#issuers(path, trust.bySubject(last.issuer));
    const offered = trusted || isSelfSigned(last) ? [] : (this.#offered.get(last.issuer.key) ?? []);
    const others = this.#issuers(path, offered).filter((issuer) => !trust.has(issuer));
    if (anchors.length + others.length === 0) this.#end(path, deadEndCode(path, trusted));
    for (const issuer of anchors) yield* this.#extend([...path, issuer], true);
    for (const issuer of others) yield* this.#extend([...path, issuer], false);
  }

  /** Those of `candidates` that can have issued the last certificate, the best first. */
  #issuers(path: readonly Certificate[], candidates: readonly Certificate[]): Certificate[] {
    const { time } = this.#options;
    const last = path[path.length - 1] as Certificate;
    const fitting: Certificate[] = [];
    for (const candidate of candidates) {
      if (this.#steps++ >= MAX_STEPS) break;
      if (mayHaveIssued(candidate, last) && !path.some((used) => isSameEntity(used, candidate))) {
        fitting.push(candidate);
      }
    }
    const rank = ({ notBefore, notAfter }: Certificate): number =>
      notBefore <= time && time < notAfter ? Number.MAX_VALUE : notAfter;
    return fitting.sort((a, b) => Math.sign(rank(b) - rank(a)));
  }

  #offer(certificate: Certificate): void {
    const { key } = certificate.subject;
    const others = this.#offered.get(key) ?? [];
    if (others.some(({ der }) => sameBytes(der, certificate.der))) return;
    others.push(certificate);
    this.#offered.set(key, others);
  }

  #end(path: readonly Certificate[], code: VerifyCode): void {
    this.deadEnd ??= { code, depth: path.length - 1 };
  }
}

function deadEndCode(path: readonly Certificate[], trusted: boolean): VerifyCode {
  const isLeaf = path.length === 1;
  if (isSelfSigned(path[path.length - 1] as Certificate)) {
    return isLeaf ? 'DEPTH_ZERO_SELF_SIGNED_CERT' : 'SELF_SIGNED_CERT_IN_CHAIN';
  }
  if (isLeaf) return 'UNABLE_TO_VERIFY_LEAF_SIGNATURE';
  return trusted ? 'UNABLE_TO_GET_ISSUER_CERT' : 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY';
}

/** From and to one name, with nothing that says that another key signed it. */
export function isSelfSigned(certificate: Certificate): boolean {
  return isSelfIssued(certificate) && keyIdsAgree(certificate, certificate.extensions.authorityKeyId);
}

/** A path that visits one name and key twice goes in circles, though it may do so with different certificates. */
function isSameEntity(a: Certificate, b: Certificate): boolean {
  return sameBytes(a.spki, b.spki) && a.subject.equals(b.subject);
}

/** By names and key identifiers; only a signature tells. */
export function mayHaveIssued(issuer: Certificate, subject: Certificate): boolean {
  return issuer.subject.equals(subject.issuer) && keyIdsAgree(issuer, subject.extensions.authorityKeyId);
}

/** OpenSSL takes the authority key identifier for a fact, not for a hint, and so do we (RFC 5280 §4.2.1.1). */
export function keyIdsAgree(issuer: Certificate, authority: AuthorityKeyId | undefined): boolean {
  const { subjectKeyId } = issuer.extensions;
  if (authority === undefined) return true;
  const { keyId, serial, issuer: names } = authority;
  if (keyId !== undefined && subjectKeyId !== undefined && !sameBytes(keyId, subjectKeyId)) return false;
  if (serial !== undefined && !sameBytes(serial, issuer.serial)) return false;
  const [name] = names;
  return name === undefined || name.equals(issuer.issuer);
}
