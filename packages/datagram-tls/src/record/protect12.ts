import { EMPTY } from '../base/bytes.js';
import { writeEpochAndSequence } from '../base/sequence.js';
import type { AeadKey, CbcKey, CryptoProvider, MacKey, RecordKey } from '../crypto/provider.js';
import type { AeadSuite, CbcSuite } from '../crypto/suites.js';
import { ContentType, WireVersion } from '../wire/codes.js';
import {
  type DropReason,
  MAX_PLAINTEXT,
  PLAIN_HEADER_LENGTH,
  type RecordHeader,
  writeCidHeader12,
  writePlainHeader,
} from './header.js';
import { contentOf, openInner, sealInner, unlessBare } from './inner.js';
import { CountingReader, type KeyLimits, limitsOf, NumberedWriter } from './limits.js';
import { FixedIv, nonce } from './nonce.js';
import type {
  RecordProtection,
  RecordReader,
  RecordWriter,
  RestingKeys,
  SourcedKeys,
} from './reader-writer.js';

/** How DTLS 1.2 protects records. */
export const records12: RecordProtection = {
  writer: (crypto, suite, epoch, keys) =>
    suite.aead === undefined
      ? new CbcWriter12(crypto, suite, epoch, keys)
      : new RecordWriter12(crypto, suite, epoch, keys),
  reader: (crypto, suite, epoch, keys, expectsCid) =>
    suite.aead === undefined
      ? new CbcReader12(crypto, suite, epoch, keys, undefined, expectsCid)
      : new RecordReader12(crypto, suite, epoch, keys, undefined, expectsCid),
};

/** Keys of one direction of one epoch, from the key block (RFC 5246 §6.3). */
interface RecordKeys12 {
  readonly key: Uint8Array;
  /** As long as the suite's fixed IV. */
  readonly iv: Uint8Array;
}

/** Where in a nonce the 64-bit record number goes (RFC 5288 §3, RFC 6655 §3, RFC 7905 §2). */
const NUMBER_AT = 4;
const NUMBER_LENGTH = 8;

/** What records with a connection ID have more of, with any suite. */
abstract class Writer12<C> extends NumberedWriter<C> {
  protected cid = EMPTY;
  abstract overhead: number;

  /** `limits` and `sequence`, the number of the first record, exist for tests of the limits. */
  constructor(epoch: number, limits: KeyLimits, sequence: number) {
    super(epoch, limits, sequence, EMPTY);
  }

  useConnectionId(cid: Uint8Array): void {
    this.overhead += frameOf(cid) - frameOf(this.cid);
    this.cid = cid;
  }
}

/** What is checked first and last, with any suite. */
abstract class Reader12<C> extends CountingReader<C> implements RecordReader {
  constructor(epoch: number, limits: KeyLimits, expectsCid: boolean) {
    super(epoch, limits, EMPTY, expectsCid);
  }

  get unified(): false {
    return false;
  }

  /** There are no new keys without a new handshake. */
  get worn(): false {
    return false;
  }

  open(header: RecordHeader, datagram: Uint8Array): Uint8Array | DropReason {
    if (this.isSpent) return 'forgery_limit';
    return header.version === WireVersion.dtls12 ? this.openBody(header, datagram) : 'bad_version';
  }

  /** The content, of which the header gets the type; accepts the record's number if it is fresh and the body authentic. */
  protected abstract openBody(header: RecordHeader, datagram: Uint8Array): Uint8Array | DropReason;
}

/** What protects the records of one direction where the provider has no {@link RecordKey}, and the fixed part of their nonces. */
class AeadCiphers12 extends FixedIv {
  readonly aead: AeadKey;

  constructor(crypto: CryptoProvider, suite: AeadSuite, { key, iv }: RecordKeys12) {
    super(iv);
    this.aead = crypto.aead(suite.aead, key);
  }

  get tagLength(): number {
    return this.aead.tagLength;
  }
}

type Ciphers12 = RecordKey | AeadCiphers12;

function ciphersOf(crypto: CryptoProvider, suite: AeadSuite, epoch: number, keys: RecordKeys12): Ciphers12 {
  const { key, iv } = keys;
  return (
    crypto.recordKey?.(suite.aead, { epoch, key, iv, sn: EMPTY }) ?? new AeadCiphers12(crypto, suite, keys)
  );
}

function sourced({ crypto, suite, keys }: SourcedKeys, epoch: number): Ciphers12 {
  if (suite.aead === undefined) throw new TypeError(`${suite.name} has no AEAD`);
  return ciphersOf(crypto, suite, epoch, keys);
}

/** Protects records of DTLS 1.2. The record number is the nonce, so that nonces do not repeat. */
export class RecordWriter12 extends Writer12<Ciphers12> implements RecordWriter {
  overhead: number;
  readonly #explicit: number;

  constructor(
    crypto: CryptoProvider,
    suite: AeadSuite,
    epoch: number,
    keys: RecordKeys12 | RestingKeys,
    limits: KeyLimits = limitsOf(suite),
    sequence = 0,
  ) {
    super(epoch, limits, sequence);
    this.#explicit = suite.explicitNonceLength;
    if ('source' in keys) this.rest(keys.source);
    else this.ciphers = ciphersOf(crypto, suite, epoch, keys);
    this.overhead = PLAIN_HEADER_LENGTH + this.#explicit + suite.tagLength;
  }

  protected make(given: SourcedKeys): Ciphers12 {
    const made = sourced(given, this.epoch);
    if (this.cid.length > 0 && !(made instanceof AeadCiphers12)) made.useConnectionId(this.cid);
    return made;
  }

  override useConnectionId(cid: Uint8Array): void {
    super.useConnectionId(cid);
    if (this.ciphers !== undefined && !(this.ciphers instanceof AeadCiphers12))
      this.ciphers.useConnectionId(cid);
  }

  capacity(size: number): number {
    const room = size - this.overhead;
    return this.cid.length === 0 ? room : Math.min(room, MAX_PLAINTEXT_WITH_CID);
  }

  seal(type: number, plaintext: Uint8Array, out: Uint8Array, at: number): number {
    const ciphers = this.ciphers ?? this.wake();
    if (!(ciphers instanceof AeadCiphers12)) return ciphers.seal(type, this.sequence++, plaintext, out, at);
    return this.cid.length > 0
      ? this.sealWithCid(ciphers, type, plaintext, out, at)
      : this.sealPlain(ciphers, type, plaintext, out, at);
  }

  private sealPlain(
    ciphers: AeadCiphers12,
    type: number,
    plaintext: Uint8Array,
    out: Uint8Array,
    at: number,
  ): number {
    const length = this.#explicit + plaintext.length + ciphers.tagLength;
    writePlainHeader(out, at, type, WireVersion.dtls12, this.epoch, this.sequence, length);
    const aad = additionalData12(type, this.epoch, this.sequence, plaintext.length);
    const sealedAt = this.putNonce(ciphers, aad, 0, out, at + PLAIN_HEADER_LENGTH);
    ciphers.aead.seal(nonce, aad, plaintext, out, sealedAt);
    this.sequence++;
    return PLAIN_HEADER_LENGTH + length;
  }

  /** RFC 9146 §4: content and type are sealed together. */
  private sealWithCid(
    ciphers: AeadCiphers12,
    type: number,
    plaintext: Uint8Array,
    out: Uint8Array,
    at: number,
  ): number {
    const cid = this.cid;
    const inner = plaintext.length + 1;
    const length = this.#explicit + inner + ciphers.tagLength;
    const bodyAt = at + PLAIN_HEADER_LENGTH + cid.length;
    writeCidHeader12(out, at, cid, this.epoch, this.sequence, length);
    const aad = cidData12(out, at, cid.length, inner);
    const sealedAt = this.putNonce(ciphers, aad, NUMBER_IN_CID_DATA, out, bodyAt);
    sealInner(ciphers.aead, nonce, aad, type, plaintext, out, sealedAt);
    this.sequence++;
    return bodyAt - at + length;
  }

  /** Makes the nonce of the record number at `from` in `aad`, and returns where the sealed bytes begin. */
  private putNonce(iv: FixedIv, aad: Uint8Array, from: number, out: Uint8Array, bodyAt: number): number {
    iv.begin();
    if (this.#explicit === 0) {
      maskNonce(aad, from);
      return bodyAt;
    }
    for (let i = 0; i < NUMBER_LENGTH; i++) {
      const byte = aad[from + i] as number;
      nonce[NUMBER_AT + i] = byte;
      out[bodyAt + i] = byte;
    }
    return bodyAt + NUMBER_LENGTH;
  }
}

/** Opens records of DTLS 1.2. */
export class RecordReader12 extends Reader12<Ciphers12> {
  readonly #explicit: number;

  constructor(
    crypto: CryptoProvider,
    suite: AeadSuite,
    epoch: number,
    keys: RecordKeys12 | RestingKeys,
    limits: KeyLimits = limitsOf(suite),
    expectsCid = false,
  ) {
    super(epoch, limits, expectsCid);
    this.#explicit = suite.explicitNonceLength;
    if ('source' in keys) this.rest(keys.source);
    else this.ciphers = ciphersOf(crypto, suite, epoch, keys);
  }

  protected make(given: SourcedKeys): Ciphers12 {
    return sourced(given, this.epoch);
  }

  protected openBody(header: RecordHeader, datagram: Uint8Array): Uint8Array | DropReason {
    const ciphers = this.ciphers ?? this.wake();
    const length = header.end - header.bodyStart - this.#explicit - ciphers.tagLength;
    if (length < 0) return 'too_short';
    const content =
      ciphers instanceof AeadCiphers12
        ? this.openParts(ciphers, header, datagram, length)
        : unlessBare(ciphers.open(datagram, header, this.window), header);
    if (content === undefined) return this.onForgery();
    if (content === 'replayed') return content;
    this.window.accept(header.sequence);
    return length > MAX_PLAINTEXT ? 'record_overflow' : content;
  }

  private openParts(
    ciphers: AeadCiphers12,
    header: RecordHeader,
    datagram: Uint8Array,
    length: number,
  ): Uint8Array | DropReason | undefined {
    if (!this.window.fresh(header.sequence)) return 'replayed';
    const aad = additionalDataOf(header, datagram, this.epoch, length);
    const hasCid = header.cidLength > 0;
    this.setNonce(ciphers, aad, hasCid ? NUMBER_IN_CID_DATA : 0, datagram, header.bodyStart);
    const sealed = datagram.subarray(header.bodyStart + this.#explicit, header.end);
    return hasCid
      ? openInner(ciphers.aead, nonce, aad, sealed, header)
      : ciphers.aead.open(nonce, aad, sealed);
  }

  /**
   * A peer may choose its explicit nonces freely (RFC 5288 §3), so they are read from the record. The record number is at
   * `numberAt` in `aad`.
   */
  private setNonce(iv: FixedIv, aad: Uint8Array, numberAt: number, datagram: Uint8Array, from: number): void {
    iv.begin();
    if (this.#explicit === 0) {
      maskNonce(aad, numberAt);
    } else {
      for (let i = 0; i < NUMBER_LENGTH; i++) nonce[NUMBER_AT + i] = datagram[from + i] as number;
    }
  }
}

/** RFC 7905 §2: the record number, which the AAD has at `from`, is padded on the left and XORed with the IV. */
function maskNonce(aad: Uint8Array, from: number): void {
  for (let i = 0; i < NUMBER_LENGTH; i++) {
    nonce[NUMBER_AT + i] = (nonce[NUMBER_AT + i] as number) ^ (aad[from + i] as number);
  }
}

/** Keys of one direction of one epoch, from the key block (RFC 5246 §6.3). */
interface CbcKeys12 {
  readonly key: Uint8Array;
  readonly mac: Uint8Array;
}

/** Of AES; an IV has as many bytes. */
const BLOCK = 16;
const MAC_LENGTH = 32;
/** The overhead of a record beside its header and its blocks. */
const FRAME = BLOCK + MAC_LENGTH;

/*
 * A record's body is IV, ciphertext and the MAC over both (RFC 7366 §3). The MAC is checked first: without the key a
 * sender learns nothing from padding, so that the padding check need not be constant-time.
 */

/** What protects the records of one direction under a CBC suite. */
class CbcCiphers12 {
  readonly crypto: CryptoProvider;
  readonly cipher: CbcKey;
  readonly mac: MacKey;

  constructor(crypto: CryptoProvider, { key, mac }: CbcKeys12) {
    this.crypto = crypto;
    this.cipher = crypto.aesCbc(key);
    this.mac = crypto.mac('sha256', mac);
  }
}

/** Protects records of DTLS 1.2 under a CBC suite. */
export class CbcWriter12 extends Writer12<CbcCiphers12> implements RecordWriter {
  overhead = PLAIN_HEADER_LENGTH + FRAME + BLOCK;

  constructor(
    crypto: CryptoProvider,
    suite: CbcSuite,
    epoch: number,
    keys: CbcKeys12 | RestingKeys,
    limits: KeyLimits = limitsOf(suite),
    sequence = 0,
  ) {
    super(epoch, limits, sequence);
    if ('source' in keys) this.rest(keys.source);
    else this.ciphers = new CbcCiphers12(crypto, keys);
  }

  protected make({ crypto, keys }: SourcedKeys): CbcCiphers12 {
    return new CbcCiphers12(crypto, keys);
  }

  /** Whole blocks, of which padding takes at least a byte, and a content type within them another. */
  capacity(size: number): number {
    const cid = this.cid;
    const room = size - PLAIN_HEADER_LENGTH - cid.length - FRAME;
    const largest = room - (room % BLOCK) - 1;
    return cid.length === 0 ? largest : Math.min(largest - 1, MAX_PLAINTEXT_WITH_CID);
  }

  seal(type: number, plaintext: Uint8Array, out: Uint8Array, at: number): number {
    const { crypto, cipher, mac } = this.ciphers ?? this.wake();
    const cid = this.cid;
    const hasCid = cid.length > 0;
    const blocks = hasCid ? padded(plaintext, type) : padded(plaintext);
    const length = FRAME + blocks.length;
    if (hasCid) writeCidHeader12(out, at, cid, this.epoch, this.sequence, length);
    else writePlainHeader(out, at, type, WireVersion.dtls12, this.epoch, this.sequence, length);
    const ivAt = at + PLAIN_HEADER_LENGTH + cid.length;
    const macAt = ivAt + BLOCK + blocks.length;
    // RFC 5246 §6.2.3.2: an unpredictable IV.
    const iv = crypto.randomBytes(BLOCK);
    out.set(iv, ivAt);
    cipher.encrypt(iv, blocks, out, ivAt + BLOCK);
    const aad = hasCid
      ? cidData12(out, at, cid.length, macAt - ivAt)
      : additionalData12(type, this.epoch, this.sequence, macAt - ivAt);
    out.set(mac.sign(aad, out.subarray(ivAt, macAt)), macAt);
    this.sequence++;
    return ivAt - at + length;
  }
}

/** Opens records of DTLS 1.2 under a CBC suite. */
export class CbcReader12 extends Reader12<CbcCiphers12> {
  constructor(
    crypto: CryptoProvider,
    suite: CbcSuite,
    epoch: number,
    keys: CbcKeys12 | RestingKeys,
    limits: KeyLimits = limitsOf(suite),
    expectsCid = false,
  ) {
    super(epoch, limits, expectsCid);
    if ('source' in keys) this.rest(keys.source);
    else this.ciphers = new CbcCiphers12(crypto, keys);
  }

  protected make({ crypto, keys }: SourcedKeys): CbcCiphers12 {
    return new CbcCiphers12(crypto, keys);
  }

  protected openBody(header: RecordHeader, datagram: Uint8Array): Uint8Array | DropReason {
    const { crypto, cipher, mac } = this.ciphers ?? this.wake();
    const macAt = header.end - MAC_LENGTH;
    const length = macAt - header.bodyStart - BLOCK;
    if (length < BLOCK) return 'too_short';
    if (length % BLOCK !== 0) return 'bad_record';
    if (!this.window.fresh(header.sequence)) return 'replayed';
    const sealed = datagram.subarray(header.bodyStart, macAt);
    const aad = additionalDataOf(header, datagram, this.epoch, sealed.length);
    if (!crypto.equal(mac.sign(aad, sealed), datagram.subarray(macAt, header.end))) return this.onForgery();
    this.window.accept(header.sequence);
    const inner = unpadded(cipher.decrypt(sealed.subarray(0, BLOCK), sealed.subarray(BLOCK)));
    return header.cidLength > 0 && typeof inner !== 'string' ? contentOf(inner, header) : inner;
  }
}

/**
 * RFC 5246 §6.2.3.2: each byte of the padding, of which there is at least one, is the number of the other padding
 * bytes. `type`: the content type, which stands behind the content in a record with a connection ID.
 */
function padded(plaintext: Uint8Array, type?: number): Uint8Array {
  const length = plaintext.length + (type === undefined ? 0 : 1);
  const padding = BLOCK - (length % BLOCK);
  const blocks = new Uint8Array(length + padding);
  blocks.set(plaintext);
  if (type !== undefined) blocks[plaintext.length] = type;
  return blocks.fill(padding - 1, length);
}

/** A peer may pad by up to 256 bytes, to hide the length of its text. */
function unpadded(blocks: Uint8Array): Uint8Array | DropReason {
  const others = blocks.at(-1) ?? 0;
  const length = blocks.length - others - 1;
  if (length < 0) return 'bad_record';
  for (let at = length; at < blocks.length; at++) if (blocks[at] !== others) return 'bad_record';
  return length > MAX_PLAINTEXT ? 'record_overflow' : blocks.subarray(0, length);
}

/** Record number, type, version, length (RFC 5246 §6.2.3.1, §6.2.3.3). */
const LENGTH = 13;

/** Sealing and opening are synchronous, so all connections share it. */
const scratch = new Uint8Array(LENGTH);

/** The additional data of a DTLS 1.2 record; valid until the next call. */
function additionalData12(type: number, epoch: number, sequence: number, length: number): Uint8Array {
  writeEpochAndSequence(scratch, 0, epoch, sequence);
  scratch[8] = type;
  scratch[9] = WireVersion.dtls12 >>> 8;
  scratch[10] = WireVersion.dtls12 & 0xff;
  scratch[11] = length >>> 8;
  scratch[12] = length;
  return scratch;
}

/** The additional data of a received record; `length`: as in {@link cidData12}. Valid until the next call. */
function additionalDataOf(
  { type, start, cidLength, sequence }: RecordHeader,
  datagram: Uint8Array,
  epoch: number,
  length: number,
): Uint8Array {
  return cidLength > 0
    ? cidData12(datagram, start, cidLength, length)
    : additionalData12(type, epoch, sequence, length);
}

/** What a connection ID adds to a record: itself, and the content type behind the content. */
function frameOf(cid: Uint8Array): number {
  return cid.length === 0 ? 0 : cid.length + 1;
}

/** RFC 9146 §5: the content type within the protection counts. */
const MAX_PLAINTEXT_WITH_CID = MAX_PLAINTEXT - 1;

/** Before the connection ID: the placeholder, the type, the length, the type, the version and the record number. */
const CID_DATA_START = 21;
/** Where the record number stands in it, and in the header. */
const NUMBER_IN_CID_DATA = 13;
const NUMBER_IN_HEADER = 3;
const PLACEHOLDER_LENGTH = 8;

/** One for each length of a connection ID, as it is needed. */
const cidScratch: Uint8Array[] = [];

function cidScratchOf(length: number): Uint8Array {
  for (let next = cidScratch.length; next <= length; next++) {
    const made = new Uint8Array(CID_DATA_START + next + 2).fill(0xff, 0, PLACEHOLDER_LENGTH);
    const { tls12_cid } = ContentType;
    made.set(
      [tls12_cid, next, tls12_cid, WireVersion.dtls12 >>> 8, WireVersion.dtls12 & 0xff],
      PLACEHOLDER_LENGTH,
    );
    cidScratch.push(made);
  }
  return cidScratch[length] as Uint8Array;
}

/**
 * The additional data of the record that begins at `start`, and has a connection ID (RFC 9146 §5.3), and with encrypt-then-MAC
 * what goes before the ciphertext into the MAC (§5.2); valid until the next call. `length`: of what is sealed, and with
 * encrypt-then-MAC of IV and ciphertext.
 */
function cidData12(record: Uint8Array, start: number, cidLength: number, length: number): Uint8Array {
  const data = cidScratchOf(cidLength);
  const end = CID_DATA_START + cidLength;
  // Number and connection ID stand together in a header, too.
  const from = start + NUMBER_IN_HEADER - NUMBER_IN_CID_DATA;
  for (let at = NUMBER_IN_CID_DATA; at < end; at++) data[at] = record[from + at] as number;
  data[end] = length >>> 8;
  data[end + 1] = length;
  return data;
}
