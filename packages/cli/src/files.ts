import { accessSync, constants, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** A file of an option that cannot be used. */
export class FileError extends Error {
  override readonly cause: unknown;

  /** `option` is the option as the user wrote it; `cause` is the system's error. */
  constructor(option: string, verb: 'read' | 'open' | 'use' | 'write', file: string, cause: unknown) {
    super(`${option}: cannot ${verb} '${file}'`, { cause });
    this.cause = cause;
  }
}

export function readOptionFile(option: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new FileError(option, 'read', file, cause);
  }
}

/** A file that is replaced later needs a folder that can be written to: checked before anything is sent. */
export function checkFolder(option: string, file: string): void {
  try {
    accessSync(dirname(file), constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new FileError(option, 'write', file, cause);
  }
}
