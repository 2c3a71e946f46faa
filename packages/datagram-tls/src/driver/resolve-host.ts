import { lookup as lookupBySystem } from 'node:dns';
import { isIP, SocketAddress, type SocketAddressInitOptions } from 'node:net';
import { networkInterfaces } from 'node:os';
import { inspect } from 'node:util';
import { isPromise } from '../base/awaitable.js';
import { callerError, DTLSError, invalidReturn } from '../base/errors.js';
import type { Duration } from '../base/instant.js';
import { ownProperties } from '../base/own-properties.js';
import type { PeerAddress } from '../base/peer-address.js';
import { now, WakeUp } from './clock.js';

/**
 * An address of a host, as `dns.lookup` gives it.
 *
 * @example
 * ```ts
 * import type { LookupAddress } from 'datagram-tls';
 *
 * const addresses: readonly LookupAddress[] = [{ address: '127.0.0.1', family: 4 }];
 * ```
 */
export interface LookupAddress {
  readonly address: string;
  readonly family: number;
}

/**
 * Resolves a host name, as `dns.lookup` and the option `lookup` of node:net: `done` is called once, with an error, with
 * all addresses, or with one address and its family. It may be called later, or at once.
 *
 * @example
 * ```ts
 * import { connect, type LookupFunction } from 'datagram-tls';
 *
 * const lookup: LookupFunction = (host, options, done) => done(null, [{ address: '127.0.0.1', family: 4 }]);
 * connect('device.example', 9000, { ca, lookup });
 * ```
 */
export type LookupFunction = (
  hostname: string,
  options: { family: 0 | 4 | 6; all: true; hints: number },
  done: (
    error: Error | null | undefined,
    addresses?: string | readonly LookupAddress[],
    family?: number,
  ) => void,
) => unknown;

interface Search {
  readonly lookup: LookupFunction | undefined;
  /** The version of IP of the addresses that are of use; 0: both. */
  readonly family: 0 | 4 | 6;
  /** ms that the answer may take; 0: any time. */
  readonly timeout: Duration;
}

/** A search that may be going on. */
export interface Resolving {
  /** Nothing is found any more. Idempotent. */
  stop(): void;
  /** Whether the wait for its end keeps the process running. */
  setReferenced(referenced: boolean): void;
}

/** Finds the addresses of a host name. Answers later, in any case. */
export function resolveAddresses(
  host: string,
  { lookup = systemLookup, family, timeout }: Search,
  found: (addresses: readonly string[]) => void,
  failed: (error: Error) => void,
): Resolving {
  let isOver = false;
  const wakeUp = new WakeUp(() => end(noAnswer(host)));
  const stop = (): void => {
    isOver = true;
    wakeUp.stop();
  };
  const end = (result: Error | readonly string[]): void => {
    if (isOver) return;
    stop();
    if (result instanceof Error) failed(result);
    else found(result);
  };
  const later = (result: Error | readonly string[]): void => process.nextTick(end, result);
  try {
    const answer: unknown = lookup(host, { family, all: true, hints: 0 }, (error, addresses, _family) => {
      later(error === null || error === undefined ? usable(host, addresses, family) : asError(host, error));
    });
    // An async function may reject, and nobody else looks at its promise.
    if (isPromise(answer))
      void Promise.resolve(answer).catch((reason: unknown) => later(asError(host, reason)));
  } catch (error) {
    later(asError(host, error));
  }
  if (timeout > 0) wakeUp.arm(now() + timeout);
  return { stop, setReferenced: (referenced) => wakeUp.setReferenced(referenced) };
}

const systemLookup: LookupFunction = (host, options, done) => {
  lookupBySystem(host, options, done);
};

/** Addresses of the wanted version, or why there is none. */
function usable(host: string, answer: unknown, family: 0 | 4 | 6): Error | readonly string[] {
  const items: readonly unknown[] = Array.isArray(answer) ? answer : [{ address: answer }];
  const addresses: string[] = [];
  for (const item of items) {
    const address = (item as { address?: unknown } | null)?.address;
    if (typeof address !== 'string' || isIP(address) === 0)
      return invalidReturn('options.lookup', 'with IP addresses', address ?? item);
    if (family === 0 || isIP(address) === family) addresses.push(address);
  }
  return addresses.length > 0 ? addresses : notFound(host, family);
}

function notFound(host: string, family: 0 | 4 | 6): Error {
  const kind = family === 0 ? '' : ` of IPv${family}`;
  const error = callerError('ENOTFOUND', `the look-up found no address${kind} of ${host}. Check the name`);
  return Object.assign(error, { syscall: 'lookup', hostname: host });
}

function noAnswer(host: string): Error {
  const message = `DTLS handshake timeout: the look-up of ${host} gave no answer in time. Check \`lookup\`, or the resolver`;
  return new DTLSError('ERR_DTLS_HANDSHAKE_TIMEOUT', message, { source: 'network' });
}

function asError(host: string, value: unknown): Error {
  return value instanceof Error
    ? value
    : callerError('ENOTFOUND', `the look-up of ${host} failed: ${inspect(value)}`, value);
}

type Interfaces = ReturnType<typeof networkInterfaces>;

/** fe80::/10: addresses that need an interface (RFC 4291 §2.5.6). */
const LINK_LOCAL = /^fe[89ab]/;

/**
 * An IP literal in the system's form for the sender of a datagram, so that answers find their session. Only a
 * link-local address has a zone; it is the name of the interface, and its number on Windows (RFC 4007 §11.2).
 */
export function canonicalAddress(
  address: string,
  family: PeerAddress['family'],
  interfaces: () => Interfaces = networkInterfaces,
  system: NodeJS.Platform = process.platform,
): string {
  if (family === 'IPv4') return address === '0.0.0.0' ? '127.0.0.1' : address;
  const at = address.indexOf('%');
  const literal = at < 0 ? address : address.slice(0, at);
  const plain = new SocketAddress(
    ownProperties<SocketAddressInitOptions>({ address: literal, family: 'ipv6' }),
  ).address;
  if (plain === '::') return '::1';
  if (at < 0 || !LINK_LOCAL.test(plain)) return plain;
  return `${plain}%${canonicalZone(address.slice(at + 1), interfaces(), system)}`;
}

/** The zone of an unknown interface is kept: the system reports the error. */
function canonicalZone(zone: string, interfaces: Interfaces, system: NodeJS.Platform): string {
  for (const [name, addresses = []] of Object.entries(interfaces)) {
    const number = addresses.find((one) => one.family === 'IPv6' && one.scopeid > 0)?.scopeid;
    if (zone === name || zone === String(number)) return system === 'win32' ? String(number ?? zone) : name;
  }
  return zone;
}

/** Whether a socket of this machine may reach IPv6. */
export function hasIPv6(interfaces: () => Interfaces = networkInterfaces): boolean {
  return Object.values(interfaces()).some((list) => list?.some(({ family }) => family === 'IPv6') === true);
}

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** Sockets for both versions of IP show IPv4 addresses in a form of their own. */
export function plainAddress(address: string): string {
  return MAPPED.exec(address)?.[1] ?? address;
}
