import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { FileError, readOptionFile } from './files.js';

const OPTION = '--state-key';
const LENGTH = 32;

/** The key in `file`: 32 bytes, or 64 hexadecimal digits in a line. */
export function readStateKey(file: string): Buffer {
  const bytes = readOptionFile(OPTION, file);
  if (bytes.length === LENGTH) return bytes;
  const text = bytes.subarray(0, 2 * LENGTH + 2).toString('latin1');
  const rest = bytes.subarray(2 * LENGTH + 2);
  if (rest.length === 0 && /^[0-9a-f]{64}\r?\n?$/i.test(text))
    return Buffer.from(text.slice(0, 2 * LENGTH), 'hex');
  const found = new Error(
    `it has ${bytes.length} bytes; 32 random bytes or 64 hexadecimal digits are expected`,
  );
  throw new FileError(OPTION, 'use', file, found);
}

/** The key in `file`, which is made for its owner alone when it is missing. */
export function ownStateKey(file: string): Buffer {
  try {
    writeFileSync(file, randomBytes(LENGTH), { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw new FileError(OPTION, 'write', file, cause);
  }
  return readStateKey(file);
}
