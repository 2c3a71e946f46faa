import { EMPTY } from '../../base/bytes.js';
import { violation } from '../../base/errors.js';
import type { Security } from '../../config/config.js';
import { groupByCode } from '../../crypto/groups.js';
import { suiteByCode } from '../../crypto/suites.js';
import { decodeCookie } from '../../extensions/cookie.js';
import { decodePreSharedKeyRequest } from '../../extensions/pre-shared-key.js';
import { ExtensionType, Group, HandshakeType } from '../../wire/codes.js';
import { Reader, Writer } from '../../wire/cursor.js';
import type { ClientHelloPrefix } from '../../wire/messages/client-hello.js';
import { transcriptHeader13 } from '../../wire/messages/handshake-header.js';
import { FACTS_13 } from '../../wire/version.js';
import type { ClientOffer } from '../client-wishes.js';
import type { CookieExchange, CookieRequest } from '../version.js';
import {
  choose13,
  encodeHelloRetryRequest13,
  hashName,
  type Retry13,
  readClientWishes13,
  shareFor,
} from './hellos.js';

/**
 * A HelloRetryRequest requests the cookie, and the share of our group along with it. The cookie carries what the
 * handshake needs to go on (RFC 9147 §5.1).
 */
export const cookies13: CookieExchange = {
  shown: ({ extensions }) => {
    const body = extensions.get(ExtensionType.cookie);
    return body === undefined ? undefined : (decodeCookie(body) ?? EMPTY);
  },
  opened: (carried, cookie) => {
    const retry = decodeRetry(carried, cookie);
    return retry && { retry };
  },
  ask: askForCookie,
  earlyTicket,
};

function askForCookie(security: Security, wishes: ClientOffer, body: Uint8Array): CookieRequest {
  const client = readClientWishes13(wishes);
  // RFC 9147 §5.1: a cookie that is no good ends the handshake, so that the client begins without one.
  if (client.hello.extensions.has(ExtensionType.cookie))
    throw violation('illegal_parameter', 'the cookie of the client is not one of ours');
  const { suite, group } = choose13(security, client);
  const hash = security.provider.hash(suite.hash);
  hash.update(transcriptHeader13(HandshakeType.client_hello, 0, body.length));
  hash.update(body);
  const askedFor = shareFor(client, group) === undefined ? group : undefined;
  const nameHash = hashName(client.serverName);
  return {
    carried: encodeRetry({ suite, group, askedFor, firstHello: hash.digest(), nameHash }),
    type: HandshakeType.server_hello,
    asksForMore: askedFor !== undefined,
    encode: (cookie) => encodeHelloRetryRequest13({ suite, askedFor, cookie }),
  };
}

function earlyTicket({ extensions }: ClientHelloPrefix): Uint8Array | undefined {
  const { early_data, pre_shared_key, cookie } = ExtensionType;
  const psks = extensions.get(pre_shared_key);
  if (psks === undefined || !extensions.has(early_data) || extensions.has(cookie)) return undefined;
  return decodePreSharedKeyRequest(psks)?.identities[0]?.identity;
}

/** Reserved (RFC 8446 §4.2.7 begins with 1): a pre-shared key needs none. */
const NO_GROUP = 0;

/** The state of a HelloRetryRequest in a cookie. */
type Carried = Omit<Retry13, 'version' | 'cookie'>;

function encodeRetry(retry: Carried): Uint8Array {
  return new Writer()
    .u16(retry.suite.code)
    .u16(retry.group === undefined ? NO_GROUP : Group[retry.group])
    .u8(retry.askedFor === undefined ? 0 : 1)
    .vec8(retry.firstHello)
    .u32(retry.nameHash)
    .finish();
}

/**
 * `undefined` for bytes that we did not encode, such as those of a cookie of another kind. Copies: the handshake
 * needs them after the datagram.
 */
function decodeRetry(carried: Uint8Array, cookie: Uint8Array): Retry13 | undefined {
  const r = new Reader(carried);
  const suite = suiteByCode(r.u16());
  const code = r.u16();
  const group = groupByCode(code);
  const asked = r.u8() === 1;
  const firstHello = r.vec8().slice();
  const nameHash = r.u32();
  if (!r.finished() || suite === undefined || (group === undefined && code !== NO_GROUP)) return undefined;
  return {
    version: FACTS_13.name,
    suite,
    group,
    askedFor: asked ? group : undefined,
    cookie: cookie.slice(),
    firstHello,
    nameHash,
  };
}
