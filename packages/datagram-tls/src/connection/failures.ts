import { DTLSError, invalidState, tooLarge } from '../base/errors.js';

/** What a connection answers to a caller who wants it open while it is not; `begun`: it was, or never will be. */
export function notOpen(begun: boolean): Error {
  return begun
    ? invalidState('Session is destroyed')
    : invalidState('Cannot send application data before the handshake completes');
}

/** `byPeer`: it is the peer that takes no more, and not the path. */
export function messageTooLarge(length: number, limit: number, byPeer: boolean): Error {
  const what = byPeer ? 'of a record that the peer takes' : 'for a single datagram';
  return tooLarge(`data is ${length} bytes, which exceeds the ${limit} byte maximum ${what}`);
}

/** `doubtsPsk`: a wrong key is the likely reason, as the peer says nothing to what it cannot read. */
export function handshakeTimeout(doubtsPsk: boolean): DTLSError {
  const hint = doubtsPsk ? ': the peer may have another pre-shared key' : '';
  return new DTLSError('ERR_DTLS_HANDSHAKE_TIMEOUT', `DTLS handshake timeout${hint}`, { source: 'network' });
}

export function idleTimeout(ms: number): DTLSError {
  return new DTLSError('ERR_DTLS_IDLE_TIMEOUT', `DTLS idle timeout: the peer was silent for ${ms} ms`, {
    source: 'network',
  });
}

/** The application's `ticketKeys` failed with `cause`; it ends no session. */
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
  return new DTLSError('ERR_DTLS_KEY_LIMIT', 'the keys of this session have protected all they may');
}

/** `cause` is the system's error, whose code says what is wrong. */
export function unreachable(cause: Error & { readonly code?: string | undefined }): DTLSError {
  const refused = cause.code === 'ECONNREFUSED';
  const what = refused ? 'nothing listens on that port of the peer' : 'there is no way to the peer';
  return new DTLSError(
    'ERR_DTLS_UNREACHABLE',
    `no datagram arrives: ${what} (${cause.code ?? cause.message})`,
    {
      source: 'network',
      cause,
    },
  );
}
