import { createHash } from 'node:crypto';
import { put, sameBytes } from '../base/bytes.js';
import { draftOf } from './node-bytes.js';
import { type NativeModule, nativeModule } from './node-native.js';
import { counting, hasNativeAead, hasNativeMask, NO_KEY } from './node-native-ciphers.js';
import { once } from './once.js';
import { texts } from './opened-texts.js';
import type { AeadName, RecordKey, RecordPlace, RecordSecrets, SeenNumbers } from './provider.js';
import { AEADS } from './suites.js';

/** Header of a record that is sealed, without a connection ID. */
const PLAIN_HEADER = 13;
const UNIFIED_HEADER = 5;
const EXPLICIT_NONCE = 8;
const WHOLE_IV = 12;

/** The module's answer for a record that is not authentic. Those for older records are less. */
const FORGED = -1;
/** The unit in which it answers by how much a record is newer than the expected one. */
const NUMBER = 2 ** 23;

/** Whether native code has an AEAD, and passes the tests with known answers of texts and of whole records. */
export const hasNativeRecords = once(passes);

/** `undefined`: native code has no such AEAD or masks, or fails a test with known answers, or has no memory. */
export function nativeRecordKey(name: AeadName, secrets: RecordSecrets): RecordKey | undefined {
  const module = nativeModule();
  const hasAll = hasNativeRecords(name) && (secrets.sn.length === 0 || hasNativeMask(name));
  if (module === undefined || !hasAll) return undefined;
  const made = new NativeRecordKey(module, name, secrets);
  return made.isOpen ? made : undefined;
}

/** One key of the module for header, nonce, ciphertext and mask of all records of one direction of one epoch. */
class NativeRecordKey implements RecordKey {
  readonly tagLength: number;
  readonly #module: NativeModule;
  readonly #key: number;
  readonly #encryptsNumbers: boolean;
  readonly #explicitLength: number;
  /** Of a record that is sealed: where its content begins, and what it has besides. */
  #contentAt = 0;
  #overhead = 0;

  constructor(module: NativeModule, name: AeadName, { epoch, key, iv, sn }: RecordSecrets) {
    this.tagLength = AEADS[name].tagLength;
    this.#module = module;
    this.#encryptsNumbers = sn.length > 0;
    this.#explicitLength = iv.length === WHOLE_IV ? 0 : EXPLICIT_NONCE;
    const draft = draftOf(key.length + iv.length + sn.length);
    put(key, draft, 0);
    put(iv, draft, key.length);
    put(sn, draft, key.length + iv.length);
    this.#key = module.createRecordKey(this, name, epoch, draft) ?? NO_KEY;
    for (let i = 0; i < draft.length; i++) draft[i] = 0;
    this.#measure(0);
  }

  get isOpen(): boolean {
    return this.#key !== NO_KEY;
  }

  /** By how much a record is longer than its content. */
  get overhead(): number {
    return this.#overhead;
  }

  useConnectionId(cid: Uint8Array): void {
    const draft = draftOf(cid.length);
    draft.set(cid);
    this.#module.useConnectionId(this.#key, draft);
    this.#measure(cid.length);
  }

  #measure(cidLength: number): void {
    const hasInnerType = this.#encryptsNumbers || cidLength > 0;
    const header = this.#encryptsNumbers ? UNIFIED_HEADER : PLAIN_HEADER;
    this.#contentAt = header + cidLength + this.#explicitLength;
    this.#overhead = this.#contentAt + (hasInnerType ? 1 : 0) + this.tagLength;
  }

  seal(type: number, sequence: number, content: Uint8Array, out: Uint8Array, at: number): number {
    const { length } = content;
    out.set(content, at + this.#contentAt);
    this.#module.sealRecord(this.#key, type, sequence, out, at, length);
    return length + this.#overhead;
  }

  open(datagram: Uint8Array, record: RecordPlace, seen: SeenNumbers): Uint8Array | 'replayed' | undefined {
    const length = record.end - record.bodyStart - this.#explicitLength - this.tagLength;
    if (length < 0) return undefined;
    let expected = record.sequence;
    if (this.#encryptsNumbers) expected = seen.newest + 1;
    else if (!seen.fresh(expected)) return 'replayed';
    texts.begin(length);
    let answer = this.#open(datagram, record, expected);
    if (answer < FORGED) {
      // It is late: its number is known now, and whether it came before.
      expected += answer + 1;
      if (!seen.fresh(expected)) return 'replayed';
      answer = this.#open(datagram, record, expected);
    }
    if (answer === FORGED) return undefined;
    record.type = answer & 0xff;
    record.sequence = answer < NUMBER ? expected : expected + Math.floor(answer / NUMBER);
    const contentLength = (answer >>> 8) & 0x7fff;
    return length - contentLength > 1 ? unpadded(contentLength) : texts.take(contentLength);
  }

  #open(datagram: Uint8Array, { start, bodyStart, end }: RecordPlace, expected: number): number {
    const { memory, at } = texts;
    return this.#module.openRecord(this.#key, expected, datagram, start, bodyStart, end, memory, at);
  }
}

/** The text that was begun, cut to its own length, so that padding keeps no memory. */
function unpadded(length: number): Uint8Array {
  const { memory, at } = texts;
  texts.begin(length);
  if (texts.memory !== memory || texts.at !== at) {
    texts.memory.set(memory.subarray(at, at + length), texts.at);
    memory.fill(0, at, at + length);
  }
  return texts.take(length);
}

/**
 * Beginnings of the SHA-256 of two records that are sealed, the second with a connection ID: of DTLS 1.2, and of DTLS 1.3 where that
 * has such a suite. Secrets, IDs and content count from 0; made by the library's own code over node:crypto.
 */
const KNOWN_RECORDS: Readonly<Record<AeadName, readonly string[]>> = {
  'aes-128-gcm': ['aa76de6d2dba5278d0c0133184b6cc6b', 'a8009d11d7fc03050cf99581b28fcf16'],
  'aes-256-gcm': ['8dce7254db5d0d41cd85b97f808acb58', 'b9311b774914f02d4ca30ba8328dc68b'],
  'chacha20-poly1305': ['d01a51b705a21da49f407d4d0d0aadbb', 'a7b40703a965017c9195f68b0c953879'],
  'aes-128-ccm': ['246bdc5ddf824f78db719307b6151f3a', '77617ea0b037d6707665b2f92ddcacdf'],
  'aes-256-ccm': ['ef5aa9957946d23ae37140a6bd141795'],
  'aes-128-ccm-8': ['53ae1305484aebf44e99754e927be552'],
  'aes-256-ccm-8': ['73375a9e0579e9b39081c7093d0b1083'],
};
const TYPE = 23;
const EPOCH = 3;
/** Of several bytes, of which DTLS 1.3 sends two. */
const SEQUENCE = 0x1_0203;
const CONTENT = counting(40);
const CID = counting(8);
const NO_CID = counting(0);

function passes(name: AeadName): boolean {
  const module = nativeModule();
  if (module === undefined || !hasNativeAead(name)) return false;
  const [known12, known13] = KNOWN_RECORDS[name];
  const { keyLength } = AEADS[name];
  const saltLength = name === 'chacha20-poly1305' ? WHOLE_IV : WHOLE_IV - EXPLICIT_NONCE;
  const passesAs = (known: string | undefined, ivLength: number, snLength: number): boolean => {
    const secrets = {
      epoch: EPOCH,
      key: counting(keyLength),
      iv: counting(ivLength),
      sn: counting(snLength),
    };
    const key = new NativeRecordKey(module, name, secrets);
    return key.isOpen && sealsAndOpens(key, snLength > 0 ? UNIFIED_HEADER : PLAIN_HEADER) === known;
  };
  const has13 = known13 !== undefined && hasNativeMask(name);
  return passesAs(known12, saltLength, 0) && (!has13 || passesAs(known13, WHOLE_IV, keyLength));
}

/** What {@link KNOWN_RECORDS} has of its records; `undefined`: it does not open one, or opens one that was changed. */
function sealsAndOpens(key: NativeRecordKey, headerLength: number): string | undefined {
  const hash = createHash('sha256');
  for (const cid of [NO_CID, CID]) {
    key.useConnectionId(cid);
    const record = new Uint8Array(CONTENT.length + key.overhead);
    const end = key.seal(TYPE, SEQUENCE, CONTENT, record, 0);
    hash.update(record);
    const bodyStart = headerLength + cid.length;
    const open = (): Uint8Array | 'replayed' | undefined =>
      key.open(record, { start: 0, bodyStart, end, type: TYPE, sequence: SEQUENCE }, BEFORE);
    const opened = open();
    if (!(opened instanceof Uint8Array) || !sameBytes(opened, CONTENT)) return undefined;
    record[end - 1] = (record[end - 1] as number) ^ 1;
    if (open() !== undefined) return undefined;
  }
  return hash.digest('hex').slice(0, 32);
}

/** The number of the record is the next one. */
const BEFORE: SeenNumbers = { newest: SEQUENCE - 1, fresh: () => true };
