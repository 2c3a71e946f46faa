import { Alert, AlertLevel, type AlertName, alertName } from '../base/alerts.js';
import { own } from '../base/bytes.js';
import { DTLSError, invalidState, tooLarge } from '../base/errors.js';
import { PlainWriter } from '../record/plain.js';
import { ContentType } from '../wire/codes.js';
import { type AlertMessage, encodeAlert } from '../wire/messages/alert.js';
import type { Association } from './association.js';
import type { SentAlert } from './life.js';

/** The error for a caller that needs an open connection; `begun`: it was open, or never will be. */
export function notOpen(begun: boolean): Error {
  return begun
    ? invalidState('Session is destroyed')
    : invalidState('Cannot send application data before the handshake completes');
}

/** `byPeer`: the limit is the peer's, not the path's. */
export function messageTooLarge(length: number, limit: number, byPeer: boolean): Error {
  const what = byPeer ? 'of a record that the peer takes' : 'for a single datagram';
  return tooLarge(`data is ${length} bytes, which exceeds the ${limit} byte maximum ${what}`);
}

/** `doubtsPsk`: a wrong key is the likely reason, because the peer does not answer what it cannot read. */
export function handshakeTimeout(doubtsPsk: boolean): DTLSError {
  const hint = doubtsPsk ? ': the peer may have another pre-shared key' : '';
  return new DTLSError('ERR_DTLS_HANDSHAKE_TIMEOUT', `DTLS handshake timeout${hint}`, { source: 'network' });
}

export function idleTimeout(ms: number): DTLSError {
  return new DTLSError('ERR_DTLS_IDLE_TIMEOUT', `DTLS idle timeout: the peer was silent for ${ms} ms`, {
    source: 'network',
  });
}

/** The application's `ticketKeys` failed with `cause`; no session ends. */
export function ticketKeysFailed(cause: unknown): DTLSError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DTLSError('ERR_DTLS_TICKET_KEYS', `no ticket: options.ticketKeys failed: ${reason}`, { cause });
}

/** `silence`: ms since the last authentic record. */
export function peerGone(silence: number): DTLSError {
  const text = `the peer was silent for ${Math.round(silence)} ms: it is gone, or the path to it is`;
  return new DTLSError('ERR_DTLS_PEER_GONE', text, { source: 'network' });
}

export function keysExhausted(): DTLSError {
  return new DTLSError('ERR_DTLS_KEY_LIMIT', 'the keys of this session are used up');
}

/** `cause` is the system's error, whose code is the reason. */
export function unreachable(cause: Error & { readonly code?: string | undefined }): DTLSError {
  const refused = cause.code === 'ECONNREFUSED';
  const what = refused ? 'nothing listens on that port of the peer' : 'there is no route to the peer';
  return new DTLSError(
    'ERR_DTLS_UNREACHABLE',
    `no datagram arrives: ${what} (${cause.code ?? cause.message})`,
    {
      source: 'network',
      cause,
    },
  );
}

/**
 * Sends one alert in the newest writable epoch; a used-up key sends nothing. In epoch 0 a server repeats the number
 * of the record that it answers, which distinguishes the alert from a forged one, unless it has sent that number
 * already: the peer would take the alert for a replay.
 */
export function sendAlert(
  association: Association,
  level: 'warning' | 'fatal',
  name: AlertName,
): SentAlert | undefined {
  const { writer } = association.epochs;
  if (writer.state === 'exhausted') return undefined;
  const body = encodeAlert({ level: AlertLevel[level], description: Alert[name] });
  const echoes = writer.epoch === 0 && association.role === 'server';
  const { lastPlainRecord, plainWriter } = association;
  const by = echoes ? new PlainWriter(Math.max(lastPlainRecord, plainWriter.sequence)) : writer;
  const sealed = association.transmit.record(by, ContentType.alert, body);
  association.trace({ kind: 'alert', direction: 'sent', level, description: name });
  return { body, sealed: writer.epoch === 0 ? undefined : own(sealed) };
}

export function traceReceived(association: Association, alert: AlertMessage): void {
  const level = alert.level === AlertLevel.fatal ? 'fatal' : 'warning';
  const description = alertName(alert.description) ?? (`alert ${alert.description}` as const);
  association.trace({ kind: 'alert', direction: 'received', level, description });
}

/** Alerts of a peer that cannot open our protected records. */
const UNREADABLE = new Set<AlertName | undefined>(['bad_record_mac', 'decrypt_error']);

/** The failure for a peer's alert. `doubtsPsk`: whether the peer has our pre-shared key is not known yet. */
export function peerAlert(alert: AlertMessage, doubtsPsk = false): DTLSError {
  const name = alertName(alert.description);
  const text = name ?? `alert ${alert.description}`;
  const hint = doubtsPsk && UNREADABLE.has(name) ? ': it may have another pre-shared key' : '';
  return new DTLSError('ERR_DTLS_PEER_ALERT', `the peer ended the session: ${text}${hint}`, {
    alert: name,
    source: 'peer',
  });
}
