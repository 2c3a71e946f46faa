/** One UDP datagram of a capture. */
export interface CapturedDatagram {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
}

const PCAP_MAGIC = 0xa1b2c3d4;
const PCAPNG_SECTION = 0x0a0d0d0a;
const PCAPNG_ENHANCED_PACKET = 6;

const ETHERNET_HEADER = 14;
const UDP_PROTOCOL = 17;
const UDP_HEADER = 8;

/** The UDP datagrams over IPv4 of a little-endian pcap or pcapng file of Ethernet frames; others are passed over. */
export function readCapture(file: Uint8Array): CapturedDatagram[] {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const frames = view.getUint32(0, true) === PCAPNG_SECTION ? pcapngFrames(view) : pcapFrames(view);
  return frames.flatMap((frame) => udpDatagram(frame) ?? []);
}

function pcapFrames(view: DataView): Uint8Array[] {
  if (view.getUint32(0, true) !== PCAP_MAGIC) throw new Error('not a little-endian capture file');
  const frames: Uint8Array[] = [];
  for (let at = 24; at < view.byteLength; ) {
    const length = view.getUint32(at + 8, true);
    frames.push(slice(view, at + 16, length));
    at += 16 + length;
  }
  return frames;
}

function pcapngFrames(view: DataView): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < view.byteLength; at += view.getUint32(at + 4, true)) {
    if (view.getUint32(at, true) !== PCAPNG_ENHANCED_PACKET) continue;
    frames.push(slice(view, at + 28, view.getUint32(at + 20, true)));
  }
  return frames;
}

function udpDatagram(frame: Uint8Array): CapturedDatagram | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const isUdp = view.getUint16(12) === 0x0800 && view.getUint8(ETHERNET_HEADER + 9) === UDP_PROTOCOL;
  if (!isUdp) return undefined;
  const udp = ETHERNET_HEADER + 4 * (view.getUint8(ETHERNET_HEADER) & 0x0f);
  return {
    sourcePort: view.getUint16(udp),
    destinationPort: view.getUint16(udp + 2),
    payload: slice(view, udp + UDP_HEADER, view.getUint16(udp + 4) - UDP_HEADER),
  };
}

function slice(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}
