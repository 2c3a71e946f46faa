import type { ErrorCode } from '../base/error-codes.js';
import { callerError, DTLSError } from '../base/errors.js';
import type { PeerAddress } from '../base/peer-address.js';

/** Errors with the codes of node:dgram, and those of its system for what a system reports of a datagram. */

export function notRunning(): Error {
  return callerError('ERR_SOCKET_DGRAM_NOT_RUNNING', 'Not running: the socket is closed');
}

export function alreadyConnected(): Error {
  return callerError(
    'ERR_SOCKET_DGRAM_IS_CONNECTED',
    'Already connected: a connected socket sends to its one peer; call disconnect() first',
  );
}

export function notConnected(): Error {
  return callerError('ERR_SOCKET_DGRAM_NOT_CONNECTED', 'Not connected');
}

export function badPort(value: unknown): Error {
  const message = `Port should be > 0 and < 65536. Received ${typeof value} (${String(value)})`;
  return rangeError('ERR_SOCKET_BAD_PORT', message);
}

export function outsideOfBuffer(name: 'offset' | 'length'): Error {
  return rangeError('ERR_BUFFER_OUT_OF_BOUNDS', `"${name}" is outside of buffer bounds`);
}

function rangeError(code: ErrorCode, message: string): Error {
  return Object.assign(new RangeError(message), { code });
}

export function bindsLater(): Error {
  return callerError(
    'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM',
    "bindSync needs a runtime that binds at once; use bind and wait for 'listening'",
  );
}

/** DTLS splits no message over datagrams. */
export function messageTooLarge(size: number, limit: number, peer: PeerAddress): Error {
  return callerError(
    'EMSGSIZE',
    `send EMSGSIZE: the message has ${size} bytes, and one datagram to ${textOf(peer)} holds ${limit} of them; ` +
      'send less at once, or set dtls.mtu where the path carries larger datagrams',
  );
}

/** The messages that wait for the handshake of a peer, or the peers themselves, reach a limit. */
export function noRoom(option: string, peer: PeerAddress): Error {
  return callerError(
    'ENOBUFS',
    `send ENOBUFS: the message to ${textOf(peer)} was dropped because the limit dtls.${option} is reached`,
  );
}

export function noMulticast(what: string): Error {
  return callerError(
    'ERR_DTLS_MULTICAST',
    `${what}: DTLS has sessions with one peer each, and no multicast or broadcast; use a socket of node:dgram for that`,
  );
}

export function otherName(name: string, peer: PeerAddress): DTLSError {
  return new DTLSError(
    'ERR_DTLS_CERTIFICATE',
    `the session with ${textOf(peer)} is not one with '${name}': the peer's certificate has not that name; ` +
      'send to that name from another socket',
    { reason: 'HOSTNAME_MISMATCH' },
  );
}

export function textOf({ address, family, port }: PeerAddress): string {
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Whether an IP address is of several hosts: multicast, or the broadcast of this network. */
export function isGroup(address: string): boolean {
  const first = Number.parseInt(address, 10);
  return address.includes(':')
    ? /^ff/i.test(address)
    : first >= 224 && (first < 240 || address === '255.255.255.255');
}
