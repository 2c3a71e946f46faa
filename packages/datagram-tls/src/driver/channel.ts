import type { PeerAddress } from '../base/peer-address.js';
import type { Backlog } from './send-queue.js';

/** What a port hears of its channel. */
export interface ChannelHandlers {
  /** Once, within `open` where that is done at once. */
  onBound(address: PeerAddress): void;
  /** The bytes are the port's until it returns. */
  onDatagram(datagram: Uint8Array, from: PeerAddress): void;
  /** The network says that datagrams do not reach the one peer, which anybody can forge. */
  onUnreachable(error: Error): void;
  /** The channel failed. */
  onError(error: Error): void;
  /** The channel ended by itself and without a failure: `error` tells the sessions that are open. */
  onClosed(error: Error): void;
}

/** What carries the datagrams of a port: a UDP socket or a transport of the application. */
export interface DatagramChannel extends Backlog {
  /** `undefined` before it is bound. */
  readonly address: PeerAddress | undefined;
  /** To hear of a failure costs nothing, so that every `send` is told what failed. */
  readonly reportsEveryFailure: boolean;
  /** Errors of its sends may be what the network said about earlier datagrams. */
  readonly mayReportHearsay: boolean;
  /** Binds; datagrams may come before it returns. Throws the error of the system. */
  open(handlers: ChannelHandlers): void;
  /** There will be no other peer than this. */
  dedicate(peer: PeerAddress): void;
  /** What is refused is lost, as any datagram may be. `failed` hears of it later. */
  send(data: Uint8Array, to: PeerAddress, failed?: (error: Error) => void): void;
  /** Idempotent. */
  close(): Promise<unknown> | undefined;
}
