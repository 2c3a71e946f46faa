import type { Passage } from './relay.js';

const LINKTYPE_ETHERNET = 1;
const ETHERNET = 14;
const IPV4 = 20;
const UDP = 8;

/** Makes a classic pcap file of a relay's passages, as IPv4 on loopback between the client's port and `serverPort`. */
export function encodePcap(passages: readonly Passage[], serverPort: number): Uint8Array {
  return Buffer.concat([fileHeader(), ...passages.flatMap((passage) => packet(passage, serverPort))]);
}

function fileHeader(): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(LINKTYPE_ETHERNET, 20);
  return header;
}

function packet(passage: Passage, serverPort: number): Buffer[] {
  const { clientPort } = passage;
  const [from, to] = passage.direction === 'to-server' ? [clientPort, serverPort] : [serverPort, clientPort];
  const length = ETHERNET + IPV4 + UDP + passage.bytes.length;
  const record = Buffer.alloc(16);
  record.writeUInt32LE(Math.floor(passage.at / 1000), 0);
  record.writeUInt32LE(Math.floor((passage.at % 1000) * 1000), 4);
  record.writeUInt32LE(length, 8);
  record.writeUInt32LE(length, 12);
  return [record, headers(from, to, passage.bytes.length), Buffer.from(passage.bytes)];
}

function headers(from: number, to: number, length: number): Buffer {
  const header = Buffer.alloc(ETHERNET + IPV4 + UDP);
  header.writeUInt16BE(0x0800, 12);
  header.writeUInt8(0x45, 14);
  header.writeUInt16BE(IPV4 + UDP + length, 16);
  header.writeUInt8(64, 22);
  header.writeUInt8(17, 23);
  header.set([127, 0, 0, 1, 127, 0, 0, 1], 26);
  header.writeUInt16BE(checksum(header.subarray(ETHERNET, ETHERNET + IPV4)), 24);
  header.writeUInt16BE(from, 34);
  header.writeUInt16BE(to, 36);
  // A UDP checksum of zero means that none was computed.
  header.writeUInt16BE(UDP + length, 38);
  return header;
}

function checksum(header: Buffer): number {
  let sum = 0;
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
