import { openSync, writeSync } from 'node:fs';
import { FileError } from './files.js';

export type WriteKeylog = (line: Uint8Array) => void;

/**
 * Opens a key log for appending. Whoever reads it can decrypt the sessions, so a new file is readable by its owner alone.
 * `option` is what named the file, for the error.
 *
 * @see RFC 9850 for the format of its lines
 */
export function openKeylog(option: string, file: string): WriteKeylog {
  const descriptor = open(option, file);
  return (line) => {
    writeSync(descriptor, line);
  };
}

function open(option: string, file: string): number {
  try {
    return openSync(file, 'a', 0o600);
  } catch (cause) {
    throw new FileError(option, 'open', file, cause);
  }
}
