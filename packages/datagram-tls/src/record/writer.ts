/**
 * Whether a writer can go on: `update-due` asks for new keys in good time, `last` has one record left, which is kept for
 * the alert that ends the session, `exhausted` forbids another record.
 */
export type WriterState = 'open' | 'update-due' | 'last' | 'exhausted';

/** Protects the records of one epoch in one direction; connection/ does not need to know which version it is. */
export interface RecordWriter {
  readonly epoch: number;
  /** Of the next record. */
  readonly sequence: number;
  readonly state: WriterState;
  /** The most bytes that a record is longer than its plaintext. */
  readonly overhead: number;
  /** The longest plaintext whose record has at most `size` bytes, which leave room for the overhead. */
  capacity(size: number): number;
  /**
   * Writes one record into `out` at `at` and returns its length. The caller has checked the state, the room
   * (plaintext and overhead) and that the plaintext is at most 2^14 bytes; `plaintext` must not overlap that room.
   */
  seal(type: number, plaintext: Uint8Array, out: Uint8Array, at: number): number;
}
