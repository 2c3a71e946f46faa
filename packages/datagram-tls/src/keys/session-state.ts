import { decodeUtf8, EMPTY, own, utf8 } from '../base/bytes.js';
import { type CipherSuite, suiteByCode } from '../crypto/suites.js';
import type { Reader, Writer } from '../wire/cursor.js';
import {
  CertificateType,
  type CertificateTypeName,
  certificateTypeName,
} from '../wire/extensions/certificate-type.js';
import { readItems } from '../wire/lists.js';

/** What both sides have to remember of a session to resume it. */
export interface SessionState {
  /** It belongs to one version, and so does the session. */
  readonly suite: CipherSuite;
  /** DTLS 1.2: the master secret. DTLS 1.3: the pre-shared key that one ticket stands for. */
  readonly secret: Uint8Array;
  readonly extendedMasterSecret: boolean;
  /** The name that the client asked for (SNI). */
  readonly serverName: string | undefined;
  /** When the handshake was that proved who the peer is, ms since 1970. Sessions resumed from it have the same. */
  readonly since: number;
  /** What the peer showed: certificates in DER, leaf first, or one raw public key; empty when it showed nothing. */
  readonly peerType: CertificateTypeName;
  readonly peerChain: readonly Uint8Array[];
}

/** A state of which only somebody with a clock can say how old it is, if that is just now. */
export interface FreshState extends Omit<SessionState, 'since'> {
  /** `undefined`: the handshake that is just over. */
  readonly since: number | undefined;
}

/** The state as of `time`, ms since 1970. */
export function datedState(state: FreshState, time: number): SessionState {
  return { ...state, since: state.since ?? time };
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

/** `undefined` when malformed, or of a suite that is not known any more. */
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
