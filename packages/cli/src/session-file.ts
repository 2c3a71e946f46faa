import { accessSync, constants, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { FileError } from './files.js';

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

/** The next session replaces the file, so its folder must be writable: checked before anything is sent. */
function checkFolder(option: string, file: string): void {
  try {
    accessSync(dirname(file), constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new FileError(option, 'write', file, cause);
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
