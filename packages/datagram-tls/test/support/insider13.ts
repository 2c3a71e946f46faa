import { concat } from '#lib/base/bytes.js';
import type { Role } from '#lib/config/config.js';
import { nodeProvider } from '#lib/crypto/node.js';
import type { AeadSuite } from '#lib/crypto/suites.js';
import { deriveTrafficKeys13 } from '#lib/keys/schedule13.js';
import { createHeader, readHeader } from '#lib/record/header.js';
import { limitsOf } from '#lib/record/limits.js';
import { RecordReader13, RecordWriter13 } from '#lib/record/protect13.js';
import { ContentType } from '#lib/wire/codes.js';
import { readHandshakeFragments } from '#lib/wire/messages/handshake-header.js';
import type { Pair } from './pair.js';
import { encodeFragment, plainRecord, recordsOf } from './records.js';
import { aeadSuite } from './suites.js';

/** A record of either form with its content in the clear. */
export interface OpenRecord {
  readonly type: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly content: Uint8Array;
}

/** A whole handshake message as a record carries it. */
export interface OpenMessage {
  readonly type: number;
  readonly messageSeq: number;
  readonly body: Uint8Array;
}

/** An insider that knows every logged secret of a DTLS 1.3 association: it makes and opens records of either side. */
export class Insider13 {
  readonly #pair: Pair;
  readonly #suite: AeadSuite;

  constructor(pair: Pair, suite = 'TLS_AES_128_GCM_SHA256') {
    this.#pair = pair;
    this.#suite = aeadSuite(suite);
  }

  /** One record of `sender`. The number is far ahead of what a test sends by itself. */
  seal(
    sender: Role,
    epoch: number,
    type: number,
    content: Uint8Array,
    sequence = 500,
    cid: Uint8Array = new Uint8Array(0),
  ): Uint8Array {
    if (epoch === 0) return plainRecord(type, content, { sequence });
    const keys = this.#keysOf(sender, epoch);
    const limits = limitsOf(this.#suite);
    const writer = new RecordWriter13(nodeProvider, this.#suite, epoch, keys, limits, sequence);
    writer.useConnectionId(cid);
    const record = new Uint8Array(content.length + writer.overhead);
    return record.subarray(0, writer.seal(type, content, record, 0));
  }

  /** One handshake message of `sender`, whole. */
  message(
    sender: Role,
    epoch: number,
    { type, messageSeq, body }: OpenMessage,
    sequence?: number,
    cid?: Uint8Array,
  ) {
    const content = encodeFragment({ type, messageSeq, fragment: body });
    return this.seal(sender, epoch, ContentType.handshake, content, sequence, cid);
  }

  /** The records of a datagram of `sender`, whose epochs are at most `newest`. */
  open(sender: Role, datagram: Uint8Array, newest = 3, cidLength = 0): OpenRecord[] {
    return recordsOf(datagram, cidLength).map(({ type, epoch, sequence, body, whole }) => {
      if (type !== 0) return { type, epoch, sequence, content: body };
      const full = newest - ((newest - epoch) & 3);
      return this.#openOne(sender, full, whole, cidLength);
    });
  }

  /** The datagram with each handshake message replaced by the result of `change`; the rest is unchanged. */
  rewrite(
    sender: Role,
    datagram: Uint8Array,
    change: (message: OpenMessage, epoch: number) => readonly OpenMessage[],
  ): Uint8Array {
    const records = this.open(sender, datagram).flatMap(({ type, epoch, sequence, content }) => {
      if (type !== ContentType.handshake) return [this.seal(sender, epoch, type, content, sequence)];
      const messages = (readHandshakeFragments(content) ?? []).flatMap((fragment) =>
        fragment.length === fragment.fragmentLength
          ? change({ ...fragment, body: fragment.fragment }, epoch)
          : raise('a message came in parts'),
      );
      // Numbers apart, so that several messages in the place of one have one each.
      return messages.map((message, i) => this.message(sender, epoch, message, 10 * sequence + i));
    });
    return concat(...records);
  }

  #openOne(sender: Role, epoch: number, whole: Uint8Array, cidLength: number): OpenRecord {
    const header = createHeader();
    if (readHeader(whole, 0, header, { lengthAt: () => cidLength }) !== undefined)
      throw new Error('this is no record');
    const reader = new RecordReader13(nodeProvider, this.#suite, epoch, this.#keysOf(sender, epoch));
    const content = reader.open(header, whole);
    if (typeof content === 'string') throw new Error(`the insider cannot open it: ${content}`);
    return { type: header.type, epoch, sequence: header.sequence, content };
  }

  #keysOf(sender: Role, epoch: number) {
    const who = sender.toUpperCase();
    const label = LABELS[epoch]?.(who) ?? `${who}_TRAFFIC_SECRET_${String(epoch - 3)}`;
    const { server, client } = this.#pair;
    const told = [...server.secrets, ...client.secrets].findLast((secret) => secret.label === label);
    return deriveTrafficKeys13(
      nodeProvider,
      this.#suite,
      told?.secret ?? raise(`no secret ${label} was logged`),
    );
  }
}

/** Of the epochs before those of the session. */
const LABELS: Readonly<Record<number, (who: string) => string>> = {
  1: (who) => `${who}_EARLY_TRAFFIC_SECRET`,
  2: (who) => `${who}_HANDSHAKE_TRAFFIC_SECRET`,
};

function raise(message: string): never {
  throw new Error(message);
}
