import type { Epochs } from '#lib/record/epochs.js';
import { createHeader, type DropReason, readHeader } from '#lib/record/header.js';
import type { CapturedDatagram } from '../../support/pcap.js';

export type Sender = 'client' | 'server';

export interface OpenedRecord {
  readonly sender: Sender;
  readonly type: number;
  readonly epoch: number;
  readonly sequence: number;
  /** The reason is kept, so that a test can show it. */
  readonly content: Uint8Array | DropReason;
}

/** Opens every record of a capture, whose first datagram is the client's, in the order it was sent. */
export function openCapture(
  datagrams: readonly CapturedDatagram[],
  epochs: Readonly<Record<Sender, Epochs>>,
): OpenedRecord[] {
  const clientPort = datagrams[0]?.sourcePort;
  return datagrams.flatMap(({ sourcePort, payload }) => {
    const sender = sourcePort === clientPort ? 'client' : 'server';
    return openDatagram(payload, sender, epochs[sender]);
  });
}

function openDatagram(datagram: Uint8Array, sender: Sender, epochs: Epochs): OpenedRecord[] {
  const records: OpenedRecord[] = [];
  const header = createHeader();
  for (let at = 0; at < datagram.length; at = header.end) {
    const bad = readHeader(datagram, at, header);
    if (bad !== undefined) throw new Error(`a record in the capture is ${bad}`);
    const content = epochs.readerFor(header)?.open(header, datagram) ?? 'unknown_epoch';
    const { type, epoch, sequence } = header;
    records.push({ sender, type, epoch, sequence, content });
  }
  return records;
}
