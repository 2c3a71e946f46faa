import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { FileError } from './files.js';
import { readKeyFile } from './key-file.js';

const OPTION = '--state-key';
const LENGTH = 32;

export function readStateKey(file: string): Buffer {
  return readKeyFile(OPTION, file, LENGTH);
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
