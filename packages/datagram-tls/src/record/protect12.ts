import type { AeadKey, CryptoProvider } from '../crypto/provider.js';
import type { AeadSuite } from '../crypto/suites.js';
import { ProtocolVersion } from '../wire/codes.js';
import { additionalData12 } from './additional12.js';
import type { DropReason } from './drop.js';
import { MAX_PLAINTEXT, PLAIN_HEADER_LENGTH, type RecordHeader, writePlainHeader } from './header.js';
import { type KeyLimits, limitsOf, writerState } from './limits.js';
import type { RecordReader } from './reader.js';
import { ReplayWindow } from './replay.js';
import type { RecordWriter, WriterState } from './writer.js';

/** What the key block gives one direction of one epoch (RFC 5246 §6.3). */
export interface RecordKeys12 {
  readonly key: Uint8Array;
  /** As long as the suite's fixed IV. */
  readonly iv: Uint8Array;
}

/** Nonce of an AEAD and where in it the 64-bit record number goes (RFC 5288 §3, RFC 6655 §3, RFC 7905 §2). */
const NONCE_LENGTH = 12;
const NUMBER_AT = 4;
const NUMBER_LENGTH = 8;

/** Scratch for the record at hand: sealing and opening never wait, so all connections share it. */
const nonce = new Uint8Array(NONCE_LENGTH);

/** Protects records of DTLS 1.2; the record number is the nonce, so that none can repeat. */
export class RecordWriter12 implements RecordWriter {
  readonly epoch: number;
  readonly overhead: number;
  #sequence: number;
  readonly #explicit: number;
  readonly #limits: KeyLimits;
  readonly #aead: AeadKey;
  readonly #iv: Uint8Array;

  /** `limits` and `sequence`, the number of the first record, are for tests of the far end. */
  constructor(
    crypto: CryptoProvider,
    suite: AeadSuite,
    epoch: number,
    keys: RecordKeys12,
    limits: KeyLimits = limitsOf(suite),
    sequence = 0,
  ) {
    this.epoch = epoch;
    this.#sequence = sequence;
    this.#explicit = suite.explicitNonceLength;
    this.#limits = limits;
    this.#aead = crypto.aead(suite.aead, keys.key);
    this.#iv = keys.iv;
    this.overhead = PLAIN_HEADER_LENGTH + this.#explicit + this.#aead.tagLength;
  }

  get sequence(): number {
    return this.#sequence;
  }

  get state(): WriterState {
    return writerState(this.#sequence, this.#limits);
  }

  capacity(size: number): number {
    return size - this.overhead;
  }

  seal(type: number, plaintext: Uint8Array, out: Uint8Array, at: number): number {
    const length = this.#explicit + plaintext.length + this.#aead.tagLength;
    writePlainHeader(out, at, type, ProtocolVersion.dtls12, this.epoch, this.#sequence, length);
    const aad = additionalData12(type, this.epoch, this.#sequence, plaintext.length);
    let sealedAt = at + PLAIN_HEADER_LENGTH;
    nonce.set(this.#iv);
    if (this.#explicit === 0) {
      maskNonce(aad);
    } else {
      for (let i = 0; i < NUMBER_LENGTH; i++) {
        const byte = aad[i] as number;
        nonce[NUMBER_AT + i] = byte;
        out[sealedAt + i] = byte;
      }
      sealedAt += NUMBER_LENGTH;
    }
    this.#aead.seal(nonce, aad, plaintext, out, sealedAt);
    this.#sequence++;
    return PLAIN_HEADER_LENGTH + length;
  }
}

/** Opens records of DTLS 1.2. */
export class RecordReader12 implements RecordReader {
  readonly epoch: number;
  readonly unified = false;
  /** There are no new keys without a new handshake. */
  readonly worn = false;
  readonly #explicit: number;
  readonly #limits: KeyLimits;
  readonly #aead: AeadKey;
  readonly #iv: Uint8Array;
  readonly #window = new ReplayWindow();
  #forged = 0;

  constructor(
    crypto: CryptoProvider,
    suite: AeadSuite,
    epoch: number,
    keys: RecordKeys12,
    limits: KeyLimits = limitsOf(suite),
  ) {
    this.epoch = epoch;
    this.#explicit = suite.explicitNonceLength;
    this.#limits = limits;
    this.#aead = crypto.aead(suite.aead, keys.key);
    this.#iv = keys.iv;
  }

  open(header: RecordHeader, datagram: Uint8Array): Uint8Array | DropReason {
    if (this.#forged >= this.#limits.forged) return 'forgery_limit';
    if (header.version !== ProtocolVersion.dtls12) return 'bad_version';
    const sealedAt = header.bodyStart + this.#explicit;
    const length = header.end - sealedAt - this.#aead.tagLength;
    if (length < 0) return 'too_short';
    if (!this.#window.fresh(header.sequence)) return 'replayed';
    const aad = additionalData12(header.type, this.epoch, header.sequence, length);
    this.#setNonce(aad, datagram, header.bodyStart);
    const plaintext = this.#aead.open(nonce, aad, datagram.subarray(sealedAt, header.end));
    if (plaintext === undefined) {
      this.#forged++;
      return 'bad_record';
    }
    this.#window.accept(header.sequence);
    return length > MAX_PLAINTEXT ? 'record_overflow' : plaintext;
  }

  /** A peer may choose its explicit nonces as it likes (RFC 5288 §3), so they are taken from the record. */
  #setNonce(aad: Uint8Array, datagram: Uint8Array, from: number): void {
    nonce.set(this.#iv);
    if (this.#explicit === 0) {
      maskNonce(aad);
    } else {
      for (let i = 0; i < NUMBER_LENGTH; i++) nonce[NUMBER_AT + i] = datagram[from + i] as number;
    }
  }
}

/** RFC 7905 §2: the record number, with which the AAD begins, is padded on the left and laid over the whole IV. */
function maskNonce(aad: Uint8Array): void {
  for (let i = 0; i < NUMBER_LENGTH; i++) {
    nonce[NUMBER_AT + i] = (nonce[NUMBER_AT + i] as number) ^ (aad[i] as number);
  }
}
