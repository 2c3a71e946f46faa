import { decodeUtf8, EMPTY, own, sameBytes, utf8 } from '../base/bytes.js';
import { type CipherSuite, suiteByCode } from '../crypto/suites.js';
import { areLimits, type RecordLimits } from '../extensions/record-limits.js';
import type { Exporter } from '../keys/exporter.js';
import { Group, Scheme, SrtpProfile } from '../wire/codes.js';
import type { Reader, Writer } from '../wire/cursor.js';
import { FinishedVerified, PeerIdentity } from './authenticate.js';
import type { Agreed, Session } from './session.js';

/*
 * The part of an open association's state that never changes. The handshake proved what it says, so the bytes have to be
 * authenticated where they are kept.
 */

export function writeSession(w: Writer, session: Session): void {
  const { suite, group, signatureScheme, extendedMasterSecret, resumed, serverName, sessionId } = session;
  w.u16(suite.code)
    .u16(group === undefined ? NONE : Group[group])
    .u16(signatureScheme === undefined ? NONE : Scheme[signatureScheme])
    .u8((extendedMasterSecret ? FLAGS.extendedMasterSecret : 0) | (resumed ? FLAGS.resumed : 0))
    .vec8(sessionId)
    .vec16(serverName === undefined ? EMPTY : utf8(serverName));
  writeAgreed(w, session.agreed);
  session.peer.save(w);
  session.secrets.save(w);
}

/**
 * `undefined` when malformed, or when something in it is not known here. `readSecrets`: from `r`, as the version of the suite
 * keeps them; `undefined` for a version that is not spoken here.
 */
export function readSession(
  r: Reader,
  readSecrets: (suite: CipherSuite) => Exporter | undefined,
): Session | undefined {
  const suite = suiteByCode(r.u16());
  const group = nameOf(Group, r);
  const signatureScheme = nameOf(Scheme, r);
  const flags = r.u8();
  const id = r.vec8();
  const name = decodeUtf8(r.vec16());
  const agreed = readAgreed(r);
  const peer = PeerIdentity.restore(r);
  const secrets = suite && readSecrets(suite);
  if (r.failed || suite === undefined || peer === undefined || secrets === undefined) return undefined;
  return {
    version: suite.version,
    suite,
    group,
    signatureScheme,
    extendedMasterSecret: (flags & FLAGS.extendedMasterSecret) !== 0,
    peer,
    resumed: (flags & FLAGS.resumed) !== 0,
    finished: FinishedVerified.ofState(),
    // A typed array takes 200 bytes.
    sessionId: id.length === 0 ? EMPTY : own(id),
    serverName: name === '' ? undefined : name,
    agreed,
    secrets,
  };
}

/** No group, scheme or profile has this code. */
const NONE = 0;
const FLAGS = { extendedMasterSecret: 1, resumed: 2 } as const;
/** The first is for none. */
const LIMITED_BY: readonly RecordLimits['by'][] = [undefined, 'record_size_limit', 'max_fragment_length'];

function writeAgreed(w: Writer, { alpn, srtp, records }: Agreed): void {
  w.vec8(alpn ?? EMPTY).u16(srtp === undefined ? NONE : SrtpProfile[srtp]);
  w.u16(records.send).u16(records.receive).u8(LIMITED_BY.indexOf(records.by));
}

function readAgreed(r: Reader): Agreed {
  const alpn = r.vec8();
  const srtp = nameOf(SrtpProfile, r);
  const records = { send: r.u16(), receive: r.u16(), by: LIMITED_BY[r.u8()] };
  if (!areLimits(records)) r.fail();
  return shared({ alpn: alpn.length === 0 ? undefined : own(alpn), srtp, records });
}

/** The last one: sessions of one service mostly agree on the same, which is then one object for all of them. */
let latest: Agreed | undefined;

function shared(agreed: Agreed): Agreed {
  if (latest === undefined || !isSame(latest, agreed)) latest = agreed;
  return latest;
}

function isSame(one: Agreed, other: Agreed): boolean {
  const { send, receive, by } = one.records;
  const { records } = other;
  if (send !== records.send || receive !== records.receive || by !== records.by) return false;
  return one.srtp === other.srtp && sameBytes(one.alpn ?? EMPTY, other.alpn ?? EMPTY);
}

/** The name of a code; one that is not known fails `r`. */
function nameOf<N extends string>(codes: Readonly<Record<N, number>>, r: Reader): N | undefined {
  const code = r.u16();
  if (code === NONE) return undefined;
  for (const name of Object.keys(codes) as N[]) if (codes[name] === code) return name;
  r.fail();
  return undefined;
}
