import { HandshakeType } from '../wire/codes.js';
import { decodeClientHello } from '../wire/messages/client-hello.js';
import { chooseVersion, readClientWishes } from './client-wishes.js';
import type { Context } from './context.js';
import { decoded, expectType } from './decoded.js';
import type { Message } from './message.js';
import { onClientHello12, type ServerState12 } from './v12/server.js';
import type { Retry13 } from './v13/retry-request.js';
import { onClientHello13, type ServerState13 } from './v13/server.js';

/*
 * The server until a version is chosen:
 *
 *   1. ClientHello            whose cookie, if one is demanded, the endpoint has checked
 */
export interface WaitClientHello {
  readonly at: 'wait-client-hello';
  /** The HelloRetryRequest that the endpoint sent, which chose DTLS 1.3 already. */
  readonly retry: Retry13 | undefined;
}

/** Where a server stands after the first message, tagged with whose rules apply. */
export type ServerStep =
  | { readonly by: 'server12'; readonly state: ServerState12 }
  | { readonly by: 'server13'; readonly state: ServerState13 };

export function startServer(retry: Retry13 | undefined): WaitClientHello {
  return { at: 'wait-client-hello', retry };
}

export function onClientsFirst(ctx: Context, { retry }: WaitClientHello, message: Message): ServerStep {
  const body = expectType(message, HandshakeType.client_hello);
  const client = readClientWishes(decoded(decodeClientHello(body), 'ClientHello'));
  if (retry !== undefined || chooseVersion(ctx.security, client) === 'DTLSv1.3')
    return { by: 'server13', state: onClientHello13(ctx, client, retry, message) };
  ctx.transcript.add(message.type, message.seq, message.body);
  return { by: 'server12', state: onClientHello12(ctx, client) };
}
