import { debuglog } from 'node:util';
import type { DTLSErrorCode } from '../base/error-codes.js';
import { type DTLSError, textOf } from '../base/errors.js';
import type { Duration, Instant } from '../base/instant.js';
import { now } from './clock.js';
import { addressText } from './inspection.js';

/** The fields that the functions below need of a peer; `RemoteAddress` and dgram's `rinfo` both have them. */
interface Peer {
  readonly address: string;
  readonly port: number;
}

type Direction = 'sent' | 'received';

const COLUMNS = 16;

const log = debuglog('dtls');
const hex = debuglog('dtls-hex');
/** They are asked for each datagram, and stay what they are: Node reads NODE_DEBUG when it starts. */
const isLogging = log.enabled;
const isDumping = hex.enabled;

/** NODE_DEBUG=dtls: a socket was bound to `local`. */
export function logBind(local: Peer): void {
  if (isLogging) log('bound to %s', addressText(local));
}

/** NODE_DEBUG=dtls: a new session for an address without one. */
export function logPeer(peer: Peer): void {
  if (isLogging) log('new peer %s', addressText(peer));
}

/** NODE_DEBUG=dtls: a datagram of `length` bytes. */
export function logBytes(direction: Direction, peer: Peer, length: number): void {
  if (isLogging) log('%s %s %d bytes', addressText(peer), direction, length);
}

/** NODE_DEBUG=dtls: a session is forgotten. */
export function logRemoval(peer: Peer, reason: string): void {
  if (isLogging) log('removed %s: %s', addressText(peer), reason);
}

/** NODE_DEBUG=dtls: a failure that ends no session. */
function logWarning(message: string): void {
  if (isLogging) log('warning: %s', message);
}

/** NODE_DEBUG=dtls-hex: the bytes of a datagram, 16 per line, with offset and printable ASCII. */
export function hexDump(direction: Direction, peer: Peer, bytes: Uint8Array): void {
  if (isDumping) hex('%s %s %d bytes\n%s', addressText(peer), direction, bytes.length, dumpLines(bytes));
}

function dumpLines(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let offset = 0; offset < bytes.length; offset += COLUMNS) {
    lines.push(dumpLine(offset, bytes.subarray(offset, offset + COLUMNS)));
  }
  return lines.join('\n');
}

function dumpLine(offset: number, row: Uint8Array): string {
  const digits = Array.from(row, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const text = Array.from(row, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.'));
  return `${offset.toString(16).padStart(4, '0')}  ${digits.padEnd(COLUMNS * 3 - 1)}  ${text.join('')}`;
}

/** Between two warnings of one kind, ms: a failing function fails for every client. */
const WARNING_GAP: Duration = 60_000;

/** When a function may be warned of again. */
const nextWarnings = new Map<string, Instant>();

/** Emits a process warning, at most one a minute for each function; `NODE_DEBUG=dtls` shows every failure. */
function warn(failing: string, code: DTLSErrorCode, message: string, detail?: string): void {
  logWarning(message);
  if (now() < (nextWarnings.get(failing) ?? Number.NEGATIVE_INFINITY)) return;
  nextWarnings.set(failing, now() + WARNING_GAP);
  process.emitWarning(message, { type: 'DTLSWarning', code, ...(detail === undefined ? {} : { detail }) });
}

export function warnOfTicketKeys(error: DTLSError): void {
  warn('ticketKeys', 'ERR_DTLS_TICKET_KEYS', error.message);
}

/** Early data is refused: `replayGuard` threw `cause`, rejected with it, or answered nonsense. */
export function warnOfReplayGuard(cause: unknown): void {
  const text = `early data is refused: options.replayGuard failed: ${textOf(cause)}`;
  warn('replayGuard', 'ERR_DTLS_CALLBACK', text, cause instanceof Error ? cause.stack : undefined);
}

/** The promise of the callback of `listen` was rejected, and the session has no `onerror`, or is over. */
export function warnOfRejection(reason: unknown): void {
  const text = 'the callback of listen rejected, and its session has no onerror, or is over';
  const detail = reason instanceof Error ? reason.stack : undefined;
  warn('listen', 'ERR_DTLS_CALLBACK', `${text}: ${textOf(reason)}`, detail);
}
