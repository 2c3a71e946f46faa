import { own } from '../base/bytes.js';
import { HandshakeType, handshakeTypeName } from '../wire/codes.js';
import type { Reader, Writer } from '../wire/cursor.js';
import { isRetryRandom } from '../wire/messages/server-hello.js';

/** One item of a flight. Its bytes never change once the flight is sent; only its fragmentation may. */
export type FlightItem =
  | {
      readonly kind: 'message';
      readonly type: number;
      readonly seq: number;
      readonly epoch: number;
      readonly body: Uint8Array;
    }
  /** DTLS 1.2's ChangeCipherSpec, always in epoch 0. */
  | { readonly kind: 'change-cipher-spec'; readonly epoch: 0 };

/**
 * What completes a flight: the peer's next flight, an ACK, or nothing, as for the last flight of DTLS 1.2, which is
 * kept only to be sent again on request.
 */
export type Awaits = 'answer' | 'ack' | 'nothing';

/** Messages that are sent and retransmitted together (RFC 6347 §4.2.4, RFC 9147 §5.7). */
export interface Flight {
  readonly items: readonly FlightItem[];
  readonly awaits: Awaits;
}

const AWAITS: readonly Awaits[] = ['answer', 'ack', 'nothing'];
/** No type of a message. */
const CHANGE_CIPHER_SPEC = 0xff;

export function writeFlight(w: Writer, { items, awaits }: Flight): void {
  w.u8(AWAITS.indexOf(awaits)).varint(items.length);
  for (const item of items) {
    if (item.kind === 'change-cipher-spec') w.u8(CHANGE_CIPHER_SPEC);
    else w.u8(item.type).u16(item.seq).varint(item.epoch).vec24(item.body);
  }
}

/** What {@link writeFlight} wrote; the caller checks whether `r` failed. */
export function readFlight(r: Reader): Flight {
  const awaits = AWAITS[r.u8()] ?? 'nothing';
  const items: FlightItem[] = [];
  for (let left = r.varint(); left > 0 && !r.failed; left--) items.push(readItem(r));
  return { items, awaits };
}

function readItem(r: Reader): FlightItem {
  const type = r.u8();
  if (type === CHANGE_CIPHER_SPEC) return { kind: 'change-cipher-spec', epoch: 0 };
  return { kind: 'message', type, seq: r.u16(), epoch: r.varint(), body: own(r.vec24()) };
}

/** The RFC's name of an item, for traces. */
export function itemName(item: FlightItem): string {
  return item.kind === 'message' ? messageName(item.type, item.body) : 'change_cipher_spec';
}

/** The RFC's name of a message; a HelloRetryRequest has a name but no type of its own. */
export function messageName(type: number, body: Uint8Array): string {
  const retries = type === HandshakeType.server_hello && isRetryRandom(body.subarray(2, 34));
  return retries ? 'hello_retry_request' : handshakeTypeName(type);
}
