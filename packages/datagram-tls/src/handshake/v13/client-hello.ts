import { sameBytes } from '../../base/bytes.js';
import { violation } from '../../base/errors.js';
import type { Security } from '../../config/config.js';
import type { CipherSuite } from '../../crypto/suites.js';
import type { GroupName } from '../../wire/codes.js';
import { ExtensionType, Group } from '../../wire/codes.js';
import { decodeKeyShareRequest, type KeyShareEntry } from '../../wire/extensions/key-share.js';
import type { ClientWishes } from '../client-wishes.js';
import { decoded } from '../decoded.js';
import { chooseGroup } from '../negotiate.js';
import { checkPlaces, requireExtension } from './extensions.js';

/** A ClientHello of DTLS 1.3, with what only 1.3 asks of it checked. */
export interface ClientWishes13 extends ClientWishes {
  readonly groups: readonly number[];
  readonly shares: readonly KeyShareEntry[];
}

/** The null method alone, as RFC 8446 §4.1.2 wants it. */
const NULL_COMPRESSION = Uint8Array.of(0);

/** RFC 8446 §4.1.2, §4.2.8, §9.2; RFC 9147 §5.3. */
export function readClientWishes13(wishes: ClientWishes): ClientWishes13 {
  const { hello, groups } = wishes;
  if (hello.cookie.length > 0)
    throw violation('illegal_parameter', 'legacy_cookie of a DTLS 1.3 client is not empty');
  if (!sameBytes(hello.compressionMethods, NULL_COMPRESSION))
    throw violation('illegal_parameter', 'a DTLS 1.3 client offers no compression but the null method');
  checkPlaces(hello.extensions, 'CH');
  requirePskLast([...hello.extensions.keys()]);
  requireExtension(hello.extensions, ExtensionType.signature_algorithms, 'CH');
  requireExtension(hello.extensions, ExtensionType.supported_groups, 'CH');
  const body = requireExtension(hello.extensions, ExtensionType.key_share, 'CH');
  const shares = decoded(decodeKeyShareRequest(body), 'key_share');
  const offered = groups ?? [];
  checkShares(shares, offered);
  return { ...wishes, groups: offered, shares };
}

/** RFC 8446 §4.2.11: also for a server that uses no PSK. */
function requirePskLast(types: readonly number[]): void {
  const at = types.indexOf(ExtensionType.pre_shared_key);
  if (at >= 0 && at < types.length - 1)
    throw violation('illegal_parameter', 'pre_shared_key is not the last extension');
}

function checkShares(shares: readonly KeyShareEntry[], groups: readonly number[]): void {
  const seen = new Set<number>();
  for (const { group } of shares) {
    if (seen.has(group) || !groups.includes(group))
      throw violation('illegal_parameter', 'key_share holds a group twice, or one that is not supported');
    seen.add(group);
  }
}

/** What the server chooses before anybody proves anything. */
export interface Choice13 {
  readonly suite: CipherSuite;
  readonly group: GroupName;
}

/** Our first suite and our first group that the client has, whether it sent a share or not. */
export function choose13({ suites, groups }: Security, client: ClientWishes13): Choice13 {
  const suite = suites.find(
    ({ version, code }) => version === 'DTLSv1.3' && client.hello.cipherSuites.includes(code),
  );
  if (suite === undefined) {
    throw violation(
      'handshake_failure',
      'no cipher suite in common with the client',
      'ERR_DTLS_NO_SHARED_CIPHER',
    );
  }
  const group = chooseGroup(groups, client.groups, 'DTLSv1.3');
  if (group === undefined) {
    throw violation(
      'handshake_failure',
      'no key exchange group in common with the client',
      'ERR_DTLS_NO_SHARED_GROUP',
    );
  }
  return { suite, group };
}

/** The client's share for `group`. */
export function shareFor(client: ClientWishes13, group: GroupName): Uint8Array | undefined {
  return client.shares.find((share) => share.group === Group[group])?.keyExchange;
}
