import { FileError, readOptionFile } from './files.js';

/** The key of `length` bytes in `file`: these bytes, or twice as many hexadecimal digits in a line. */
export function readKeyFile(option: string, file: string, length: number): Buffer {
  const bytes = readOptionFile(option, file);
  if (bytes.length === length) return bytes;
  const text = bytes.subarray(0, 2 * length + 2).toString('latin1');
  const rest = bytes.subarray(2 * length + 2);
  if (rest.length === 0 && new RegExp(`^[0-9a-f]{${2 * length}}\r?\n?$`, 'i').test(text))
    return Buffer.from(text.slice(0, 2 * length), 'hex');
  const found = new Error(
    `it has ${bytes.length} bytes; ${length} random bytes or ${2 * length} hexadecimal digits are expected`,
  );
  throw new FileError(option, 'use', file, found);
}
