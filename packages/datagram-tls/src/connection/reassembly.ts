import { EMPTY, own, sameBytes } from '../base/bytes.js';
import type { Instant } from '../base/instant.js';
import { type Memory, PIECE_COST, UNCOUNTED } from '../base/memory.js';
import type { Message } from '../handshake/message.js';
import type { Reader, Writer } from '../wire/cursor.js';
import type { HandshakeFragment } from '../wire/messages/handshake-header.js';
import { readInstant, writeInstant } from './saved-times.js';

/** What became of a fragment. Everything but `stored` and `old` is a reason to count it as dropped. */
export type FragmentFate = 'stored' | 'old' | 'conflicting_fragment' | 'too_far_ahead' | 'over_budget';

/** Why a message, or a part of one, that was held is dropped after all. */
export type Discarded = 'conflicting_fragment' | 'over_budget' | 'expired_message' | 'evicted';

/** Hears what became of messages. */
export interface ReassemblyHost {
  /** A message was held in vain. */
  onDiscard(why: Discarded): void;
}

const NOBODY: ReassemblyHost = { onDiscard: () => undefined };

interface ReassemblyLimits {
  /** Largest handshake message accepted, bytes. */
  readonly maxMessage: number;
  /** Bytes held at once, at what they really cost. */
  readonly budget: number;
}

/** Messages beyond the next expected one that may be held while that one is incomplete. */
const WINDOW = 16;
/** Messages of one number that may be held side by side in epoch 0, where all but one are forged. */
const MAX_CANDIDATES = 8;
/** What a message costs beside its runs. */
const MESSAGE_COST = 256;
/** A run that grows gets room for as much again as a quarter of it, within these bounds, so that growing costs little. */
const SLACK = { min: 64, max: 2048 } as const;

/** Bytes of one message without a gap. */
interface Run {
  /** Offset in the message of the first byte, and of the byte behind the last. */
  start: number;
  end: number;
  /** May have room before and behind. */
  memory: Uint8Array;
  /** Offset in the message of the first byte of `memory`. */
  origin: number;
}

interface Candidate {
  readonly type: number;
  readonly length: number;
  readonly epoch: number;
  readonly since: Instant;
  /** Sorted, with a gap between each and the next. */
  runs: Run[];
  covered: number;
  /** Charged against the budget. */
  cost: number;
  /** Number of the last fragment that had something to do with it. */
  touched: number;
  /** It was dropped. */
  gone: boolean;
}

/** A message that came in one piece. */
interface Whole extends Pick<Candidate, 'type' | 'epoch' | 'since' | 'cost' | 'touched'> {
  readonly body: Uint8Array;
}

/**
 * Puts handshake messages together from fragments in any order and hands them out in the order of their message_seq
 * (RFC 6347 §4.2.3, RFC 9147 §5.5). Adjacent fragments become one run of bytes. Memory grows with the bytes that
 * arrived, never with the lengths they claim, and each fragment costs work in proportion to its own bytes.
 *
 * In an epoch with keys the first fragment of a message pins its type and length. In epoch 0 anyone can have sent it:
 * there fragments that contradict each other begin messages of their own, each fragment joins all that it agrees with, and
 * the first to be whole is the message. When the budget is spent, what was touched last stays.
 */
export class Reassembler {
  #next: number;
  #held = 0;
  #fragments = 0;
  /** `undefined` while nothing is held, as in most associations nearly always. */
  #messages: Map<number, Candidate[]> | undefined;
  /** The next message, which came in one piece while nothing else was held, as most do; in no map, and taken at once. */
  #whole: Whole | undefined;
  readonly #limits: ReassemblyLimits;
  readonly #memory: Memory;
  readonly #host: ReassemblyHost;

  /** What is held is charged to `memory`. */
  constructor(
    firstSeq: number,
    limits: ReassemblyLimits,
    memory: Memory = UNCOUNTED,
    host: ReassemblyHost = NOBODY,
  ) {
    this.#next = firstSeq;
    this.#limits = limits;
    this.#memory = memory;
    this.#host = host;
  }

  /** The messages under way: their parts may be acknowledged, and then do not come again. */
  save(w: Writer, at: Instant): void {
    this.#unfold();
    const candidates = [...(this.#messages ?? [])].flatMap(([seq, held]) =>
      held.map((candidate) => [seq, candidate] as const),
    );
    w.varint(this.#next).varint(candidates.length);
    for (const [seq, { type, length, epoch, since, runs }] of candidates) {
      w.u16(seq).u8(type).u24(length).varint(epoch);
      writeInstant(w, since, at);
      w.varint(runs.length);
      for (const run of runs) w.u24(run.start).vec24(bytesOf(run));
    }
  }

  restore(r: Reader, at: Instant): void {
    this.#next = r.varint();
    for (let left = r.varint(); left > 0 && !r.failed; left--) {
      const message = { messageSeq: r.u16(), type: r.u8(), length: r.u24() };
      const epoch = r.varint();
      const since = readInstant(r, at);
      for (let runs = r.varint(); runs > 0 && r.left > 0; runs--) {
        const fragmentOffset = r.u24();
        const fragment = r.vec24();
        this.add({ ...message, fragmentOffset, fragmentLength: fragment.length, fragment }, epoch, since);
      }
    }
  }

  /** message_seq of the next message that {@link take} can return. */
  get next(): number {
    return this.#next;
  }

  /** Bytes charged against the budget. */
  get held(): number {
    return this.#held;
  }

  /** When the oldest message began that is held; `undefined` when there is none. */
  get oldest(): Instant | undefined {
    let oldest: Instant | undefined = this.#whole?.since;
    for (const candidates of this.#messages?.values() ?? [])
      for (const { since } of candidates) if (oldest === undefined || since < oldest) oldest = since;
    return oldest;
  }

  /** Copies what is new in `fragment`, which came in a record of `epoch`. */
  add(fragment: HandshakeFragment, epoch: number, now: Instant): FragmentFate {
    const { type, length, messageSeq } = fragment;
    if (messageSeq < this.#next) return 'old';
    if (messageSeq >= this.#next + WINDOW) return 'too_far_ahead';
    if (length > this.#limits.maxMessage) return 'over_budget';
    this.#fragments++;
    if (this.#messages === undefined && this.#whole === undefined && isNext(fragment, this.#next))
      return this.#keepWhole(fragment, epoch, now);
    this.#unfold();
    const candidates = this.#messages?.get(messageSeq);
    let placed: FragmentFate | undefined;
    for (const candidate of candidates ?? []) {
      const same = candidate.type === type && candidate.length === length && candidate.epoch === epoch;
      if (!same && (epoch > 0 || candidate.epoch > 0)) return 'conflicting_fragment';
      // What one candidate took may have cost another its place.
      if (!same || candidate.gone || (epoch === 0 && !agrees(candidate, fragment))) continue;
      const fate = this.#store(candidate, fragment);
      if (placed !== 'stored') placed = fate;
    }
    return placed ?? this.#begin(fragment, epoch, now);
  }

  /** The next message in order, once it is whole. Its body is memory of its own. */
  take(): Message | undefined {
    if (this.#whole !== undefined) return this.#takeWhole(this.#whole);
    const candidates = this.#messages?.get(this.#next);
    const whole = candidates === undefined ? undefined : newestWhole(candidates);
    if (candidates === undefined || whole === undefined) return undefined;
    for (const candidate of [...candidates])
      this.#drop(this.#next, candidate, candidate === whole ? undefined : 'conflicting_fragment');
    const [run] = whole.runs;
    const body = run === undefined ? new Uint8Array(0) : bytesOf(run);
    return { type: whole.type, seq: this.#next++, epoch: whole.epoch, body };
  }

  /** The next `count` messages came in another way. */
  skip(count: number): void {
    this.forgetAll();
    this.#next += count;
  }

  /** The peer counts its messages from `next` on, and nothing of before belongs to them. */
  restartAt(next: number): void {
    this.forgetAll();
    this.#next = next;
  }

  /** Something is missing before what came last. */
  get gap(): boolean {
    // A whole one stands alone.
    if (this.#messages === undefined) return false;
    const candidates = this.#messages.get(this.#next);
    if (candidates === undefined) return true;
    if (newestWhole(candidates) !== undefined) return false;
    const torn = candidates.some(({ runs }) => runs.length > 1 || (runs[0]?.start ?? 0) > 0);
    return torn || this.#messages.size > 1;
  }

  /** Forgets the messages held of other epochs, which a key change made worthless; returns how many there were. */
  onlyEpoch(epoch: number): number {
    this.#unfold();
    const before = this.#messages?.size ?? 0;
    this.#dropIf((candidate) => candidate.epoch !== epoch, undefined);
    return before - (this.#messages?.size ?? 0);
  }

  /** Forgets what began at `instant` or before. */
  forgetUntil(instant: Instant): void {
    this.#dropIf(({ since }) => since <= instant, 'expired_message');
  }

  /** Forgets everything; `why`: it counts as dropped. */
  forgetAll(why?: Discarded): void {
    this.#dropIf(() => true, why);
  }

  #keepWhole(fragment: HandshakeFragment, epoch: number, now: Instant): FragmentFate {
    const { type, length } = fragment;
    const cost = length === 0 ? MESSAGE_COST : MESSAGE_COST + PIECE_COST + length;
    if (!this.#take(cost)) return 'over_budget';
    this.#held += cost;
    const body = length === 0 ? EMPTY : own(fragment.fragment);
    this.#whole = { type, epoch, since: now, body, cost, touched: this.#fragments };
    return 'stored';
  }

  #takeWhole({ type, epoch, body, cost }: Whole): Message {
    this.#whole = undefined;
    this.#held -= cost;
    this.#memory.give(cost);
    return { type, seq: this.#next++, epoch, body };
  }

  /** From here on it is one of several. */
  #unfold(): void {
    const whole = this.#whole;
    if (whole === undefined) return;
    const { type, epoch, since, body, cost, touched } = whole;
    const { length } = body;
    const runs = length === 0 ? [] : [{ start: 0, end: length, memory: body, origin: 0 }];
    const candidate = { type, length, epoch, since, runs, covered: length, cost, touched, gone: false };
    this.#messages = new Map([[this.#next, [candidate]]]);
    this.#whole = undefined;
  }

  #candidateOf({ type, length }: HandshakeFragment, epoch: number, now: Instant): Candidate {
    return {
      type,
      length,
      epoch,
      since: now,
      runs: [],
      covered: 0,
      cost: 0,
      touched: this.#fragments,
      gone: false,
    };
  }

  /** A fragment that agrees with nothing that is held. */
  #begin(fragment: HandshakeFragment, epoch: number, now: Instant): FragmentFate {
    const { messageSeq: seq } = fragment;
    const candidate = this.#candidateOf(fragment, epoch, now);
    const candidates = this.#messages?.get(seq) ?? [];
    if (candidates.length === MAX_CANDIDATES)
      this.#drop(seq, leastRecent(candidates), 'conflicting_fragment');
    if (!this.#charge(candidate, MESSAGE_COST)) return 'over_budget';
    this.#messages ??= new Map();
    this.#messages.set(seq, [...(this.#messages.get(seq) ?? []), candidate]);
    const fate = this.#store(candidate, fragment);
    if (fate !== 'stored') this.#drop(seq, candidate, undefined);
    return fate;
  }

  /** Keeps what no run covers; of bytes that came twice the first stay. A whole message takes the place of its parts. */
  #store(candidate: Candidate, { fragmentOffset: start, fragment: bytes }: HandshakeFragment): FragmentFate {
    candidate.touched = this.#fragments;
    if (candidate.covered === candidate.length) return 'stored';
    if (bytes.length === candidate.length) return this.#replace(candidate, bytes);
    const { runs } = candidate;
    const end = start + bytes.length;
    const first = firstEndingAt(runs, start);
    let behind = first;
    while (behind < runs.length && (runs[behind] as Run).start <= end) behind++;
    if (first === behind) return this.#addRun(candidate, first, start, bytes);
    const joined = runs.slice(first, behind);
    const [only] = joined;
    if (only !== undefined && only.start <= start && only.end >= end) return 'stored';
    return this.#join(candidate, first, joined, start, bytes);
  }

  #replace(candidate: Candidate, bytes: Uint8Array): FragmentFate {
    const cost = MESSAGE_COST + PIECE_COST + bytes.length;
    if (!this.#charge(candidate, cost - candidate.cost)) return 'over_budget';
    candidate.runs = [newRun(0, bytes)];
    candidate.covered = bytes.length;
    return 'stored';
  }

  #addRun(candidate: Candidate, at: number, start: number, bytes: Uint8Array): FragmentFate {
    if (!this.#charge(candidate, PIECE_COST + bytes.length)) return 'over_budget';
    candidate.runs.splice(at, 0, newRun(start, bytes));
    candidate.covered += bytes.length;
    return 'stored';
  }

  /**
   * `joined` are the runs from index `first` on that `bytes` touch. The longest takes in the others, so that no byte moves
   * often.
   */
  #join(
    candidate: Candidate,
    first: number,
    joined: readonly Run[],
    start: number,
    bytes: Uint8Array,
  ): FragmentFate {
    const run = longest(joined);
    const from = Math.min(start, (joined[0] as Run).start);
    const to = Math.max(start + bytes.length, (joined.at(-1) as Run).end);
    const origin = from < run.origin ? Math.max(0, from - slackOf(run)) : run.origin;
    const roomEnd = run.origin + run.memory.length;
    const limit = to > roomEnd ? Math.min(candidate.length, to + slackOf(run)) : roomEnd;
    let change = limit - origin - run.memory.length;
    let covered = to - from;
    for (const other of joined) {
      covered -= other.end - other.start;
      if (other !== run) change -= PIECE_COST + other.memory.length;
    }
    if (!this.#charge(candidate, change)) return 'over_budget';
    if (limit - origin > run.memory.length) moveTo(run, origin, limit);
    writeAround(run, start, bytes);
    for (const other of joined) if (other !== run) run.memory.set(bytesOf(other), other.start - run.origin);
    run.start = from;
    run.end = to;
    candidate.runs.splice(first, joined.length, run);
    candidate.covered += covered;
    return 'stored';
  }

  /** In epoch 0 what was not touched for the longest time gives way. */
  #charge(candidate: Candidate, bytes: number): boolean {
    while (bytes > 0 && !this.#take(bytes)) {
      if (candidate.epoch > 0 || !this.#makeRoom(candidate)) return false;
    }
    if (bytes < 0) this.#memory.give(-bytes);
    this.#held += bytes;
    candidate.cost += bytes;
    return true;
  }

  #take(bytes: number): boolean {
    return this.#held + bytes <= this.#limits.budget && this.#memory.take(bytes);
  }

  #makeRoom(keep: Candidate): boolean {
    let victim: Candidate | undefined;
    let victimSeq = 0;
    for (const [seq, candidates] of this.#messages ?? []) {
      for (const candidate of candidates) {
        if (candidate === keep || (victim !== undefined && victim.touched <= candidate.touched)) continue;
        victim = candidate;
        victimSeq = seq;
      }
    }
    if (victim === undefined) return false;
    this.#drop(victimSeq, victim, 'over_budget');
    return true;
  }

  #dropIf(test: (candidate: Candidate) => boolean, why: Discarded | undefined): void {
    this.#unfold();
    for (const [seq, candidates] of this.#messages ?? [])
      for (const candidate of [...candidates]) if (test(candidate)) this.#drop(seq, candidate, why);
  }

  #drop(seq: number, candidate: Candidate, why: Discarded | undefined): void {
    const messages = this.#messages;
    const others = (messages?.get(seq) ?? []).filter((other) => other !== candidate);
    if (others.length > 0) messages?.set(seq, others);
    else if (messages?.delete(seq) === true && messages.size === 0) this.#messages = undefined;
    this.#held -= candidate.cost;
    candidate.gone = true;
    this.#memory.give(candidate.cost);
    if (why !== undefined) this.#host.onDiscard(why);
  }
}

/** The whole message with the number `next`. */
function isNext({ messageSeq, length, fragment }: HandshakeFragment, next: number): boolean {
  return messageSeq === next && fragment.length === length;
}

function newRun(start: number, bytes: Uint8Array): Run {
  return { start, end: start + bytes.length, memory: own(bytes), origin: start };
}

function bytesOf({ start, end, memory, origin }: Run): Uint8Array {
  return memory.subarray(start - origin, end - origin);
}

function slackOf({ start, end }: Run): number {
  return Math.min(Math.max(SLACK.min, (end - start) >> 2), SLACK.max);
}

/** Gives `run` memory from `origin` to `limit`. */
function moveTo(run: Run, origin: number, limit: number): void {
  const memory = new Uint8Array(limit - origin);
  memory.set(bytesOf(run), run.start - origin);
  run.memory = memory;
  run.origin = origin;
}

/** Writes `bytes`, which begin at `start`, but not over what `run` has. */
function writeAround(run: Run, start: number, bytes: Uint8Array): void {
  if (start < run.start) run.memory.set(bytes.subarray(0, run.start - start), start - run.origin);
  if (start + bytes.length > run.end)
    run.memory.set(bytes.subarray(Math.max(0, run.end - start)), Math.max(start, run.end) - run.origin);
}

function longest(runs: readonly Run[]): Run {
  let best = runs[0] as Run;
  for (const run of runs) if (run.end - run.start > best.end - best.start) best = run;
  return best;
}

/** Index of the first run that ends at `offset` or beyond, by halving: a flood of tiny fragments must stay cheap. */
function firstEndingAt(runs: readonly Run[], offset: number): number {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((runs[middle] as Run).end >= offset) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Whether the bytes of a fragment are those that are here, where both have some. */
function agrees({ runs }: Candidate, { fragmentOffset: start, fragment: bytes }: HandshakeFragment): boolean {
  const end = start + bytes.length;
  for (let i = firstEndingAt(runs, start); i < runs.length; i++) {
    const run = runs[i] as Run;
    if (run.start >= end) break;
    const from = Math.max(start, run.start);
    const to = Math.min(end, run.end);
    if (from >= to) continue;
    const held = run.memory.subarray(from - run.origin, to - run.origin);
    if (!sameBytes(held, bytes.subarray(from - start, to - start))) return false;
  }
  return true;
}

/** Of several whole ones the one that was completed or repeated last; of those that one fragment completed, the oldest. */
function newestWhole(candidates: readonly Candidate[]): Candidate | undefined {
  let best: Candidate | undefined;
  for (const candidate of candidates) {
    if (candidate.covered < candidate.length) continue;
    if (best === undefined || candidate.touched > best.touched) best = candidate;
  }
  return best;
}

function leastRecent(candidates: readonly Candidate[]): Candidate {
  let least = candidates[0] as Candidate;
  for (const candidate of candidates) if (candidate.touched < least.touched) least = candidate;
  return least;
}
