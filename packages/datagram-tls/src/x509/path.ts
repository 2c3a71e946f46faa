import { ownProperties } from '../base/own-properties.js';
import type { CryptoProvider, PublicKey } from '../crypto/provider.js';
import { type CandidatePath, PathSearch } from './candidates.js';
import type { Certificate } from './certificate.js';
import type { Crl } from './crl.js';
import {
  checkConstraints,
  checkExtensions,
  checkStrength,
  checkValidity,
  type Failure,
  type Purpose,
} from './path-checks.js';
import { checkRevocation } from './revocation.js';
import { SignatureChecker } from './signatures.js';
import type { TrustStore } from './trust-store.js';

export interface PathOptions {
  /** As the peer sent them: the leaf first, then intermediates in any order. */
  readonly chain: readonly Certificate[];
  readonly trust: TrustStore;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly purpose: Purpose;
  readonly provider: CryptoProvider;
  /** The leaf's key where the caller has imported it already; it is imported here otherwise, to see that it is sound. */
  readonly leafKey?: PublicKey;
  /** Certificates allowed between leaf and anchor; 10 unless given. */
  readonly maxIntermediates?: number;
  /** Lets trusted certificates that are not self-signed end a path; off unless given, as in OpenSSL. */
  readonly partialChain?: boolean;
  /** Where given, every certificate of the path needs a current list of its issuer, and must not be on it. */
  readonly crls?: readonly Crl[];
}

export type PathResult =
  | { readonly ok: true; readonly path: CandidatePath }
  | ({ readonly ok: false } & Failure);

const MAX_INTERMEDIATES = 10;

/**
 * Finds a path from the leaf to a trust anchor that holds, and says with OpenSSL's short names why there is none: of the
 * first path that reached an anchor, else of the first that did not. The signatures of a path are checked from the anchor
 * down, so no key is used before somebody trusted vouched for it, and the work is bounded whatever the peer sends.
 * @see RFC 5280 §6
 */
export function verifyPath(given: PathOptions): PathResult {
  const options = ownProperties(given);
  const {
    chain,
    trust,
    time,
    provider,
    maxIntermediates = MAX_INTERMEDIATES,
    partialChain = false,
  } = options;
  const [leaf, ...intermediates] = chain;
  if (leaf === undefined) return { ok: false, code: 'UNABLE_TO_GET_ISSUER_CERT', depth: 0 };
  const search = new PathSearch({ leaf, intermediates, trust, time, maxIntermediates, partialChain });
  const signatures = new SignatureChecker(provider, trust);
  let first: Failure | undefined;
  for (const path of search.paths()) {
    const failure = checkPath(path, options, signatures);
    if (failure === undefined) return { ok: true, path };
    first ??= failure;
    if (signatures.exhausted) break;
  }
  return { ok: false, ...(first ?? search.deadEnd ?? { code: 'CERT_CHAIN_TOO_LONG', depth: 0 }) };
}

/**
 * In OpenSSL's order, so that of several faults the same one is named; but CRLs come after the signatures, when their
 * issuers' keys are known to be theirs.
 */
function checkPath(
  path: CandidatePath,
  options: PathOptions,
  signatures: SignatureChecker,
): Failure | undefined {
  return (
    checkExtensions(path, options.purpose) ??
    checkStrength(path) ??
    checkFromAnchor(path, options.time, signatures) ??
    checkConstraints(path) ??
    checkLists(path, options, signatures) ??
    checkLeafKey(path, options)
  );
}

/** The keys of a CA that signed its lists may be in any of its certificates: the trusted ones, and those that came along. */
function checkLists(
  path: CandidatePath,
  { crls, time, chain }: PathOptions,
  signatures: SignatureChecker,
): Failure | undefined {
  if (crls === undefined) return undefined;
  return checkRevocation(path, { crls, time, signatures, certificates: chain });
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

/** A point that is not on its curve shows only now. */
function checkLeafKey([leaf]: CandidatePath, { provider, leafKey }: PathOptions): Failure | undefined {
  const key = leafKey ?? (leaf && provider.importPublicKey(leaf.spki));
  return key === undefined ? { code: 'UNSUPPORTED_SIGNATURE_ALGORITHM', depth: 0 } : undefined;
}
