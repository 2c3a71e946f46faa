import { isUtf8 } from 'node:buffer';
import { InvalidArgumentError } from 'commander';
import type { PskCredentialOption } from 'datagram-tls';
import { FileError, readOptionFile } from './files.js';

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const CARRIAGE_RETURN = 0x0d;

/** Pre-shared keys from the command line and from files: identities are text. */
type TextCredential = PskCredentialOption & { readonly identity: string };

/** `ID:HEX`, where only the last colon counts. */
export function parsePsk(text: string): PskCredentialOption {
  const credential = readPsk(text);
  if (credential === undefined)
    throw new InvalidArgumentError('ID:HEX is expected, such as sensor-1:00a1b2c3.');
  return credential;
}

/** For a flag that may be given more than once, with another identity each time. */
export function appendPsk(credential: PskCredentialOption, previous: unknown): PskCredentialOption[] {
  const earlier = (previous ?? []) as readonly PskCredentialOption[];
  if (earlier.some(({ identity }) => identity === credential.identity))
    throw new InvalidArgumentError(`The identity '${String(credential.identity)}' is there already.`);
  return [...earlier, credential];
}

/**
 * A file of such lines, which keeps keys out of the list of processes. Empty lines and those that begin with # are
 * skipped, and a byte order mark at the start. Identities are text in UTF-8 (RFC 4279 §5.1); each occurs once.
 */
export function readPskFile(option: string, file: string): PskCredentialOption[] {
  const refuse = (why: string): never => {
    throw new FileError(option, 'use', file, new Error(why));
  };
  const bytes = readOptionFile(option, file);
  const lines = new Map<string, number>();
  const credentials: PskCredentialOption[] = [];
  for (const [index, line] of splitBytes(bytes).entries()) {
    const number = index + 1;
    const text = decode(index === 0 ? withoutMark(line) : line) ?? refuse(`line ${number} is not UTF-8`);
    if (text === '' || text.startsWith('#')) continue;
    const credential = readPsk(text) ?? refuse(`line ${number} is not ID:HEX`);
    const { identity } = credential;
    const earlier = lines.get(identity);
    if (earlier !== undefined) refuse(`lines ${earlier} and ${number} have the same identity, '${identity}'`);
    lines.set(identity, number);
    credentials.push(credential);
  }
  return credentials.length === 0 ? refuse('it holds no key') : credentials;
}

/** The map in which a server looks identities up. */
export function keysByIdentity(credentials: readonly PskCredentialOption[]) {
  return new Map(credentials.map(({ identity, key }) => [identity, key]));
}

/** The lines of `bytes` without their line ends. */
function splitBytes(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let start = 0;
  for (let end = bytes.indexOf('\n'); end !== -1; end = bytes.indexOf('\n', start)) {
    lines.push(bytes.subarray(start, bytes[end - 1] === CARRIAGE_RETURN && end > start ? end - 1 : end));
    start = end + 1;
  }
  return [...lines, bytes.subarray(start)];
}

function withoutMark(line: Buffer): Buffer {
  return line.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)
    ? line.subarray(BYTE_ORDER_MARK.length)
    : line;
}

function decode(bytes: Buffer): string | undefined {
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined;
}

function readPsk(text: string): TextCredential | undefined {
  const [, identity, hex] = /^(.+):((?:[0-9a-fA-F]{2})+)$/.exec(text) ?? [];
  return identity === undefined || hex === undefined ? undefined : { identity, key: Buffer.from(hex, 'hex') };
}
