import { getSystemErrorMap } from 'node:util';
import { FileError } from './files.js';
import { flagOf } from './flags.js';

/** What a command could not do, and the error that stopped it: exit status 1. */
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
  /** What follows it, a line each. */
  readonly details: readonly string[];
  readonly exitCode: 1 | 2;
  /** The command line itself is wrong, so the usage belongs below. */
  readonly usage: boolean;
}

/** Keys and certificates that were read and are of no use. */
const UNUSABLE = /^ERR_(OSSL|CRYPTO)_/;

/** One line and an exit status for anything that ended a command. */
export function explain(error: unknown): Failure {
  if (error instanceof CommandFailure) {
    return { line: error.message, details: error.details, exitCode: 1, usage: false };
  }
  if (error instanceof FileError) {
    return { line: `${error.message}: ${reason(error.cause)}`, details: [], exitCode: 2, usage: false };
  }
  const code = codeOf(error);
  // What fails later is wrapped where it happens: a bare error of the library is about its options.
  const refused = code?.startsWith('ERR_') ?? false;
  const usage = refused && !UNUSABLE.test(code ?? '');
  return { line: reason(error), details: [], exitCode: refused ? 2 : 1, usage };
}

/** Why something failed, with the code in brackets. */
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

/** The system's own words: Node's message would repeat the code and the address. */
function systemMessage(error: Error): string | undefined {
  if (!isSystemError(error) || error.errno === undefined) return undefined;
  return error.code === 'ENOTFOUND' ? 'no such host' : getSystemErrorMap().get(error.errno)?.[1];
}

/** Names options as the user wrote them: `The property 'options.pins' is …` becomes `--pin is …`. */
function inFlags(message: string): string {
  return message.replace(
    /(?:The (?:property |value of )?)?["']?options\.(\w+)(\[\d+\])?["']?(?: property)?/g,
    (whole, option: string) => flagOf(option) ?? whole,
  );
}
