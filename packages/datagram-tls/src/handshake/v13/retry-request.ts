import { EMPTY, utf8 } from '../../base/bytes.js';
import type { CryptoProvider } from '../../crypto/provider.js';
import type { GroupName } from '../../wire/codes.js';
import { ExtensionType, Group, ProtocolVersion } from '../../wire/codes.js';
import { encodeCookie } from '../../wire/extensions/cookie.js';
import { encodeKeyShareRetry } from '../../wire/extensions/key-share.js';
import { encodeSupportedVersionsResponse } from '../../wire/extensions/supported-versions.js';
import { encodeServerHello, HELLO_RETRY_REQUEST_RANDOM } from '../../wire/messages/server-hello.js';
import type { Choice13 } from './client-hello.js';

/** A HelloRetryRequest that a server sent, possibly without keeping a byte of it. */
export interface Retry13 extends Choice13 {
  /** The group to send a share of; `undefined` when the client did already. */
  readonly askedFor: GroupName | undefined;
  /** `undefined` from a server that keeps state. */
  readonly cookie: Uint8Array | undefined;
  /** Hash of the ClientHello that it answers, under the suite's hash. */
  readonly firstHello: Uint8Array;
  /** Of the name that it asked for: see {@link hashName}. */
  readonly nameHash: Uint8Array;
}

const NAME_HASH_LENGTH = 8;

/** Tells whether a client asks for the same name again; who tricks it only harms its own handshake. */
export function hashName(provider: CryptoProvider, serverName: string | undefined): Uint8Array {
  const hash = provider.hash('sha256');
  hash.update(utf8(serverName ?? ''));
  return hash.digest().slice(0, NAME_HASH_LENGTH);
}

/** RFC 8446 §4.1.4. The same request always has the same bytes, so that it can be made again for the transcript. */
export function encodeHelloRetryRequest13({
  suite,
  askedFor,
  cookie,
}: Pick<Retry13, 'suite' | 'askedFor' | 'cookie'>): Uint8Array {
  const extensions = new Map<number, Uint8Array>([
    [ExtensionType.supported_versions, encodeSupportedVersionsResponse(ProtocolVersion.dtls13)],
  ]);
  if (askedFor !== undefined) extensions.set(ExtensionType.key_share, encodeKeyShareRetry(Group[askedFor]));
  if (cookie !== undefined) extensions.set(ExtensionType.cookie, encodeCookie(cookie));
  return encodeServerHello({
    legacyVersion: ProtocolVersion.dtls12,
    random: HELLO_RETRY_REQUEST_RANDOM,
    sessionId: EMPTY,
    cipherSuite: suite.code,
    compressionMethod: 0,
    extensions,
  });
}
