/** Sequence numbers have 48 bits and never wrap (RFC 6347 §4.1, RFC 9147 §4.2.1). A double holds them exactly. */
export const MAX_SEQUENCE = 2 ** 48 - 1;

/**
 * The sequence number with these low bits, of which there are `span` values, that is nearest to the expected one (RFC
 * 9147 §4.2.2).
 */
export function completeSequence(expected: number, low: number, span: number): number {
  const candidate = expected - (expected % span) + low;
  const off = candidate - expected;
  if ((off > span / 2 || candidate > MAX_SEQUENCE) && candidate >= span) return candidate - span;
  if (off < -span / 2 && candidate + span <= MAX_SEQUENCE) return candidate + span;
  return candidate;
}

/** The 64-bit record number: 16 bits of epoch, 48 of sequence number. */
export function writeEpochAndSequence(out: Uint8Array, at: number, epoch: number, sequence: number): void {
  out[at] = epoch >>> 8;
  out[at + 1] = epoch;
  writeSequence(out, at + 2, sequence);
}

/** XORs 48 bits into `out` without BigInt, which costs twenty times as much. */
export function maskSequence(out: Uint8Array, at: number, sequence: number): void {
  const high = Math.floor(sequence / 0x1_0000_0000);
  const low = sequence >>> 0;
  maskByte(out, at, high >>> 8);
  maskByte(out, at + 1, high);
  maskByte(out, at + 2, low >>> 24);
  maskByte(out, at + 3, low >>> 16);
  maskByte(out, at + 4, low >>> 8);
  maskByte(out, at + 5, low);
}

function maskByte(out: Uint8Array, at: number, bits: number): void {
  out[at] = (out[at] as number) ^ bits;
}

/** Writes 48 bits. */
export function writeSequence(out: Uint8Array, at: number, sequence: number): void {
  const high = Math.floor(sequence / 0x1_0000_0000);
  const low = sequence >>> 0;
  out[at] = high >>> 8;
  out[at + 1] = high;
  out[at + 2] = low >>> 24;
  out[at + 3] = low >>> 16;
  out[at + 4] = low >>> 8;
  out[at + 5] = low;
}
