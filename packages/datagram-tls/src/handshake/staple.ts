import { EMPTY } from '../base/bytes.js';
import type { Identity, Security } from '../config/config.js';
import { ExtensionType } from '../wire/codes.js';
import type { Extensions } from '../wire/extensions/block.js';
import { decodeStatusRequest, encodeStatusRequest } from '../wire/extensions/status-request.js';
import type { Context } from './context.js';
import { decoded } from './message.js';

/** OCSP stapling (RFC 6066 §8, RFC 8446 §4.4.2.1): what is the same in both versions. */

/** The client's extension: any responder that the server's issuer lets speak for it. `undefined` when it does not ask. */
export function offerStatusRequest({ requestStaple }: Security): Uint8Array | undefined {
  return requestStaple ? encodeStatusRequest({ responderIdList: [], requestExtensions: EMPTY }) : undefined;
}

/** Whether a client asks for an OCSP response; other kinds of status are passed over. */
export function clientWantsStaple(extensions: Extensions): boolean {
  const body = extensions.get(ExtensionType.status_request);
  return body !== undefined && decoded(decodeStatusRequest(body), 'status_request').ocsp !== undefined;
}

/** Has the staple of `identity` looked up, where there are staples and the peer wants one; returns whether it did. */
export function askStaple(ctx: Context, wanted: boolean, { leaf }: Identity): boolean {
  if (!wanted || leaf === undefined || ctx.security.findStaple === undefined) return false;
  ctx.emit({ do: 'ask', job: { kind: 'find-staple', leaf } });
  return true;
}
