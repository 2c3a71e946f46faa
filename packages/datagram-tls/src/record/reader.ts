import type { DropReason } from './drop.js';
import type { RecordHeader } from './header.js';

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
