import { sameBytes } from '../base/bytes.js';
import { violation } from '../base/errors.js';
import type { Security } from '../config/config.js';
import { ExtensionType } from '../wire/codes.js';
import { decodeAlpnRequest, decodeAlpnResponse, encodeAlpnRequest } from '../wire/extensions/alpn.js';
import type { Extensions } from '../wire/extensions/block.js';
import { decoded } from './message.js';

/** Application-layer protocol negotiation (RFC 7301), the same in both versions. */

/** The client's extension; `undefined` when it has no protocols. */
export function offerAlpn({ alpn }: Security): Uint8Array | undefined {
  return alpn.length === 0 ? undefined : encodeAlpnRequest(alpn);
}

/** The server's choice: its own first protocol that the client has, too (§3.2). `undefined` where one side has none. */
export function chooseAlpn({ alpn }: Security, client: Extensions): Uint8Array | undefined {
  const body = client.get(ExtensionType.alpn);
  if (body === undefined) return undefined;
  const offered = decoded(decodeAlpnRequest(body), 'application_layer_protocol_negotiation');
  if (alpn.length === 0) return undefined;
  const chosen = alpn.find((ours) => offered.some((theirs) => sameBytes(ours, theirs)));
  if (chosen === undefined) {
    throw violation(
      'no_application_protocol',
      'no application protocol in common with the client',
      'ERR_DTLS_NO_APPLICATION_PROTOCOL',
    );
  }
  return chosen;
}

/** What the server chose, which must be one of ours; `undefined` when it does not answer. */
export function readAlpnChoice({ alpn }: Security, answers: Extensions): Uint8Array | undefined {
  const body = answers.get(ExtensionType.alpn);
  if (body === undefined) return undefined;
  const chosen = decoded(decodeAlpnResponse(body), 'application_layer_protocol_negotiation');
  const ours = alpn.find((name) => sameBytes(name, chosen));
  if (ours === undefined)
    throw violation('illegal_parameter', 'the server chose an application protocol that was not offered');
  return ours;
}

/** Whether two sessions speak the same protocol; none is one, too. */
export function sameAlpn(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return sameBytes(one, other);
}
