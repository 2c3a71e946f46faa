import type { Readable, Writable } from 'node:stream';

/** The input, output and signals of a command: those of the process, or those of a test. */
export interface Terminal {
  readonly stdin: Readable;
  /** For data. */
  readonly stdout: Writable;
  /** For diagnostics. */
  readonly stderr: Writable & { readonly isTTY?: boolean };
  /** `listener` is called with each SIGINT and SIGTERM. */
  onSignal(listener: (signal: NodeJS.Signals) => void): void;
  /** Ends the command at once. */
  exit(status: number): void;
}

/** Characters with which a peer could overwrite the terminal, end the line, or turn the rest of it around. */
const CONTROL = /[\p{C}\p{Zl}\p{Zp}]+/gu;

/** Writes one line to standard error; standard output carries the data. */
export function say({ stderr }: Pick<Terminal, 'stderr'>, line: string): void {
  stderr.write(`dtls: ${line.replace(CONTROL, ' ')}\n`);
}

/** The terminal of this process. */
export function ownTerminal(): Terminal {
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    onSignal: (listener) => {
      process.on('SIGINT', listener);
      process.on('SIGTERM', listener);
    },
    exit: (status) => process.exit(status),
  };
}
