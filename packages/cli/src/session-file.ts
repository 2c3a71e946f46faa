import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { checkFolder, FileError } from './files.js';

/** The session in `file`; `undefined` when there is no such file. `option` is the name to use in errors. */
export function readSession(option: string, file: string): Buffer | undefined {
  checkFolder(option, file);
  try {
    return readFileSync(file);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new FileError(option, 'read', file, cause);
  }
}

/**
 * Writes `session`, or removes the file. Anyone holding the file can act as this client, so a new one replaces the
 * old, and only its owner may read it.
 */
export function keepSession(option: string, file: string, session: Uint8Array | undefined): void {
  try {
    rmSync(file, { force: true });
    if (session !== undefined) writeFileSync(file, session, { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    throw new FileError(option, 'write', file, cause);
  }
}
