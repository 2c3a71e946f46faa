import { violation } from '../base/errors.js';
import type { Security } from '../config/config.js';
import { HandshakeType, type Version } from '../wire/codes.js';
import { decodeClientHello } from '../wire/messages/client-hello.js';
import { type ClientOffer, chooseVersion, readClientOffer } from './client-wishes.js';
import type { Context } from './context.js';
import { decoded, expectType, type Message } from './message.js';
import { onClientHello12, type ServerState12 } from './v12/server.js';
import type { Retry13 } from './v13/hellos.js';
import { onClientHello13, type ServerState13 } from './v13/server.js';

/*
 * The server until it knows what is to be spoken, and as whom:
 *
 *   1. ClientHello            whose cookie, if one is demanded, the endpoint has checked; the version is chosen
 *   2.                        with `sni`, a job finds the certificate and policy for the client's name
 */
export type ServerStart =
  | {
      readonly at: 'wait-client-hello';
      /** The HelloRetryRequest that the endpoint sent, which chose DTLS 1.3 already. */
      readonly retry: Retry13 | undefined;
    }
  | { readonly at: 'wait-identity'; readonly first: FirstHello }
  /** The end, of which the client learns nothing. */
  | { readonly at: 'declined' };

interface FirstHello {
  readonly version: Version;
  readonly client: ClientOffer;
  readonly retry: Retry13 | undefined;
  readonly message: Message;
}

/** Where a server stands after the first message, tagged with whose rules apply. */
export type ServerStep =
  | { readonly by: 'server'; readonly state: ServerStart }
  | { readonly by: 'server12'; readonly state: ServerState12 }
  | { readonly by: 'server13'; readonly state: ServerState13 };

export function startServer(retry: Retry13 | undefined): ServerStart {
  return { at: 'wait-client-hello', retry };
}

/** Step 1. */
export function onClientsFirst(ctx: Context, retry: Retry13 | undefined, message: Message): ServerStep {
  const body = expectType(message, HandshakeType.client_hello);
  const client = readClientOffer(decoded(decodeClientHello(body), 'ClientHello'));
  const version = retry === undefined ? chooseVersion(ctx.security, client) : 'DTLSv1.3';
  if (version !== 'DTLSv1.3' && ctx.early) return { by: 'server', state: ctx.decline('version') };
  const first: FirstHello = { version, client, retry, message };
  if (ctx.security.sni === undefined) return goOn(ctx, first);
  if (client.asksForNonsense) throw unrecognizedName();
  if (ctx.early && ctx.security.sniAsks) return { by: 'server', state: ctx.decline('name') };
  ctx.emit({ do: 'ask', job: { kind: 'choose-identity', serverName: client.serverName } });
  return { by: 'server', state: { at: 'wait-identity', first } };
}

/** Step 2. */
export function onIdentityChosen(
  ctx: Context,
  first: FirstHello,
  security: Security | undefined,
): ServerStep {
  if (security === undefined) throw unrecognizedName();
  ctx.adopt(security);
  return goOn(ctx, first);
}

/** RFC 6066 §3: a warning would leave the client without the name it asked for. */
function unrecognizedName(): Error {
  const text = 'the client asks for a name that is not served here';
  return violation('unrecognized_name', text, 'ERR_DTLS_UNRECOGNIZED_NAME');
}

function goOn(ctx: Context, { version, client, retry, message }: FirstHello): ServerStep {
  if (version === 'DTLSv1.3') return { by: 'server13', state: onClientHello13(ctx, client, retry, message) };
  ctx.transcript.add(message.type, message.seq, message.body);
  return { by: 'server12', state: onClientHello12(ctx, client) };
}

/** What is chosen already. */
export function versionOf(state: ServerStart): Version | undefined {
  if (state.at === 'wait-identity') return state.first.version;
  if (state.at === 'declined') return undefined;
  return state.retry === undefined ? undefined : 'DTLSv1.3';
}
