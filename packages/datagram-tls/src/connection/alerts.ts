import { Alert, AlertLevel, type AlertName, alertName } from '../base/alerts.js';
import { own } from '../base/bytes.js';
import { DTLSError } from '../base/errors.js';
import { PlainWriter } from '../record/plain.js';
import { ContentType } from '../wire/codes.js';
import { type AlertMessage, encodeAlert } from '../wire/messages/alert.js';
import type { Association } from './association.js';

/** An alert that was sent. */
export interface SentAlert {
  /** The content of its record. */
  readonly body: Uint8Array;
  /** The datagram, where keys protect it: it may go out again as it is. */
  readonly sealed: Uint8Array | undefined;
}

/**
 * Sends one alert in the newest epoch that can be written; a spent key stays silent. In epoch 0 a server repeats the
 * number of the record that it answers, by which a client tells the alert from a forged one.
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
  const by = echoes ? new PlainWriter(association.lastPlainRecord) : writer;
  const sealed = association.transmit.record(by, ContentType.alert, body);
  association.trace({ kind: 'alert', direction: 'sent', level, description: name });
  return { body, sealed: writer.epoch === 0 ? undefined : own(sealed) };
}

export function traceReceived(association: Association, alert: AlertMessage): void {
  const level = alert.level === AlertLevel.fatal ? 'fatal' : 'warning';
  const description = alertName(alert.description) ?? (`alert ${alert.description}` as const);
  association.trace({ kind: 'alert', direction: 'received', level, description });
}

/** Alerts by which a peer says that it cannot read what our keys protect. */
const UNREADABLE = new Set<AlertName | undefined>(['bad_record_mac', 'decrypt_error']);

/** The failure that a peer's alert means here. `doubtsPsk`: whether the peer has our pre-shared key is not known yet. */
export function peerAlert(alert: AlertMessage, doubtsPsk = false): DTLSError {
  const name = alertName(alert.description);
  const text = name ?? `alert ${alert.description}`;
  const hint = doubtsPsk && UNREADABLE.has(name) ? ': it may have another pre-shared key' : '';
  return new DTLSError('ERR_DTLS_PEER_ALERT', `the peer ended the session: ${text}${hint}`, {
    alert: name,
    source: 'peer',
  });
}
