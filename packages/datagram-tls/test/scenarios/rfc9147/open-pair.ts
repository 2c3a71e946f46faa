import type { Role } from '#lib/config/config.js';
import { ContentType, HandshakeType } from '#lib/wire/codes.js';
import { decodeAck, type RecordNumber } from '#lib/wire/messages/ack.js';
import { type HandshakeFragment, readHandshakeFragments } from '#lib/wire/messages/handshake-header.js';
import { decodeServerHello } from '#lib/wire/messages/server-hello.js';
import { Insider13, type OpenRecord } from '../../support/insider13.js';
import { Pair, type PairOptions } from '../../support/pair.js';
import { recordsOf } from '../../support/records.js';

/** A decrypted record. */
export interface SeenRecord extends OpenRecord {
  readonly from: Role;
  readonly at: number;
  /** Number of the datagram it came in. */
  readonly datagram: number;
}

/** A DTLS 1.3 pair, and an observer that has the key log of both sides and sees every datagram. */
export class OpenPair extends Pair {
  readonly #insider = new Insider13(this);
  readonly datagrams: { readonly from: Role; readonly at: number; readonly data: Uint8Array }[] = [];

  constructor(options: PairOptions = {}) {
    super({
      version: 'DTLSv1.3',
      ...options,
      client: { ciphers: 'TLS_AES_128_GCM_SHA256', ...options.client },
    });
    this.onDelivery = ({ from, data }) => {
      this.datagrams.push({ from, at: this.now, data: data.slice() });
    };
  }

  /** All records so far, in the order of their arrival, except those without a known key. */
  records(from?: Role): SeenRecord[] {
    return this.datagrams
      .flatMap((datagram, number) => this.open(datagram.from, datagram.data, datagram.at, number))
      .filter((record) => from === undefined || record.from === from);
  }

  /** Records of one datagram. */
  open(from: Role, data: Uint8Array, at = this.now, datagram = -1): SeenRecord[] {
    return recordsOf(data).flatMap((record) => {
      const epochs = record.type === 0 ? this.#epochsOf(from, record.epoch) : [0];
      const opened = firstOf(epochs, (epoch) => this.#insider.open(from, record.whole, epoch));
      return (opened ?? []).map((open) => ({ ...open, from, at, datagram }));
    });
  }

  /** Every fragment of handshake messages that `from` sent, with the record it came in. */
  fragments(from: Role): { readonly record: SeenRecord; readonly fragment: HandshakeFragment }[] {
    return this.records(from)
      .filter(({ type }) => type === ContentType.handshake)
      .flatMap((record) =>
        (readHandshakeFragments(record.content) ?? []).map((fragment) => ({ record, fragment })),
      );
  }

  /** Bodies of unfragmented messages of one type. */
  bodies(from: Role, type: number): Uint8Array[] {
    return this.fragments(from).flatMap(({ fragment }) =>
      fragment.type === type && fragment.fragmentLength === fragment.length ? [fragment.fragment] : [],
    );
  }

  acks(from: Role): { readonly record: SeenRecord; readonly numbers: readonly RecordNumber[] }[] {
    return this.records(from).flatMap((record) => {
      if (record.type !== ContentType.ack) return [];
      return [{ record, numbers: decodeAck(record.content)?.recordNumbers ?? [] }];
    });
  }

  /** A record as `sender` would make it. The number is ahead of what a test sends, and within a replay window. */
  seal(sender: Role, epoch: number, type: number, content: Uint8Array, sequence = 100): Uint8Array {
    return this.#insider.seal(sender, epoch, type, content, sequence);
  }

  /** The epochs with these two low bits and a known secret, newest first. */
  #epochsOf(sender: Role, bits: number): number[] {
    const own = sender.toUpperCase();
    const told = [...this.client.secrets, ...this.server.secrets].flatMap(({ label }) => {
      if (label === `${own}_HANDSHAKE_TRAFFIC_SECRET`) return [2];
      const generation = label.startsWith(`${own}_TRAFFIC_SECRET_`) ? label.split('_').at(-1) : undefined;
      return generation === undefined ? [] : [3 + Number(generation)];
    });
    return told.filter((epoch) => (epoch & 3) === bits).sort((a, b) => b - a);
  }
}

/** The first result of `attempt` that is no error. */
function firstOf<T, R>(items: readonly T[], attempt: (item: T) => R): R | undefined {
  for (const item of items) {
    try {
      return attempt(item);
    } catch {
      // The keys of another epoch, or of an association that is over.
    }
  }
  return undefined;
}

/** Whether a body is that of a HelloRetryRequest and not of a ServerHello. */
export function isRetry(body: Uint8Array): boolean {
  return decodeServerHello(body)?.random[0] === 0xcf;
}

export const { client_hello, server_hello, hello_verify_request, key_update, finished } = HandshakeType;
