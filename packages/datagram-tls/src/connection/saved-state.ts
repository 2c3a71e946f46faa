import { decodeUtf8, own, utf8 } from '../base/bytes.js';
import { callerError } from '../base/errors.js';
import type { Instant } from '../base/instant.js';
import type { PeerAddress } from '../base/peer-address.js';
import type { Destination, Role } from '../config/config.js';
import { type CipherSuite, lackOf } from '../crypto/suites.js';
import type { Session } from '../handshake/session.js';
import { readSession, writeSession } from '../handshake/session-state.js';
import { Reader, Writer } from '../wire/cursor.js';
import { versionNamed } from '../wire/version.js';
import { encodeAddress, readAddress } from './address-bytes.js';
import { NOWHERE } from './beginning.js';
import { partsOf, type Security } from './version.js';

/*
 * The bytes of an open association. They hold its keys, and nothing in them is authenticated: a caller that lets them out of
 * its hands seals them.
 */

/** Changes with every change of what parts of an association write. */
const FORMAT = 4;
const ROLES: readonly Role[] = ['client', 'server'];

/** What an open association goes on from. */
export interface SavedState {
  /** What stays as the handshake made it: the session, its peer, its secrets for exporters. */
  readonly fixed: Uint8Array;
  /** What changes with each record. */
  readonly current: Uint8Array;
}

/** A part of an association that writes and reads its own fields. */
export interface Carried {
  /** `at`: now. `ahead`: so many numbers of records in each direction are left to the process that writes; 0: it ends. */
  save(w: Writer, at: Instant, ahead: number): void;
  /** Into a part that has just been made. `at`: the instant of the writing, on this clock. Malformed bytes fail `r`. */
  restore(r: Reader, at: Instant, session: Session): void;
}

export function encodeFixed(session: Session, { verifyName }: Destination): Uint8Array {
  const w = new Writer();
  writeSession(w, session);
  return w.vec16(utf8(verifyName ?? '')).finish();
}

/** `undefined` when it is malformed, or when its version, its suite or something else in it is not supported or not allowed here. */
export function decodeFixed(
  fixed: Uint8Array,
  security: Security,
): { readonly session: Session; readonly destination: Destination } | undefined {
  const r = new Reader(fixed);
  const session = readSession(r, (suite) =>
    allows(security, suite)
      ? versionNamed(partsOf(security.versions), suite.version)?.reopening.readSecrets(r)
      : undefined,
  );
  const verifyName = decodeUtf8(r.vec16());
  if (session === undefined || !r.finished()) return undefined;
  const destination =
    security.role === 'server'
      ? NOWHERE
      : { serverName: session.serverName, verifyName: verifyName === '' ? undefined : verifyName };
  return { session, destination };
}

/** Defaults forbid no suite of a session that another process has made with a list of its own. */
function allows({ provider, given, suites }: Security, suite: CipherSuite): boolean {
  if (lackOf(suite, provider.capabilities) !== undefined) return false;
  return !given.has('ciphers') || suites.some(({ code }) => code === suite.code);
}

/** A state with what has to be known before it is used. */
export interface AddressedState extends SavedState {
  readonly role: Role;
  readonly peer: PeerAddress;
  /** The process that wrote it may have gone on within its reservation. */
  readonly doubtful: boolean;
}

export function encodeState({ role, peer, doubtful, fixed, current }: AddressedState): Uint8Array {
  return new Writer()
    .u8(FORMAT)
    .u8(ROLES.indexOf(role))
    .u8(doubtful ? 1 : 0)
    .bytes(encodeAddress(peer))
    .vec24(fixed)
    .bytes(current)
    .finish();
}

/** Throws `ERR_DTLS_STATE` for what {@link encodeState} of this version did not make. */
export function decodeState(bytes: Uint8Array): AddressedState {
  const r = new Reader(bytes);
  const format = r.u8();
  if (format !== FORMAT)
    throw stateError('UNSUPPORTED', `it has format ${format}, and this version reads format ${FORMAT}`);
  const role = ROLES[r.u8()];
  const doubtful = r.u8() === 1;
  const peer = readAddress(r);
  const fixed = own(r.vec24());
  const current = own(r.rest());
  if (r.failed || role === undefined || peer === undefined) throw stateError('UNREADABLE', 'it is damaged');
  return { role, peer, doubtful, fixed, current };
}

/** Why a state is refused; the `reason` of `ERR_DTLS_STATE`. */
export type StateRefusal = 'UNREADABLE' | 'UNSUPPORTED' | 'EXPIRED' | 'USED' | 'ROLE' | 'ADDRESS';

/** What to try, by reason. */
const ADVICE: Readonly<Record<StateRefusal, string>> = {
  UNREADABLE: 'Compare the keys of both processes, and let the peer connect again',
  UNSUPPORTED: 'Let both processes run the same version and allow the same versions of DTLS and ciphers',
  EXPIRED: 'Let the peer connect again, or raise maxAge',
  USED: 'A state goes on once: take the newest one',
  ADDRESS:
    "Import it into an endpoint whose socket reaches the peer; one on '::' reaches both versions of IP",
  ROLE: 'Import states of servers into an endpoint that listen made',
};

/** `why`: a clause about the state. */
export function stateError(reason: StateRefusal, why: string): Error & { readonly reason: StateRefusal } {
  const error = callerError(
    'ERR_DTLS_STATE',
    `The state of a session cannot be used: ${why}. ${ADVICE[reason]}`,
  );
  return Object.assign(error, { reason });
}

/** Its version, its suite, or something else that it names is not known or not allowed here. */
export function foreignState(): Error {
  return stateError(
    'UNSUPPORTED',
    'its version of DTLS, its cipher suite or another part of it is not supported or not allowed by this process',
  );
}
