import { getSystemErrorName } from 'node:util';
import type { PeerAddress } from '../base/peer-address.js';

/*
 * The memory of the native package's batches of datagrams: where a call of the system receives many of them, and where they
 * are put together for a call that sends many.
 */

/** packages/native/src/datagram_functions.h describes the functions, and datagrams.h the layout of `memory`. */
export interface DatagramFunctions {
  openSocket(owner: object, address: string, port: number, flags: number): number;
  watchSocket(socket: number, onReady: (events: number) => void): number;
  awaitSocket(socket: number, events: number): number;
  referSocket(socket: number, keeps: boolean): void;
  setSocket(socket: number, option: number, value: number): number;
  admitHellos(socket: number, admitted: number): number;
  countDropped(socket: number): number;
  ownAddress(socket: number, out: Uint8Array, offset: number): number;
  connectSocket(socket: number, bytes: Uint8Array, offset: number): number;
  receive(socket: number, memory: Uint8Array, most: number): number;
  send(socket: number, memory: Uint8Array, from: number, to: number): number;
  sendsSegments(socket: number): boolean;
  encodeAddress(address: string, port: number, out: Uint8Array, offset: number): boolean;
  decodeAddress(bytes: Uint8Array, offset: number): string | undefined;
  closeSocket(socket: number): void;
}

/**
 * Datagrams that a wake-up of the event loop receives, as many as libuv takes for node:dgram: timers, other sockets, loops that
 * read messages and what the pacer hands out in a turn wait for them.
 */
export const MAX_RECEIVED = 32;
const RECEIVED_ENTRY = 32;
const RECEIVED_ROOM = 0x1_0000 + 192;
/** Words of an entry: its length, the sender. */
const ENTRY_WORDS = RECEIVED_ENTRY / 4;
const NAME_WORDS = ENTRY_WORDS - 1;

/** Where datagrams to send stand. */
const MAX_SENT = 256;
const MAX_NAMES = 1024;
/** A power of two. The rest is for names whose place is taken. */
const PLACED_NAMES = 512;
const DISPLACED_NAMES = MAX_NAMES - PLACED_NAMES;
const SENT_NAME = 32;
const NAMES_AT = 32;
const ENTRIES_AT = NAMES_AT + MAX_NAMES * SENT_NAME;
/** Words of an entry: its length, its address, where its bytes are, and its place as it was pushed. */
const SENT_WORDS = 4;
const BYTES_AT = ENTRIES_AT + MAX_SENT * SENT_WORDS * 4;
const SENT_BYTES = 0x2_0000;
export const NO_NAME = 0xffff_ffff;
export const MAX_DATAGRAM = 0xffff;

/** Receives the datagrams of a batch. The bytes are the receiver's until it returns. */
export interface DatagramReceiver {
  onDatagram(datagram: Uint8Array, from: PeerAddress): void;
}

/** Where all sockets of a thread receive: what it holds is used before the next call. */
export class Inbox {
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

  deliver(place: number, receiver: DatagramReceiver): void {
    const peer = this.#peers.peerAt(place * ENTRY_WORDS + 1);
    if (peer !== undefined) receiver.onDatagram(this.#datagram(place), peer);
  }

  /**
   * Views are kept, and one is made again for another length: callers copy what they keep. The system has cut a datagram that
   * is too long for its room.
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
  /** Of the peer that was made last: others of its host take its text. */
  #place = 0;
  #family = -1;

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
    const memory = this.#memory;
    const family = ((memory[at * 4] as number) << 8) | (memory[at * 4 + 1] as number);
    const isKnown = family === this.#family && this.#isHostOf(this.#place, at);
    const known = isKnown ? this.#peers[this.#place] : undefined;
    const address = known === undefined ? this.#functions.decodeAddress(memory, at * 4) : known.address;
    if (address === undefined) return undefined;
    const port = ((memory[at * 4 + 2] as number) << 8) | (memory[at * 4 + 3] as number);
    const peer: PeerAddress = { address, family: known?.family ?? familyOf(address), port };
    this.#peers[place] = peer;
    this.#place = place;
    this.#family = family;
    // A view, and `set`, are calls out of optimized code.
    for (let i = 0; i < NAME_WORDS; i++) this.#names[place * NAME_WORDS + i] = this.#words[at + i] as number;
    return peer;
  }

  /** Whether it has the address of the peer at `place`. The first word has the family and the port. */
  #isHostOf(place: number, at: number): boolean {
    const start = place * NAME_WORDS;
    for (let i = 1; i < NAME_WORDS; i++) if (this.#names[start + i] !== this.#words[at + i]) return false;
    return true;
  }
}

/** A datagram that is to be sent. */
export interface Collected {
  readonly data: Uint8Array;
  readonly to: PeerAddress;
  readonly failed: ((error: Error) => void) | undefined;
}

type Entry = readonly [length: number, name: number, offset: number, place: number];

/** What all sockets of a thread send: it has the datagrams of one at a time. */
export class Outbox<Owner extends object> {
  owner: Owner | undefined;
  count = 0;
  bytes = 0;
  readonly memory = new Uint8Array(BYTES_AT + SENT_BYTES);
  readonly #words = new Uint32Array(this.memory.buffer);
  readonly #functions: DatagramFunctions;
  /** Peers whose address stands at the place for their port, and the batch that uses it. A map would make a hash for each peer. */
  readonly #named: (PeerAddress | undefined)[] = Array.from({ length: PLACED_NAMES });
  readonly #usedIn = new Float64Array(PLACED_NAMES);
  #batch = 1;
  /** Names of this batch whose place another one of it has. */
  #displaced = 0;
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
    return this.count < MAX_SENT && this.bytes + length <= SENT_BYTES && this.#displaced < DISPLACED_NAMES;
  }

  /**
   * The number of an address; `undefined`: it is none. Two peers of one batch that have the same place get names of their own for
   * each datagram, which the system then takes one by one.
   */
  nameOf(peer: PeerAddress): number | undefined {
    const place = peer.port % PLACED_NAMES;
    if (this.#named[place] === peer) {
      this.#usedIn[place] = this.#batch;
      return place;
    }
    if (this.#usedIn[place] === this.#batch) {
      const name = PLACED_NAMES + this.#displaced;
      if (!this.#encode(peer, name)) return undefined;
      this.#displaced++;
      return name;
    }
    const isAddress = this.#encode(peer, place);
    this.#named[place] = isAddress ? peer : undefined;
    if (!isAddress) return undefined;
    this.#usedIn[place] = this.#batch;
    return place;
  }

  #encode({ address, port }: PeerAddress, name: number): boolean {
    return this.#functions.encodeAddress(address, port, this.memory, NAMES_AT + name * SENT_NAME);
  }

  push(data: Uint8Array, name: number, to: PeerAddress, failed: Collected['failed']): void {
    const entry = ENTRIES_AT / 4 + this.count * SENT_WORDS;
    this.#words[entry] = data.length;
    this.#words[entry + 1] = name;
    this.#words[entry + 2] = this.bytes;
    this.#words[entry + 3] = this.count;
    this.memory.set(data, BYTES_AT + this.bytes);
    this.#peers[this.count] = to;
    this.#failed[this.count] = failed;
    this.count++;
    this.bytes += data.length;
  }

  /** The session of a datagram that was refused learns that, later. */
  report(at: number, errno: number, connected: boolean): void {
    const place = this.#words[ENTRIES_AT / 4 + at * SENT_WORDS + 3] as number;
    const failed = this.#failed[place];
    if (failed !== undefined)
      process.nextTick(failed, systemError(errno, 'send', connected ? undefined : this.#peers[place]));
  }

  /** Copies of those from an entry on, in the order of the entries: to send has put those of one address together. */
  takeFrom(from: number): Collected[] {
    const taken: Collected[] = [];
    for (let at = from; at < this.count; at++) {
      const entry = ENTRIES_AT / 4 + at * SENT_WORDS;
      const [length, , offset, place] = this.#words.subarray(entry, entry + SENT_WORDS) as unknown as Entry;
      const start = BYTES_AT + offset;
      const data = this.memory.slice(start, start + length);
      taken.push({ data, to: this.#peers[place] as PeerAddress, failed: this.#failed[place] });
    }
    return taken;
  }

  clear(): void {
    this.count = 0;
    this.bytes = 0;
    this.#displaced = 0;
    this.#batch++;
  }
}

/** Of an IP literal. */
export function familyOf(address: string): 'IPv4' | 'IPv6' {
  return address.includes(':') ? 'IPv6' : 'IPv4';
}

/** As node:dgram makes them. */
export function systemError(errno: number, syscall: string, peer?: PeerAddress): NodeJS.ErrnoException {
  const code = getSystemErrorName(-errno);
  const where = peer === undefined ? {} : { address: peer.address, port: peer.port };
  const at = peer === undefined ? '' : ` ${peer.address}:${peer.port}`;
  return Object.assign(new Error(`${syscall} ${code}${at}`), { errno: -errno, code, syscall, ...where });
}
