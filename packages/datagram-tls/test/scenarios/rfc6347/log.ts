import type { Role } from '#lib/config/config.js';
import { ContentType } from '#lib/wire/codes.js';
import type { HandshakeFragment } from '#lib/wire/messages/handshake-header.js';
import type { Pair } from '../../support/pair.js';
import { plainFragments, type RecordView, recordsOf } from '../../support/records.js';

export interface Logged {
  readonly from: Role;
  readonly at: number;
  readonly data: Uint8Array;
}

/** All datagrams that arrive from here on. */
export class Log {
  readonly datagrams: Logged[] = [];

  constructor(pair: Pair) {
    pair.onDelivery = ({ from, data }) => this.datagrams.push({ from, at: pair.now, data: data.slice() });
  }

  of(from: Role): Uint8Array[] {
    return this.datagrams.filter((datagram) => datagram.from === from).map(({ data }) => data);
  }

  records(from: Role): RecordView[] {
    return this.of(from).flatMap(recordsOf);
  }

  /** Fragments in epoch 0. */
  fragments(from: Role): HandshakeFragment[] {
    return this.of(from).flatMap(plainFragments);
  }

  /** Bodies of the unfragmented messages of one type in epoch 0. */
  bodies(from: Role, type: number): Uint8Array[] {
    return this.fragments(from)
      .filter((fragment) => fragment.type === type && fragment.fragmentLength === fragment.length)
      .map(({ fragment }) => fragment);
  }
}

/** `type epoch/sequence` of each record. */
export function outline(records: readonly RecordView[]): string[] {
  const names = new Map<number, string>(Object.entries(ContentType).map(([name, code]) => [code, name]));
  return records.map(({ type, epoch, sequence }) => `${names.get(type)} ${epoch}/${sequence}`);
}
