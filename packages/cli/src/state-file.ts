import {
  closeSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { checkFolder, FileError } from './files.js';

const OPTION = '--state';
/**
 * Then the address of the server as text behind its length, the number of states, and each state behind its length; numbers have
 * 32 bits.
 */
const FORMAT = Buffer.from('dtls sessions 2\n');
/** The same without an address, as versions before wrote it. */
const FORMER_FORMAT = Buffer.from('dtls sessions 1\n');
const NUMBER_LENGTH = 4;
/** Of an address with its port; an IPv6 address with the name of its interface is shorter. */
const MAX_ADDRESS = 128;
/** It is shown on terminals, and nothing in the file is authentic but the states. */
const ADDRESS = /^[\w.:%[\]-]+$/;
const HEAD_LENGTH = FORMAT.length + NUMBER_LENGTH + MAX_ADDRESS + NUMBER_LENGTH;

/** Of all states in a file: those of more than a million idle sessions. */
export const MAX_BYTES = 512 * 2 ** 20;

/** The states of a file, which is gone. */
interface Taken {
  /** Where they were served, where the file says it: an address with its port. */
  readonly served?: string;
  readonly states: readonly Buffer[];
  /** Why there are no more. */
  readonly damage?: string;
}

/** The part of `MAX_BYTES` that a state takes. */
export function sizeOf(state: Buffer): number {
  return NUMBER_LENGTH + state.length;
}

/** Throws a `FileError` where no state file can be. */
export function checkStateFile(file: string): void {
  checkFolder(OPTION, file);
  if (lstatSync(file, { throwIfNoEntry: false })?.isFile() === false)
    throw new FileError(OPTION, 'use', file, new Error('it is not a regular file'));
}

/** Puts a file of its owner alone in place of the one before: after a crash there is the one or the other, whole. */
export function writeStates(file: string, served: string, states: readonly Buffer[]): void {
  let made = `${file}.${process.pid}.new`;
  try {
    rmSync(made, { force: true });
    writeWhole(made, encode(served, states));
    renameSync(made, file);
    made = file;
    syncFolder(file);
  } catch (cause) {
    // Its sessions do not move, so no server may find them.
    rmSync(made, { force: true });
    throw new FileError(OPTION, 'write', file, cause);
  }
}

function writeWhole(file: string, bytes: Buffer): void {
  const descriptor = openSync(file, 'wx', 0o600);
  try {
    writeFileSync(descriptor, bytes);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * The states in `file`, which is removed first: no other server, and none after a crash, goes on with them. `undefined` when
 * there is no such file.
 */
export function takeStates(file: string): Taken | undefined {
  const taken = `${file}.${process.pid}.taken`;
  try {
    const found = lstatSync(file, { throwIfNoEntry: false });
    if (found === undefined) return undefined;
    renameSync(file, taken);
    syncFolder(file);
    if (found.size > HEAD_LENGTH + MAX_BYTES) return { states: [], damage: `it has ${found.size} bytes` };
    return decode(readFileSync(taken));
  } catch (cause) {
    throw new FileError(OPTION, 'read', file, cause);
  } finally {
    rmSync(taken, { force: true });
  }
}

/** A renamed file stays renamed when the machine fails. Windows has no such call for folders. */
function syncFolder(file: string): void {
  if (process.platform === 'win32') return;
  const descriptor = openSync(dirname(file), 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function encode(served: string, states: readonly Buffer[]): Buffer {
  const address = Buffer.from(served);
  return Buffer.concat([
    FORMAT,
    number(address.length),
    address,
    number(states.length),
    ...states.flatMap((state) => [number(state.length), state]),
  ]);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(NUMBER_LENGTH);
  bytes.writeUInt32BE(value);
  return bytes;
}

function decode(bytes: Buffer): Taken {
  const start = bytes.subarray(0, FORMAT.length);
  if (start.equals(FORMER_FORMAT)) return decodeStates(bytes, FORMAT.length);
  const length = start.equals(FORMAT) && bytes.length >= HEAD_START ? bytes.readUInt32BE(FORMAT.length) : 0;
  const served = bytes.toString('latin1', HEAD_START, HEAD_START + Math.min(length, MAX_ADDRESS));
  if (length === 0 || served.length < length || !ADDRESS.test(served)) return NO_STATES;
  return { served, ...decodeStates(bytes, HEAD_START + length) };
}

const HEAD_START = FORMAT.length + NUMBER_LENGTH;
const NO_STATES: Taken = { states: [], damage: 'it is not a file of dtls server --state' };

/** From their number on. Whole states before the damage are good: each is sealed by itself. */
function decodeStates(bytes: Buffer, from: number): Taken {
  if (bytes.length < from + NUMBER_LENGTH) return NO_STATES;
  const count = bytes.readUInt32BE(from);
  const states: Buffer[] = [];
  let at = from + NUMBER_LENGTH;
  while (states.length < count && at + NUMBER_LENGTH <= bytes.length) {
    const start = at + NUMBER_LENGTH;
    const end = start + bytes.readUInt32BE(at);
    if (end > bytes.length) break;
    states.push(bytes.subarray(start, end));
    at = end;
  }
  if (states.length < count) return { states, damage: `it ends after ${states.length} of ${count} sessions` };
  return at === bytes.length ? { states } : { states, damage: 'there is more after the last session' };
}
