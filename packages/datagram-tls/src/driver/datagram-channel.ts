import { types } from 'node:util';
import { textOf } from '../base/errors.js';
import type { PeerAddress } from '../base/peer-address.js';
import type { Backlog } from './send-queue.js';

/** What a port receives from its channel. */
export interface ChannelHandlers {
  /** Called once, within `open` where the channel opens at once. */
  onBound(address: PeerAddress): void;
  /** The bytes are the port's until it returns. */
  onDatagram(datagram: Uint8Array, from: PeerAddress): void;
  /** Of a channel that `collects`: called behind the datagrams that came together. */
  onBatchEnd(): void;
  /** The network says that datagrams do not reach the one peer. Such a message can be forged. */
  onUnreachable(error: Error): void;
  /** The channel failed. */
  onError(error: Error): void;
  /** The channel ended by itself without a failure: `error` is for the open sessions. */
  onClosed(error: Error): void;
}

/** The system drops ClientHellos before they are read, where it can. */
export interface HelloFilter {
  /** Lets this share of the ClientHellos through from now on, each chosen at random; 1: all. `false`: it cannot. */
  admit(share: number): boolean;
  /** The datagrams that the system has dropped since the last call, by that or because they found no room. */
  takeDropped(): number;
}

/** Carries the datagrams of a port: a UDP socket or a transport of the application. */
export interface DatagramChannel extends Backlog {
  /** `undefined` before it is bound. */
  readonly address: PeerAddress | undefined;
  /** The same for the one peer of a channel that was dedicated to it, where the system knows more of it. */
  readonly localAddress: PeerAddress | undefined;
  /** The version of the IP addresses that it reaches; 0: of both, and of any other. */
  readonly version: 0 | 4 | 6;
  /** Failure reports cost nothing, so that every `send` gets one. */
  readonly reportsEveryFailure: boolean;
  /** Errors of its sends may be about earlier datagrams. */
  readonly mayReportHearsay: boolean;
  /** Binds; datagrams may come before it returns. Throws the error of the system. */
  open(handlers: ChannelHandlers): void;
  /**
   * A peer in the form in which its datagrams show it. `undefined`: the channel does not reach addresses of that
   * version.
   */
  peerAt(address: string, port: number): PeerAddress | undefined;
  /** The channel will have no other peer. */
  dedicate(peer: PeerAddress): void;
  /** A fresh one on another port of the same address, which is not open yet; `undefined` where the application made this one. */
  successor(): DatagramChannel | undefined;
  /** `send` keeps copies of datagrams for {@link flush}: many together cost less. */
  readonly collects: boolean;
  /** A refused datagram is lost, as any datagram may be. `failed` is called later. */
  send(data: Uint8Array, to: PeerAddress, failed?: (error: Error) => void): void;
  /** What was kept leaves now. */
  flush(): void;
  /** `undefined`: each datagram is read. */
  readonly helloFilter: HelloFilter | undefined;
  /** Whether it keeps the process running. */
  setReferenced(referenced: boolean): void;
  /** Idempotent. */
  close(): Promise<unknown> | undefined;
}

/** A datagram of an object of the application; `undefined` for what is none. */
export function datagramOf(data: unknown): Uint8Array | undefined {
  if (!types.isUint8Array(data)) return undefined;
  // Another thread could change shared memory while it is read.
  const shared = types.isSharedArrayBuffer(data.buffer);
  return shared ? Uint8Array.from(data) : new Uint8Array(data.buffer, data.byteOffset, data.length);
}

/** What an object of the application throws or reports, as an error. */
export function channelError(what: 'transport' | 'socket', value: unknown): Error {
  return types.isNativeError(value)
    ? value
    : new Error(`the ${what} failed: ${textOf(value)}`, { cause: value });
}

/** Bytes that wait, as an object of the application counts them: whatever it says is a whole number from 0 on. */
export function wholeCount(value: unknown): number {
  if (typeof value !== 'number' || !(value > 0)) return 0;
  return Math.min(Math.ceil(value), Number.MAX_SAFE_INTEGER);
}
