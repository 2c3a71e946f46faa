import { decodeUtf8, EMPTY, own, utf8 } from '../base/bytes.js';
import { type CipherSuite, suiteByCode } from '../crypto/suites.js';
import { CertificateType, type CertificateTypeName, certificateTypeName } from '../wire/codes.js';
import { type Reader, readItems, type Writer } from '../wire/cursor.js';

/** The state that both sides need to resume a session. */
export interface SessionState {
  /** It belongs to one version, and so does the session. */
  readonly suite: CipherSuite;
  /** DTLS 1.2: the master secret. DTLS 1.3: the pre-shared key of one ticket. */
  readonly secret: Uint8Array;
  readonly extendedMasterSecret: boolean;
  /** The name that the client asked for (SNI). */
  readonly serverName: string | undefined;
  /** The time of the handshake that authenticated the peer, ms since 1970. Sessions resumed from it have the same. */
  readonly since: number;
  /** What the peer sent: certificates in DER, leaf first, or one raw public key; empty for nothing. */
  readonly peerType: CertificateTypeName;
  readonly peerChain: readonly Uint8Array[];
}

/** Not yet timestamped: the core has no clock. */
export interface FreshState extends Omit<SessionState, 'since'> {
  /** `undefined`: the handshake that has just ended. */
  readonly since: number | undefined;
}

/** The state as of `time`, ms since 1970. */
export function datedState(state: FreshState, time: number): SessionState {
  const { suite, secret, extendedMasterSecret, serverName, since = time, peerType, peerChain } = state;
  return { suite, secret, extendedMasterSecret, serverName, since, peerType, peerChain };
}

export function writeSessionState(w: Writer, state: SessionState): void {
  w.u16(state.suite.code)
    .vec8(state.secret)
    .u8(state.extendedMasterSecret ? 1 : 0)
    .u8(CertificateType[state.peerType])
    .vec16(state.serverName === undefined ? EMPTY : utf8(state.serverName))
    .u48(state.since);
  const chain = w.openVec24();
  for (const der of state.peerChain) w.vec24(der);
  w.closeVec24(chain);
}

/** `undefined` when malformed, or when the suite is no longer supported. */
export function readSessionState(r: Reader): SessionState | undefined {
  const suite = suiteByCode(r.u16());
  const secret = own(r.vec8(32, 64));
  const extendedMasterSecret = r.u8() === 1;
  const peerType = certificateTypeName(r.u8());
  const name = decodeUtf8(r.vec16());
  const since = r.u48();
  const peerChain = readItems(r, r.vec24(), (list) => own(list.vec24(1)));
  if (r.failed || suite === undefined || name === undefined || peerType === undefined) return undefined;
  const serverName = name === '' ? undefined : name;
  return { suite, secret, extendedMasterSecret, serverName, since, peerType, peerChain };
}

/** Conditions of early data under a ticket (RFC 8446 §4.2.10). */
export interface EarlyTerms {
  /** Bytes that the server accepts; 0: none. */
  readonly most: number;
  /** The application protocol of the session that issued the ticket. */
  readonly alpn: Uint8Array | undefined;
}

/** For a session without early data. */
export const NO_EARLY_DATA: EarlyTerms = { most: 0, alpn: undefined };

export function writeEarlyTerms(w: Writer, { most, alpn }: EarlyTerms): void {
  w.u32(most).vec8(alpn ?? EMPTY);
}

/** The caller checks whether the reader failed. */
export function readEarlyTerms(r: Reader): EarlyTerms {
  const most = r.u32();
  const alpn = own(r.vec8());
  return { most, alpn: alpn.length === 0 ? undefined : alpn };
}
