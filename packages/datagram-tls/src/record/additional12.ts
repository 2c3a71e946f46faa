import { ProtocolVersion } from '../wire/codes.js';
import { writeEpochAndSequence } from './sequence.js';

/** Record number, type, version, length (RFC 5246 §6.2.3.1, §6.2.3.3). */
const LENGTH = 13;

/** Sealing and opening never wait, so all connections share it. */
const scratch = new Uint8Array(LENGTH);

/** What a record of DTLS 1.2 authenticates beside its content; valid until the next call. */
export function additionalData12(type: number, epoch: number, sequence: number, length: number): Uint8Array {
  writeEpochAndSequence(scratch, 0, epoch, sequence);
  scratch[8] = type;
  scratch[9] = ProtocolVersion.dtls12 >>> 8;
  scratch[10] = ProtocolVersion.dtls12 & 0xff;
  scratch[11] = length >>> 8;
  scratch[12] = length;
  return scratch;
}
