import { EMPTY, own } from '../base/bytes.js';
import { writeEpochAndSequence } from '../base/sequence.js';
import { ContentType, WireVersion } from '../wire/codes.js';
import type { RecordKey, RecordPlace, RecordSecrets, SeenNumbers } from './provider.js';
import { KEY_LENGTH, MAX_TEXT, NONCE_LENGTH, type SodiumMemory, TAG_LENGTH } from './sodium-memory.js';
import { checkKeyLength } from './suites.js';

/** Of a record of DTLS 1.2 without a connection ID, which stands before the length. */
const HEADER_LENGTH = 13;
const NUMBER_AT = 3;
const NUMBER_LENGTH = 8;
const CID_AT = 11;
/** Where in a nonce the record number is (RFC 7905 §2). */
const NUMBER_IN_NONCE = 4;
/** What comes before the record number in the additional data of a record with a connection ID (RFC 9146 §5.3). */
const PLACEHOLDER_LENGTH = 8;
const NUMBER_IN_CID_DATA = 13;

/**
 * ChaCha20-Poly1305 of whole records of DTLS 1.2: nonce and additional data are made of a header where the module needs them, and
 * no array is made between a datagram and its text. Its secrets are memory of this object, and are in the module's only while a
 * record is sealed or opened.
 */
export class SodiumRecordKey implements RecordKey {
  readonly tagLength = TAG_LENGTH;
  readonly #memory: SodiumMemory;
  readonly #epoch: number;
  /** The key, and the fixed part of nonces. */
  readonly #secrets = new Int32Array((KEY_LENGTH + NONCE_LENGTH) / 4);
  /** Of records that are sealed. */
  #cid = EMPTY;

  constructor(memory: SodiumMemory, { epoch, key, iv }: RecordSecrets) {
    checkKeyLength('chacha20-poly1305', key);
    this.#memory = memory;
    this.#epoch = epoch;
    const bytes = new Uint8Array(this.#secrets.buffer);
    bytes.set(key);
    bytes.set(iv, KEY_LENGTH);
  }

  useConnectionId(cid: Uint8Array): void {
    this.#cid = own(cid);
  }

  seal(type: number, sequence: number, content: Uint8Array, out: Uint8Array, at: number): number {
    const { length } = content;
    const cidLength = this.#cid.length;
    const inner = cidLength === 0 ? length : length + 1;
    const bodyAt = at + HEADER_LENGTH + cidLength;
    const end = bodyAt + inner + TAG_LENGTH;
    if (end > out.length || inner + TAG_LENGTH > MAX_TEXT)
      throw new RangeError(`There is no room for a record with ${length} bytes of content`);
    this.#writeHeader(type, sequence, out, at, end - bodyAt);
    const memory = this.#memory;
    memory.begin(this.#secrets);
    memory.putText(content, 0, length);
    if (cidLength > 0) memory.heap[memory.text + length] = type;
    memory.seal(inner, associate(memory, out, at, cidLength, inner), out, bodyAt);
    return end - at;
  }

  #writeHeader(type: number, sequence: number, out: Uint8Array, at: number, bodyLength: number): void {
    const cid = this.#cid;
    out[at] = cid.length === 0 ? type : ContentType.tls12_cid;
    out[at + 1] = WireVersion.dtls12 >>> 8;
    out[at + 2] = WireVersion.dtls12 & 0xff;
    writeEpochAndSequence(out, at + NUMBER_AT, this.#epoch, sequence);
    for (let i = 0; i < cid.length; i++) out[at + CID_AT + i] = cid[i] as number;
    out[at + CID_AT + cid.length] = bodyLength >>> 8;
    out[at + CID_AT + cid.length + 1] = bodyLength;
  }

  open(datagram: Uint8Array, record: RecordPlace, seen: SeenNumbers): Uint8Array | 'replayed' | undefined {
    const { start, bodyStart, end } = record;
    const length = end - bodyStart - TAG_LENGTH;
    if (length < 0 || end - bodyStart > MAX_TEXT) return undefined;
    if (!seen.fresh(record.sequence)) return 'replayed';
    const memory = this.#memory;
    const cidLength = bodyStart - start - HEADER_LENGTH;
    memory.begin(this.#secrets);
    memory.putText(datagram, bodyStart, end);
    const isOpen = memory.open(end - bodyStart, associate(memory, datagram, start, cidLength, length));
    const content = isOpen ? takeContent(memory, length, cidLength > 0 ? record : undefined) : undefined;
    memory.wipeText(length);
    return content;
  }
}

/**
 * Writes the additional data of the record that begins at `at`, and returns its length; and XORs the record's number into the
 * nonce. `length`: of the text.
 */
function associate(
  { heap, aad, nonce }: SodiumMemory,
  record: Uint8Array,
  at: number,
  cidLength: number,
  length: number,
): number {
  const numberAt = aad + (cidLength === 0 ? 0 : NUMBER_IN_CID_DATA);
  for (let i = 0; i < NUMBER_LENGTH; i++) {
    const byte = record[at + NUMBER_AT + i] as number;
    heap[numberAt + i] = byte;
    heap[nonce + NUMBER_IN_NONCE + i] = (heap[nonce + NUMBER_IN_NONCE + i] as number) ^ byte;
  }
  let to = numberAt + NUMBER_LENGTH;
  if (cidLength === 0) {
    for (let i = 0; i < NUMBER_AT; i++) heap[to++] = record[at + i] as number;
  } else {
    heap.fill(0xff, aad, aad + PLACEHOLDER_LENGTH);
    heap[aad + PLACEHOLDER_LENGTH] = ContentType.tls12_cid;
    heap[aad + PLACEHOLDER_LENGTH + 1] = cidLength;
    for (let i = 0; i < NUMBER_AT; i++) heap[aad + PLACEHOLDER_LENGTH + 2 + i] = record[at + i] as number;
    for (let i = 0; i < cidLength; i++) heap[to++] = record[at + CID_AT + i] as number;
  }
  heap[to++] = length >>> 8;
  heap[to++] = length;
  return to - aad;
}

/** `typed`: gets the type that stands behind the content (RFC 9146 §4); 0 where there is only padding. */
function takeContent(memory: SodiumMemory, length: number, typed: RecordPlace | undefined): Uint8Array {
  if (typed === undefined) return memory.takeText(length);
  const { heap, text } = memory;
  let at = length - 1;
  while (at > 0 && heap[text + at] === 0) at--;
  typed.type = length === 0 ? 0 : (heap[text + at] as number);
  return memory.takeText(Math.max(at, 0));
}
