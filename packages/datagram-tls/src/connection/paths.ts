import type { Instant } from '../base/instant.js';
import type { PeerAddress } from '../base/peer-address.js';
import type { JobAnswer } from '../handshake/jobs.js';
import type { Reader, Writer } from '../wire/cursor.js';
import type { Association } from './association.js';
import { type CandidateHost, Candidates } from './candidate.js';
import type { KeptHandshake } from './kept-handshake.js';
import { isOpen } from './life.js';
import { Migration, type PathDatagram } from './migration.js';
import type { Receive } from './receive.js';
import type { Carried } from './saved-state.js';

/**
 * The addresses of an association: the source of the datagram at hand, the destination of the next one, and the peer's other
 * addresses, in the handshake ({@link Candidates}) and after it ({@link Migration}). Most peers have no other.
 */
export class Paths implements CandidateHost, Carried {
  readonly #association: Association;
  readonly #handshake: KeptHandshake;
  readonly #receive: Receive;
  /** The source of the datagram at hand, and its size. */
  #from: PeerAddress;
  #size = 0;
  /** It came to the address that our side has left. */
  #atFormer = false;
  #moves: Migration | undefined;
  #candidates: Candidates | undefined;
  /** Polled last, where that was none of the association's queue. */
  #apart: PathDatagram | undefined;

  constructor(association: Association, handshake: KeptHandshake, receive: Receive) {
    this.#association = association;
    this.#handshake = handshake;
    this.#receive = receive;
    this.#from = association.path.address;
  }

  /** One side has had another address. */
  get hasMoved(): boolean {
    return this.#moves !== undefined;
  }

  /** See {@link Migration.isQuiet}. */
  get isQuiet(): boolean {
    return this.#moves?.isQuiet !== false;
  }

  /** Server: another address from which the client's flight may come. */
  get candidate(): PeerAddress | undefined {
    return this.#candidates?.address;
  }

  private migration(): Migration {
    this.#moves ??= new Migration(this.#association, this.#handshake);
    return this.#moves;
  }

  save(w: Writer): void {
    this.#moves?.save(w);
  }

  restore(r: Reader): void {
    this.#moves = new Migration(this.#association, this.#handshake);
    this.#moves.restore(r);
  }

  /** See {@link Migration.resume}. */
  resume(doubtful: boolean, now: Instant): void {
    this.migration().resume(doubtful, now);
  }

  /** Records from `from`, which is not the peer's address, are read. Nothing is kept for it: anybody can name an ID. */
  mayComeFrom(from: PeerAddress): boolean {
    return this.#association.cids?.expected === true && this.#moves?.refuses(from) !== true;
  }

  /** A datagram of `size` bytes of UDP payload is at hand. */
  onDatagram(size: number, from: PeerAddress, atFormer: boolean): void {
    // Mostly it is the same object. V8 has to record a new one for the collector.
    if (this.#from !== from) this.#from = from;
    this.#size = size;
    this.#atFormer = atFormer;
  }

  /** The datagram at hand came from another address than the peer's; returns whether anything in it was useful. */
  receiveElsewhere(datagram: Uint8Array, now: Instant): boolean {
    if (!this.#handshake.awaitsPlaintext) return this.#receive.datagram(datagram, now, true);
    this.#candidates ??= new Candidates(this.#association, this.#handshake, this);
    return this.#candidates.receive(datagram, this.#from, now);
  }

  onCandidate(records: readonly Uint8Array[], from: PeerAddress, size: number, now: Instant): void {
    const association = this.#association;
    this.#from = from;
    this.#size = size;
    for (const record of records)
      if (association.life.at !== 'closed')
        this.#receive.datagram(record, now, !association.path.endsAt(from));
  }

  /** The datagram at hand had an authentic record. */
  onHeard(): void {
    this.#moves?.onHeard(this.#atFormer);
  }

  /** The peer is where the datagram at hand came from. */
  onMoved(now: Instant): void {
    this.migration().onMoved(this.#from, this.#size, now);
  }

  /** The content of a return routability check; returns whether it was of use. */
  onMessage(content: Uint8Array, now: Instant): boolean {
    return this.migration().onMessage(content, this.#from, this.#atFormer, now);
  }

  /** See {@link Migration.leave}. */
  leave(now: Instant): boolean {
    return this.migration().leave(now);
  }

  /** See {@link Migration.validate}. */
  validate(): void {
    this.migration().validate();
  }

  /** See {@link Migration.refuse}. */
  refuse(now: Instant): void {
    this.migration().refuse(now);
  }

  onConnected(now: Instant): void {
    this.#candidates?.stop();
    this.#moves?.onOpen(now);
  }

  /** A flight of ours got no answer in time. */
  onUnanswered(now: Instant): void {
    this.#candidates?.onTimeout(now);
  }

  /** See {@link Candidates.answer}. */
  answer(jobId: number, answer: JobAnswer, now: Instant): boolean {
    return this.#candidates?.answer(jobId, answer, now) === true;
  }

  /** Drops what came from other addresses in the handshake. */
  forgetCandidate(): void {
    this.#candidates?.stop();
  }

  /** A challenge got no answer in time. */
  onTimeout(now: Instant): void {
    this.#moves?.onTimeout(now);
  }

  /** Nothing has come to our new address. */
  onOwnTimeout(now: Instant): void {
    this.#moves?.onOwnTimeout(now);
  }

  /** The next datagram that goes before all else, and perhaps not to the peer's address. */
  poll(): Uint8Array | undefined {
    this.#apart = this.#moves?.poll();
    return this.#apart?.data;
  }

  /** Nothing else is sent meanwhile. */
  get paused(): boolean {
    return this.#moves?.paused === true && isOpen(this.#association.life);
  }

  /** Where the datagram goes that was polled last. */
  get destination(): PeerAddress {
    return this.#apart?.to ?? this.#association.path.address;
  }

  /** It leaves from the address that our side has left. */
  get fromFormer(): boolean {
    return this.#apart?.fromFormer === true;
  }
}
