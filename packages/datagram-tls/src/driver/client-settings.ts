import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { brief, invalidArgValue } from '../base/errors.js';
import { hostName } from '../base/host-name.js';
import { checkKeepAlive } from '../config/behaviour.js';
import { checkInteger, checkString } from '../config/checks.js';
import type { Destination } from '../config/config.js';
import { checkNamed, checkValues } from '../config/option-table.js';
import { SECURITY_OPTIONS } from '../config/options.js';
import { resolveSession, type SavedSession } from '../config/saved-session.js';
import type { Security } from '../connection/version.js';
import { rulesOf } from '../wire/version.js';
import { resolveEarlyMessages } from './arguments.js';
import { CONNECT_OPTIONS, type EndpointConnectOptions } from './options.js';
import { platform } from './platform.js';
import { securityFrom } from './secure-context.js';

/** What the association of a client is made of. */
export interface ClientSettings {
  readonly security: Security;
  readonly destination: Destination;
}

/** Checks the arguments of `connect`. */
export function checkPeer(host: string, port: number): void {
  checkString(host, 'host');
  checkInteger(port, 'port', 0, 65_535);
}

/** Reads what the secure context of a client is made of. The order of checks is that of node:dtls. */
export function clientSecurity(options: EndpointConnectOptions): Security {
  checkNamed(options, SECURITY_OPTIONS, ['rejectUnauthorized']);
  const security = securityFrom(options, 'client');
  checkKeepAlive(options.keepAlive, security.versions);
  return security;
}

/** Reads whom a client connects to, which is checked last. `mtu`: the largest datagram that it sends, bytes. */
export function resolveDestination(host: string, options: EndpointConnectOptions, mtu: number): Destination {
  checkValues(options, CONNECT_OPTIONS, { role: 'client' });
  const named = namesOf(host, options.servername);
  const session = resolveSession(options.session, named.verifyName, platform.provider);
  return { ...named, session, earlyData: resolveEarlyMessages(options.earlyData, mtu) };
}

/** `destination`, whose ticket counts as offered from now on, and is left out if it was before. */
export function spendTicket(destination: Destination): Destination {
  return { ...destination, session: spent.take(destination.session) };
}

const IS_ASCII = /^[\x20-\x7e]*$/;
/** Its ASCII characters are those of host names. */
const IS_PLAIN = /^[a-z0-9_.\u0080-\u{10ffff}-]+$/iu;

/** IP addresses are never sent as SNI (RFC 6066 §3), but the certificate must contain them. */
function namesOf(
  host: string,
  servername: string | undefined,
): Pick<Destination, 'serverName' | 'verifyName'> {
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
  if (found === undefined) throw invalidArgValue(argument, `is no host name. Received '${brief(name)}'`);
  return found;
}

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

const spent = new SpentTickets();
