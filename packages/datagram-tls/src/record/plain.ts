import { NONE_PACKED, type Packed } from '../base/packed.js';
import { MAX_SEQUENCE } from '../base/sequence.js';
import { ContentType, WireVersion } from '../wire/codes.js';
import {
  type DropReason,
  MAX_PLAINTEXT,
  PLAIN_HEADER_LENGTH,
  type RecordHeader,
  writePlainHeader,
} from './header.js';
import type { RecordReader, RecordWriter, WriterState } from './reader-writer.js';

/** Writes epoch 0, which is not protected. */
export class PlainWriter implements RecordWriter {
  #sequence: number;
  readonly #version: number;

  /**
   * `sequence` is that of the first record: a server without state answers with the number of the ClientHello's
   * record (RFC 6347 §4.2.1). `version` is for the header, by default 1.2 as both versions require (RFC 9147 §4).
   */
  constructor(sequence = 0, version: number = WireVersion.dtls12) {
    this.#sequence = sequence;
    this.#version = version;
  }

  // Fields would take memory in each association.

  get epoch(): 0 {
    return 0;
  }

  get overhead(): number {
    return PLAIN_HEADER_LENGTH;
  }

  get secret(): Packed {
    return NONE_PACKED;
  }

  /** Numbers of records without protection may come twice. */
  get reserved(): number {
    return Number.POSITIVE_INFINITY;
  }

  get sequence(): number {
    return this.#sequence;
  }

  get state(): WriterState {
    return this.#sequence > MAX_SEQUENCE ? 'exhausted' : 'open';
  }

  goOnAt(sequence: number): void {
    this.#sequence = Math.max(this.#sequence, sequence);
  }

  /** Skips `count` numbers. */
  skip(count: number): void {
    this.#sequence += count;
  }

  capacity(size: number): number {
    return size - this.overhead;
  }

  /** Never application data, whatever asks for it: nothing here is protected. */
  seal(type: number, plaintext: Uint8Array, out: Uint8Array, at: number): number {
    if (type === ContentType.application_data) throw new Error('application data has no place in epoch 0');
    writePlainHeader(out, at, type, this.#version, 0, this.#sequence++, plaintext.length);
    out.set(plaintext, at + PLAIN_HEADER_LENGTH);
    return PLAIN_HEADER_LENGTH + plaintext.length;
  }

  /** RFC 9146 §3: plaintext never has one. */
  useConnectionId(): void {}

  /** It has no ciphers. */
  rest(): void {}
}

/**
 * Reads epoch 0. It has no replay window: nothing here is authentic, so a forged record could move the window and
 * lock the peer out. Repeated handshake messages are recognized by their own numbers.
 */
export class PlainReader implements RecordReader {
  readonly epoch = 0;
  readonly unified = false;
  readonly expectsCid = false;
  readonly worn = false;
  readonly secret = NONE_PACKED;
  readonly newest = -1;
  readonly after = -1;
  readonly upTo = Number.POSITIVE_INFINITY;

  /** The content is a view into the datagram. */
  open(header: RecordHeader, datagram: Uint8Array): Uint8Array | DropReason {
    if (header.end - header.bodyStart > MAX_PLAINTEXT) return 'too_long';
    return datagram.subarray(header.bodyStart, header.end);
  }

  /** It has no ciphers. */
  rest(): void {}

  save(): void {
    // It remembers nothing.
  }

  restore(): void {
    // As above.
  }
}

/** One for all associations. */
export const plainReader: RecordReader = new PlainReader();
