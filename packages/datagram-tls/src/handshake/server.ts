import { violation } from '../base/errors.js';
import { HandshakeType } from '../wire/codes.js';
import { decodeClientHello } from '../wire/messages/client-hello.js';
import { type ClientWishes, readClientWishes } from './client-wishes.js';
import type { Context } from './context.js';
import { decoded, expectType } from './decoded.js';
import type { Message } from './message.js';
import { isAtLeast } from './negotiate.js';
import { onClientHello12, type ServerState12 } from './v12/server.js';

/*
 * The server until a version is chosen:
 *
 *   1. ClientHello            whose cookie, if one is demanded, the endpoint has checked
 */
export interface WaitClientHello {
  readonly at: 'wait-client-hello';
}

export function startServer(): WaitClientHello {
  return { at: 'wait-client-hello' };
}

export function onClientsFirst(ctx: Context, message: Message): ServerState12 {
  const body = expectType(message, HandshakeType.client_hello);
  const client = readClientWishes(decoded(decodeClientHello(body), 'ClientHello'));
  requireVersion(ctx, client);
  ctx.transcript.add(message.type, message.seq, message.body);
  return onClientHello12(ctx, client);
}

function requireVersion(ctx: Context, client: ClientWishes): void {
  const { minVersion, maxVersion } = ctx.security;
  const shared = client.versions.filter((v) => isAtLeast(v, minVersion) && isAtLeast(maxVersion, v));
  if (shared.length === 0) {
    throw violation(
      'protocol_version',
      'no version in common with the client',
      'ERR_DTLS_UNSUPPORTED_VERSION',
    );
  }
  // RFC 7507 §3: the client thinks we cannot do better, and we can.
  if (client.fallback && !client.versions.includes(maxVersion)) {
    throw violation('inappropriate_fallback', 'the client fell back to a lower version than needed');
  }
}
