import { groupByCode } from '../crypto/groups.js';
import { suiteByCode } from '../crypto/suites.js';
import type { Retry13 } from '../handshake/v13/retry-request.js';
import { Group } from '../wire/codes.js';
import { Reader, Writer } from '../wire/cursor.js';

/** Reserved (RFC 8446 §4.2.7 begins with 1): a pre-shared key needs none. */
const NO_GROUP = 0;

/** What a cookie carries of a HelloRetryRequest, so that the handshake can go on from it (RFC 9147 §5.1). */
export function encodeRetry(retry: Omit<Retry13, 'cookie'>): Uint8Array {
  return new Writer()
    .u16(retry.suite.code)
    .u16(retry.group === undefined ? NO_GROUP : Group[retry.group])
    .u8(retry.askedFor === undefined ? 0 : 1)
    .vec8(retry.firstHello)
    .vec8(retry.nameHash)
    .finish();
}

/** `undefined` for what we did not encode, such as what a cookie of another kind carries. */
export function decodeRetry(carried: Uint8Array): Omit<Retry13, 'cookie'> | undefined {
  const r = new Reader(carried);
  const suite = suiteByCode(r.u16());
  const code = r.u16();
  const group = groupByCode(code);
  const asked = r.u8() === 1;
  const firstHello = r.vec8();
  const nameHash = r.vec8();
  if (!r.finished() || suite === undefined || (group === undefined && code !== NO_GROUP)) return undefined;
  return { suite, group, askedFor: asked ? group : undefined, firstHello, nameHash };
}
