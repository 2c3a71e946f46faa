import { constants } from 'node:os';
import type { PeerAddress } from '../base/peer-address.js';
import { loadedModule } from '../crypto/node-native.js';
import { looksLikeClientHello } from '../endpoint/split-hellos.js';
import { PLAIN_HEADER_LENGTH } from '../record/header.js';
import { ContentType, HandshakeType } from '../wire/codes.js';
import type { HelloFilter } from './datagram-channel.js';
import {
  type Collected,
  type DatagramFunctions,
  type DatagramReceiver,
  familyOf,
  Inbox,
  MAX_DATAGRAM,
  MAX_RECEIVED,
  NO_NAME,
  Outbox,
  systemError,
} from './native-batches.js';

/*
 * Sockets of the native package, on Linux: `recvmmsg` and `sendmmsg` with runs of equal datagrams as one (UDP_SEGMENT), woken
 * by libuv. Whatever is missing or wrong here, node:dgram does the work.
 */

/**
 * What the native package does for the sockets of an endpoint: it receives many datagrams in one call of the system, sends
 * many, sends equal ones in a row as one, and lets the system drop ClientHellos while more come than there is time for.
 *
 * @example
 * ```ts
 * import { type DatagramCapability, DTLSEndpoint } from 'datagram-tls';
 *
 * const found: readonly DatagramCapability[] = new DTLSEndpoint().acceleration.datagrams;
 * console.log(found.includes('UDP_SEGMENT'));
 * ```
 */
export type DatagramCapability = 'recvmmsg' | 'sendmmsg' | 'UDP_SEGMENT' | 'SO_ATTACH_FILTER';

const FLAG_IPV6_ONLY = 1;
const FLAG_REUSE_PORT = 2;
const TIME_TO_LIVE = 0;
const RECEIVE_BUFFER = 1;
const SEND_BUFFER = 2;
const MIN_RECEIVE_BUFFER = 3;
/** Of {@link DatagramFunctions.admitHellos}: none is dropped. */
const ALL_HELLOS = 0x1_0000;
const CAN_READ = 1;
const CAN_WRITE = 2;

/** After a look for more datagrams that found none, at most this many wake-ups do not look. */
const MAX_PAUSE = 64;

/**
 * Asking the system for one datagram costs less than asking for many. After wake-ups that never found two at once, later
 * wake-ups ask for one first: at most {@link MAX_SINGLE} of them, and at least {@link MIN_SINGLE} or none.
 */
const MAX_SINGLE = 64;
const MIN_SINGLE = 15;
/** One in so many looks of such a wake-up asks for all datagrams. */
const LOOKS_FOR_ALL = 8;

/** Counts of dropped datagrams are modulo this. */
const COUNTED = 2 ** 32;

/** The closed socket. */
const CLOSED = 0;

const { EAGAIN, EBADF, EINVAL, EMSGSIZE, ENOBUFS, ENOTSOCK } = constants.errno;

/** What it needs of its channel. */
export interface BatchHandlers extends DatagramReceiver {
  /** No more datagrams come before the event loop goes on. */
  onBatchEnd(): void;
  onError(error: NodeJS.ErrnoException): void;
}

export interface NativeSocketOptions {
  readonly ipv6Only: boolean;
  readonly reusePort: boolean;
  /** SO_RCVBUF and SO_SNDBUF, bytes. */
  readonly receiveBufferSize: number | undefined;
  /** Where that is `undefined`: the least that it should be, as far as the system allows; 0: as the system has it. */
  readonly minReceiveBuffer: number;
  readonly sendBufferSize: number | undefined;
  readonly ttl: number | undefined;
}

/** The functions, and which of them work. */
interface Usable {
  readonly functions: DatagramFunctions;
  readonly capabilities: readonly DatagramCapability[];
}

let usable: Usable | undefined | 'untested' = 'untested';

/** What sockets may use; tested when it is first asked for. */
export function datagramCapabilities(): readonly DatagramCapability[] {
  return usableFunctions()?.capabilities ?? [];
}

function usableFunctions(): Usable | undefined {
  if (usable === 'untested') usable = testedFunctions();
  return usable;
}

function testedFunctions(): Usable | undefined {
  const found = loadedModule();
  if ('reason' in found || process.platform !== 'linux') return undefined;
  const functions = found.module as unknown as Partial<DatagramFunctions>;
  if (functions.openSocket === undefined) return undefined;
  const all = functions as DatagramFunctions;
  try {
    const capabilities = passed(all);
    return capabilities.length === 0 ? undefined : { functions: all, capabilities };
  } catch {
    return undefined;
  }
}

/** Where all sockets of a thread receive, and what they send. */
let inbox: Inbox | undefined;
let outbox: Outbox<NativeSocket> | undefined;
/** No later turn comes: each datagram leaves at once. */
let isExiting = false;

/** What was collected when the process ends leaves before that. */
function newOutbox(functions: DatagramFunctions): Outbox<NativeSocket> {
  const made = new Outbox<NativeSocket>(functions);
  process.once('exit', () => {
    isExiting = true;
    made.owner?.flush();
  });
  return made;
}

/** One bound socket. */
export class NativeSocket {
  readonly #functions: DatagramFunctions;
  readonly #handlers: BatchHandlers;
  /** Not readonly: closed. */
  #socket = CLOSED;
  #address: PeerAddress | undefined;
  /** The kernel sends to its one peer. */
  #connected = false;
  /** Datagrams that the system did not take, and those behind them. */
  #waiting: Collected[] = [];
  #waitingBytes = 0;
  /** Something has been sent since the last datagram was received. */
  #hasAnswered = false;
  /** Wake-ups that do not look for more datagrams: those that are left, and all since one has looked. */
  #pauseLeft = 0;
  #pause = 0;
  /** Wake-ups that ask for one datagram first: those that are left, and all since one has asked for more. */
  #singleLeft = 0;
  #single = 0;
  /** Datagrams that the system had dropped when that was asked last. */
  #dropped = 0;

  private constructor(functions: DatagramFunctions, handlers: BatchHandlers) {
    this.#functions = functions;
    this.#handlers = handlers;
  }

  /** `undefined`: node:dgram does it all, and reports what is wrong. */
  static bind(
    host: string,
    port: number,
    options: NativeSocketOptions,
    handlers: BatchHandlers,
  ): NativeSocket | undefined {
    const found = usableFunctions();
    return found && NativeSocket.over(found.functions, host, port, options, handlers);
  }

  /** Also for tests of the functions, before any capability is known. */
  static over(
    functions: DatagramFunctions,
    host: string,
    port: number,
    options: NativeSocketOptions,
    handlers: BatchHandlers,
  ): NativeSocket | undefined {
    const made = new NativeSocket(functions, handlers);
    if (made.#open(host, port, options)) return made;
    made.#leave();
    return undefined;
  }

  #open(host: string, port: number, options: NativeSocketOptions): boolean {
    const functions = this.#functions;
    const flags = (options.ipv6Only ? FLAG_IPV6_ONLY : 0) | (options.reusePort ? FLAG_REUSE_PORT : 0);
    const socket = functions.openSocket(this, host, port, flags);
    if (!(socket > 0)) return false;
    this.#socket = socket;
    for (const [option, value] of [
      [TIME_TO_LIVE, options.ttl],
      [RECEIVE_BUFFER, options.receiveBufferSize],
      [SEND_BUFFER, options.sendBufferSize],
    ] as const)
      if (value !== undefined && functions.setSocket(socket, option, value) < 0) return false;
    if (options.receiveBufferSize === undefined)
      functions.setSocket(socket, MIN_RECEIVE_BUFFER, options.minReceiveBuffer);
    this.#address = ownAddress(functions, socket);
    if (this.#address === undefined) return false;
    // The function keeps this object alive, and with it the socket, which is closed when its owner is collected.
    return functions.watchSocket(socket, (events) => this.#onReady(events)) === 0;
  }

  get address(): PeerAddress | undefined {
    return this.#address;
  }

  get sendsSegments(): boolean {
    return this.#socket !== CLOSED && this.#functions.sendsSegments(this.#socket);
  }

  /** `undefined`: it does not work here. */
  get helloFilter(): HelloFilter | undefined {
    return usableFunctions()?.capabilities.includes('SO_ATTACH_FILTER') === true ? this : undefined;
  }

  /** As {@link HelloFilter}. */
  admit(share: number): boolean {
    if (this.#socket === CLOSED) return false;
    return this.#functions.admitHellos(this.#socket, Math.round(share * ALL_HELLOS)) === 0;
  }

  /** As {@link HelloFilter}. */
  takeDropped(): number {
    const count = this.#socket === CLOSED ? -1 : this.#functions.countDropped(this.#socket);
    if (count < 0) return 0;
    const more = (count - this.#dropped + COUNTED) % COUNTED;
    this.#dropped = count;
    return more;
  }

  /** What waits because the system takes no more, bytes and datagrams. What {@link flush} sends does not. */
  get queuedBytes(): number {
    return this.#waitingBytes;
  }

  get queuedDatagrams(): number {
    return this.#waiting.length;
  }

  /** The kernel drops datagrams of others from now on. Returns the address that it sends from; `undefined`: it cannot. */
  connect(peer: PeerAddress): PeerAddress | undefined {
    const functions = this.#functions;
    if (this.#socket === CLOSED || !functions.encodeAddress(peer.address, peer.port, name, 0))
      return undefined;
    if (functions.connectSocket(this.#socket, name, 0) < 0) return undefined;
    this.#connected = true;
    return ownAddress(functions, this.#socket);
  }

  setReferenced(referenced: boolean): void {
    if (this.#socket !== CLOSED) this.#functions.referSocket(this.#socket, referenced);
  }

  #onReady(events: number): void {
    if ((events & CAN_WRITE) !== 0) this.#resume();
    if ((events & CAN_READ) !== 0) this.#drain();
  }

  /**
   * Receives what is there, up to a limit: libuv calls again while there is more. When answers leave, their peers may run before
   * this process goes on, and send again: to look for that costs less than another turn of the event loop.
   */
  #drain(): void {
    const asksForOne = this.#singleLeft > 0;
    const most = this.#receiveAll(asksForOne ? 1 : MAX_RECEIVED);
    if (asksForOne) this.#singleLeft--;
    else if (most === 1) {
      this.#single = Math.min(2 * this.#single + 1, MAX_SINGLE);
      if (this.#single >= MIN_SINGLE) this.#singleLeft = this.#single;
    }
    if (most <= 1) return;
    this.#single = 0;
    this.#singleLeft = 0;
  }

  /**
   * Asks for up to `first` datagrams, and then for more; returns the most that were there at once. Where that is one, only some
   * looks ask for all that there are, until one finds two.
   */
  #receiveAll(first: number): number {
    let most = this.#receive(first);
    let left = MAX_RECEIVED - most;
    if (this.#pauseLeft > 0) {
      this.#pauseLeft--;
      return most;
    }
    for (let looks = 1; left > 0 && this.#hasAnswered; looks++) {
      const asksForOne = first === 1 && most <= 1 && looks % LOOKS_FOR_ALL !== 0;
      const count = this.#receive(asksForOne ? 1 : left);
      if (count === 0) {
        this.#pauseLeft = this.#pause = Math.min(2 * this.#pause + 1, MAX_PAUSE);
        return most;
      }
      this.#pause = 0;
      left -= count;
      most = Math.max(most, count);
    }
    return most;
  }

  /** Delivers up to `most` datagrams, and returns how many. Where there are none, there is no end of a batch: it would take a turn. */
  #receive(most: number): number {
    if (this.#socket === CLOSED) return 0;
    this.#hasAnswered = false;
    inbox ??= new Inbox(this.#functions);
    const count = inbox.isInUse ? 0 : this.#functions.receive(this.#socket, inbox.memory, most);
    if (count < 0) this.#onReceiveError(-count);
    if (count <= 0) return 0;
    inbox.isInUse = true;
    try {
      for (let i = 0; i < count && this.#socket !== CLOSED; i++) inbox.deliver(i, this.#handlers);
    } finally {
      inbox.isInUse = false;
      this.#handlers.onBatchEnd();
    }
    return count;
  }

  #onReceiveError(errno: number): void {
    if (errno !== EAGAIN) this.#handlers.onError(systemError(errno, 'recvmsg'));
  }

  /** Sends with {@link flush}; nothing of `data` is kept. `failed` is called later, if it cannot be sent. */
  send(data: Uint8Array, to: PeerAddress, failed: ((error: Error) => void) | undefined): void {
    if (this.#socket === CLOSED) return;
    if (this.#waiting.length > 0) return this.#wait({ data: data.slice(), to, failed });
    if (data.length > MAX_DATAGRAM) return this.#refuse(EMSGSIZE, to, failed);
    const box = this.#outboxFor(data.length);
    const name = this.#nameOf(to, box);
    if (name === undefined) return this.#refuse(EINVAL, to, failed);
    // To make room may have shown that the system takes no more.
    if (this.#waiting.length > 0) this.#wait({ data: data.slice(), to, failed });
    else box.push(data, name, to, failed);
    if (isExiting) this.flush();
  }

  #outboxFor(length: number): Outbox<NativeSocket> {
    outbox ??= newOutbox(this.#functions);
    if (outbox.owner !== this) {
      outbox.owner?.flush();
      outbox.owner = this;
    }
    if (!outbox.hasRoom(length)) {
      this.flush();
      outbox.clear();
    }
    return outbox;
  }

  /** `undefined`: this socket sends to no such address. */
  #nameOf(to: PeerAddress, box: Outbox<NativeSocket>): number | undefined {
    if (this.#connected) return NO_NAME;
    return to.family === this.#address?.family ? box.nameOf(to) : undefined;
  }

  #refuse(errno: number, to: PeerAddress, failed: Collected['failed']): void {
    const peer = this.#connected ? undefined : to;
    if (failed !== undefined) process.nextTick(failed, systemError(errno, 'send', peer));
  }

  /** Sends what was collected. */
  flush(): void {
    if (outbox === undefined || outbox.owner !== this || outbox.count === 0) return;
    const box = outbox;
    this.#hasAnswered = true;
    try {
      if (this.#socket !== CLOSED) this.#send(box);
    } finally {
      box.clear();
    }
  }

  #send(box: Outbox<NativeSocket>): void {
    const { count } = box;
    let at = 0;
    while (at < count) {
      at = this.#functions.send(this.#socket, box.memory, at, count);
      if (at === count) return;
      const errno = box.error;
      if (errno === EBADF || errno === ENOTSOCK) return this.#onLost(errno);
      if (errno === EAGAIN || errno === ENOBUFS) {
        for (const one of box.takeFrom(at)) this.#wait(one);
        return;
      }
      box.report(at, errno, this.#connected);
      at++;
    }
  }

  /** Other code of this process has closed our descriptor by force. */
  #onLost(errno: number): void {
    this.#leave();
    process.nextTick(() => this.#handlers.onError(systemError(errno, 'send')));
  }

  #wait(one: Collected): void {
    if (this.#waiting.push(one) === 1) {
      const failed = this.#functions.awaitSocket(this.#socket, CAN_READ | CAN_WRITE);
      if (failed < 0) return this.#onLost(-failed);
    }
    this.#waitingBytes += one.data.length;
  }

  /** The system takes more: what it does not take of this waits again, in order. */
  #resume(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0 || this.#socket === CLOSED) return;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#functions.awaitSocket(this.#socket, CAN_READ);
    for (const { data, to, failed } of waiting) this.send(data, to, failed);
    this.flush();
  }

  /** Sends what was collected; what waits is lost. */
  close(): void {
    this.flush();
    this.#leave();
  }

  #leave(): void {
    if (this.#socket !== CLOSED) this.#functions.closeSocket(this.#socket);
    this.#socket = CLOSED;
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (outbox?.owner === this && outbox.count === 0) outbox.owner = undefined;
  }
}

/** One address, until it is used. */
const name = new Uint8Array(new ArrayBuffer(28));

function ownAddress(functions: DatagramFunctions, socket: number): PeerAddress | undefined {
  if (functions.ownAddress(socket, name, 0) < 0) return undefined;
  const address = functions.decodeAddress(name, 0);
  const port = ((name[2] as number) << 8) | (name[3] as number);
  return address === undefined ? undefined : { address, family: familyOf(address), port };
}

/** As the system has it. */
export const PLAIN: NativeSocketOptions = {
  ipv6Only: false,
  reusePort: false,
  receiveBufferSize: undefined,
  minReceiveBuffer: 0,
  sendBufferSize: undefined,
  ttl: undefined,
};

/** A socket sends to itself. */
function passed(functions: DatagramFunctions): DatagramCapability[] {
  const found: string[] = [];
  let onReady: ((events: number) => void) | undefined;
  const watched: DatagramFunctions = {
    ...functions,
    watchSocket: (socket, listener) => {
      onReady = listener;
      return functions.watchSocket(socket, listener);
    },
  };
  const handlers: BatchHandlers = {
    onDatagram: (datagram, { address, port }) => {
      if (looksLikeClientHello(datagram)) return void found.push('hello');
      const isWhole = datagram.every((byte) => byte === (datagram.length & 0xff));
      found.push(`${address}:${port} ${isWhole ? datagram.length : 'changed'}`);
    },
    onBatchEnd: () => undefined,
    onError: () => found.push('error'),
  };
  const socket = NativeSocket.over(watched, '127.0.0.1', 0, PLAIN, handlers);
  if (socket === undefined) return [];
  try {
    return passedBy(socket, found, () => onReady?.(CAN_READ));
  } finally {
    socket.close();
  }
}

/**
 * On the loopback interface datagrams arrive before a send returns, but for machines so busy that another thread of the
 * kernel delivers them; ms.
 */
const MAX_WAITS = 200;

/** Of different lengths, and of the same, which go as one. */
const TEST_LENGTHS = [1, 300, 20, 100, 100, 40];

/** The beginning of one: nothing looks further. */
const TEST_HELLO = new Uint8Array(25);
TEST_HELLO[0] = ContentType.handshake;
TEST_HELLO[PLAIN_HEADER_LENGTH] = HandshakeType.client_hello;

function passedBy(socket: NativeSocket, found: string[], receive: () => void): DatagramCapability[] {
  const { address: to } = socket;
  if (to === undefined) return [];
  const passes = (datagrams: readonly Uint8Array[], expected: readonly string[]): boolean => {
    found.length = 0;
    for (const datagram of datagrams) socket.send(datagram, to, () => found.push('error'));
    socket.flush();
    // The system refuses, as where the loopback interface is down: nothing will arrive.
    if (outbox?.error !== 0) return false;
    for (let waits = 0; waits < MAX_WAITS && found.length < expected.length; waits++) {
      if (waits > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      receive();
    }
    return found.join() === expected.join();
  };
  const marked = (length: number): string => `${to.address}:${to.port} ${length}`;
  const plain = TEST_LENGTHS.map((length) => new Uint8Array(length).fill(length));
  if (!passes(plain, TEST_LENGTHS.map(marked))) return [];
  const capabilities: DatagramCapability[] = ['recvmmsg', 'sendmmsg'];
  if (socket.sendsSegments) capabilities.push('UDP_SEGMENT');
  const first = Uint8Array.of(1);
  const filters = (share: number, expected: readonly string[]): boolean =>
    socket.admit(share) && passes([TEST_HELLO, first], expected);
  const one = marked(first.length);
  socket.takeDropped();
  if (filters(0, [one]) && socket.takeDropped() === 1 && filters(1, ['hello', one]))
    capabilities.push('SO_ATTACH_FILTER');
  return capabilities;
}
