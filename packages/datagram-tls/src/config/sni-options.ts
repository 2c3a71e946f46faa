import type { Awaitable } from '../base/awaitable.js';

/** Who a server is for each name, as callers write it. */

/**
 * Called with the host name that a client asks for, in lower case, `undefined` if it asks for none. The client's address is
 * proved: early data is refused beside such a function. Nothing: nobody here has
 * that name. An object that is given again is not read again.
 */
export type SniFunction<Identity> = (
  servername: string | undefined,
) => Awaitable<Identity | null | undefined>;

/** By host name; `*` is for every other name, and for clients that ask for none. */
export type SniOption<Identity> =
  | Readonly<Record<string, Identity>>
  | ReadonlyMap<string, Identity>
  | SniFunction<Identity>;
