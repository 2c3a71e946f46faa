import { CERTIFICATE_ALERTS } from '../base/alerts.js';
import { type Awaitable, isPromise, whenever } from '../base/awaitable.js';
import { sameBytes } from '../base/bytes.js';
import { callerError, DTLSError, invalidReturn, textOf } from '../base/errors.js';
import { ownProperties } from '../base/own-properties.js';
import type {
  PeerInfo,
  PeerRefusal,
  PskCredential,
  RemoteKey,
  Security,
  SigningKey,
  StoredPsk,
  VerifyPeer,
} from '../config/config.js';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.js';
import type { Job, JobAnswer, Verdict, VerifyPeerJob, WantedPsk } from '../handshake/jobs.js';
import { asksPeers } from '../handshake/resumption.js';
import type { SchemeName } from '../wire/codes.js';
import { ValidationBudget } from '../x509/budget.js';
import type { CandidatePath } from '../x509/candidates.js';
import { verifyName } from '../x509/names.js';
import { checkOcspResponse, mustStaple } from '../x509/ocsp.js';
import { verifyPath } from '../x509/path.js';
import { matchesKeyPin, matchesPin } from '../x509/pins.js';
import { checkSession, findSession, guardReplay, openTickets, sealState } from './resumption.js';

type Sign = Extract<Job, { kind: 'sign' }>;

/**
 * Answers a job with the means of `security`: synchronously, unless the application returns a promise. Neither throws
 * nor rejects: a failure is an answer, too. `time`: ms since 1970, for certificates' validity.
 *
 * @example
 * ```ts
 * import { type ConnectionEntry, type Endpoint, type Job, performJob } from 'datagram-tls/core';
 *
 * async function work(endpoint: Endpoint, entry: ConnectionEntry, id: number, job: Job): Promise<void> {
 *   const answer = await performJob(job, entry.connection.security, Date.now());
 *   endpoint.answer(entry, id, answer, performance.now());
 * }
 * ```
 */
export function performJob(job: Job, security: Security, time: number): JobAnswer | Promise<JobAnswer> {
  return performJobBy(() => time, job, security);
}

/** The same with a clock, which is read for a job that asks for the time: most do not. */
export function performJobBy(
  clock: () => number,
  job: Job,
  security: Security,
): JobAnswer | Promise<JobAnswer> {
  try {
    const answer = perform(job, security, clock);
    return isPromise(answer) ? Promise.resolve(answer).catch(failed) : answer;
  } catch (error) {
    return failed(error);
  }
}

/** Nothing of the application is called for `job`, so that {@link performJob} answers it at once. */
export function isAtHand(job: Job, security: Security): boolean {
  switch (job.kind) {
    case 'sign':
      return !isRemote(job.key);
    case 'find-psk':
      return security.psk.role === 'server' && security.psk.findAtHand !== undefined;
    case 'open-ticket':
      return security.tickets?.keysAtHand === true && !asksPeers(security);
    case 'seal-ticket':
      return security.tickets?.keysAtHand === true;
    default:
      return false;
  }
}

function failed(cause: unknown): JobAnswer {
  return { kind: 'failed', cause };
}

function perform(job: Job, security: Security, clock: () => number): Awaitable<JobAnswer> {
  switch (job.kind) {
    case 'sign':
      return whenever(sign(job, security), (signature) => ({ kind: 'sign', signature }));
    case 'verify-peer':
      return whenever(judge(job, security, clock()), (verdict) => ({ kind: 'verify-peer', verdict }));
    case 'find-staple':
      return whenever(security.findStaple?.(job.leaf), (staple) => ({ kind: 'find-staple', staple }));
    case 'choose-identity':
      return whenever(security.sni?.(job.serverName), (chosen) => ({ kind: job.kind, security: chosen }));
    case 'choose-psk':
      return choosePsk(job.hint, security);
    case 'find-psk':
      return findPsk(job.wanted, security);
    case 'open-ticket':
      return openTickets(job, security, clock(), judge);
    case 'check-session':
      return checkSession(job, security, clock(), judge);
    case 'seal-ticket':
      return sealState(job, security, clock());
    case 'guard-replay':
      return guardReplay(job, security, clock());
    case 'find-session':
      return findSession(job, security, clock(), judge);
  }
}

/** Own properties count: `sign` on `Object.prototype` makes no key external. */
function isRemote(key: SigningKey): key is RemoteKey {
  return Object.hasOwn(key, 'sign');
}

function sign({ scheme, key, data }: Sign, { provider }: Security): Awaitable<Uint8Array> {
  if (!isRemote(key)) return signHere(scheme, key, data, provider);
  return whenever(key.sign(scheme, data), (signature) => {
    // A peer would refuse it without being able to say why; and a faulty signature may reveal its key.
    if (!isSignature(signature) || !provider.verify(scheme, key satisfies RemoteKey, data, signature)) {
      throw callerError(
        'ERR_DTLS_SIGNER',
        `options.key.sign gave no valid signature under ${scheme}. Check that it signs the data itself with that scheme`,
      );
    }
    return signature;
  });
}

/** A key may be restricted more than its certificate. */
function signHere(
  scheme: SchemeName,
  key: PrivateKey,
  data: Uint8Array,
  provider: CryptoProvider,
): Uint8Array {
  try {
    return provider.sign(scheme, key, data);
  } catch (cause) {
    throw refusedToSign(cause);
  }
}

function refusedToSign(cause: unknown): DTLSError {
  const text = `the platform refused to sign with options.key: ${textOf(cause)}. Its policy may forbid the key`;
  return new DTLSError('ERR_DTLS_INTERNAL', text, { alert: 'internal_error', cause });
}

/**
 * Makes the signature that `job` asks for in another thread; `undefined` for other jobs, for keys outside of this process,
 * and where the platform has no threads. What it returns never rejects.
 */
export function signInThread(job: Job, { provider }: Security): (() => Promise<JobAnswer>) | undefined {
  if (job.kind !== 'sign' || isRemote(job.key) || provider.signInThread === undefined) return undefined;
  const { scheme, key, data } = job;
  return async () => {
    try {
      const signature = provider.signInThread?.(scheme, key, data) ?? signHere(scheme, key, data, provider);
      return { kind: 'sign', signature: await signature };
    } catch (cause) {
      return failed(cause instanceof DTLSError ? cause : refusedToSign(cause));
    }
  };
}

function isSignature(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

function choosePsk(hint: Uint8Array, { psk }: Security): Awaitable<JobAnswer> {
  const chosen: Awaitable<readonly PskCredential[]> = psk.role === 'client' ? psk.choose(hint) : [];
  return whenever(chosen, (credentials) => ({ kind: 'choose-psk', credentials }));
}

/** One after the other, because each may be a database query. */
function findPsk(wanted: readonly WantedPsk[], security: Security, index = 0): Awaitable<JobAnswer> {
  const next = wanted[index];
  const { psk } = security;
  if (next === undefined || psk.role !== 'server') return { kind: 'find-psk', found: undefined };
  const settle = (stored: StoredPsk | undefined): Awaitable<JobAnswer> =>
    stored !== undefined && isMeant(stored, next)
      ? { kind: 'find-psk', found: { index, key: stored.key, import: stored.import } }
      : findPsk(wanted, security, index + 1);
  return whenever(psk.find(next.identity), settle);
}

/** RFC 9258 §4: an imported key is not used in any other way, and under its own context only. */
function isMeant({ import: how }: StoredPsk, { use }: WantedPsk): boolean {
  if (use === 'any') return true;
  if (use === 'as-is') return how === undefined;
  return how !== undefined && sameBytes(how.context, use.context);
}

/** Our own verdict, or the application's where it decides. Ours is then computed when the application reads it. */
function judge(job: VerifyPeerJob, security: Security, time: number): Awaitable<Verdict> {
  const { verifyPeer, checkServerIdentity, pins } = security;
  const find = (): Awaitable<Verdict> => verdictOn(job, security, time);
  if (verifyPeer === undefined) return find();
  // A pin is cheap to check. A check of the application may take time, and a getter cannot wait for it.
  const isEager = job.rawPublicKey !== undefined || pins.length > 0 || checkServerIdentity !== undefined;
  if (!isEager) return askApplication(job, verifyPeer, new Opinion(find as () => Verdict));
  return whenever(find(), (verdict) => askApplication(job, verifyPeer, new Opinion(() => verdict, verdict)));
}

/** Our own verdict, computed when it is first read. */
class Opinion {
  readonly #find: () => Verdict;
  #verdict: Verdict | undefined;

  constructor(find: () => Verdict, known?: Verdict) {
    this.#find = find;
    this.#verdict = known;
  }

  get verdict(): Verdict {
    this.#verdict ??= this.#find();
    return this.#verdict;
  }

  /** `undefined` where it was not read. */
  get known(): Verdict | undefined {
    return this.#verdict;
  }
}

function askApplication(job: VerifyPeerJob, verifyPeer: VerifyPeer, ours: Opinion): Awaitable<Verdict> {
  const { name, purpose, rawPublicKey } = job;
  const chain = job.chain.map(({ der }) => der);
  const info: PeerInfo = {
    get authorized() {
      return ours.verdict.ok;
    },
    get authorizationError() {
      const { verdict } = ours;
      return verdict.ok ? undefined : verdict.code;
    },
    name,
    purpose,
    rawPublicKey,
  };
  return whenever<unknown, Verdict>(verifyPeer(chain, info), (said) => verdictFrom(said, ours.known));
}

/** `ours`: our own verdict, where the application read it. */
function verdictFrom(said: unknown, ours: Verdict | undefined): Verdict {
  if (said === true) return { ok: true };
  if (said === false) return ours?.ok === false ? ours : { ok: false, code: 'APPLICATION_VERIFICATION' };
  const refusal = typeof said === 'object' && said !== null ? ownProperties(said) : { reason: said };
  const { reason, alert } = refusal as Partial<PeerRefusal>;
  if (
    typeof reason === 'string' &&
    reason !== '' &&
    (alert === undefined || CERTIFICATE_ALERTS.includes(alert))
  )
    return { ok: false, code: reason, alert };
  const expected = `true, false, a string, or { reason, alert } with one of the alerts ${CERTIFICATE_ALERTS.join(', ')}`;
  throw invalidReturn('options.verifyPeer', expected, said);
}

/** A pin replaces path and name; without a matching pin both have to be valid. */
function verdictOn(job: VerifyPeerJob, security: Security, time: number): Awaitable<Verdict> {
  if (job.rawPublicKey !== undefined) return verdictOnKey(job.rawPublicKey, security);
  const [leaf] = job.chain;
  if (leaf === undefined) return { ok: false, code: 'UNABLE_TO_GET_ISSUER_CERT' };
  const { provider, pins, trust, crls } = security;
  if (pins.length > 0) {
    return matchesPin(leaf, pins, provider) ? { ok: true } : { ok: false, code: 'PIN_MISMATCH' };
  }
  const { chain, leafKey, purpose } = job;
  const budget = new ValidationBudget();
  const path = verifyPath({
    chain,
    leafKey,
    trust: trust(),
    time,
    purpose,
    provider,
    budget,
    ...(crls && { crls }),
  });
  if (!path.ok) return { ok: false, code: path.code };
  const named: Awaitable<Verdict> =
    job.name === undefined ? { ok: true } : verdictOnName(job.name, leaf, security);
  return whenever(named, (verdict) =>
    verdict.ok ? verdictOnStatus(job, path.path, security, time, budget) : verdict,
  );
}

function verdictOnStatus(
  job: VerifyPeerJob,
  path: CandidatePath,
  security: Security,
  time: number,
  budget: ValidationBudget,
): Verdict {
  const [subject] = path;
  const { staple: response, askedForStaple } = job;
  const { provider, trust, requireStaple, crls } = security;
  if (response === undefined) {
    const needed = requireStaple || (askedForStaple && subject !== undefined && mustStaple(subject));
    return needed ? { ok: false, code: 'OCSP_VERIFY_NEEDED' } : { ok: true };
  }
  const code = checkOcspResponse({ response, path, trust: trust(), time, provider, crls, budget });
  return code === undefined ? { ok: true } : { ok: false, code };
}

/** Only a pin can authenticate a raw public key (RFC 7250 §6). */
function verdictOnKey(spki: Uint8Array, { pins, provider }: Security): Verdict {
  if (matchesKeyPin(spki, pins, provider)) return { ok: true };
  return { ok: false, code: pins.length > 0 ? 'PIN_MISMATCH' : 'RPK_UNTRUSTED' };
}

function verdictOnName(
  name: string,
  leaf: VerifyPeerJob['chain'][number],
  { checkServerIdentity }: Security,
): Awaitable<Verdict> {
  if (checkServerIdentity === undefined) {
    const code = verifyName(leaf, name);
    return code === undefined ? { ok: true } : { ok: false, code };
  }
  return whenever<unknown, Verdict>(checkServerIdentity(name, leaf.der), verdictFromCheck);
}

/** As in node:tls, no value means yes, and an error is the reason. */
function verdictFromCheck(said: unknown): Verdict {
  if (said === undefined || said === null) return { ok: true };
  if (!isError(said)) {
    throw invalidReturn('options.checkServerIdentity', 'an Error or undefined', said);
  }
  const { code } = said as { code?: unknown };
  return {
    ok: false,
    code: typeof code === 'string' && code !== '' ? code : 'HOSTNAME_MISMATCH',
    cause: said,
  };
}

/** Also an error of another realm, such as a test runner's. */
function isError(value: unknown): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === '[object Error]';
}
