import { invalidArgValue } from '../base/errors.js';
import type { Duration } from '../base/instant.js';
import { checkInteger, checkObject } from './checks.js';
import { DEFAULTS } from './defaults.js';

/** How many associations an endpoint holds, and which of them give way to others. */
export interface LimitOptions {
  /**
   * Server sessions in all, those whose handshake is not done included; 0: no limit. Default 10000. On a full endpoint a new
   * client takes the place of an unfinished handshake or of a silent session: see `evictAfter`.
   */
  maxSessions?: number | undefined;
  /** The same with one host, whatever the port; 0: no limit. Default 1000. `hostPrefix` says what a host is. */
  maxSessionsPerHost?: number | undefined;
  /** Sessions whose handshake is not done, of the server; 0: no limit. Default 1000. */
  maxHandshakes?: number | undefined;
  /**
   * Bytes that all sessions may hold for later, at what they really cost: parts of handshake messages, records that wait for
   * keys, data that overtakes the handshake. The session that has held some for the longest time then drops it. 0: no
   * limit. Default 32 MiB.
   */
  maxHeldBytes?: number | undefined;
  /** Bits of an address that name a host for the limits per host: `ipv4` 8 to 32, default 32; `ipv6` 16 to 128, default 64. */
  hostPrefix?: { ipv4?: number | undefined; ipv6?: number | undefined } | undefined;
  /**
   * On a full endpoint a session gives way to a new client when its peer was silent for this many ms, the one that was silent
   * longest first; 0: never. Default 10000. A host with more than its share gives way after 1000 ms.
   */
  evictAfter?: number | undefined;
}

/** Limits of one endpoint; 0 means no limit. */
export interface EndpointLimits {
  readonly maxSessions: number;
  readonly maxSessionsPerHost: number;
  readonly maxHandshakes: number;
  /** Bytes that all associations may hold for later, at their real cost. */
  readonly maxHeldBytes: number;
  /** Bits. */
  readonly hostPrefix: { readonly ipv4: number; readonly ipv6: number };
  readonly evictAfter: Duration;
  readonly cookieLifetime: Duration;
}

export const LIMIT_OPTIONS = [
  'evictAfter',
  'hostPrefix',
  'maxHandshakes',
  'maxHeldBytes',
  'maxSessions',
  'maxSessionsPerHost',
] as const;

const PREFIX_OPTIONS = new Set(['ipv4', 'ipv6']);
const MAX_COUNT = 0xffff_ffff;

/** The only reader of {@link LimitOptions}. */
export function resolveLimits(options: LimitOptions): EndpointLimits {
  return Object.freeze({
    maxSessions: integer(options, 'maxSessions', MAX_COUNT),
    maxSessionsPerHost: integer(options, 'maxSessionsPerHost', MAX_COUNT),
    maxHandshakes: integer(options, 'maxHandshakes', MAX_COUNT),
    maxHeldBytes: integer(options, 'maxHeldBytes', Number.MAX_SAFE_INTEGER),
    evictAfter: integer(options, 'evictAfter', Number.MAX_SAFE_INTEGER),
    hostPrefix: resolvePrefix(options.hostPrefix),
    cookieLifetime: DEFAULTS.cookieLifetime,
  });
}

function integer(
  options: LimitOptions,
  name: 'maxSessions' | 'maxSessionsPerHost' | 'maxHandshakes' | 'maxHeldBytes' | 'evictAfter',
  max: number,
): number {
  const { [name]: value = DEFAULTS[name] } = options;
  checkInteger(value, `options.${name}`, 0, max);
  return value;
}

function resolvePrefix(options: LimitOptions['hostPrefix']): EndpointLimits['hostPrefix'] {
  if (options === undefined) return DEFAULTS.hostPrefix;
  checkObject(options, 'options.hostPrefix');
  for (const name of Object.keys(options))
    if (!PREFIX_OPTIONS.has(name))
      throw invalidArgValue(`options.hostPrefix.${name}`, 'is not a known option');
  const { ipv4 = DEFAULTS.hostPrefix.ipv4, ipv6 = DEFAULTS.hostPrefix.ipv6 } = options;
  checkInteger(ipv4, 'options.hostPrefix.ipv4', 8, 32);
  checkInteger(ipv6, 'options.hostPrefix.ipv6', 16, 128);
  return Object.freeze({ ipv4, ipv6 });
}
