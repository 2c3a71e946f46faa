import type { Duration, Instant } from '../base/instant.js';
import { type Packed, unpack } from '../base/packed.js';
import type { Role } from '../config/config.js';
import type { Action } from '../handshake/actions.js';
import type { Session } from '../handshake/session.js';
import type { EpochSource } from '../record/epochs.js';
import type { RecordReader, RecordWriter, SourcedKeys } from '../record/reader-writer.js';
import type { Reader, Writer } from '../wire/cursor.js';
import type { VersionRules } from '../wire/version.js';
import type { Association } from './association.js';
import { sessionOf } from './life.js';
import type { Carried } from './saved-state.js';

type InstallKeys = Extract<Action, { do: 'install-keys' }>;

/** Epochs of DTLS 1.3: early data's, the handshake's, and the first for all other data (RFC 9147 §6.1). */
export const EARLY_EPOCH = 1;
export const HANDSHAKE_EPOCH = 2;
export const APPLICATION_EPOCH = 3;

/** How long records of a finished epoch are still read: RFC 9147 §4.2.1's maximum segment lifetime, ms. */
const OLD_EPOCH_KEPT: Duration = 120_000;
/** RFC 9147 §5.6: early data is accepted only for a short time after the handshake, ms. */
const EARLY_KEPT: Duration = 5_000;
/** The handshake's epoch is read for twice as long: a repeated final flight is acknowledged again (§5.8.1). */
const HANDSHAKE_KEPT: Duration = 240_000;

/** Begins and ends the epochs of one association. */
export class KeyChanges implements Carried, EpochSource {
  readonly #association: Association;
  /** The newest epoch in which the peer sent. */
  #heard = 0;
  #rests = false;

  constructor(association: Association) {
    this.#association = association;
  }

  /** The newest epoch of an authentic record; 0 before there was one. */
  get heard(): number {
    return this.#heard;
  }

  /** No ciphers were made since {@link rest}. */
  get rests(): boolean {
    return this.#rests;
  }

  save(w: Writer, _at: Instant, ahead: number): void {
    this.#association.epochs.save(w, ahead);
    w.varint(this.#heard);
  }

  /** Keys are made for records, which may be long in coming. */
  restore(r: Reader): void {
    this.#association.epochs.restore(r, this);
    this.#heard = r.varint();
  }

  writer(epoch: number, secret: Uint8Array): RecordWriter {
    const { provider, cids } = this.#association;
    const { suite } = this.session();
    const { records } = this.#association.version(suite.version);
    const writer = records.writer(provider, suite, epoch, { secret, source: this });
    if (cids !== undefined) writer.useConnectionId(cids.send);
    return writer;
  }

  reader(epoch: number, secret: Uint8Array): RecordReader {
    const { provider } = this.#association;
    const { suite } = this.session();
    const { records, rules } = this.#association.version(suite.version);
    const expectsCid = this.expectsCid(epoch, rules);
    return records.reader(provider, suite, epoch, { secret, source: this }, expectsCid);
  }

  /** Of an epoch whose ciphers were let go, or never made. */
  keysOf(direction: 'read' | 'write', secret: Packed): SourcedKeys {
    this.#rests = false;
    const { role, provider: crypto } = this.#association;
    const session = this.session();
    const sender: Role = (direction === 'write') === (role === 'client') ? 'client' : 'server';
    const { reopening } = this.#association.version(session.version);
    return {
      crypto,
      suite: session.suite,
      keys: reopening.deriveKeys(crypto, session, sender, unpack(secret)),
    };
  }

  private session(): Session {
    const session = sessionOf(this.#association.life);
    if (session === undefined)
      throw new Error('Keys of an association without a session are asked for again');
    return session;
  }

  /** No record may come or go for long: the ciphers of all epochs are made again for the next one. */
  rest(): void {
    this.#rests = true;
    this.#association.epochs.rest(this);
  }

  install({ direction, epoch, suite, keys }: InstallKeys): void {
    const { epochs, provider, cids } = this.#association;
    const { records, rules } = this.#association.version(suite.version);
    if (direction === 'read')
      epochs.installReader(records.reader(provider, suite, epoch, keys, this.expectsCid(epoch, rules)));
    else {
      const writer = records.writer(provider, suite, epoch, keys);
      if (isEarly(epoch, rules)) this.#association.earlyWriter = writer;
      else {
        if (cids !== undefined) writer.useConnectionId(cids.send);
        epochs.installWriter(writer);
      }
    }
    this.#association.reservation?.onKeys(epoch);
    if (epoch > APPLICATION_EPOCH) {
      const heading = direction === 'write' ? 'sent' : 'received';
      this.#association.trace({ kind: 'key-update', direction: heading, epoch });
    }
  }

  /** The peer's records of `epoch` have a connection ID. */
  expectsCid(epoch: number, rules: VersionRules): boolean {
    return this.#association.cids?.expected === true && !isEarly(epoch, rules);
  }

  /**
   * The first authentic record of an epoch: the previous epoch is kept for late records, and older ones are over.
   * Until then the keys before a KeyUpdate have to stay, because its ACK may be lost (RFC 9147 §8).
   */
  onHeard(epoch: number, now: Instant): void {
    this.#heard = epoch;
    if (epoch < APPLICATION_EPOCH) return;
    const { epochs, timers } = this.#association;
    const first = epoch === APPLICATION_EPOCH;
    epochs.forgetReadersBefore(first ? EARLY_EPOCH : epoch - 1);
    // Those of the handshake are read for minutes, in case the peer repeats its last flight: nearly none does.
    if (first && sessionOf(this.#association.life) !== undefined) epochs.restOlderReaders(this);
    timers.set('forget-epochs', now + (first ? HANDSHAKE_KEPT : OLD_EPOCH_KEPT));
  }

  /** Server: the handshake is done, with accepted early data. */
  closeEarly(now: Instant): void {
    this.#association.timers.set('forget-early', now + EARLY_KEPT);
  }

  /** Early data that still arrives was in transit for too long. */
  forgetEarlyReader(): void {
    this.#association.epochs.forgetReadersBefore(HANDSHAKE_EPOCH);
  }

  /** Older records can no longer arrive. */
  forgetOldReaders(): void {
    this.#association.epochs.forgetReadersBefore(this.#heard);
  }

  /** Everything sent in an older epoch has arrived. */
  forgetOldWriters(): void {
    const { epochs } = this.#association;
    epochs.forgetWritersBefore(epochs.writer.epoch);
  }
}

/** Early data has no connection ID: its sender does not know the peer's yet. */
function isEarly(epoch: number, { earlyData }: VersionRules): boolean {
  return epoch === EARLY_EPOCH && earlyData;
}
