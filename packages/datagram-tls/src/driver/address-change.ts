import type { Awaitable } from '../base/awaitable.js';
import type { PeerAddress } from '../base/peer-address.js';

/**
 * A change of the peer's address: `validated`, the peer is known to receive datagrams there; otherwise it gets at most three
 * times the bytes that come from there. `from` is the address before, also when `to` is validated later.
 *
 * @example
 * ```ts
 * import type { AddressChange } from 'datagram-tls';
 *
 * session.onmigrate = ({ from, to, validated }: AddressChange) => console.log(from.port, to.port, validated);
 * ```
 */
export interface AddressChange {
  readonly from: PeerAddress;
  readonly to: PeerAddress;
  readonly validated: boolean;
}

/** A handler of `This` that is told of a change of the peer's address, and may judge it. */
export type JudgeAddress<This> = (
  this: This,
  change: AddressChange,
  // eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- a handler may return nothing, such as a call of console.log
) => Awaitable<boolean | undefined | void>;
