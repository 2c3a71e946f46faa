import { type Packed, pack } from '../base/packed.js';
import { MAX_SEQUENCE } from '../base/sequence.js';
import type { AeadName } from '../crypto/provider.js';
import type { CipherSuite } from '../crypto/suites.js';
import type { Reader, Writer } from '../wire/cursor.js';
import { rulesOf } from '../wire/version.js';
import type { KeySource, SourcedKeys, WriterState } from './reader-writer.js';
import { ReplayWindow } from './replay.js';

/** How much one key may protect in one direction. */
export interface KeyLimits {
  /** Records that may be sealed. */
  readonly sealed: number;
  /** Records that may fail authentication before the key must not be used any more. */
  readonly forged: number;
}

/** RFC 8446 §5.5 counts 2^24.5 full records for GCM; ChaCha20-Poly1305 outlasts the sequence numbers. */
const GCM_SEALED = Math.floor(2 ** 24.5);

/**
 * Collisions of CBC blocks, by the birthday bound, come no sooner than the distinguishing limit of GCM: the same
 * number serves. A tag of 32 bytes cannot be guessed.
 */
const CBC_LIMITS: KeyLimits = { sealed: GCM_SEALED, forged: 2 ** 36 };

/** RFC 9147 §4.5.3 and its appendix B. */
const LIMITS_13: Readonly<Record<AeadName, KeyLimits>> = {
  'aes-128-gcm': { sealed: GCM_SEALED, forged: 2 ** 36 },
  'aes-256-gcm': { sealed: GCM_SEALED, forged: 2 ** 36 },
  'chacha20-poly1305': { sealed: MAX_SEQUENCE + 1, forged: 2 ** 36 },
  'aes-128-ccm': { sealed: 2 ** 23, forged: Math.floor(2 ** 23.5) },
  'aes-256-ccm': { sealed: 2 ** 23, forged: Math.floor(2 ** 23.5) },
  // RFC 9147 §4.5.3 forbids these without more protection against forgery: no suite of DTLS 1.3 uses them here.
  'aes-128-ccm-8': { sealed: 2 ** 23, forged: 0 },
  'aes-256-ccm-8': { sealed: 2 ** 23, forged: 0 },
};

/**
 * In DTLS 1.2 nothing renews a key, so that the last forgery ends the session, and any sender can forge. RFC 9325
 * §4.4 has this number for GCM; CCM and CCM_8 get the same (ADR 20). It leaves a forger of 8-byte tags a chance of
 * 2^-36.
 */
const AES_FORGED_12 = 2 ** 28;

const LIMITS_12: Readonly<Record<AeadName, KeyLimits>> = {
  'aes-128-gcm': in12('aes-128-gcm'),
  'aes-256-gcm': in12('aes-256-gcm'),
  'chacha20-poly1305': LIMITS_13['chacha20-poly1305'],
  'aes-128-ccm': in12('aes-128-ccm'),
  'aes-256-ccm': in12('aes-256-ccm'),
  'aes-128-ccm-8': in12('aes-128-ccm-8'),
  'aes-256-ccm-8': in12('aes-256-ccm-8'),
};

function in12(aead: AeadName): KeyLimits {
  return { ...LIMITS_13[aead], forged: AES_FORGED_12 };
}

/** The same object for the same suite, because each association keeps it. */
export function limitsOf({ aead, version }: CipherSuite): KeyLimits {
  if (aead === undefined) return CBC_LIMITS;
  return (rulesOf(version).keyUpdates ? LIMITS_13 : LIMITS_12)[aead];
}

/** New keys are due at half of the limit, which leaves time for a lost KeyUpdate. */
export function writerState(sequence: number, limits: KeyLimits): WriterState {
  const left = Math.min(limits.sealed, MAX_SEQUENCE + 1) - sequence;
  if (left <= 1) return left === 1 ? 'last' : 'exhausted';
  return sequence * 2 >= limits.sealed ? 'update-due' : 'open';
}

/** The last reserved number is for the alert that ends the session. */
const FOR_ALERT = 1;

/** What one key protects or opens. While it rests it has no ciphers `C`, and makes them again for the next record. */
abstract class Keyed<C> {
  readonly epoch: number;
  readonly secret: Packed;
  protected ciphers: C | undefined;
  protected readonly limits: KeyLimits;
  /** While it rests. */
  private source: KeySource | undefined;

  constructor(epoch: number, limits: KeyLimits, secret: Uint8Array) {
    this.epoch = epoch;
    this.limits = limits;
    this.secret = pack(secret);
  }

  rest(source: KeySource): void {
    this.source = source;
    this.ciphers = undefined;
  }

  /** The ciphers of one that rests. */
  protected wake(): C {
    if (this.source === undefined)
      throw new TypeError('a record protection has neither ciphers nor a source of keys');
    this.ciphers = this.make(this.source.keysOf(this.direction, this.secret));
    this.source = undefined;
    return this.ciphers;
  }

  protected abstract get direction(): 'read' | 'write';

  protected abstract make(given: SourcedKeys): C;
}

/** Numbers the records that one key protects. */
export abstract class NumberedWriter<C> extends Keyed<C> {
  /** Of the next record. */
  sequence: number;
  /** `undefined`: no end. A number that is no small integer takes 16 bytes of its own. */
  #reserved: number | undefined;

  constructor(epoch: number, limits: KeyLimits, sequence: number, secret: Uint8Array) {
    super(epoch, limits, secret);
    this.sequence = sequence;
  }

  protected get direction(): 'write' {
    return 'write';
  }

  get reserved(): number {
    return this.#reserved ?? Number.POSITIVE_INFINITY;
  }

  set reserved(end: number) {
    this.#reserved = end === Number.POSITIVE_INFINITY ? undefined : end;
  }

  get state(): WriterState {
    return this.sequence >= this.reserved - FOR_ALERT ? 'held' : writerState(this.sequence, this.limits);
  }

  goOnAt(sequence: number): void {
    this.sequence = Math.max(this.sequence, sequence);
  }
}

/** Keeps which records came under one key, and how many failed to open. */
export abstract class CountingReader<C> extends Keyed<C> {
  readonly expectsCid: boolean;
  after = -1;
  /** `undefined`: no end. */
  #upTo: number | undefined;
  protected readonly window = new ReplayWindow();
  #forged = 0;

  constructor(epoch: number, limits: KeyLimits, secret: Uint8Array, expectsCid: boolean) {
    super(epoch, limits, secret);
    this.expectsCid = expectsCid;
  }

  protected get direction(): 'read' {
    return 'read';
  }

  get upTo(): number {
    return this.#upTo ?? Number.POSITIVE_INFINITY;
  }

  set upTo(last: number) {
    this.#upTo = last === Number.POSITIVE_INFINITY ? undefined : last;
  }

  get newest(): number {
    return this.window.newest;
  }

  save(w: Writer, ahead: number): void {
    this.window.save(w);
    w.varint(Math.max(this.after, ahead === 0 ? -1 : this.newest + ahead) + 1).varint(this.#forged);
  }

  restore(r: Reader): void {
    this.window.restore(r);
    this.after = r.varint() - 1;
    this.#forged = r.varint();
  }

  protected get isSpent(): boolean {
    return this.#forged >= this.limits.forged;
  }

  protected get isHalfSpent(): boolean {
    return this.#forged * 2 >= this.limits.forged;
  }

  /** A record failed to open. */
  protected onForgery(): 'bad_record' {
    this.#forged++;
    return 'bad_record';
  }
}
