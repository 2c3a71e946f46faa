import { type Awaitable, isPromise } from '../base/awaitable.js';
import { invalidReturn } from '../base/errors.js';
import type { PeerAddress } from '../base/peer-address.js';
import { sameAddress } from '../connection/path.js';
import { CHANNELS, publish } from './channels.js';
import type { SessionEndpoint } from './session-endpoint.js';
import type { Attached } from './session-life.js';

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

/** So that the body of a handler may be an expression without a value, such as a call of console.log. */
type Nothing = ReturnType<() => void>;

/** A handler of `This` that is told of a change of the peer's address, and may judge it. */
export type JudgeAddress<This> = (
  this: This,
  change: AddressChange,
) => Awaitable<boolean | undefined | Nothing>;

/** What is told of a change. */
export interface MovedSession {
  readonly endpoint: SessionEndpoint;
  readonly destroyed: boolean;
  readonly onmigrate: ((change: AddressChange) => unknown) | undefined;
}

/** Where the session is now. */
interface Live {
  readonly reached: Attached;
}

/** Tells of a change of the peer's address, and does what `onmigrate` says of it. What that throws is the session's error. */
export function tellChange(
  session: MovedSession,
  live: Live,
  { from, to, validated }: AddressChange,
  onFailure: (thrown: unknown) => void,
): void {
  const { endpoint, onmigrate } = session;
  if (CHANNELS.sessionMigrate.hasSubscribers)
    publish(CHANNELS.sessionMigrate, { session, endpoint, from, to, validated });
  if (onmigrate === undefined) return;
  try {
    const answer: unknown = onmigrate({ from, to, validated });
    if (!isPromise(answer)) return judge(session, live, to, answer);
    void Promise.resolve(answer)
      .then((late) => judge(session, live, to, late))
      .catch(onFailure);
  } catch (thrown) {
    onFailure(thrown);
  }
}

/** The application's verdict on an address, which may be out of date. */
function judge({ destroyed }: MovedSession, live: Live, address: PeerAddress, verdict: unknown): void {
  if (verdict === undefined || destroyed) return;
  if (typeof verdict !== 'boolean')
    throw invalidReturn('session.onmigrate', 'true, false or undefined', verdict);
  // It may have moved again meanwhile, or have another entry since it slept.
  const { port, entry } = live.reached;
  if (!sameAddress(entry.peer, address)) return;
  if (verdict) port.validatePath(entry);
  else port.refusePath(entry);
}
