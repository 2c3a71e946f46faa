import { sameBytes } from '../base/bytes.js';
import type { ValidationBudget } from './budget.js';
import type { Certificate } from './certificate.js';
import type { VerifyCode } from './codes.js';
import type { AuthorityKeyId } from './extensions.js';
import type { TrustStore } from './trust-store.js';

/** Certificates from a leaf to an anchor, each named as issuer by the one before it. No signature is checked yet. */
export type CandidatePath = readonly Certificate[];

/** Why a path leads to no anchor. `depth` is the index of its last certificate. */
export interface DeadEnd {
  readonly code: VerifyCode;
  readonly depth: number;
}

export interface SearchOptions {
  readonly leaf: Certificate;
  /** In any order; certificates that do not belong to the path do no harm. */
  readonly intermediates: readonly Certificate[];
  readonly trust: TrustStore;
  /** Milliseconds since the epoch; certificates that are valid then are tried first. */
  readonly time: number;
  /** Certificates allowed between leaf and anchor. */
  readonly maxIntermediates: number;
  /** Trusted certificates that are not self-signed are anchors, too. */
  readonly partialChain: boolean;
  readonly budget: ValidationBudget;
}

/** A certificate of the search, with facts that hold on every path. */
interface Node {
  readonly certificate: Certificate;
  /** Equal for certificates with the same name and key: a path that visits one of them twice is a loop. */
  readonly entity: number;
  /** A certificate of the trust store. */
  readonly isTrusted: boolean;
  readonly isSelfSigned: boolean;
}

/** Possible issuers of a certificate, the best first. */
interface Issuers {
  readonly trusted: readonly Node[];
  readonly offered: readonly Node[];
}

/**
 * Walks the paths from a leaf to the trust anchors by names and key identifiers, the most promising first: trusted
 * issuers before those of the peer, valid ones before expired ones. A path that reaches a trusted certificate stays
 * among trusted ones. Each certificate is compared once, not once per path. @see RFC 4158, RFC 5280 §6.1
 */
export class PathSearch {
  readonly #options: SearchOptions;
  readonly #offered = new Map<string, Certificate[]>();
  readonly #nodes = new Map<Certificate, Node>();
  /** By name: one certificate of each entity. */
  readonly #entities = new Map<string, Node[]>();
  readonly #issuers = new Map<Node, Issuers>();
  /** The first one found. */
  deadEnd: DeadEnd | undefined;

  constructor(options: SearchOptions) {
    this.#options = options;
    for (const certificate of options.intermediates) this.#offer(certificate);
  }

  *paths(): Generator<CandidatePath, void> {
    yield* this.#extend([this.#nodeOf(this.#options.leaf)]);
  }

  *#extend(path: readonly Node[]): Generator<CandidatePath, void> {
    const { maxIntermediates, partialChain, budget } = this.#options;
    const last = path[path.length - 1] as Node;
    if (last.isTrusted && (partialChain || last.isSelfSigned)) {
      if (path.length - 2 > maxIntermediates) this.#end(path, 'CERT_CHAIN_TOO_LONG');
      else yield path.map(({ certificate }) => certificate);
      return;
    }
    if (path.length - 1 > maxIntermediates) {
      this.#end(path, 'CERT_CHAIN_TOO_LONG');
      return;
    }
    const isNew = (issuer: Node): boolean => !path.some(({ entity }) => entity === issuer.entity);
    const { trusted, offered } = this.#issuersOf(last);
    const next = (last.isTrusted ? trusted : [...trusted, ...offered]).filter(isNew);
    if (next.length === 0) this.#end(path, deadEndCode(path));
    for (const issuer of next) {
      if (!budget.allows('issuers')) return;
      yield* this.#extend([...path, issuer]);
    }
  }

  #issuersOf(node: Node): Issuers {
    const known = this.#issuers.get(node);
    if (known !== undefined) return known;
    const issuers = node.isSelfSigned ? { trusted: [], offered: [] } : this.#findIssuers(node);
    this.#issuers.set(node, issuers);
    return issuers;
  }

  #findIssuers({ certificate }: Node): Issuers {
    const { trust, time } = this.#options;
    const rank = ({ certificate: { notBefore, notAfter } }: Node): number =>
      notBefore <= time && time < notAfter ? Number.MAX_VALUE : notAfter;
    const best = (candidates: readonly Certificate[]): Node[] =>
      candidates
        .filter(
          (candidate) => this.#options.budget.allows('issuers') && mayHaveIssued(candidate, certificate),
        )
        .map((issuer) => this.#nodeOf(issuer))
        .sort((a, b) => Math.sign(rank(b) - rank(a)));
    const trusted = best(trust.bySubject(certificate.issuer));
    const offered = best(this.#offered.get(certificate.issuer.key) ?? []);
    return { trusted, offered: offered.filter(({ isTrusted }) => !isTrusted) };
  }

  #nodeOf(certificate: Certificate): Node {
    const known = this.#nodes.get(certificate);
    if (known !== undefined) return known;
    const namesakes = this.#entities.get(certificate.subject.key) ?? [];
    this.#entities.set(certificate.subject.key, namesakes);
    const same = namesakes.find((other) => sameBytes(other.certificate.spki, certificate.spki));
    const node: Node = {
      certificate,
      entity: same?.entity ?? this.#nodes.size,
      isTrusted: this.#options.trust.has(certificate),
      isSelfSigned: isSelfSigned(certificate),
    };
    this.#nodes.set(certificate, node);
    if (same === undefined) namesakes.push(node);
    return node;
  }

  #offer(certificate: Certificate): void {
    const { key } = certificate.subject;
    const others = this.#offered.get(key) ?? [];
    if (others.some(({ der }) => sameBytes(der, certificate.der))) return;
    others.push(certificate);
    this.#offered.set(key, others);
  }

  #end(path: readonly Node[], code: VerifyCode): void {
    this.deadEnd ??= { code, depth: path.length - 1 };
  }
}

function deadEndCode(path: readonly Node[]): VerifyCode {
  const isLeaf = path.length === 1;
  const last = path[path.length - 1] as Node;
  if (last.isSelfSigned) {
    return isLeaf ? 'DEPTH_ZERO_SELF_SIGNED_CERT' : 'SELF_SIGNED_CERT_IN_CHAIN';
  }
  return last.isTrusted && !isLeaf ? 'UNABLE_TO_GET_ISSUER_CERT' : 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY';
}

/** Issuer and subject have one name, and nothing says that another key signed it. */
export function isSelfSigned(certificate: Certificate): boolean {
  return certificate.isSelfIssued && keyIdsAgree(certificate, certificate.extensions.authorityKeyId);
}

/** By names and key identifiers; only the signature proves it. */
export function mayHaveIssued(issuer: Certificate, subject: Certificate): boolean {
  return issuer.subject.equals(subject.issuer) && keyIdsAgree(issuer, subject.extensions.authorityKeyId);
}

/** OpenSSL treats the authority key identifier as a fact, not as a hint, and so do we (RFC 5280 §4.2.1.1). */
export function keyIdsAgree(issuer: Certificate, authority: AuthorityKeyId | undefined): boolean {
  const { subjectKeyId } = issuer.extensions;
  if (authority === undefined) return true;
  const { keyId, serial, issuer: names } = authority;
  if (keyId !== undefined && subjectKeyId !== undefined && !sameBytes(keyId, subjectKeyId)) return false;
  if (serial !== undefined && !sameBytes(serial, issuer.serial)) return false;
  const [name] = names;
  return name === undefined || name.equals(issuer.issuer);
}
