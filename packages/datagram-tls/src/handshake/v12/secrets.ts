import { concat, EMPTY } from '../../base/bytes.js';
import { decoded, violation } from '../../base/errors.js';
import type { Role } from '../../config/config.js';
import type { MacKey } from '../../crypto/provider.js';
import type { CipherSuite } from '../../crypto/suites.js';
import {
  deriveExtendedMasterSecret12,
  deriveKeyBlock12,
  deriveMasterSecret12,
  deriveVerifyData12,
  type KeyBlock12,
} from '../../keys/prf12.js';
import { HandshakeType } from '../../wire/codes.js';
import { Writer } from '../../wire/cursor.js';
import { decodeFinished, encodeFinished, VERIFY_DATA_LENGTH_12 } from '../../wire/messages/finished.js';
import type { DirectionKeys } from '../actions.js';
import { FinishedVerified } from '../authenticate.js';
import type { Context } from '../context.js';
import type { Awaits } from '../flight.js';
import { expectType, type Message } from '../message.js';
import type { Agreed } from '../session.js';

/** The result of both hellos of a DTLS 1.2 handshake. */
export interface Negotiated12 {
  readonly suite: CipherSuite;
  readonly clientRandom: Uint8Array;
  readonly serverRandom: Uint8Array;
  readonly extendedMasterSecret: boolean;
  readonly serverName: string | undefined;
  readonly agreed: Agreed;
  /** The ServerHello's: the client's where its session is resumed, else the new session's. */
  readonly sessionId: Uint8Array;
  /** The ServerHello announces a NewSessionTicket (RFC 5077 §3.2). */
  readonly promisesTicket: boolean;
}

export interface Secrets12 {
  readonly masterSecret: Uint8Array;
  /** The same as an HMAC key. */
  readonly master: MacKey;
  readonly keys: KeyBlock12;
}

/** The first epoch with keys; DTLS 1.2 without renegotiation has no other. */
const PROTECTED_EPOCH = 1;

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

/** The keys of a master secret, possibly of an earlier session, with these randoms (RFC 5246 §6.3). */
export function resumeSecrets12(ctx: Context, negotiated: Negotiated12, masterSecret: Uint8Array): Secrets12 {
  const { suite, clientRandom, serverRandom } = negotiated;
  ctx.emit({ do: 'log-secret', label: 'CLIENT_RANDOM', clientRandom, secret: masterSecret });
  const master = ctx.provider.mac(suite.hash, masterSecret);
  return { masterSecret, master, keys: deriveKeyBlock12(master, suite, clientRandom, serverRandom) };
}

/** Installs the keys of `sender`'s records: the sender writes, the other side reads. */
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
    keys: keysOf12(keys, sender),
  });
}

/** The keys of `sender`'s records. */
export function keysOf12(keys: KeyBlock12, sender: Role): DirectionKeys {
  return sender === 'client'
    ? { key: keys.clientKey, iv: keys.clientIv, mac: keys.clientMac, sn: EMPTY, secret: EMPTY }
    : { key: keys.serverKey, iv: keys.serverIv, mac: keys.serverMac, sn: EMPTY, secret: EMPTY };
}

/** What the server signs in its ServerKeyExchange (RFC 8422 §5.4). */
export function signedParams(negotiated: Negotiated12, params: Uint8Array): Uint8Array {
  return concat(negotiated.clientRandom, negotiated.serverRandom, params);
}

/**
 * Premaster secret of the suites with a pre-shared key: the secret of the key exchange, or as many zeros as the key
 * is long where there is none, and the key (RFC 4279 §2, RFC 5489 §2).
 */
export function pskPremaster(psk: Uint8Array, exchanged: Uint8Array | undefined): Uint8Array {
  const other = exchanged ?? new Uint8Array(psk.length);
  return new Writer().vec16(other).vec16(psk).finish();
}

/** Sends ChangeCipherSpec and our Finished, which end our flight; the flight `awaits` what completes it. */
export function sendFinished12(
  ctx: Context,
  negotiated: Negotiated12,
  secrets: Secrets12,
  awaits: Awaits,
): void {
  const { role } = ctx.security;
  ctx.emit({ do: 'send-change-cipher-spec' });
  installKeys12(ctx, negotiated, secrets, role);
  const verifyData = finishedData(ctx, secrets, role);
  ctx.send(HandshakeType.finished, encodeFinished({ verifyData }), PROTECTED_EPOCH);
  ctx.emit({ do: 'end-flight', awaits });
}

/** The peer's Finished, checked against the transcript before it. */
export function readFinished12(ctx: Context, secrets: Secrets12, message: Message): FinishedVerified {
  const peer = ctx.security.role === 'client' ? 'server' : 'client';
  const body = expectType(message, HandshakeType.finished);
  const { verifyData } = decoded(decodeFinished(body, VERIFY_DATA_LENGTH_12), 'Finished');
  const expected = finishedData(ctx, secrets, peer);
  const finished = FinishedVerified.check(ctx.provider, expected, verifyData);
  if (finished === undefined)
    throw violation(
      'decrypt_error',
      `digest check failed: the ${peer}'s Finished is wrong. Something on the path changes datagrams, or the ${peer} is at fault`,
    );
  return finished;
}

/** verify_data of `sender`'s Finished over the current transcript (RFC 5246 §7.4.9). */
function finishedData(ctx: Context, secrets: Secrets12, sender: Role): Uint8Array {
  const label = sender === 'client' ? 'client finished' : 'server finished';
  return deriveVerifyData12(secrets.master, label, ctx.transcript.digest());
}
