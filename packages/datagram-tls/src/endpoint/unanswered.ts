import type { PeerAddress } from '../base/peer-address.js';
import type { Outgoing } from './ready-queue.js';

/** An answer to an address without an association. */
export class Answer implements Outgoing {
  readonly entry = undefined;
  readonly data: Uint8Array;
  readonly peer: PeerAddress;
  readonly awaited: boolean;
  /** Of the ClientHello that is asked for a cookie; `undefined` for an alert. */
  readonly mark: number | undefined;

  constructor(data: Uint8Array, peer: PeerAddress, mark: number | undefined, awaited: boolean) {
    this.data = data;
    this.peer = peer;
    this.mark = mark;
    this.awaited = awaited;
  }
}

/** The part of the room for answers that answers to first ClientHellos may take. */
const FIRST_ANSWERS = 1 / 2;
/** One in this many answers may answer a first ClientHello, however many are awaited. */
const FIRST_OF = 8;

/** Shares what is there for answers between awaited ones and others. */
export class Precedence {
  /** Answers since the last one to a ClientHello that came for the first time. */
  #sinceFirst = 0;

  /** What the next answer may take, of 1. `isFirst`: its ClientHello comes for the first time. */
  partOf(isFirst: boolean): number {
    return isFirst && this.#sinceFirst < FIRST_OF - 1 ? FIRST_ANSWERS : 1;
  }

  /** An answer was sent. */
  count(isFirst: boolean): void {
    this.#sinceFirst = isFirst ? 0 : this.#sinceFirst + 1;
  }
}

/** 256 KiB. They are kept in sets, so that one is found without a search. */
const MAX_MARKS = 65_536;
const SET_SIZE = 16;
const SETS = MAX_MARKS / SET_SIZE;

/**
 * The ClientHellos whose answer was not sent because too much waited for the network. A client repeats its ClientHello; the
 * sender of a flood from forged addresses has to send each one twice to be found here.
 *
 * A mark depends on the secret of the cookies, so that no sender can choose one that displaces another one's. The oldest of
 * a full set is displaced.
 */
export class UnansweredHellos {
  /** Each set has its newest mark first; 0 is an empty place. Made when it is needed. */
  #marks: Uint32Array | undefined;

  add(mark: number): void {
    this.#marks ??= new Uint32Array(MAX_MARKS);
    const marks = this.#marks;
    const start = startOf(mark);
    marks.copyWithin(start + 1, start, start + SET_SIZE - 1);
    marks[start] = mark;
  }

  /** Whether `mark` is there. It is removed: one answer that is missing gives one claim. */
  take(mark: number): boolean {
    const marks = this.#marks;
    if (marks === undefined) return false;
    const start = startOf(mark);
    const end = start + SET_SIZE;
    let at = start;
    while (at < end && marks[at] !== mark) at++;
    if (at === end) return false;
    marks.copyWithin(at, at + 1, end);
    marks[end - 1] = 0;
    return true;
  }
}

function startOf(mark: number): number {
  return (mark % SETS) * SET_SIZE;
}
