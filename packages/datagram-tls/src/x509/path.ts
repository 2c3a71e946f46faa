import { ownProperties } from '../base/own-properties.js';
import type { CryptoProvider, PublicKey } from '../crypto/provider.js';
import { ValidationBudget } from './budget.js';
import { type CandidatePath, PathSearch } from './candidates.js';
import type { Certificate } from './certificate.js';
import type { Crl } from './crl.js';
import { ConstraintChecker } from './name-constraints.js';
import {
  checkConstraints,
  checkExtensions,
  checkStrength,
  checkValidity,
  type Failure,
  type Purpose,
} from './path-checks.js';
import { RevocationChecker } from './revocation.js';
import { SignatureChecker } from './signatures.js';
import type { TrustStore } from './trust-store.js';

export interface PathOptions {
  /** As the peer sent them: the leaf first, then intermediates in any order. */
  readonly chain: readonly Certificate[];
  /** Of the leaf, where `provider` has imported it already. */
  readonly leafKey?: PublicKey | undefined;
  readonly trust: TrustStore;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly purpose: Purpose;
  readonly provider: CryptoProvider;
  /** Certificates allowed between leaf and anchor; 10 unless given. */
  readonly maxIntermediates?: number;
  /** Lets trusted certificates that are not self-signed end a path; off unless given, as in OpenSSL. */
  readonly partialChain?: boolean;
  /** Where given, every certificate of the path needs a current list of its issuer, and must not be on it. */
  readonly crls?: readonly Crl[];
  /** Shared by everything that is done for the same peer; a new one unless given. */
  readonly budget?: ValidationBudget;
}

/** Facts that one validation has found, over all candidate paths. */
interface Checkers {
  readonly signatures: SignatureChecker;
  readonly constraints: ConstraintChecker;
  /** `undefined` where no lists are given. */
  readonly revocation: RevocationChecker | undefined;
}

export type PathResult =
  | { readonly ok: true; readonly path: CandidatePath }
  | ({ readonly ok: false } & Failure);

const MAX_INTERMEDIATES = 10;

/**
 * Finds a valid path from the leaf to a trust anchor. Otherwise returns OpenSSL's short name of the fault: of the
 * first path that reached an anchor, else of the first that did not. The signatures of a path are checked from the
 * anchor down, so no key is used before a trusted key has signed it. The work is bounded whatever the peer sends:
 * when the budget is spent before a path is found, the answer is `VALIDATION_LIMIT_REACHED`. @see RFC 5280 §6
 */
export function verifyPath(given: PathOptions): PathResult {
  const options = ownProperties(given);
  const {
    chain,
    leafKey,
    trust,
    time,
    provider,
    maxIntermediates = MAX_INTERMEDIATES,
    partialChain = false,
    crls,
    budget = new ValidationBudget(),
  } = options;
  const [leaf, ...intermediates] = chain;
  if (leaf === undefined) return { ok: false, code: 'UNABLE_TO_GET_ISSUER_CERT', depth: 0 };
  const search = new PathSearch({ leaf, intermediates, trust, time, maxIntermediates, partialChain, budget });
  const signatures = new SignatureChecker(provider, trust, budget);
  if (leafKey !== undefined) signatures.know(leaf, leafKey);
  // The keys of a CA that signed its lists may be in any of its certificates: trusted ones, and those that the peer
  // sent.
  const revocation = crls && new RevocationChecker({ crls, time, certificates: chain }, signatures, budget);
  const checkers = { signatures, constraints: new ConstraintChecker(budget), revocation };
  let first: Failure | undefined;
  for (const path of search.paths()) {
    const failure = budget.allows('paths') ? checkPath(path, options, checkers) : undefined;
    if (budget.exhausted) break;
    if (failure === undefined) return { ok: true, path };
    first ??= failure;
  }
  if (budget.exhausted) return { ok: false, code: 'VALIDATION_LIMIT_REACHED', depth: 0 };
  return { ok: false, ...(first ?? search.deadEnd ?? { code: 'CERT_CHAIN_TOO_LONG', depth: 0 }) };
}

/**
 * In OpenSSL's order, so that of several faults the same one is reported; but CRLs come after the signatures, when
 * their issuers' keys are verified.
 */
function checkPath(
  path: CandidatePath,
  options: PathOptions,
  { signatures, constraints, revocation }: Checkers,
): Failure | undefined {
  return (
    checkExtensions(path, options.purpose) ??
    checkStrength(path) ??
    checkFromAnchor(path, options.time, signatures) ??
    checkConstraints(path, options.purpose === 'serverAuth' ? 'server' : 'client', constraints) ??
    revocation?.check(path) ??
    checkLeafKey(path, signatures)
  );
}

function checkFromAnchor(
  path: CandidatePath,
  time: number,
  signatures: SignatureChecker,
): Failure | undefined {
  for (let depth = path.length - 1; depth >= 0; depth--) {
    const certificate = path[depth] as Certificate;
    const issuer = path[depth + 1];
    const code = (issuer && signatures.check(certificate, issuer)) ?? checkValidity(certificate, time);
    if (code !== undefined) return { code, depth };
  }
  return undefined;
}

/** A point that is not on its curve is found only here. */
function checkLeafKey([leaf]: CandidatePath, signatures: SignatureChecker): Failure | undefined {
  const key = leaf && signatures.keyOf(leaf);
  return key === undefined ? { code: 'UNSUPPORTED_SIGNATURE_ALGORITHM', depth: 0 } : undefined;
}
