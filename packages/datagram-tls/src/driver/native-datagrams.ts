import { createSocket, type Socket, type SocketOptions } from 'node:dgram';
import { isIP } from 'node:net';
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { ownProperties } from '../base/own-properties.js';
import type { PeerAddress } from '../base/peer-address.js';
import { loadedModule } from '../crypto/node-native.js';

/*
 * Batches of datagrams by the native package, on Linux: `recvmmsg` and `sendmmsg` with runs of equal datagrams as one
 * (UDP_SEGMENT). node:dgram waits for datagrams at a duplicate of the socket's descriptor, receives the first of them, and
 * sends what the system does not take at once. Whatever is missing or wrong here, node:dgram does the work.
 */

/**
 * What the native package does for the sockets of an endpoint: it receives many datagrams in one call of the system, sends
 * many, and sends equal ones in a row as one.
 *
 * @example
 * ```ts
 * import { type DatagramCapability, DTLSEndpoint } from 'datagram-tls';
 *
 * const found: readonly DatagramCapability[] = new DTLSEndpoint().acceleration.datagrams;
 * console.log(found.includes('UDP_SEGMENT'));
 * ```
 */
export type DatagramCapability = 'recvmmsg' | 'sendmmsg' | 'UDP_SEGMENT';

/** packages/native/src/datagram_functions.h describes the functions, and datagrams.h the layout of `memory`. */
export interface DatagramFunctions {
  openSocket(owner: object, address: string, port: number, flags: number): number;
  duplicateSocket(socket: number): number;
  closeDuplicate(socket: number, descriptor: number): void;
  keepAddress(socket: number): number;
  receive(socket: number, memory: Uint8Array, most: number): number;
  send(socket: number, memory: Uint8Array, from: number, to: number): number;
  sendsSegments(socket: number): boolean;
  encodeAddress(address: string, port: number, out: Uint8Array, offset: number): boolean;
  decodeAddress(bytes: Uint8Array, offset: number): string | undefined;
  closeSocket(socket: number): void;
}

const FLAG_IPV6_ONLY = 1;
const FLAG_REUSE_PORT = 2;

/** Where datagrams are received. */
const MAX_RECEIVED = 64;
const RECEIVED_ENTRY = 32;
const RECEIVED_ROOM = 0x1_0000 + 192;
/** Words of an entry: its length, the sender. */
const ENTRY_WORDS = RECEIVED_ENTRY / 4;
const NAME_WORDS = ENTRY_WORDS - 1;

/** Where datagrams to send stand. */
const MAX_SENT = 256;
const MAX_NAMES = 1024;
const SENT_NAME = 32;
const NAMES_AT = 32;
const ENTRIES_AT = NAMES_AT + MAX_NAMES * SENT_NAME;
const BYTES_AT = ENTRIES_AT + MAX_SENT * 8;
const SENT_BYTES = 0x2_0000;
const NO_NAME = 0xffff_ffff;
const MAX_DATAGRAM = 0xffff;

/** The closed socket. */
const CLOSED = 0;

const { EAGAIN, ENOBUFS, EBADF, ENOTSOCK } = constants.errno;

/** Datagrams that one wake-up of the event loop receives beside those of node:dgram: timers and other sockets wait for them. */
const MAX_DRAINED = 512;
/** Messages of node:dgram after which more are looked for, while the last look found none: looking costs a system call. */
const LOOK_EVERY = 8;

/** What it needs of its channel. */
export interface BatchHandlers {
  onDatagram(datagram: Uint8Array, from: PeerAddress): void;
  onError(error: NodeJS.ErrnoException): void;
}

/** The functions, and which of them work. */
interface Usable {
  readonly functions: DatagramFunctions;
  readonly capabilities: ReadonlySet<DatagramCapability>;
}

let usable: Usable | undefined | 'untested' = 'untested';

/** What sockets may use; tested when it is first asked for. */
export function datagramCapabilities(): readonly DatagramCapability[] {
  const found = usableFunctions();
  return found === undefined ? [] : [...found.capabilities];
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
    const capabilities = new Set(passed(all));
    return capabilities.size === 0 ? undefined : { functions: all, capabilities };
  } catch {
    return undefined;
  }
}

/** One socket with node:dgram at its duplicate. */
export class DatagramBatches {
  readonly #functions: DatagramFunctions;
  readonly #receives: boolean;
  readonly #sends: boolean;
  readonly #family: PeerAddress['family'];
  /** Not readonly: closed. */
  #socket: number;
  #dgram: Socket | undefined;
  /** The kernel sends to its one peer. */
  #connected = false;
  /** node:dgram holds datagrams that the system did not take: those behind them wait there, too. */
  #spilled = false;
  /** The last look found datagrams. */
  #expectsMore = false;
  #unlooked = 0;

  private constructor(
    functions: DatagramFunctions,
    capabilities: ReadonlySet<DatagramCapability>,
    family: PeerAddress['family'],
  ) {
    this.#functions = functions;
    this.#family = family;
    this.#receives = capabilities.has('recvmmsg');
    this.#sends = capabilities.has('sendmmsg');
    this.#socket = CLOSED;
  }

  /** Binds a socket. `undefined`: node:dgram does it all, and reports what is wrong. */
  static bind(
    host: string,
    port: number,
    options: { readonly ipv6Only: boolean; readonly reusePort: boolean },
  ): DatagramBatches | undefined {
    const found = usableFunctions();
    return found && DatagramBatches.#bound(found.functions, found.capabilities, host, port, options);
  }

  /** Also for tests of the functions, before any capability is known. */
  static of(functions: DatagramFunctions, host: string): DatagramBatches | undefined {
    const all = new Set<DatagramCapability>(['recvmmsg', 'sendmmsg', 'UDP_SEGMENT']);
    return DatagramBatches.#bound(functions, all, host, 0, { ipv6Only: false, reusePort: false });
  }

  static #bound(
    functions: DatagramFunctions,
    capabilities: ReadonlySet<DatagramCapability>,
    host: string,
    port: number,
    { ipv6Only, reusePort }: { readonly ipv6Only: boolean; readonly reusePort: boolean },
  ): DatagramBatches | undefined {
    const made = new DatagramBatches(functions, capabilities, familyOf(host));
    const flags = (ipv6Only ? FLAG_IPV6_ONLY : 0) | (reusePort ? FLAG_REUSE_PORT : 0);
    const socket = functions.openSocket(made, host, port, flags);
    if (!(socket > 0)) return undefined;
    made.#socket = socket;
    return made;
  }

  /** `dgram`, which is not bound, listens at this socket from now on. Throws its error: then both are to be closed. */
  attach(dgram: Socket): void {
    const functions = this.#functions;
    const descriptor = functions.duplicateSocket(this.#socket);
    if (descriptor < 0) throw systemError(-descriptor, 'dup');
    try {
      // Not shared with other workers of a cluster: associations belong to one process.
      dgram.bind({ fd: descriptor, exclusive: true });
    } catch (error) {
      dgram.close();
      functions.closeDuplicate(this.#socket, descriptor);
      throw error;
    }
    this.#dgram = dgram;
    const failed = functions.keepAddress(this.#socket);
    if (failed < 0) throw systemError(-failed, 'setsockopt');
  }

  get sendsSegments(): boolean {
    return this.#socket !== CLOSED && this.#functions.sendsSegments(this.#socket);
  }

  /** `dgram` has connected it. */
  onConnected(): void {
    this.#connected = true;
  }

  /** Receives what came behind a datagram of node:dgram, if it is likely that something did. */
  receive(handlers: BatchHandlers): void {
    if (!this.#receives || this.#socket === CLOSED) return;
    if (!this.#expectsMore && ++this.#unlooked < LOOK_EVERY) return;
    this.#unlooked = 0;
    this.#expectsMore = this.#drain(handlers) > 0;
  }

  /** Returns how many datagrams it has received. */
  #drain(handlers: BatchHandlers): number {
    inbox ??= new Inbox(this.#functions);
    let drained = 0;
    let count = MAX_RECEIVED;
    while (count === MAX_RECEIVED && drained < MAX_DRAINED && this.#socket !== CLOSED) {
      count = inbox.isInUse ? 0 : this.#functions.receive(this.#socket, inbox.memory, MAX_RECEIVED);
      if (count < 0) {
        this.#onReceiveError(-count, handlers);
        break;
      }
      inbox.isInUse = count > 0;
      try {
        for (let i = 0; i < count && this.#socket !== CLOSED; i++) inbox.deliver(i, handlers);
      } finally {
        inbox.isInUse = false;
      }
      drained += count;
    }
    return drained;
  }

  #onReceiveError(errno: number, handlers: BatchHandlers): void {
    if (errno === EAGAIN) return;
    // Other code of this process closed our descriptor. node:dgram goes on with the one that it has.
    if (errno === EBADF || errno === ENOTSOCK) this.#leave();
    else handlers.onError(systemError(errno, 'recvmsg'));
  }

  /** Sends with {@link flush}. False: node:dgram has to send it now. */
  collect(data: Uint8Array, to: PeerAddress, failed: ((error: Error) => void) | undefined): boolean {
    if (!this.#sends || this.#socket === CLOSED || data.length > MAX_DATAGRAM || this.#hasSpilled())
      return false;
    outbox ??= new Outbox(this.#functions);
    if (outbox.owner !== this) {
      outbox.owner?.flush();
      outbox.owner = this;
    }
    if (!outbox.hasRoom(data.length)) {
      this.flush();
      outbox.clear();
    }
    // node:dgram reports what an address of the other family is.
    const name = this.#connected ? NO_NAME : to.family === this.#family ? outbox.nameOf(to) : undefined;
    if (name === undefined || this.#socket === CLOSED) {
      this.flush();
      return false;
    }
    outbox.push(data, name, to, failed);
    return true;
  }

  /** Sends what was collected. */
  flush(): void {
    if (outbox === undefined || outbox.owner !== this || outbox.count === 0) return;
    try {
      this.#send(outbox);
    } finally {
      outbox.clear();
    }
  }

  #send(box: Outbox): void {
    const { count } = box;
    let at = 0;
    while (at < count) {
      at = this.#functions.send(this.#socket, box.memory, at, count);
      if (at === count) break;
      const errno = box.error;
      if (errno === EBADF || errno === ENOTSOCK) this.#leave();
      if (this.#socket === CLOSED || errno === EAGAIN || errno === ENOBUFS) return this.#spill(box, at);
      box.report(at, errno, this.#connected);
      at++;
    }
  }

  /** node:dgram is closed by its owner. */
  close(): void {
    this.flush();
    this.#leave();
  }

  #leave(): void {
    if (this.#socket !== CLOSED) this.#functions.closeSocket(this.#socket);
    this.#socket = CLOSED;
    if (outbox?.owner === this && outbox.count === 0) outbox.owner = undefined;
  }

  /** node:dgram sends the rest when the system takes it: libuv waits for that, and counts it. */
  #spill(box: Outbox, from: number): void {
    this.#spilled = true;
    for (const { data, to, failed } of box.takeFrom(from)) {
      const done = (error: Error | null): void => {
        if (error !== null) failed?.(error);
      };
      if (this.#connected) this.#dgram?.send(data, done);
      else this.#dgram?.send(data, to.port, to.address, done);
    }
  }

  #hasSpilled(): boolean {
    if (this.#spilled) this.#spilled = (this.#dgram?.getSendQueueCount() ?? 0) > 0;
    return this.#spilled;
  }
}

/** Where all sockets of a thread receive: what it holds is used before the next call. */
let inbox: Inbox | undefined;

class Inbox {
  /** Most of it is never touched, and takes no room then. */
  readonly memory = new Uint8Array(MAX_RECEIVED * (RECEIVED_ENTRY + RECEIVED_ROOM));
  readonly #words = new Uint32Array(this.memory.buffer);
  readonly #views: Uint8Array[] = Array.from({ length: MAX_RECEIVED }, () => this.memory.subarray(0, 0));
  readonly #peers: KnownPeers;
  /** Its datagrams are being delivered. */
  isInUse = false;

  constructor(functions: DatagramFunctions) {
    this.#peers = new KnownPeers(this.memory, this.#words, functions);
  }

  deliver(place: number, handlers: BatchHandlers): void {
    const peer = this.#peers.peerAt(place * ENTRY_WORDS + 1);
    if (peer !== undefined) handlers.onDatagram(this.#datagram(place), peer);
  }

  /**
   * The view of a place is made anew only when the length differs: whoever keeps a datagram copies it. A datagram that is too
   * long for its room was cut.
   */
  #datagram(place: number): Uint8Array {
    const length = Math.min(this.#words[place * ENTRY_WORDS] as number, RECEIVED_ROOM);
    const known = this.#views[place] as Uint8Array;
    if (known.length === length) return known;
    const at = MAX_RECEIVED * RECEIVED_ENTRY + place * RECEIVED_ROOM;
    const view = this.memory.subarray(at, at + length);
    this.#views[place] = view;
    return view;
  }
}

/** A power of two. */
const MAX_PEERS = 1024;
const PEERS_SHIFT = 22;

/**
 * Peers by their addresses as the kernel writes them: text is made of an address when it is first seen, or when another one
 * has taken its place.
 */
class KnownPeers {
  readonly #memory: Uint8Array;
  readonly #words: Uint32Array;
  readonly #functions: DatagramFunctions;
  readonly #peers: (PeerAddress | undefined)[] = Array.from({ length: MAX_PEERS });
  readonly #names = new Uint32Array(MAX_PEERS * NAME_WORDS);

  constructor(memory: Uint8Array, words: Uint32Array, functions: DatagramFunctions) {
    this.#memory = memory;
    this.#words = words;
    this.#functions = functions;
  }

  /** The peer whose address begins at that word. */
  peerAt(at: number): PeerAddress | undefined {
    const place = this.#placeOf(at);
    const known = this.#peers[place];
    return known !== undefined && this.#isAt(place, at) ? known : this.#add(place, at);
  }

  /** Each word of an address counts, and so does its place. */
  #placeOf(at: number): number {
    let hash = 0;
    for (let i = 0; i < NAME_WORDS; i++)
      hash = Math.imul(hash ^ (this.#words[at + i] as number), 0x9e37_79b1);
    return Math.imul(hash ^ (hash >>> 15), 0x85eb_ca6b) >>> PEERS_SHIFT;
  }

  #isAt(place: number, at: number): boolean {
    const start = place * NAME_WORDS;
    for (let i = 0; i < NAME_WORDS; i++) if (this.#names[start + i] !== this.#words[at + i]) return false;
    return true;
  }

  #add(place: number, at: number): PeerAddress | undefined {
    const address = this.#functions.decodeAddress(this.#memory, at * 4);
    if (address === undefined) return undefined;
    const port = ((this.#memory[at * 4 + 2] as number) << 8) | (this.#memory[at * 4 + 3] as number);
    const peer: PeerAddress = { address, family: familyOf(address), port };
    this.#peers[place] = peer;
    this.#names.set(this.#words.subarray(at, at + NAME_WORDS), place * NAME_WORDS);
    return peer;
  }
}

/** What all sockets of a thread send: it has the datagrams of one at a time. */
let outbox: Outbox | undefined;

interface Collected {
  readonly data: Uint8Array;
  readonly to: PeerAddress;
  readonly failed: ((error: Error) => void) | undefined;
}

class Outbox {
  owner: DatagramBatches | undefined;
  count = 0;
  bytes = 0;
  readonly memory = new Uint8Array(BYTES_AT + SENT_BYTES);
  readonly #words = new Uint32Array(this.memory.buffer);
  readonly #functions: DatagramFunctions;
  readonly #names = new Map<PeerAddress, number>();
  readonly #peers: PeerAddress[] = [];
  readonly #failed: (((error: Error) => void) | undefined)[] = [];

  constructor(functions: DatagramFunctions) {
    this.#functions = functions;
  }

  /** Of the datagram that was not sent. */
  get error(): number {
    return this.#words[0] as number;
  }

  hasRoom(length: number): boolean {
    return this.count < MAX_SENT && this.bytes + length <= SENT_BYTES && this.#names.size < MAX_NAMES;
  }

  /** The number of an address; `undefined`: it is none. */
  nameOf(peer: PeerAddress): number | undefined {
    const known = this.#names.get(peer);
    if (known !== undefined) return known;
    const number = this.#names.size;
    const { address, port } = peer;
    if (!this.#functions.encodeAddress(address, port, this.memory, NAMES_AT + number * SENT_NAME))
      return undefined;
    this.#names.set(peer, number);
    return number;
  }

  push(data: Uint8Array, name: number, to: PeerAddress, failed: Collected['failed']): void {
    const entry = ENTRIES_AT / 4 + this.count * 2;
    this.#words[entry] = data.length;
    this.#words[entry + 1] = name;
    this.memory.set(data, BYTES_AT + this.bytes);
    this.#peers[this.count] = to;
    this.#failed[this.count] = failed;
    this.count++;
    this.bytes += data.length;
  }

  /** The session of a datagram that was refused learns that, later. */
  report(place: number, errno: number, connected: boolean): void {
    const failed = this.#failed[place];
    if (failed !== undefined)
      process.nextTick(failed, systemError(errno, 'send', connected ? undefined : this.#peers[place]));
  }

  /** Copies of those from a place on. */
  takeFrom(from: number): Collected[] {
    const taken: Collected[] = [];
    let at = BYTES_AT;
    for (let place = 0; place < this.count; place++) {
      const length = this.#words[ENTRIES_AT / 4 + place * 2] as number;
      const data = this.memory.slice(at, at + length);
      if (place >= from)
        taken.push({ data, to: this.#peers[place] as PeerAddress, failed: this.#failed[place] });
      at += length;
    }
    return taken;
  }

  clear(): void {
    this.count = 0;
    this.bytes = 0;
    if (this.#names.size >= MAX_NAMES) this.#names.clear();
  }
}

/** Of an IP literal. */
function familyOf(address: string): 'IPv4' | 'IPv6' {
  return isIP(address) === 4 ? 'IPv4' : 'IPv6';
}

/** As node:dgram makes them. */
function systemError(errno: number, syscall: string, peer?: PeerAddress): NodeJS.ErrnoException {
  const code = getSystemErrorName(-errno);
  const where = peer === undefined ? {} : { address: peer.address, port: peer.port };
  const at = peer === undefined ? '' : ` ${peer.address}:${peer.port}`;
  return Object.assign(new Error(`${syscall} ${code}${at}`), { errno: -errno, code, syscall, ...where });
}

/** A socket sends to itself. */
function passed(functions: DatagramFunctions): DatagramCapability[] {
  const batches = DatagramBatches.of(functions, '127.0.0.1');
  if (batches === undefined) return [];
  const lookup: SocketOptions['lookup'] = (name, _options, done) => done(null, name, 4);
  const dgram = createSocket(ownProperties<SocketOptions>({ type: 'udp4', lookup }));
  try {
    batches.attach(dgram);
    return passedBy(batches, dgram);
  } finally {
    batches.close();
    dgram.close();
  }
}

/**
 * On the loopback interface datagrams arrive before a send returns, but for machines so busy that another thread of the
 * kernel delivers them; ms.
 */
const MOST_WAITS = 1000;

/** Of different lengths, and of the same, which go as one. */
const TEST_LENGTHS = [
  [1, 300, 20],
  [100, 100, 40],
] as const;

function passedBy(batches: DatagramBatches, dgram: Socket): DatagramCapability[] {
  const { address, port } = dgram.address();
  const to: PeerAddress = { address, family: 'IPv4', port };
  const lengths = TEST_LENGTHS.flat();
  for (const length of lengths) dgram.send(new Uint8Array(length).fill(length), port, address);
  if (!arrives(batches, to, lengths)) return [];
  for (const length of lengths) batches.collect(new Uint8Array(length).fill(length), to, undefined);
  batches.flush();
  if (!arrives(batches, to, lengths)) return ['recvmmsg'];
  return batches.sendsSegments ? ['recvmmsg', 'sendmmsg', 'UDP_SEGMENT'] : ['recvmmsg', 'sendmmsg'];
}

/** Whether just these datagrams have come from there. */
function arrives(batches: DatagramBatches, from: PeerAddress, lengths: readonly number[]): boolean {
  const wanted = lengths.map((length) => `${from.address}:${from.port} ${length} ${length}`);
  const found: string[] = [];
  const handlers: BatchHandlers = {
    onDatagram: (datagram, { address, port }) =>
      found.push(
        `${address}:${port} ${datagram.length} ${datagram.every((byte) => byte === (datagram.length & 0xff)) ? datagram.length : 'changed'}`,
      ),
    onError: () => found.push('error'),
  };
  for (let waits = 0; waits < MOST_WAITS && found.length < wanted.length; waits++) {
    if (waits > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    for (let looks = 0; looks < LOOK_EVERY; looks++) batches.receive(handlers);
  }
  return found.join() === wanted.join();
}
