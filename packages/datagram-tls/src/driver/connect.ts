import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { invalidArgValue } from '../base/errors.js';
import { hostName } from '../base/host-name.js';
import type { PeerAddress } from '../base/peer-address.js';
import { BEHAVIOUR_OPTIONS, checkKeepAlive } from '../config/behaviour.js';
import { checkInteger, checkString } from '../config/checks.js';
import type { Destination } from '../config/config.js';
import { pickOptions, readOptions, withDefaults } from '../config/option-table.js';
import { resolveSession, type SavedSession } from '../config/saved-session.js';
import { rulesOf } from '../wire/version.js';
import { resolveEarlyMessages } from './arguments.js';
import { DTLSEndpoint, endpointControl } from './endpoint.js';
import {
  CONNECT_OPTIONS,
  type ConnectOptions,
  ENDPOINT_OPTIONS,
  SESSION_OPTIONS,
  type TransportConnectOptions,
} from './options.js';
import { platform } from './platform.js';
import { canonicalAddress, resolveHost } from './resolve-host.js';
import { securityFrom } from './secure-context.js';
import type { DTLSSession } from './session.js';
import { datagramSize, familyOf, type Transport } from './transport.js';

/** The most tickets that are remembered; the oldest are forgotten first. */
const MOST = 4096;

/**
 * Tickets of DTLS 1.3 that this process has offered. A ticket that is offered twice shows observers that both
 * connections belong to one client (RFC 8446 appendix C.4).
 */
class SpentTickets {
  readonly #seen = new Set<string>();

  /** The session, if its ticket may be offered; from now on the ticket counts as offered. */
  take(session: SavedSession | undefined): SavedSession | undefined {
    if (session === undefined || !rulesOf(session.state.suite.version).ticketsOnce) return session;
    const digest = createHash('sha256').update(session.ticket).digest('base64');
    if (this.#seen.has(digest)) return undefined;
    this.#seen.add(digest);
    const [oldest] = this.#seen;
    if (this.#seen.size > MOST && oldest !== undefined) this.#seen.delete(oldest);
    return session;
  }
}

const IS_ASCII = /^[\x20-\x7e]*$/;
/** Its ASCII characters are those of host names. */
const IS_PLAIN = /^[a-z0-9_.\u0080-\u{10ffff}-]+$/iu;
const spent = new SpentTickets();

/**
 * Connects to a DTLS server from a new socket, or over `transport`. If `host` is an IP literal, the first flight is
 * sent before this returns, otherwise when the address is found. With a transport it is sent to `host` unchanged,
 * when the transport's `opened` resolves, or at once if it has none. `session.opened` gives the result of the
 * handshake.
 *
 * Throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE` for wrong arguments, `ERR_OSSL_…` for
 * keys and certificates, the system's code when the socket cannot be bound, `ERR_DTLS_TRANSPORT_IN_USE` when the
 * transport belongs to another endpoint. `session.opened` rejects with `DTLSError`, or with the resolver's code, such
 * as `ENOTFOUND`, when there is no such host.
 */
export function connect(
  host: string,
  port: number,
  given: ConnectOptions | TransportConnectOptions = {},
): DTLSSession {
  checkString(host, 'host');
  checkInteger(port, 'port', 1, 65_535);
  const options = readOptions(given, SESSION_OPTIONS, { role: 'client' });
  const { bindHost, bindPort, servername, session: savedBytes } = withDefaults(options, CONNECT_OPTIONS);
  if (bindHost !== undefined) checkBindHost(bindHost, host);
  const named = resolveDestination(host, servername);
  const saved = resolveSession(savedBytes, named.verifyName, platform.provider);
  const security = securityFrom(options, 'client');
  checkKeepAlive(options.keepAlive, security.versions);
  const { transport } = options;
  const mtu = datagramSize(options.mtu, transport) ?? BEHAVIOUR_OPTIONS.mtu.default;
  const earlyData = resolveEarlyMessages(options.earlyData, mtu);
  const endpoint = new DTLSEndpoint(pickOptions(options, ENDPOINT_OPTIONS));
  const destination = { ...named, session: spent.take(saved), earlyData };
  const session = endpointControl.reserve(endpoint, destination.serverName);
  const begin = (peer: PeerAddress): void => {
    endpointControl.connect(endpoint, session, peer, security, destination);
  };
  const start = (address: string, family: PeerAddress['family']): void => {
    if (session.destroyed) return;
    endpointControl.bind(endpoint, bindHost ?? (family === 'IPv6' ? '::' : '0.0.0.0'), bindPort);
    begin({ address: canonicalAddress(address, family), family, port });
  };
  if (transport !== undefined)
    startOver(transport, endpoint, () => begin({ address: host, family: familyOf(host), port }));
  else if (isIP(host) !== 0) startNow(host, start, endpoint);
  else startLater(host, bindHost, start, (error) => endpointControl.fail(endpoint, error));
  return session;
}

/** Everything is closed when the socket cannot be bound. */
function startNow(
  host: string,
  start: (address: string, family: PeerAddress['family']) => void,
  endpoint: DTLSEndpoint,
): void {
  try {
    start(host, isIP(host) === 6 ? 'IPv6' : 'IPv4');
  } catch (error) {
    endpoint.destroy();
    throw error;
  }
}

/** The first flight waits until the transport is open; the endpoint reports its failure. */
function startOver({ opened }: Transport, endpoint: DTLSEndpoint, begin: () => void): void {
  try {
    endpointControl.bind(endpoint, '', 0);
    if (opened === undefined) begin();
  } catch (error) {
    endpoint.destroy();
    throw error;
  }
  if (opened !== undefined) void endpoint.opened.then(begin, () => undefined);
}

function startLater(
  host: string,
  bindHost: string | undefined,
  start: (address: string, family: PeerAddress['family']) => void,
  fail: (error: Error) => void,
): void {
  const wanted = isIP(bindHost ?? '') as 0 | 4 | 6;
  const found = (address: string, family: PeerAddress['family']): void => {
    try {
      start(address, family);
    } catch (error) {
      fail(error as Error);
    }
  };
  resolveHost(host, wanted, found, fail);
}

function checkBindHost(value: string, host: string): void {
  const family = isIP(value);
  if (family === 0) throw invalidArgValue('options.bindHost', `must be an IP address. Received '${value}'`);
  const wanted = isIP(host);
  if (wanted !== 0 && wanted !== family) {
    throw invalidArgValue('options.bindHost', `must be of the family of the host, IPv${wanted}`);
  }
}

/** IP addresses are never sent as SNI (RFC 6066 §3), but the certificate must contain them. */
function resolveDestination(host: string, servername: string | undefined): Destination {
  const ofHost = servername === undefined || servername === '';
  const name = ofHost ? asciiName(host, 'host') : asciiName(servername, 'options.servername');
  const isName = isIP(name) === 0;
  return { serverName: isName && servername !== '' ? name : undefined, verifyName: name };
}

/**
 * In the form of the wire and of certificates: A-labels, without the dot of an absolute name. The conversion to
 * A-labels parses a URL: delimiters of a URL, and characters of other scripts that become delimiters, must not reach
 * it.
 */
function asciiName(name: string, argument: string): string {
  if (isIP(name) !== 0) return name;
  const ascii = IS_ASCII.test(name) ? name : IS_PLAIN.test(name.normalize('NFKC')) ? domainToASCII(name) : '';
  const found = hostName(ascii);
  if (found === undefined) throw invalidArgValue(argument, `is no host name. Received '${name}'`);
  return found;
}
