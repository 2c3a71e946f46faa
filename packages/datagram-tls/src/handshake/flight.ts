import { handshakeTypeName } from '../wire/codes.js';

/** One piece of a flight. Its bytes never change once the flight is sent; only how they are fragmented may. */
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

/** Messages that are sent, and sent again, together (RFC 6347 §4.2.4, RFC 9147 §5.7). */
export interface Flight {
  readonly items: readonly FlightItem[];
  /** The peer answers it with another flight; a flight that is not answered is sent again only on demand. */
  readonly answered: boolean;
}

/** The RFC's names of what is in it, for traces. */
export function flightNames(flight: Flight): string[] {
  return flight.items.map((item) =>
    item.kind === 'message' ? handshakeTypeName(item.type) : 'change_cipher_spec',
  );
}
