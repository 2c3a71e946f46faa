import type { ErrorCode } from '../base/error-codes.js';
import { callerError, DTLSError, textOf as textOfValue } from '../base/errors.js';
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
  const message = `Port should be > 0 and < 65536. Received ${typeof value} (${textOfValue(value)})`;
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

/** The messages that wait for a look-up or a handshake, or the peers themselves, reach a limit. */
export function noRoom(option: string, peer: string): Error {
  return callerError(
    'ENOBUFS',
    `send ENOBUFS: the message to ${peer} was dropped because the limit dtls.${option} is reached; send later, or raise it`,
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
    `the session with ${textOf(peer)} is not one with '${name}': the peer's certificate does not have that name; ` +
      'send to that name from another socket',
    { reason: 'HOSTNAME_MISMATCH' },
  );
}

/** `connect` requires that the peer proves its identity, as the settings for a client say. */
export function notProved(peer: PeerAddress): DTLSError {
  return new DTLSError(
    'ERR_DTLS_CERTIFICATE',
    `the session with ${textOf(peer)} was begun by that side, as a client without a certificate or a key; ` +
      'set requestCert in dtls.server, or connect from another socket',
    { reason: 'UNABLE_TO_GET_ISSUER_CERT' },
  );
}

export function textOf({ address, family, port }: PeerAddress): string {
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}

/** An IPv4 address in the system's form of a mapped one (RFC 4291 §2.5.5.2). */
const MAPPED = /^::ffff:(?=[\d.]+$)/i;

/** Whether an IP address in the system's form is of several hosts: multicast, or the broadcast of this network. */
export function isGroup(address: string): boolean {
  const plain = address.replace(MAPPED, '');
  const first = Number.parseInt(plain, 10);
  return plain.includes(':')
    ? /^ff/i.test(plain)
    : first >= 224 && (first < 240 || plain === '255.255.255.255');
}
