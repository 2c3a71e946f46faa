import { isIPv6 } from 'node:net';
import { InvalidArgumentError } from 'commander';

export interface HostPort {
  /** A name or an IP address, an IPv6 one without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Where a server binds: port 0 lets the system choose one. */
export function parseBindAddress(text: string): HostPort {
  return parseHostPort(text, 0);
}

/** Where a client connects to. */
export function parseTarget(text: string): HostPort {
  return parseHostPort(text, 1);
}

/** The form that `parseTarget` reads: IPv6 addresses in brackets. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A decimal number without sign, for options in bytes or milliseconds. */
export function parseCount(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new InvalidArgumentError('A whole number is expected.');
  return Number(text);
}

/** The length is optional, so that a word after it may be meant for the command. */
export function parseCidLength(text: string): number {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(
    'A length from 0 to 20 is expected. Without a length, --cid stands last or before another option.',
  );
}

function parseHostPort(text: string, lowestPort: number): HostPort {
  const bracketed = /^\[([^\]]*)\]:(.*)$/.exec(text);
  const [, host = '', port = ''] = bracketed ?? /^(.*):([^:]*)$/.exec(text) ?? [];
  if (bracketed === null && host.includes(':')) {
    throw new InvalidArgumentError('An IPv6 address stands in brackets: [::1]:9000.');
  }
  if (bracketed !== null && !isIPv6(host)) {
    throw new InvalidArgumentError('Only an IPv6 address stands in brackets.');
  }
  if (host === '' || /[\s[\]/]/.test(host)) {
    throw new InvalidArgumentError('HOST:PORT is expected, such as 127.0.0.1:9000.');
  }
  if (!/^\d{1,5}$/.test(port) || Number(port) < lowestPort || Number(port) > 65535) {
    throw new InvalidArgumentError(`The port must be a number from ${lowestPort} to 65535.`);
  }
  return { host, port: Number(port) };
}
