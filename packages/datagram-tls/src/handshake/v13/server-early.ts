import type { Duration } from '../../base/instant.js';
import { deriveEarlySecret13, deriveEarlyTrafficSecret13 } from '../../keys/schedule13.js';
import { ExtensionType, HandshakeType } from '../../wire/codes.js';
import { encodeEarlyData } from '../../wire/extensions/early-data.js';
import { encodeHandshake13 } from '../../wire/messages/handshake-header.js';
import { chooseAlpn, sameAlpn } from '../alpn.js';
import type { Context } from '../context.js';
import type { EarlyRefusal } from '../early-refusal.js';
import type { OpenedTicket } from '../jobs.js';
import { EARLY_EPOCH, installKeys13 } from './secrets.js';
import { chooseSession } from './server-psk.js';
import { type ChosenPsk13, hasBinder, type ReadyHello13 } from './server-start.js';

/** By how much a ticket's age may differ from what the client says: the way there, and clocks (RFC 8446 §8.3); ms. */
const AGE_TOLERANCE: Duration = 10_000;

/** A ClientHello whose early data may be taken if it is new. */
export interface EarlyHello {
  readonly hello: ReadyHello13;
  readonly psk: ChosenPsk13;
  /** Bytes that the client was told it may send. */
  readonly most: number;
}

/** All that RFC 8446 §4.2.10 asks of early data; whether the ClientHello is new somebody else is asked. */
export function considerEarly(
  ctx: Context,
  hello: ReadyHello13,
  opened: OpenedTicket | undefined,
): EarlyHello | EarlyRefusal {
  const psk = chooseSession(ctx, opened);
  const offered = hello.client.psks;
  const [identity] = offered?.identities ?? [];
  // The keys are those of the first identity.
  if (opened === undefined || psk?.index !== 0 || identity === undefined) return 'ticket';
  const { early, age, resumed } = opened;
  const allowed = ctx.security.tickets?.early?.most ?? 0;
  if (early.most === 0 || early.most > allowed) return 'terms';
  if (resumed.state.suite !== hello.choice.suite) return 'suite';
  if (!sameAlpn(early.alpn, chooseAlpn(ctx.security, hello.client.hello.extensions))) return 'alpn';
  const expected = age.issuedAt + claimedAge(identity.obfuscatedTicketAge, age.ageAdd);
  if (Math.abs(age.now - expected) > AGE_TOLERANCE) return 'age';
  if (!hasBinder(ctx, hello, psk)) return 'binder';
  const [binder] = offered?.binders ?? [];
  // Until then this very ClientHello passes for one of today.
  if (binder !== undefined) askGuard(ctx, binder, expected + AGE_TOLERANCE + 1);
  return { hello, psk, most: early.most };
}

function askGuard(ctx: Context, binder: Uint8Array, until: number): void {
  const hash = ctx.provider.hash('sha256');
  hash.update(binder);
  ctx.emit({ do: 'ask', job: { kind: 'guard-replay', digest: hash.digest(), until } });
}

/** Modulo 2^32, in ms. */
function claimedAge(obfuscated: number, ageAdd: number): Duration {
  return (obfuscated - ageAdd) >>> 0;
}

/** The early data is taken: keys to read it with, and the extension that says so. The transcript ends before the ClientHello. */
export function acceptEarly(ctx: Context, { hello, psk, most }: EarlyHello): Map<number, Uint8Array> {
  const { provider, transcript } = ctx;
  const { choice, client, message } = hello;
  const { hash } = choice.suite;
  const digest = transcript.digestWith(hash, encodeHandshake13(HandshakeType.client_hello, message.body));
  const early = deriveEarlySecret13(provider, hash, psk.key);
  const secret = deriveEarlyTrafficSecret13(provider, hash, early, digest);
  ctx.emit({ do: 'early-data', accepted: true, most });
  const { random: clientRandom } = client.hello;
  ctx.emit({ do: 'log-secret', label: 'CLIENT_EARLY_TRAFFIC_SECRET', clientRandom, secret });
  installKeys13(ctx, choice.suite, 'read', EARLY_EPOCH, secret);
  return new Map([[ExtensionType.early_data, encodeEarlyData()]]);
}
