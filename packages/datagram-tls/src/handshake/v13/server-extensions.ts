import { ExtensionType, HandshakeType } from '../../wire/codes.js';
import { encodeServerNameResponse } from '../../wire/extensions/server-name.js';
import { encodeEncryptedExtensions } from '../../wire/messages/encrypted-extensions.js';
import { chooseAgreements, encodeAgreements } from '../agreed.js';
import type { Context } from '../context.js';
import type { Agreed } from '../session.js';
import type { ClientWishes13 } from './client-hello.js';
import { HANDSHAKE_EPOCH } from './secrets.js';

/** What is agreed on beside keys and certificates, with `answers` to what the handshake itself needs (RFC 8446 §4.3.1). */
export function sendEncryptedExtensions(
  ctx: Context,
  client: ClientWishes13,
  answers: ReadonlyMap<number, Uint8Array>,
): Agreed {
  const agreed = chooseAgreements(ctx, 'DTLSv1.3', client.hello.extensions);
  const extensions = new Map([...encodeAgreements(agreed, 'DTLSv1.3'), ...answers]);
  if (ctx.adopted && client.serverName !== undefined)
    extensions.set(ExtensionType.server_name, encodeServerNameResponse());
  const body = encodeEncryptedExtensions({ extensions });
  ctx.send(HandshakeType.encrypted_extensions, body, HANDSHAKE_EPOCH);
  return agreed;
}
