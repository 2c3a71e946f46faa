import { openSync, writeSync } from 'node:fs';
import { FileError } from './files.js';

export type WriteKeylog = (line: string) => void;

/**
 * Opens a key log for appending. Anyone holding it can decrypt the sessions, so only its owner may read a new file.
 * `option` is the name to use in errors.
 *
 * @see RFC 9850 for the format of its lines
 */
export function openKeylog(option: string, file: string): WriteKeylog {
  const descriptor = open(option, file);
  return (line) => {
    writeSync(descriptor, `${line}\n`);
  };
}

function open(option: string, file: string): number {
  try {
    return openSync(file, 'a', 0o600);
  } catch (cause) {
    throw new FileError(option, 'open', file, cause);
  }
}
