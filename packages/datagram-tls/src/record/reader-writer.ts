import type { DropReason, RecordHeader } from './header.js';

/** Opens the records of one epoch in one direction; connection/ does not need to know which version it is. */
export interface RecordReader {
  readonly epoch: number;
  /** The form of header that this epoch's records have. */
  readonly unified: boolean;
  /** So many forgeries were tried that new keys are due: half of what ends the session (RFC 9147 §4.5.3). */
  readonly worn: boolean;
  /**
   * The content of the record that `header` describes, which may be a view into the datagram; then `header` holds the
   * true content type, epoch and sequence number. The replay window moves only for authentic records.
   */
  open(header: RecordHeader, datagram: Uint8Array): Uint8Array | DropReason;
}

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
