import { own } from '../base/bytes.js';
import type { Instant } from '../base/instant.js';
import { PIECE_COST } from '../base/memory.js';
import type { PeerAddress } from '../base/peer-address.js';
import type { Action } from '../handshake/actions.js';
import type { JobAnswer } from '../handshake/jobs.js';
import type { Message } from '../handshake/message.js';
import type { Runner } from '../handshake/runner.js';
import { createHeader, NO_CIDS, readHeader } from '../record/header.js';
import type { RecordReader } from '../record/reader-writer.js';
import { ContentType, HandshakeType } from '../wire/codes.js';
import { readHandshakeFragments } from '../wire/messages/handshake-header.js';
import type { Association } from './association.js';
import { sameAddress } from './path.js';
import { Reassembler, type ReassemblyHost } from './reassembly.js';

/** A client's flight has a certificate chain at most, and is much smaller than all that a handshake may hold. */
const REASSEMBLY = { maxMessage: 0x4000, budget: 0x6000 } as const;
/** Datagrams from one address: a flight in eight of them, sent four times. */
const MAX_DATAGRAMS = 32;
/** Addresses in one handshake; each costs a key exchange at most. */
const MAX_CANDIDATES = 4;
/** Protected records that are kept: the newest, as a repeated Finished has a new number. Bytes of one. */
const MAX_KEPT = 2;
const MAX_RECORD = 512;
/** Protected records that do not open with the keys of the address's own messages. */
const MAX_FORGERIES = 4;
/** Runs of our timer in which nothing came from the address: another may take its place. */
const MAX_SILENCE = 2;
/** Messages that fragments of one datagram may displace. */
const MAX_DISPLACED = 8;

const header = createHeader();

/** The handshake whose client may have moved. */
export interface MovableHandshake {
  /** Our flight waits for an answer in plaintext. */
  readonly awaitsPlaintext: boolean;
  /** Our timer has run out since it was sent. */
  readonly isOverdue: boolean;
  /** message_seq of the next message from the peer's address. */
  readonly receiveSeq: number;
  fork(): Runner;
  /** Nothing has changed since `fork` was made. */
  isBaseOf(fork: Runner): boolean;
  /** Goes on where `fork` is, which has done `actions` with `messages`. */
  adopt(fork: Runner, messages: readonly Message[], actions: readonly Action[], now: Instant): void;
}

/** What reads the records of the address once the keys are there. */
export interface CandidateHost {
  /** `size`: bytes of UDP payload that came from `from`. */
  onCandidate(records: readonly Uint8Array[], from: PeerAddress, size: number, now: Instant): void;
}

/**
 * Server: another address from which the last flight of a client of DTLS 1.2 may come. Most of that flight is plaintext, and proves
 * nothing; its Finished has a connection ID, and opens only with the keys that its plaintext makes (ADR 57).
 *
 *   1. record      with our connection ID, and without keys yet, comes from elsewhere: its address is the candidate
 *   2. plaintext   from there is kept apart from that of the peer's address
 *   3. timer       nothing from the peer's address has answered our flight in time: the messages go through a copy of the handshake
 *   4. keys        open the record: the copy takes the place of the handshake, and the record moves the path
 */
export class Candidates {
  readonly #association: Association;
  readonly #handshake: { readonly whole: MovableHandshake };
  readonly #host: CandidateHost;
  #current: Candidate | undefined;
  #left = MAX_CANDIDATES;
  /** Jobs of copies: an answer to one is not for the handshake itself. */
  readonly #jobs = new Set<number>();

  constructor(
    association: Association,
    handshake: { readonly whole: MovableHandshake },
    host: CandidateHost,
  ) {
    this.#association = association;
    this.#handshake = handshake;
    this.#host = host;
  }

  /** `undefined` where there is none. */
  get address(): PeerAddress | undefined {
    return this.#current?.address;
  }

  /** A datagram from elsewhere, while the handshake awaits plaintext. Returns whether it moved the path. */
  receive(datagram: Uint8Array, from: PeerAddress, now: Instant): boolean {
    const current = this.#candidateAt(from, datagram);
    if (current === undefined) {
      this.#association.drop('other_path');
      return false;
    }
    current.receive(datagram, this.#handshake.whole.receiveSeq, now);
    this.#goOn(current, now);
    if (current.isSpent) this.#end(current);
    return !this.#handshake.whole.awaitsPlaintext;
  }

  /** Our flight got no answer in time from the peer's address. */
  onTimeout(now: Instant): void {
    const current = this.#current;
    if (current === undefined) return;
    current.silence++;
    this.#goOn(current, now);
  }

  /** Returns whether the answer to job `id` was for a copy of the handshake. */
  answer(id: number, answer: JobAnswer, now: Instant): boolean {
    if (!this.#jobs.delete(id)) return false;
    const current = this.#current;
    const copy = current?.copy;
    if (current === undefined || copy === undefined || copy.job !== id) return true;
    copy.job = undefined;
    if (this.#handshake.whole.awaitsPlaintext && this.#handshake.whole.isBaseOf(copy.runner)) {
      this.#note(current, copy, copy.runner.onAnswer(answer));
      this.#goOn(current, now);
    }
    return true;
  }

  /** The handshake is over, or the endpoint needs the memory. */
  stop(): void {
    if (this.#current !== undefined) this.#end(this.#current);
  }

  #candidateAt(from: PeerAddress, datagram: Uint8Array): Candidate | undefined {
    const current = this.#current;
    if (current !== undefined && sameAddress(current.address, from)) return current;
    if (current !== undefined && current.silence < MAX_SILENCE) return undefined;
    if (this.#left === 0 || !hasConnectionId(datagram, this.#association)) return undefined;
    this.#left--;
    this.stop();
    this.#current = new Candidate(from, this.#association);
    return this.#current;
  }

  #end(candidate: Candidate): void {
    if (this.#current === candidate) this.#current = undefined;
    candidate.forget();
  }

  #goOn(candidate: Candidate, now: Instant): void {
    const handshake = this.#handshake.whole;
    if (!handshake.awaitsPlaintext || !handshake.isOverdue || this.#current !== candidate) return;
    if (candidate.copy !== undefined && !handshake.isBaseOf(candidate.copy.runner)) candidate.forget();
    if (candidate.copy === undefined) candidate.alignTo(handshake.receiveSeq);
    if (!candidate.mayBegin) return;
    candidate.copy ??= { runner: handshake.fork(), messages: [], actions: [], job: undefined };
    const { copy } = candidate;
    while (this.#current === candidate && copy.runner.ready && copy.runner.expectedEpoch === 0) {
      const message = candidate.take();
      if (message === undefined) return;
      copy.messages.push(message);
      this.#note(candidate, copy, copy.runner.onMessage(message));
    }
    if (this.#current === candidate && copy.runner.expectedEpoch > 0) this.#verify(candidate, copy, now);
  }

  #note(candidate: Candidate, copy: Copy, actions: readonly Action[]): void {
    for (const action of actions) {
      if (action.do === 'fail') return this.#end(candidate);
      if (action.do === 'ask') {
        copy.job = this.#association.jobs.ask(action.job);
        this.#jobs.add(copy.job);
        this.#association.tell({ type: 'job', id: copy.job, job: action.job });
      } else copy.actions.push(action);
    }
  }

  #verify(candidate: Candidate, copy: Copy, now: Instant): void {
    candidate.reader ??= this.#readerOf(copy);
    if (candidate.reader === undefined || !candidate.opens(candidate.reader)) {
      if (candidate.forgeries >= MAX_FORGERIES) this.#end(candidate);
      return;
    }
    const { address, size } = candidate;
    const records = candidate.takeRecords();
    this.#end(candidate);
    this.#handshake.whole.adopt(copy.runner, copy.messages, copy.actions, now);
    this.#host.onCandidate(records, address, size, now);
  }

  #readerOf({ actions }: Copy): RecordReader | undefined {
    const { provider, cids } = this.#association;
    const install = actions.find((action) => action.do === 'install-keys');
    if (install?.do !== 'install-keys' || install.direction !== 'read') return undefined;
    const { suite, epoch, keys } = install;
    const { records } = this.#association.version(suite.version);
    return records.reader(provider, suite, epoch, keys, cids?.expected === true);
  }
}

/** A copy of the handshake, and what it has done. */
interface Copy {
  readonly runner: Runner;
  readonly messages: Message[];
  readonly actions: Action[];
  /** It waits for the answer to this one. */
  job: number | undefined;
}

/** One address, and what came from there. */
class Candidate implements ReassemblyHost {
  readonly address: PeerAddress;
  /** Bytes of UDP payload that came from there. */
  size = 0;
  /** Runs of our timer since the last datagram. */
  silence = 0;
  forgeries = 0;
  copy: Copy | undefined;
  reader: RecordReader | undefined;
  readonly #association: Association;
  #datagrams = 0;
  #reassembler: Reassembler | undefined;
  #firstSeq = 0;
  #displaced = 0;
  #records: Uint8Array[] = [];
  /** Those in {@link #records} that the current keys have not been tried on. */
  #untried = 0;

  constructor(address: PeerAddress, association: Association) {
    this.address = address;
    this.#association = association;
  }

  get isSpent(): boolean {
    return this.#datagrams >= MAX_DATAGRAMS;
  }

  /** There is what its messages can be judged by. */
  get mayBegin(): boolean {
    return this.#records.length > 0 && this.#reassembler !== undefined;
  }

  /** `firstSeq`: of the first message that the handshake awaits. */
  receive(datagram: Uint8Array, firstSeq: number, now: Instant): void {
    this.#datagrams++;
    this.#displaced = 0;
    this.size += datagram.length;
    this.silence = 0;
    const cids = this.#association.cids ?? NO_CIDS;
    for (let offset = 0; offset < datagram.length; offset = header.end) {
      const reason = readHeader(datagram, offset, header, cids);
      if (reason !== undefined) return this.#association.drop(reason);
      if (header.unified || header.epoch !== (header.cidLength > 0 ? 1 : 0))
        this.#association.drop('other_path');
      else if (header.cidLength > 0) this.#keep(datagram.subarray(header.start, header.end));
      else if (header.type === ContentType.handshake)
        this.#addFragments(datagram.subarray(header.bodyStart, header.end), firstSeq, now);
    }
  }

  /** What began before the handshake went on is of no use: the client repeats its flight. */
  alignTo(firstSeq: number): void {
    if (this.#firstSeq === firstSeq) return;
    this.#reassembler?.forgetAll();
    this.#reassembler = undefined;
  }

  /** The next message in order. */
  take(): Message | undefined {
    return this.#reassembler?.take();
  }

  /** Whether `reader` opens one of the records. Those are kept as they are. */
  opens(reader: RecordReader): boolean {
    for (; this.#untried > 0 && this.forgeries < MAX_FORGERIES; this.#untried--) {
      const record = this.#records[this.#records.length - this.#untried];
      if (record === undefined || readHeader(record, 0, header, this.#association.cids) !== undefined)
        continue;
      const content = reader.open(header, record.slice());
      if (typeof content !== 'string' && header.type === ContentType.handshake) return true;
      this.forgeries++;
    }
    return false;
  }

  onDiscard(): void {
    this.#displaced++;
  }

  takeRecords(): readonly Uint8Array[] {
    return this.#records.slice();
  }

  /** What it holds, and the copy of a handshake that has gone on without it. */
  forget(): void {
    this.#reassembler?.forgetAll();
    this.#reassembler = undefined;
    for (const record of this.#records) this.#association.memory.give(record.length + PIECE_COST);
    this.#records = [];
    this.#untried = 0;
    this.copy = undefined;
    this.reader = undefined;
  }

  #keep(record: Uint8Array): void {
    const cost = record.length + PIECE_COST;
    const { memory } = this.#association;
    if (record.length > MAX_RECORD || !memory.take(cost)) return this.#association.drop('over_budget');
    const [oldest] = this.#records;
    if (oldest !== undefined && this.#records.length === MAX_KEPT) {
      memory.give(oldest.length + PIECE_COST);
      this.#records.shift();
    }
    this.#records.push(own(record));
    this.#untried = Math.min(this.#untried + 1, MAX_KEPT);
  }

  #begin(firstSeq: number): void {
    if (this.copy === undefined) this.alignTo(firstSeq);
    if (this.#reassembler !== undefined) return;
    this.#firstSeq = firstSeq;
    const { memory } = this.#association;
    this.#reassembler = new Reassembler(firstSeq, REASSEMBLY, memory, this);
  }

  #addFragments(payload: Uint8Array, firstSeq: number, now: Instant): void {
    const fragments = readHandshakeFragments(payload);
    if (fragments === undefined) return this.#association.drop('malformed_fragment');
    this.#begin(firstSeq);
    for (const fragment of fragments) {
      if (fragment.fragmentLength === 0 && fragment.length > 0) continue;
      if (fragment.type === HandshakeType.client_hello || fragment.type === HandshakeType.hello_request)
        continue;
      if (this.#displaced > MAX_DISPLACED) return this.#association.drop('over_budget');
      const fate = this.#reassembler?.add(fragment, 0, now);
      if (fate !== undefined && fate !== 'stored')
        this.#association.drop(fate === 'old' ? 'repeated_message' : fate);
    }
  }
}

/** Whether a record of `datagram` has one of our connection IDs. */
function hasConnectionId(datagram: Uint8Array, { cids }: Association): boolean {
  for (let offset = 0; offset < datagram.length; offset = header.end) {
    if (readHeader(datagram, offset, header, cids) !== undefined) return false;
    if (header.cidLength > 0) return true;
  }
  return false;
}
