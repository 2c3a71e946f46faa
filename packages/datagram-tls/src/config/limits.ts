import type { Duration } from '../base/instant.js';
import { integer, nested, oneOf } from './kinds.js';
import { type Kind, type OptionsOf, option, readOptions, withDefaults } from './option-table.js';

/** Whether every client is asked for a cookie, or only clients of an endpoint under load. */
export type CookiePolicy = 'always' | 'under-load';

const MAX_COUNT = 0xffff_ffff;
/**
 * ms for which a cookie is valid, at least; at most twice as long. As long as a handshake may take: in DTLS 1.3 a
 * client whose cookie expired gets no other.
 */
export const COOKIE_LIFETIME: Duration = 60_000;

const HOST_PREFIX_OPTIONS = {
  /**
   * Of an IPv4 address.
   * @defaultValue 32
   */
  ipv4: option(integer(8, 32), { default: 32, unit: 'bits' }),
  /**
   * Of an IPv6 address: a host has a /64 of addresses (RFC 4291 §2.5.4).
   * @defaultValue 64
   */
  ipv6: option(integer(16, 128), { default: 64, unit: 'bits' }),
};

/** The bits of an address that name a host. */
type HostPrefixOption = OptionsOf<typeof HOST_PREFIX_OPTIONS>;

const hostPrefix: Kind<HostPrefixOption> = nested(HOST_PREFIX_OPTIONS);

/** `connect`, `listen` and `DTLSEndpoint` take these options; they limit the associations of a server. */
export const LIMIT_OPTIONS = {
  /**
   * Server sessions in all, unfinished handshakes included; 0: no limit. On a full endpoint a new client takes the place of
   * an unfinished handshake or of a silent session: see `evictAfter`.
   * @defaultValue 10000
   */
  maxSessions: option(integer(0, MAX_COUNT), { default: 10_000, absent: [null], unit: 'sessions' }),
  /**
   * Server sessions with one host, whatever the port; 0: no limit. `hostPrefix` says what a host is.
   * @defaultValue 1000
   */
  maxSessionsPerHost: option(integer(0, MAX_COUNT), { default: 1000, absent: [null], unit: 'sessions' }),
  /**
   * Server sessions whose handshake is not done; 0: no limit.
   * @defaultValue 1000
   */
  maxHandshakes: option(integer(0, MAX_COUNT), { default: 1000, unit: 'sessions' }),
  /**
   * What all sessions may hold for later, at its real cost: parts of handshake messages, records that wait for keys, data
   * that overtakes the handshake. Then those that have held some for the longest time drop it, until a sixteenth is free. 0:
   * no limit. By default some 5,000 handshakes may be in the middle of a certificate at once.
   * @defaultValue 33554432
   */
  maxHeldBytes: option(integer(0, Number.MAX_SAFE_INTEGER), { default: 0x200_0000, unit: 'bytes' }),
  /** The part of an address that names a host, for the limits per host. */
  hostPrefix: option(hostPrefix),
  /**
   * On a full endpoint a session gives way to a new client when its peer was silent for this long, the longest silent one
   * first; 0: never. A host with more than its share gives way after 1000 ms.
   * @defaultValue 10000
   */
  evictAfter: option(integer(0, Number.MAX_SAFE_INTEGER), { default: 10_000, unit: 'ms' }),
  /**
   * When a server requests a cookie, which proves the address of a client and takes a round trip. `under-load`: the server
   * answers a ClientHello without a cookie at once, with at most three times its bytes, while few such handshakes are under
   * way: see SECURITY.md.
   * @defaultValue always
   */
  cookies: option(oneOf<CookiePolicy>(['always', 'under-load']), { default: 'always' }),
  /**
   * What a server sends in a second to addresses that it does not know: requests for cookies, and alerts. Each counts 48
   * for its headers. For a server whose narrow link is a router's: a flood of ClientHellos from forged addresses then
   * leaves room to sessions. Clients that repeat a ClientHello come first. 0: no limit.
   * @defaultValue 0
   */
  maxAnswerRate: option(integer(0, MAX_COUNT), { default: 0, unit: 'bytes' }),
};

/**
 * How many associations an endpoint holds, and which of them can be evicted.
 *
 * @example
 * ```ts
 * import { type LimitOptions, listen } from 'datagram-tls';
 *
 * const small: LimitOptions = { maxSessions: 100, maxSessionsPerHost: 10, evictAfter: 5000 };
 * listen(onsession, { port: 9000, cert, key, ...small });
 * ```
 */
export type LimitOptions = OptionsOf<typeof LIMIT_OPTIONS>;

/**
 * Limits of one endpoint; 0 means no limit.
 *
 * @example
 * ```ts
 * import { type EndpointLimits, resolveLimits } from 'datagram-tls/core';
 *
 * const limits: EndpointLimits = resolveLimits({ maxSessions: 100 });
 * ```
 */
export interface EndpointLimits {
  /** Server associations in all. */
  readonly maxSessions: number;
  /** Server associations with one host. */
  readonly maxSessionsPerHost: number;
  /** Server associations whose handshake is not done. */
  readonly maxHandshakes: number;
  /** Bytes that all associations may hold for later, at their real cost. */
  readonly maxHeldBytes: number;
  /** The bits of an address that name a host. */
  readonly hostPrefix: { readonly ipv4: number; readonly ipv6: number };
  /** How long a peer is silent before its session can be evicted on a full endpoint; ms. */
  readonly evictAfter: Duration;
  /** When a client is asked for a cookie. */
  readonly cookies: CookiePolicy;
  /** Bytes of a second of answers to addresses without an association. */
  readonly maxAnswerRate: number;
  /** How long a cookie is valid at least; at most twice as long; ms. */
  readonly cookieLifetime: Duration;
}

/**
 * The only reader of {@link LimitOptions}: checks them, and fills in their defaults. Throws `ERR_INVALID_ARG_TYPE`,
 * `ERR_INVALID_ARG_VALUE` or `ERR_OUT_OF_RANGE` under the option's name.
 *
 * @example
 * ```ts
 * import { Endpoint, resolveLimits } from 'datagram-tls/core';
 *
 * const endpoint = new Endpoint(resolveLimits({ maxSessions: 100 }));
 * console.log(endpoint.size);
 * ```
 */
export function resolveLimits(options: LimitOptions): EndpointLimits {
  const settings = withDefaults(readOptions(options, LIMIT_OPTIONS), LIMIT_OPTIONS);
  return Object.freeze({
    maxSessions: settings.maxSessions,
    maxSessionsPerHost: settings.maxSessionsPerHost,
    maxHandshakes: settings.maxHandshakes,
    maxHeldBytes: settings.maxHeldBytes,
    hostPrefix: resolveHostPrefix(settings.hostPrefix ?? {}),
    evictAfter: settings.evictAfter,
    cookies: settings.cookies,
    maxAnswerRate: settings.maxAnswerRate,
    cookieLifetime: COOKIE_LIFETIME,
  });
}

function resolveHostPrefix(option: HostPrefixOption): EndpointLimits['hostPrefix'] {
  const given = readOptions(option, HOST_PREFIX_OPTIONS, { name: 'options.hostPrefix' });
  const { ipv4, ipv6 } = withDefaults(given, HOST_PREFIX_OPTIONS);
  return Object.freeze({ ipv4, ipv6 });
}
