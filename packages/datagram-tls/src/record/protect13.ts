import { EMPTY } from '../base/bytes.js';
import { completeSequence, maskSequence } from '../base/sequence.js';
import type { AeadKey, CryptoProvider, RecordKey, RecordNumberMask } from '../crypto/provider.js';
import type { AeadSuite, CipherSuite } from '../crypto/suites.js';
import { type DropReason, MAX_PLAINTEXT, type RecordHeader, UNIFIED } from './header.js';
import { openInner, sealInner, unlessBare } from './inner.js';
import { CountingReader, type KeyLimits, limitsOf, NumberedWriter } from './limits.js';
import { FixedIv, nonce } from './nonce.js';
import type {
  RecordProtection,
  RecordReader,
  RecordWriter,
  RestingKeys,
  SourcedKeys,
} from './reader-writer.js';

/** How DTLS 1.3 protects records. */
export const records13: RecordProtection = {
  writer: (crypto, suite, epoch, keys) => new RecordWriter13(crypto, withAead(suite), epoch, keys),
  reader: (crypto, suite, epoch, keys, expectsCid) =>
    new RecordReader13(crypto, withAead(suite), epoch, keys, undefined, expectsCid),
};

/** DTLS 1.3 has no other suites (RFC 8446 §5.2). */
function withAead(suite: CipherSuite): AeadSuite {
  if (suite.aead === undefined) throw new TypeError(`${suite.name} is no suite of DTLS 1.3`);
  return suite;
}

/** Keys of one direction of one epoch (RFC 8446 §7.3, RFC 9147 §4.2.3). */
export interface RecordKeys13 {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  /** Record number key. */
  readonly sn: Uint8Array;
  /** The traffic secret that they come from. */
  readonly secret: Uint8Array;
}

/** Flags, 16 bits of sequence number, length: what we write beside a connection ID. */
const HEADER_LENGTH = 5;
/** What of it follows the connection ID. */
const NUMBER_AND_LENGTH = 4;
/** The ciphertext's first bytes, which determine the record number's mask. */
const SAMPLE_LENGTH = 16;
/** Where in a nonce the sequence number goes. */
const SEQUENCE_AT = 6;
/** What protection may add to a plaintext (RFC 8446 §5.2). */
const MAX_EXPANSION = 256;

/** Scratch for the current record: sealing and opening are synchronous, so all connections share it. */
const sample = new Uint8Array(SAMPLE_LENGTH);
/** One for each length of a header, which is the AAD, as it is needed. */
const headers: Uint8Array[] = Array.from(
  { length: HEADER_LENGTH + 1 },
  (_, length) => new Uint8Array(length),
);

function headerOf(length: number): Uint8Array {
  for (let next = headers.length; next <= length; next++) headers.push(new Uint8Array(next));
  return headers[length] as Uint8Array;
}

/** What protects the records of one direction where the provider has no {@link RecordKey}, and the fixed part of their nonces. */
class AeadCiphers13 extends FixedIv {
  readonly aead: AeadKey;
  readonly mask: RecordNumberMask;

  constructor(crypto: CryptoProvider, suite: AeadSuite, { key, iv, sn }: Omit<RecordKeys13, 'secret'>) {
    super(iv);
    this.aead = crypto.aead(suite.aead, key);
    this.mask = crypto.recordNumberMask(suite.aead, sn);
  }

  get tagLength(): number {
    return this.aead.tagLength;
  }
}

type Ciphers13 = RecordKey | AeadCiphers13;

function ciphersOf(
  crypto: CryptoProvider,
  suite: AeadSuite,
  epoch: number,
  { key, iv, sn }: Omit<RecordKeys13, 'secret'>,
): Ciphers13 {
  return (
    crypto.recordKey?.(suite.aead, { epoch, key, iv, sn }) ??
    new AeadCiphers13(crypto, suite, { key, iv, sn })
  );
}

function sourced({ crypto, suite, keys }: SourcedKeys, epoch: number): Ciphers13 {
  return ciphersOf(crypto, withAead(suite), epoch, keys);
}

/** Protects records of DTLS 1.3, with the one form of header that every peer can read; its C bit depends on the peer. */
export class RecordWriter13 extends NumberedWriter<Ciphers13> implements RecordWriter {
  overhead: number;
  #cid = EMPTY;
  /** As long as the headers of its records; shared with other writers. */
  #header = headerOf(HEADER_LENGTH);

  /** `limits` and `sequence`, the number of the first record, exist for tests of the limits. */
  constructor(
    crypto: CryptoProvider,
    suite: AeadSuite,
    epoch: number,
    keys: RecordKeys13 | RestingKeys,
    limits: KeyLimits = limitsOf(suite),
    sequence = 0,
  ) {
    super(epoch, limits, sequence, keys.secret);
    if ('source' in keys) this.rest(keys.source);
    else this.ciphers = ciphersOf(crypto, suite, epoch, keys);
    this.overhead = HEADER_LENGTH + 1 + suite.tagLength;
  }

  protected make(given: SourcedKeys): Ciphers13 {
    const made = sourced(given, this.epoch);
    if (this.#cid.length > 0 && !(made instanceof AeadCiphers13)) made.useConnectionId(this.#cid);
    return made;
  }

  capacity(size: number): number {
    return size - this.overhead;
  }

  useConnectionId(cid: Uint8Array): void {
    this.overhead += cid.length - this.#cid.length;
    this.#cid = cid;
    this.#header = headerOf(HEADER_LENGTH + cid.length);
    if (this.ciphers !== undefined && !(this.ciphers instanceof AeadCiphers13))
      this.ciphers.useConnectionId(cid);
  }

  seal(type: number, plaintext: Uint8Array, out: Uint8Array, at: number): number {
    const ciphers = this.ciphers ?? this.wake();
    return ciphers instanceof AeadCiphers13
      ? this.sealParts(ciphers, type, plaintext, out, at)
      : ciphers.seal(type, this.sequence++, plaintext, out, at);
  }

  private sealParts(
    ciphers: AeadCiphers13,
    type: number,
    plaintext: Uint8Array,
    out: Uint8Array,
    at: number,
  ): number {
    const header = this.#header;
    const bodyStart = at + header.length;
    const end = bodyStart + plaintext.length + 1 + ciphers.tagLength;
    this.writeHeader(end - bodyStart);
    setNonce(ciphers, this.sequence);
    sealInner(ciphers.aead, nonce, header, type, plaintext, out, bodyStart);
    const mask = ciphers.mask.mask(sampleAt(out, bodyStart));
    out.set(header, at);
    const numberAt = bodyStart - NUMBER_AND_LENGTH;
    out[numberAt] = (out[numberAt] as number) ^ (mask[0] as number);
    out[numberAt + 1] = (out[numberAt + 1] as number) ^ (mask[1] as number);
    this.sequence++;
    return end - at;
  }

  private writeHeader(length: number): void {
    const header = this.#header;
    const cid = this.#cid;
    const flags = UNIFIED.form | UNIFIED.sequence16 | UNIFIED.length | (this.epoch & UNIFIED.epoch);
    header[0] = cid.length === 0 ? flags : flags | UNIFIED.cid;
    let at = 1;
    for (let i = 0; i < cid.length; i++) header[at++] = cid[i] as number;
    // Bit operations see the low 32 bits of the number, of which 16 are sent.
    header[at] = this.sequence >>> 8;
    header[at + 1] = this.sequence;
    header[at + 2] = length >>> 8;
    header[at + 3] = length;
  }
}

/** Opens records of DTLS 1.3 under every form of the unified header. */
export class RecordReader13 extends CountingReader<Ciphers13> implements RecordReader {
  constructor(
    crypto: CryptoProvider,
    suite: AeadSuite,
    epoch: number,
    keys: RecordKeys13 | RestingKeys,
    limits: KeyLimits = limitsOf(suite),
    expectsCid = false,
  ) {
    super(epoch, limits, keys.secret, expectsCid);
    if ('source' in keys) this.rest(keys.source);
    else this.ciphers = ciphersOf(crypto, suite, epoch, keys);
  }

  protected make(given: SourcedKeys): Ciphers13 {
    return sourced(given, this.epoch);
  }

  get unified(): true {
    return true;
  }

  get worn(): boolean {
    return this.isHalfSpent;
  }

  open(header: RecordHeader, datagram: Uint8Array): Uint8Array | DropReason {
    if (this.isSpent) return 'forgery_limit';
    const { bodyStart, end } = header;
    const length = end - bodyStart;
    if (length < SAMPLE_LENGTH) return 'too_short';
    if (length > MAX_PLAINTEXT + MAX_EXPANSION) return 'too_long';
    const ciphers = this.ciphers ?? this.wake();
    if (length < ciphers.tagLength) return 'too_short';
    const content =
      ciphers instanceof AeadCiphers13
        ? this.openParts(ciphers, header, datagram)
        : unlessBare(ciphers.open(datagram, header, this.window), header);
    if (content === undefined) return this.onForgery();
    if (content === 'replayed') return content;
    this.window.accept(header.sequence);
    return length - ciphers.tagLength > MAX_PLAINTEXT + 1 ? 'record_overflow' : content;
  }

  private openParts(
    ciphers: AeadCiphers13,
    header: RecordHeader,
    datagram: Uint8Array,
  ): Uint8Array | DropReason | undefined {
    const { bodyStart, end } = header;
    const mask = ciphers.mask.mask(sampleAt(datagram, bodyStart));
    const aad = copyHeader(header, datagram);
    const sequence = this.unmaskSequence(aad, 1 + header.cidLength, mask);
    if (!this.window.fresh(sequence)) return 'replayed';
    setNonce(ciphers, sequence);
    header.sequence = sequence;
    return openInner(ciphers.aead, nonce, aad, datagram.subarray(bodyStart, end), header);
  }

  /** Unmasks the AAD's record number bits at `at` and completes them to 48 (RFC 9147 §4.2.2, §4.2.3). */
  private unmaskSequence(aad: Uint8Array, at: number, mask: Uint8Array): number {
    const expected = this.window.newest + 1;
    const low = (aad[at] as number) ^ (mask[0] as number);
    aad[at] = low;
    if (((aad[0] as number) & UNIFIED.sequence16) === 0) return completeSequence(expected, low, 0x100);
    const lower = (aad[at + 1] as number) ^ (mask[1] as number);
    aad[at + 1] = lower;
    return completeSequence(expected, low * 0x100 + lower, 0x10000);
  }
}

/** The start of a ciphertext, in scratch memory: a view would cost more than copying these bytes. */
function sampleAt(bytes: Uint8Array, at: number): Uint8Array {
  for (let i = 0; i < SAMPLE_LENGTH; i++) sample[i] = bytes[at + i] as number;
  return sample;
}

/** The record's header, which is its AAD, in scratch memory of exactly that length. */
function copyHeader(header: RecordHeader, datagram: Uint8Array): Uint8Array {
  const copy = headerOf(header.bodyStart - header.start);
  for (let i = 0; i < copy.length; i++) copy[i] = datagram[header.start + i] as number;
  return copy;
}

/** RFC 9147 §4: the nonce uses the sequence number alone, without the epoch (RFC 8446 §5.3). */
function setNonce(iv: FixedIv, sequence: number): void {
  iv.begin();
  maskSequence(nonce, SEQUENCE_AT, sequence);
}
