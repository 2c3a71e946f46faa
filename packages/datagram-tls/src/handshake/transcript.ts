import { concat } from '../base/bytes.js';
import type { CryptoProvider, HashName, RunningHash } from '../crypto/provider.js';
import { HandshakeType } from '../wire/codes.js';
import { type TranscriptHeader, transcriptHeader13 } from '../wire/messages/handshake-header.js';

interface Entry {
  readonly type: number;
  readonly seq: number;
  readonly body: Uint8Array;
}

/** One for all that are empty. */
const NONE: readonly never[] = [];

/**
 * All handshake messages so far, as the negotiated version hashes them: DTLS 1.2 with the 12-byte header of one
 * unfragmented message (RFC 6347 §4.2.6), DTLS 1.3 with TLS's 4-byte header (RFC 9147 §5.2). Messages before the
 * version and hash are known are kept and hashed then.
 */
export class Transcript {
  readonly #provider: CryptoProvider;
  #entries: readonly Entry[] = NONE;
  /** Before a version is chosen only DTLS 1.3's parts of a ClientHello cover messages: binders, and early data. */
  #header: TranscriptHeader = transcriptHeader13;
  #hash: RunningHash | undefined;
  /** Kept only where a signature over the messages themselves may follow (CertificateVerify of DTLS 1.2). */
  #raw: readonly Uint8Array[] = NONE;
  #keepRaw = false;
  /** Of the messages so far, once it was asked for: several values may depend on the same. */
  #digest: Uint8Array | undefined;

  constructor(provider: CryptoProvider) {
    this.#provider = provider;
  }

  add(type: number, seq: number, body: Uint8Array): void {
    if (this.#hash === undefined) this.#entries = [...this.#entries, { type, seq, body }];
    else this.#absorb(this.#hash, { type, seq, body });
  }

  /** One with the same messages, that goes on by itself. */
  fork(): Transcript {
    const fork = new Transcript(this.#provider);
    fork.adopt(this, this.#hash?.copy());
    return fork;
  }

  /** Takes over the state of `other`, which is not used any more; with `hash`, a copy of its hash. */
  adopt(other: Transcript, hash = other.#hash): void {
    this.#entries = [...other.#entries];
    this.#header = other.#header;
    this.#hash = hash;
    this.#raw = [...other.#raw];
    this.#keepRaw = other.#keepRaw;
  }

  /** Fixes the hash, and the header of messages by the version. `keepMessages`: {@link messages} will be needed. */
  begin(header: TranscriptHeader, hash: HashName, keepMessages: boolean): void {
    this.#header = header;
    this.#keepRaw = keepMessages;
    this.#hash = this.#provider.hash(hash);
    for (const entry of this.#entries) this.#absorb(this.#hash, entry);
    this.#entries = NONE;
  }

  /**
   * {@link begin}s DTLS 1.3 with `firstHello`, the hash of the ClientHello that a HelloRetryRequest answered, in
   * place of that message (RFC 8446 §4.4.1). Messages added before follow it.
   */
  beginRetried(hash: HashName, firstHello: Uint8Array): void {
    const later = this.#entries;
    this.#entries = [{ type: HandshakeType.message_hash, seq: 0, body: firstHello }, ...later];
    this.begin(transcriptHeader13, hash, false);
  }

  /** Transcript-Hash of the messages so far, which the caller must not change. {@link begin} must have been called. */
  digest(): Uint8Array {
    if (this.#hash === undefined) throw new TypeError('the transcript has no hash yet');
    this.#digest ??= this.#hash.digest();
    return this.#digest;
  }

  /** Transcript-Hash as if `parts` of a message were added, such as those of a ClientHello (RFC 8446 §4.2.11.2). */
  digestWith(hash: HashName, ...parts: Uint8Array[]): Uint8Array {
    const running = this.#hash?.copy() ?? this.#provider.hash(hash);
    for (const entry of this.#entries) this.#absorb(running, entry);
    for (const part of parts) running.update(part);
    return running.digest();
  }

  /** The messages themselves, for the CertificateVerify of DTLS 1.2 (RFC 5246 §7.4.8). */
  messages(): Uint8Array {
    return concat(...this.#raw);
  }

  #absorb(hash: RunningHash, { type, seq, body }: Entry): void {
    const header = this.#header(type, seq, body.length);
    this.#digest = undefined;
    if (this.#keepRaw) this.#raw = [...this.#raw, header, body];
    hash.update(header);
    hash.update(body);
  }
}
