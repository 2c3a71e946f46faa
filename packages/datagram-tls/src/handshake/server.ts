import { decoded, violation } from '../base/errors.js';
import type { Security } from '../config/config.js';
import { HandshakeType } from '../wire/codes.js';
import { decodeClientHello } from '../wire/messages/client-hello.js';
import { versionNamed } from '../wire/version.js';
import { type ClientOffer, chooseVersion, readClientOffer } from './client-wishes.js';
import type { Context } from './context.js';
import { expectType, type Message } from './message.js';
import { Stage, type StateTable } from './stage.js';
import type { Retry13 } from './v13/hellos.js';
import type { HandshakeVersion, HandshakeVersions } from './version.js';

/*
 * The server until version and settings are known:
 *
 *   1. ClientHello            whose cookie, if one is demanded, the endpoint has checked; the version is chosen
 *   2.                        with `sni`, a job finds the certificate and policy for the client's name
 */
type ServerStart =
  | {
      readonly at: 'wait-client-hello';
      readonly versions: HandshakeVersions;
      /** The HelloRetryRequest that the endpoint sent, which already chose the version. */
      readonly retry: Retry13 | undefined;
    }
  | { readonly at: 'wait-identity'; readonly first: FirstHello }
  /** The end, which the client is not told. */
  | { readonly at: 'declined' };

interface FirstHello {
  readonly version: HandshakeVersion;
  readonly client: ClientOffer;
  readonly retry: Retry13 | undefined;
  readonly message: Message;
}

const SERVER: StateTable<ServerStart> = {
  'wait-client-hello': { epoch: 0, awaits: 'message', on: onClientsFirst },
  'wait-identity': {
    epoch: 0,
    awaits: 'choose-identity',
    on: (ctx, { first }, { security }) => onIdentityChosen(ctx, first, security),
  },
  declined: { epoch: 0, awaits: 'nothing' },
};

export function startServer(versions: HandshakeVersions, retry: Retry13 | undefined): Stage {
  const version = retry === undefined ? undefined : versionNamed(versions, retry.version);
  return Stage.of(version, SERVER, { at: 'wait-client-hello', versions, retry });
}

/** Step 1. */
function onClientsFirst(
  ctx: Context,
  { versions, retry }: Extract<ServerStart, { at: 'wait-client-hello' }>,
  message: Message,
): ServerStart | Stage {
  const body = expectType(message, HandshakeType.client_hello);
  const client = readClientOffer(decoded(decodeClientHello(body), 'ClientHello'));
  const retried = retry === undefined ? undefined : versionNamed(versions, retry.version);
  const version = retried ?? chooseVersion(versions, client);
  if (ctx.early && !version.rules.earlyData) return ctx.decline('version');
  const first: FirstHello = { version, client, retry, message };
  if (ctx.security.sni === undefined) return goOn(ctx, first);
  if (client.asksForNonsense) throw unrecognizedName();
  if (ctx.early && ctx.security.sniAsks) return ctx.decline('name');
  ctx.emit({ do: 'ask', job: { kind: 'choose-identity', serverName: client.serverName } });
  return Stage.of(version, SERVER, { at: 'wait-identity', first });
}

/** Step 2. */
function onIdentityChosen(ctx: Context, first: FirstHello, security: Security | undefined): Stage {
  if (security === undefined) throw unrecognizedName();
  ctx.adopt(security);
  return goOn(ctx, first);
}

/** RFC 6066 §3: a warning would leave the client without the requested name. */
function unrecognizedName(): Error {
  const text =
    "unrecognized name: the client asks for a name that options.sni does not have. Add it, or '*' for all others";
  return violation('unrecognized_name', text, 'ERR_DTLS_UNRECOGNIZED_NAME');
}

function goOn(ctx: Context, { version, client, retry, message }: FirstHello): Stage {
  return version.server.onClientHello(ctx, client, retry, message);
}
