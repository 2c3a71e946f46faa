import type { Epochs } from '#lib/record/epochs.js';
import { createHeader, type DropReason, readHeader } from '#lib/record/header.js';
import type { CapturedDatagram } from '../../support/pcap.js';

export type Sender = 'client' | 'server';

export interface OpenedRecord {
  readonly sender: Sender;
  readonly type: number;
  readonly epoch: number;
  readonly sequence: number;
  /** Its connection ID; empty for none. */
  readonly cid: Uint8Array;
  /** The reason is kept, so that a test can show it. */
  readonly content: Uint8Array | DropReason;
}

/** Of the connection IDs on the records of each sender, bytes. */
export type IdLengths = Readonly<Record<Sender, number>>;

/** Opens every record of a capture, whose first datagram is the client's, in the order it was sent. */
export function openCapture(
  datagrams: readonly CapturedDatagram[],
  epochs: Readonly<Record<Sender, Epochs>>,
  lengths: IdLengths = { client: 0, server: 0 },
): OpenedRecord[] {
  const clientPort = datagrams[0]?.sourcePort;
  return datagrams.flatMap(({ sourcePort, payload }) => {
    const sender = sourcePort === clientPort ? 'client' : 'server';
    return openDatagram(payload, sender, epochs[sender], lengths[sender]);
  });
}

function openDatagram(
  datagram: Uint8Array,
  sender: Sender,
  epochs: Epochs,
  idLength: number,
): OpenedRecord[] {
  const records: OpenedRecord[] = [];
  const header = createHeader();
  const cids = { lengthAt: () => idLength };
  for (let at = 0; at < datagram.length; at = header.end) {
    const bad = readHeader(datagram, at, header, cids);
    if (bad !== undefined) throw new Error(`a record in the capture is ${bad}`);
    const content = epochs.readerFor(header)?.open(header, datagram) ?? 'unknown_epoch';
    const { type, epoch, sequence, cidStart, cidLength } = header;
    const cid = datagram.slice(cidStart, cidStart + cidLength);
    records.push({ sender, type, epoch, sequence, cid, content });
  }
  return records;
}
