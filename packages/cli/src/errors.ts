import { getSystemErrorMap } from 'node:util';
import { FileError } from './files.js';
import { flagOf } from './flags.js';

/** A failed action of the command, and its cause: exit status 1. */
export class CommandFailure extends Error {
  /** More lines about it. */
  readonly details: readonly string[];

  constructor(what: string, cause: unknown, details: readonly string[] = []) {
    super(`${what}: ${reason(cause)}`, { cause });
    this.details = details;
  }
}

export interface Failure {
  /** One line, without the program's name. */
  readonly line: string;
  /** The lines after it. */
  readonly details: readonly string[];
  readonly exitCode: 1 | 2;
  /** The command line itself is wrong, so the usage is shown. */
  readonly usage: boolean;
}

/** Keys and certificates that were read but cannot be used. */
const UNUSABLE = /^ERR_(OSSL|CRYPTO)_/;
/** What the command line says wrong, or lacks, where the code is that of unusable files, as in node:dtls. */
const OF_COMMAND_LINE = /^options\.(?:\w+: '.*' is not known here|servername has )|Give options\.passphrase$/;

/** One line and an exit status for any error that ends a command. */
export function explain(error: unknown): Failure {
  if (error instanceof CommandFailure) {
    return { line: error.message, details: error.details, exitCode: 1, usage: false };
  }
  if (error instanceof FileError) {
    return { line: `${error.message}: ${reason(error.cause)}`, details: [], exitCode: 2, usage: false };
  }
  const code = codeOf(error);
  // Later failures are wrapped where they happen: a bare error of the library is about its options.
  const refused = code?.startsWith('ERR_') ?? false;
  const usage = refused && (!UNUSABLE.test(code ?? '') || OF_COMMAND_LINE.test((error as Error).message));
  return { line: reason(error), details: [], exitCode: refused ? 2 : 1, usage };
}

/** The reason of a failure, with the code in brackets. */
export function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = codeOf(error);
  const text = systemMessage(error) ?? inFlags(error.message);
  return code === undefined ? text : `${text} (${code})`;
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** An error of the operating system or of name resolution. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'errno' in error && typeof error.errno === 'number';
}

/** The system's text: Node's message would repeat the code and the address. */
function systemMessage(error: Error): string | undefined {
  if (!isSystemError(error) || error.errno === undefined) return undefined;
  return error.code === 'ENOTFOUND' ? 'no such host' : getSystemErrorMap().get(error.errno)?.[1];
}

/**
 * Names options as the user wrote them: `The property 'options.pins' is …` becomes `--pin is …`, and `options.pins ['…']`
 * becomes `--pin …`.
 */
function inFlags(message: string): string {
  return (
    message
      // The command has read the file itself.
      .replace('. Give the content of the file, not its path', '')
      .replace(/(options\.pins) \['([^']*)'\]/, '$1 $2')
      .replace(
        /(?:The (?:property |value of )?)?["']?options\.(\w+)(\[\d+\])?["']?(?: property)?/g,
        (whole, option: string) => flagOf(option) ?? whole,
      )
  );
}
