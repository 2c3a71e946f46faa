import { sameBytes } from '../base/bytes.js';
import { decoded, violation } from '../base/errors.js';
import type { Security } from '../config/config.js';
import { ExtensionType } from '../wire/codes.js';
import { Reader, readItems, Writer } from '../wire/cursor.js';
import type { Extensions } from '../wire/extension-block.js';
import { type Extension, extension } from './extension.js';

export const alpnRow: Extension = extension(ExtensionType.alpn, ['CH', 'EE'], ({ security: { alpn } }) =>
  alpn.length === 0 ? undefined : encodeAlpnRequest(alpn),
);

/** Application-layer protocol negotiation (RFC 7301), the same in both versions. */

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
      'no application protocol: the client offers none of options.alpn. Give both sides one in common',
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

/** The protocol names a client offers, as bytes, in order of preference (RFC 7301 §3.1); `undefined` when malformed. */
export function decodeAlpnRequest(body: Uint8Array): readonly Uint8Array[] | undefined {
  const r = new Reader(body);
  const names = readItems(r, r.vec16(2), (list) => list.vec8(1));
  return r.finished() ? names : undefined;
}

export function encodeAlpnRequest(names: readonly Uint8Array[]): Uint8Array {
  const w = new Writer();
  const list = w.openVec16();
  for (const name of names) w.vec8(name);
  return w.closeVec16(list).finish();
}

/** The one name that a server chose (RFC 7301 §3.1); `undefined` when malformed or not exactly one. */
export function decodeAlpnResponse(body: Uint8Array): Uint8Array | undefined {
  const names = decodeAlpnRequest(body);
  return names?.length === 1 ? names[0] : undefined;
}

export function encodeAlpnResponse(name: Uint8Array): Uint8Array {
  return encodeAlpnRequest([name]);
}
