import { Alert, AlertLevel, type AlertName, alertName } from '../base/alerts.js';
import { own } from '../base/bytes.js';
import { callerError, DTLSError, invalidState, textOf, tooLarge } from '../base/errors.js';
import type { Job } from '../handshake/jobs.js';
import { PlainWriter } from '../record/plain.js';
import { ContentType } from '../wire/codes.js';
import { type AlertMessage, encodeAlert } from '../wire/messages/alert.js';
import type { Association } from './association.js';
import type { Phase, SentAlert } from './life.js';

/** The error for a caller that needs an open connection; `begun`: it was open, or never will be. */
export function notOpen(begun: boolean): Error {
  return begun
    ? invalidState('Session is destroyed')
    : invalidState('Cannot send application data before the handshake completes. Wait for session.opened');
}

/** Only an open session can go on elsewhere. */
export function notToSave(at: Phase): Error {
  const why =
    at === 'closing' || at === 'closed' ? 'it is over' : 'its handshake is not done. Wait for session.opened';
  return invalidState(`Session has no state to go on from: ${why}`);
}

/** `byPeer`: the limit is the peer's, not the path's. */
export function messageTooLarge(length: number, limit: number, byPeer: boolean): Error {
  const what = byPeer ? 'of a record that the peer takes' : 'for a single datagram';
  const advice = 'Split it into messages of at most session.maxMessageSize';
  return tooLarge(`data is ${length} bytes, which exceeds the ${limit} byte maximum ${what}. ${advice}`);
}

/** The option whose function does a job. */
const ASKED: Readonly<Record<Job['kind'], string>> = {
  sign: 'options.key.sign',
  'verify-peer': 'options.verifyPeer or checkServerIdentity',
  'find-staple': 'options.ocspResponse',
  'choose-identity': 'options.sni',
  'choose-psk': 'options.psk',
  'check-session': 'options.verifyPeer or checkServerIdentity',
  'find-psk': 'options.psk',
  'open-ticket': 'options.ticketKeys or verifyPeer',
  'seal-ticket': 'options.ticketKeys',
  'guard-replay': 'options.replayGuard',
  'find-session': 'options.verifyPeer',
};

/**
 * `doubtsPsk`: a wrong key is the likely reason, because the peer does not answer what it cannot read. `job`: what
 * the application has not answered.
 */
export function handshakeTimeout(doubtsPsk: boolean, heard: boolean, job?: Job['kind']): DTLSError {
  const [reason, text] =
    job !== undefined
      ? [
          'CALLBACK',
          `the function ${ASKED[job]} of this side has not answered. Let it answer sooner, or raise handshakeTimeout`,
        ]
      : doubtsPsk
        ? ['PSK_MISMATCH', 'the peer may have another pre-shared key. Compare the keys of both sides']
        : ['NO_ANSWER', heard ? SILENT : NEVER_HEARD];
  return new DTLSError('ERR_DTLS_HANDSHAKE_TIMEOUT', `DTLS handshake timeout: ${text}`, {
    source: job === undefined ? 'network' : 'local',
    reason,
  });
}

const NEVER_HEARD =
  'the peer never answered. Check that it listens at that address, and that firewalls pass UDP both ways';
const SILENT = 'the peer stopped answering. Large datagrams may be lost on the path: try a smaller mtu';

/** A client whose peer began at the same time. */
export function gaveWay(): DTLSError {
  const text =
    'the peer connected to this side at the same time, and an address has one session. Use the session that onsession got; endpoint.sessions has it, too';
  return new DTLSError('ERR_DTLS_GAVE_WAY', text);
}

/** Why a session cannot leave its address; the `reason` of `ERR_DTLS_REBIND`. */
const REBIND_REFUSALS = {
  NO_CONNECTION_ID:
    'its peer has asked for no connection ID, and could not recognize it at another address. Set connectionId on the peer',
  NOT_ALONE:
    'its socket is shared with others, or is not of this library. Use a session that connect made without socket and transport',
} as const;

export function rebindError(reason: keyof typeof REBIND_REFUSALS): Error {
  const text = `The session cannot move to another socket: ${REBIND_REFUSALS[reason]}`;
  return Object.assign(callerError('ERR_DTLS_REBIND', text), { reason });
}

export function idleTimeout(ms: number): DTLSError {
  const text = `DTLS idle timeout: the peer was silent for ${ms} ms. Raise idleTimeout, or set keepAlive`;
  return new DTLSError('ERR_DTLS_IDLE_TIMEOUT', text, { source: 'network' });
}

/** The application's `ticketKeys` failed with `cause`; no session ends. */
export function ticketKeysFailed(cause: unknown): DTLSError {
  const text = `no ticket: options.ticketKeys failed: ${textOf(cause)}`;
  return new DTLSError('ERR_DTLS_TICKET_KEYS', text, { cause });
}

/** `silence`: ms since the last authentic record. */
export function peerGone(silence: number): DTLSError {
  const text = `the peer was silent for ${Math.round(silence)} ms: it is gone, or the path to it is. Connect again`;
  return new DTLSError('ERR_DTLS_PEER_GONE', text, { source: 'network' });
}

export function keysExhausted(): DTLSError {
  const text =
    'the keys of this session are used up. Connect again, or allow DTLS 1.3, which renews keys by itself';
  return new DTLSError('ERR_DTLS_KEY_LIMIT', text);
}

/** By the system's code: its own text, and what it means here. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  EACCES: 'permission denied. A firewall of this host forbids it, or the address is a broadcast address',
  EADDRNOTAVAIL: 'address not available. This host has no address for the route to the peer',
  ECONNREFUSED: 'connection refused. Nothing listens on that port of the peer',
  EHOSTUNREACH: 'host is unreachable. There is no route to the peer',
  EINVAL: 'invalid argument. This host has no address for the route to the peer',
  ENETUNREACH: 'network is unreachable. There is no route to the peer',
  EPERM: 'operation not permitted. A firewall of this host forbids it',
};

/** `cause` is the system's error, whose code is the reason. */
export function unreachable(cause: Error & { readonly code?: string | undefined }): DTLSError {
  const { code = 'unknown' } = cause;
  const known = Object.hasOwn(UNREACHABLE, code) ? UNREACHABLE[code] : textOf(cause);
  return new DTLSError('ERR_DTLS_UNREACHABLE', `no datagram reaches the peer: ${known} (${code})`, {
    source: 'network',
    cause,
    reason: code,
  });
}

/**
 * Sends one alert in the newest writable epoch; a used-up key sends nothing. In epoch 0 a server repeats the number
 * of the record that it answers, which distinguishes the alert from a forged one, unless it has sent that number
 * already: the peer would take the alert for a replay. `answered` is that number, -1 for none.
 */
export function sendAlert(
  association: Association,
  level: 'warning' | 'fatal',
  name: AlertName,
  answered = association.lastPlainRecord,
): SentAlert | undefined {
  const { writer } = association.epochs;
  // The last reserved number is an alert's.
  if (writer.state === 'exhausted' || writer.sequence >= writer.reserved) return undefined;
  const body = encodeAlert({ level: AlertLevel[level], description: Alert[name] });
  const echoes = writer.epoch === 0 && association.role === 'server';
  const by = echoes ? new PlainWriter(Math.max(answered, association.plainWriter.sequence)) : writer;
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

/** What our side may do about an alert. */
const ADVICE: Partial<Record<AlertName, string>> = {
  access_denied: 'It does not accept our certificate or key: its log says why',
  bad_certificate: 'It does not accept our certificate: compare the name and the pins that it requires',
  certificate_expired: 'Renew our certificate',
  certificate_required: 'It wants a certificate of ours: give cert and key',
  certificate_revoked: 'Our certificate is revoked: get a new one',
  certificate_unknown: 'It does not accept our certificate: its log says why',
  close_notify: 'It closed before the handshake was done: its log says why',
  decrypt_error: 'It could not verify what we signed or protected: compare the keys of both sides',
  handshake_failure:
    'Compare ciphers, groups, sigalgs and the types of keys of both sides; it may also want a certificate of ours',
  insufficient_security: 'Compare ciphers of both sides',
  internal_error: 'It failed by itself, or is full: its log says why',
  no_application_protocol: 'Compare alpn of both sides',
  protocol_version: 'Compare minVersion and maxVersion of both sides',
  unknown_ca:
    'It does not trust the issuer of our certificate: give it that CA, and send the intermediate certificates',
  unknown_psk_identity: 'It wants a pre-shared key, and knows no identity of ours: compare psk of both sides',
  unrecognized_name: 'It does not serve that name: check servername',
  unsupported_certificate: 'It does not support the type of our certificate: use a key of another type',
};

/**
 * The failure for a peer's alert, with OpenSSL's name for it. `doubtsPsk`: whether the peer has our pre-shared key is
 * not known yet.
 */
export function peerAlert(alert: AlertMessage, doubtsPsk = false): DTLSError {
  const name = alertName(alert.description);
  const reason = name ?? `alert ${alert.description}`;
  const said = name === undefined ? reason : `${name} (alert ${name.replaceAll('_', ' ')})`;
  const hint =
    doubtsPsk && UNREADABLE.has(name) ? 'It may have another pre-shared key' : name && ADVICE[name];
  const text = `the peer ended the session: ${said}${hint === undefined ? '' : `. ${hint}`}`;
  return new DTLSError('ERR_DTLS_PEER_ALERT', text, { alert: name, source: 'peer', reason });
}
