import { type Awaitable, isPromise, whenever } from '../base/awaitable.js';
import { sameBytes } from '../base/bytes.js';
import { callerError, DTLSError } from '../base/errors.js';
import type { RemoteKey, Security } from '../config/config.js';
import type { PskCredential, StoredPsk } from '../config/psk-policy.js';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.js';
import type { SchemeName } from '../wire/codes.js';
import type { CandidatePath } from '../x509/candidates.js';
import { verifyName } from '../x509/names.js';
import { checkOcspResponse, mustStaple } from '../x509/ocsp.js';
import { verifyPath } from '../x509/path.js';
import { matchesKeyPin, matchesPin } from '../x509/pins.js';
import type { Job, JobAnswer, Verdict, VerifyPeerJob, WantedPsk } from './jobs.js';
import { findSession, forgetSession, keepSession } from './resumption/cached.js';
import { checkSession, guardReplay, openTickets, sealState } from './resumption/perform.js';

type Sign = Extract<Job, { kind: 'sign' }>;

/**
 * Does a job with the means of `security`: on the spot, unless the application answers with a promise. Neither throws
 * nor rejects: what went wrong is an answer, too. `time`: ms since 1970, for certificates' validity.
 */
export function performJob(job: Job, security: Security, time: number): JobAnswer | Promise<JobAnswer> {
  try {
    const answer = perform(job, security, time);
    return isPromise(answer) ? Promise.resolve(answer).catch(failed) : answer;
  } catch (error) {
    return failed(error);
  }
}

function failed(cause: unknown): JobAnswer {
  return { kind: 'failed', cause };
}

function perform(job: Job, security: Security, time: number): Awaitable<JobAnswer> {
  switch (job.kind) {
    case 'sign':
      return whenever(sign(job, security), (signature) => ({ kind: 'sign', signature }));
    case 'verify-peer':
      return whenever(judge(job, security, time), (verdict) => ({ kind: 'verify-peer', verdict }));
    case 'find-staple':
      return whenever(security.findStaple?.(job.leaf), (staple) => ({ kind: 'find-staple', staple }));
    case 'choose-identity':
      return whenever(security.sni?.(job.serverName), (chosen) => ({ kind: job.kind, security: chosen }));
    case 'choose-psk':
      return choosePsk(job.hint, security);
    case 'find-psk':
      return findPsk(job.wanted, security);
    case 'open-ticket':
      return openTickets(job, security, time, judge);
    case 'check-session':
      return checkSession(job, security, time, judge);
    case 'seal-ticket':
      return sealState(job, security, time);
    case 'guard-replay':
      return guardReplay(job, security, time);
    case 'find-session':
      return findSession(job, security, time, judge);
    case 'keep-session':
      return keepSession(job, security, time);
    case 'forget-session':
      return forgetSession(job, security);
  }
}

function sign({ scheme, key, data }: Sign, { provider }: Security): Awaitable<Uint8Array> {
  if (!('sign' in key)) return signHere(scheme, key, data, provider);
  return whenever(key.sign(scheme, data), (signature) => {
    // A peer would refuse it and could not say why; and a faulty one may give its key away.
    if (!isSignature(signature) || !provider.verify(scheme, key satisfies RemoteKey, data, signature)) {
      throw callerError('ERR_DTLS_SIGNER', `options.key.sign gave no valid signature under ${scheme}`);
    }
    return signature;
  });
}

/** A key may be allowed less than its certificate says. */
function signHere(
  scheme: SchemeName,
  key: PrivateKey,
  data: Uint8Array,
  provider: CryptoProvider,
): Uint8Array {
  try {
    return provider.sign(scheme, key, data);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DTLSError('ERR_DTLS_INTERNAL', `sign failed: ${reason}`, { alert: 'internal_error', cause });
  }
}

function isSignature(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

function choosePsk(hint: Uint8Array, { psk }: Security): Awaitable<JobAnswer> {
  const chosen: Awaitable<readonly PskCredential[]> = psk.role === 'client' ? psk.choose(hint) : [];
  return whenever(chosen, (credentials) => ({ kind: 'choose-psk', credentials }));
}

/** One after the other, as each may be a question to a database. */
function findPsk(wanted: readonly WantedPsk[], security: Security, index = 0): Awaitable<JobAnswer> {
  const next = wanted[index];
  const { psk } = security;
  if (next === undefined || psk.role !== 'server') return { kind: 'find-psk', found: undefined };
  const settle = (stored: StoredPsk | undefined): Awaitable<JobAnswer> =>
    stored !== undefined && isMeant(stored, next)
      ? { kind: 'find-psk', found: { index, ...stored } }
      : findPsk(wanted, security, index + 1);
  return whenever(psk.find(next.identity), settle);
}

/** RFC 9258 §4: a key that is imported is not used in any other way, and under its own context only. */
function isMeant({ import: how }: StoredPsk, { use }: WantedPsk): boolean {
  if (use === 'any') return true;
  if (use === 'as-is') return how === undefined;
  return how !== undefined && sameBytes(how.context, use.context);
}

/** Our own verdict, and the application's where it wants to have the last word. */
function judge(job: VerifyPeerJob, security: Security, time: number): Awaitable<Verdict> {
  const ours = verdictOn(job, security, time);
  if (security.verifyPeer === undefined) return ours;
  const { name, purpose, rawPublicKey } = job;
  const chain = job.chain.map(({ der }) => der);
  const authorizationError = ours.ok ? undefined : ours.code;
  const info = { authorized: ours.ok, authorizationError, name, purpose, rawPublicKey };
  const theirs = security.verifyPeer(chain, info);
  return whenever(theirs, (said) => verdictFrom(said, ours));
}

function verdictFrom(said: unknown, ours: Verdict): Verdict {
  if (said === true) return { ok: true };
  if (typeof said === 'string') return { ok: false, code: said };
  if (said === false) return ours.ok ? { ok: false, code: 'APPLICATION_VERIFICATION' } : ours;
  throw callerError('ERR_INVALID_RETURN_VALUE', 'options.verifyPeer must answer true, false or a string');
}

/** A pin stands for the path and the name; without one both have to hold. */
function verdictOn(job: VerifyPeerJob, security: Security, time: number): Verdict {
  if (job.rawPublicKey !== undefined) return verdictOnKey(job.rawPublicKey, security);
  const [leaf] = job.chain;
  if (leaf === undefined) return { ok: false, code: 'UNABLE_TO_GET_ISSUER_CERT' };
  const { provider, pins, trust, crls } = security;
  if (pins.length > 0) {
    return matchesPin(leaf, pins, provider) ? { ok: true } : { ok: false, code: 'PIN_MISMATCH' };
  }
  const { chain, purpose } = job;
  const path = verifyPath({ chain, trust: trust(), time, purpose, provider, ...(crls && { crls }) });
  if (!path.ok) return { ok: false, code: path.code };
  const named: Verdict = job.name === undefined ? { ok: true } : verdictOnName(job.name, leaf, security);
  return named.ok ? verdictOnStatus(job, path.path, security, time) : named;
}

function verdictOnStatus(job: VerifyPeerJob, path: CandidatePath, security: Security, time: number): Verdict {
  const [subject] = path;
  const { staple: response, askedForStaple } = job;
  const { provider, trust, requireStaple, crls } = security;
  if (response === undefined) {
    const needed = requireStaple || (askedForStaple && subject !== undefined && mustStaple(subject));
    return needed ? { ok: false, code: 'OCSP_VERIFY_NEEDED' } : { ok: true };
  }
  const code = checkOcspResponse({ response, path, trust: trust(), time, provider, crls });
  return code === undefined ? { ok: true } : { ok: false, code };
}

/** Nothing but a pin vouches for a raw public key (RFC 7250 §6). */
function verdictOnKey(spki: Uint8Array, { pins, provider }: Security): Verdict {
  if (matchesKeyPin(spki, pins, provider)) return { ok: true };
  return { ok: false, code: pins.length > 0 ? 'PIN_MISMATCH' : 'RPK_UNTRUSTED' };
}

function verdictOnName(name: string, leaf: VerifyPeerJob['chain'][number], security: Security): Verdict {
  if (security.checkServerIdentity === undefined) {
    const code = verifyName(leaf, name);
    return code === undefined ? { ok: true } : { ok: false, code };
  }
  const cause = security.checkServerIdentity(name, leaf.der);
  if (cause === undefined) return { ok: true };
  const { code = 'HOSTNAME_MISMATCH' } = cause as { code?: string };
  return { ok: false, code, cause };
}
