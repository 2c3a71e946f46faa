import type { Role } from '../../config/config.js';
import type { CipherSuite } from '../../crypto/suites.js';
import {
  type ApplicationSecrets13,
  type BothKeys13,
  deriveApplicationSecrets13,
  deriveEarlySecret13,
  deriveHandshakeSecrets13,
  type HandshakeSecrets13,
  type TrafficKeys13,
} from '../../keys/schedule13.js';
import type { GroupName } from '../../wire/codes.js';
import { FinishedVerified } from '../authenticate.js';
import type { Context } from '../context.js';
import { earlySecretOf, type Psk13 } from '../offered-psk.js';

/** Epochs of RFC 9147 §6.1; those of later keys follow. */
export const EARLY_EPOCH = 1;
export const HANDSHAKE_EPOCH = 2;
export const APPLICATION_EPOCH = 3;

/** The result of both hellos of a DTLS 1.3 handshake, and the secrets derived from it. */
export interface Negotiated13 {
  readonly suite: CipherSuite;
  /** `undefined` where a pre-shared key is used alone. */
  readonly group: GroupName | undefined;
  readonly clientRandom: Uint8Array;
  readonly serverName: string | undefined;
  readonly handshake: HandshakeSecrets13;
}

/**
 * Handshake secrets, once the ServerHello is in the transcript, and the keys to read with. The keys to write with are
 * installed when the peer can have its own: until the ServerHello is sent, alerts have to be sent without protection.
 */
export function startHandshakeKeys13(
  ctx: Context,
  hellos: Omit<Negotiated13, 'handshake'>,
  shared: Uint8Array | undefined,
  psk: Psk13 | undefined,
): Negotiated13 {
  const { provider, transcript } = ctx;
  const { suite, group, clientRandom, serverName } = hellos;
  const early =
    psk === undefined ? deriveEarlySecret13(provider, suite.hash, undefined) : earlySecretOf(provider, psk);
  const handshake = deriveHandshakeSecrets13(provider, suite, early, shared, transcript.digest());
  const { keys } = handshake;
  ctx.emit({
    do: 'log-secret',
    label: 'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
    clientRandom,
    secret: keys.client.secret,
  });
  ctx.emit({
    do: 'log-secret',
    label: 'SERVER_HANDSHAKE_TRAFFIC_SECRET',
    clientRandom,
    secret: keys.server.secret,
  });
  const { own, peers } = byDirection(ctx, keys);
  installKeys13(ctx, suite, 'read', HANDSHAKE_EPOCH, peers);
  if (ctx.security.role === 'client') installKeys13(ctx, suite, 'write', HANDSHAKE_EPOCH, own);
  return { suite, group, clientRandom, serverName, handshake };
}

/** Application secrets, once the server's Finished is in the transcript. */
export function deriveApplication13(ctx: Context, negotiated: Negotiated13): ApplicationSecrets13 {
  const { suite, clientRandom, handshake } = negotiated;
  const digest = ctx.transcript.digest();
  const secrets = deriveApplicationSecrets13(ctx.provider, suite, handshake.handshakeSecret, digest);
  const { client, server } = secrets.keys;
  ctx.emit({ do: 'log-secret', label: 'CLIENT_TRAFFIC_SECRET_0', clientRandom, secret: client.secret });
  ctx.emit({ do: 'log-secret', label: 'SERVER_TRAFFIC_SECRET_0', clientRandom, secret: server.secret });
  ctx.emit({ do: 'log-secret', label: 'EXPORTER_SECRET', clientRandom, secret: secrets.exporter });
  return secrets;
}

/** Keys by the direction of this side. */
export function byDirection(
  ctx: Context,
  { client, server }: BothKeys13,
): { readonly own: TrafficKeys13; readonly peers: TrafficKeys13 } {
  return ctx.security.role === 'client' ? { own: client, peers: server } : { own: server, peers: client };
}

export function installKeys13(
  ctx: Context,
  suite: CipherSuite,
  direction: 'read' | 'write',
  epoch: number,
  keys: TrafficKeys13,
): void {
  ctx.emit({ do: 'install-keys', direction, epoch, suite, keys });
}

/** verify_data of `sender`'s Finished over the current transcript (RFC 8446 §4.4.4). */
export function finishedData13(ctx: Context, negotiated: Negotiated13, sender: Role): Uint8Array {
  const { suite, handshake } = negotiated;
  return ctx.provider.mac(suite.hash, handshake.finished[sender]).sign(ctx.transcript.digest());
}

/** Checks `sender`'s Finished before it joins the transcript. */
export function checkFinished13(
  ctx: Context,
  negotiated: Negotiated13,
  sender: Role,
  received: Uint8Array,
): FinishedVerified | undefined {
  return FinishedVerified.check(ctx.provider, finishedData13(ctx, negotiated, sender), received);
}
