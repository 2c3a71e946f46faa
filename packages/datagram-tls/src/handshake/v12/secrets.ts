import { concat } from '../../base/bytes.js';
import type { Role } from '../../config/config.js';
import type { MacKey } from '../../crypto/provider.js';
import type { CipherSuite } from '../../crypto/suites.js';
import {
  deriveExtendedMasterSecret12,
  deriveKeyBlock12,
  deriveMasterSecret12,
  type KeyBlock12,
} from '../../keys/prf12.js';
import type { Context } from '../context.js';
import type { Agreed } from '../session.js';

/** What both hellos of a DTLS 1.2 handshake settled. */
export interface Negotiated12 {
  readonly suite: CipherSuite;
  readonly clientRandom: Uint8Array;
  readonly serverRandom: Uint8Array;
  readonly extendedMasterSecret: boolean;
  readonly serverName: string | undefined;
  readonly agreed: Agreed;
  /** The ServerHello's: the client's where its session is resumed, else what the server will know the new one by. */
  readonly sessionId: Uint8Array;
  /** The ServerHello says that a NewSessionTicket comes (RFC 5077 §3.2). */
  readonly promisesTicket: boolean;
}

export interface Secrets12 {
  readonly masterSecret: Uint8Array;
  /** The same as an HMAC key. */
  readonly master: MacKey;
  readonly keys: KeyBlock12;
}

/** The first epoch with keys; DTLS 1.2 without renegotiation has no other. */
export const PROTECTED_EPOCH = 1;

/**
 * Master secret and keys, once the ClientKeyExchange is in the transcript: with the extended master secret the session
 * hash ends there (RFC 7627 §3).
 */
export function deriveSecrets12(ctx: Context, negotiated: Negotiated12, premaster: Uint8Array): Secrets12 {
  const { suite, clientRandom, serverRandom } = negotiated;
  const masterSecret = negotiated.extendedMasterSecret
    ? deriveExtendedMasterSecret12(ctx.provider, suite.hash, premaster, ctx.transcript.digest())
    : deriveMasterSecret12(ctx.provider, suite.hash, premaster, clientRandom, serverRandom);
  return resumeSecrets12(ctx, negotiated, masterSecret);
}

/** The keys that a master secret, which may be that of a session before, gives with these randoms (RFC 5246 §6.3). */
export function resumeSecrets12(ctx: Context, negotiated: Negotiated12, masterSecret: Uint8Array): Secrets12 {
  const { suite, clientRandom, serverRandom } = negotiated;
  ctx.emit({ do: 'log-secret', label: 'CLIENT_RANDOM', clientRandom, secret: masterSecret });
  const master = ctx.provider.mac(suite.hash, masterSecret);
  return { masterSecret, master, keys: deriveKeyBlock12(master, suite, clientRandom, serverRandom) };
}

/** Installs the keys of `sender`'s records, for writing by itself and for reading by the other side. */
export function installKeys12(
  ctx: Context,
  negotiated: Negotiated12,
  secrets: Secrets12,
  sender: Role,
): void {
  const { keys } = secrets;
  const own = sender === ctx.security.role;
  ctx.emit({
    do: 'install-keys',
    direction: own ? 'write' : 'read',
    epoch: PROTECTED_EPOCH,
    suite: negotiated.suite,
    keys:
      sender === 'client'
        ? { key: keys.clientKey, iv: keys.clientIv, mac: keys.clientMac }
        : { key: keys.serverKey, iv: keys.serverIv, mac: keys.serverMac },
  });
}

/** What the server signs in its ServerKeyExchange (RFC 8422 §5.4). */
export function signedParams(negotiated: Negotiated12, params: Uint8Array): Uint8Array {
  return concat(negotiated.clientRandom, negotiated.serverRandom, params);
}
