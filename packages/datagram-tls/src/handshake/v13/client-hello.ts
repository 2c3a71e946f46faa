import { sameBytes } from '../../base/bytes.js';
import { violation } from '../../base/errors.js';
import type { Security } from '../../config/config.js';
import type { HashName } from '../../crypto/provider.js';
import type { CipherSuite } from '../../crypto/suites.js';
import type { GroupName } from '../../wire/codes.js';
import { ExtensionType, Group } from '../../wire/codes.js';
import type { Extensions } from '../../wire/extensions/block.js';
import { decodeKeyShareRequest, type KeyShareEntry } from '../../wire/extensions/key-share.js';
import { decodePreSharedKeyRequest, type OfferedPsks } from '../../wire/extensions/pre-shared-key.js';
import {
  decodePskKeyExchangeModes,
  PskKeyExchangeMode,
} from '../../wire/extensions/psk-key-exchange-modes.js';
import type { ClientWishes } from '../client-wishes.js';
import { decoded } from '../decoded.js';
import { chooseGroup } from '../negotiate.js';
import { checkPlaces, requireExtension } from './extensions.js';

/** A ClientHello of DTLS 1.3, with what only 1.3 asks of it checked. */
export interface ClientWishes13 extends ClientWishes {
  readonly groups: readonly number[];
  readonly shares: readonly KeyShareEntry[];
  /** Pre-shared keys that the client offers beside a key exchange, the one mode that we do. */
  readonly psks: OfferedPsks | undefined;
  /** The client can resume a session in that mode. */
  readonly takesTickets: boolean;
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
  if (!hello.extensions.has(ExtensionType.pre_shared_key))
    requireExtension(hello.extensions, ExtensionType.signature_algorithms, 'CH');
  requireExtension(hello.extensions, ExtensionType.supported_groups, 'CH');
  const body = requireExtension(hello.extensions, ExtensionType.key_share, 'CH');
  const shares = decoded(decodeKeyShareRequest(body), 'key_share');
  const offered = groups ?? [];
  checkShares(shares, offered);
  const takesTickets = readModes(hello.extensions)?.includes(PskKeyExchangeMode.psk_dhe_ke) ?? false;
  const psks = readPsks(hello.extensions);
  return { ...wishes, groups: offered, shares, psks: takesTickets ? psks : undefined, takesTickets };
}

/** RFC 8446 §4.2.9, §4.2.11. */
function readPsks(extensions: Extensions): OfferedPsks | undefined {
  const body = extensions.get(ExtensionType.pre_shared_key);
  if (body === undefined) return undefined;
  const psks = decoded(decodePreSharedKeyRequest(body), 'pre_shared_key');
  if (psks.identities.length !== psks.binders.length)
    throw violation('illegal_parameter', 'pre_shared_key has not one binder for each identity');
  requireExtension(extensions, ExtensionType.psk_key_exchange_modes, 'CH');
  return psks;
}

/** RFC 8446 §4.2.9: a client without the extension has no use for tickets. */
function readModes(extensions: Extensions): Uint8Array | undefined {
  const body = extensions.get(ExtensionType.psk_key_exchange_modes);
  return body === undefined ? undefined : decoded(decodePskKeyExchangeModes(body), 'psk_key_exchange_modes');
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
export function choose13(security: Security, client: ClientWishes13): Choice13 {
  const { suites, groups } = security;
  const common = suites.filter(
    ({ version, code }) => version === 'DTLSv1.3' && client.hello.cipherSuites.includes(code),
  );
  const suite = common.find(({ hash }) => hash === neededHash(security, client)) ?? common[0];
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

/** An external key goes with SHA-256 (RFC 8446 §4.2.11); where there is nothing but such keys no other suite will do. */
function neededHash({ psk, identities, sni }: Security, client: ClientWishes13): HashName | undefined {
  const keysOnly = (psk.role === 'server' || sni !== undefined) && identities.length === 0;
  return keysOnly && client.psks !== undefined ? 'sha256' : undefined;
}

/** The client's share for `group`. */
export function shareFor(client: ClientWishes13, group: GroupName): Uint8Array | undefined {
  return client.shares.find((share) => share.group === Group[group])?.keyExchange;
}
