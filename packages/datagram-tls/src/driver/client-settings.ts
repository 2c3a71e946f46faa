import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { brief, callerError, invalidArgValue } from '../base/errors.js';
import { hostName } from '../base/host-name.js';
import type { Duration } from '../base/instant.js';
import { trim } from '../base/trim.js';
import {
  BEHAVIOUR_OPTIONS,
  type BehaviourOptions,
  checkKeepAlive,
  resolveBehaviour,
} from '../config/behaviour.js';
import { checkInteger, checkString } from '../config/checks.js';
import type { Behaviour, ClientPsk, Destination } from '../config/config.js';
import { checkNamed, checkValues, pickOptions, withDefaults } from '../config/option-table.js';
import { SECURITY_OPTIONS } from '../config/options.js';
import { resolveSession, type SavedSession } from '../config/saved-session.js';
import type { Security } from '../connection/version.js';
import { rulesOf } from '../wire/version.js';
import { resolveEarlyMessages } from './arguments.js';
import { CONNECT_OPTIONS, type EndpointConnectOptions, HOST_OPTIONS } from './options.js';
import { platform } from './platform.js';
import type { LookupFunction } from './resolve-host.js';
import { securityFrom } from './secure-context.js';
import { datagramSize, type Transport } from './transport.js';

/** How the addresses of a host name are found and tried. */
export interface Search {
  readonly lookup: LookupFunction | undefined;
  /** The version of IP; 0: both. */
  readonly family: 0 | 4 | 6;
  /** More than the first address. */
  readonly all: boolean;
  /** ms between the beginnings of two attempts. */
  readonly delay: Duration;
}

/** What the association of a client is made of. */
export interface ClientSettings {
  readonly host: string;
  readonly port: number;
  readonly search: Search;
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

/** Reads the server that a client connects to, which is checked last. `mtu`: the largest datagram that it sends, bytes. */
export function resolveDestination(host: string, options: EndpointConnectOptions, mtu: number): Destination {
  checkValues(options, CONNECT_OPTIONS, { role: 'client' });
  const named = namesOf(host, options.servername);
  const session = resolveSession(options.session, named.verifyName, platform.provider);
  return { ...named, session, earlyData: resolveEarlyMessages(options.earlyData, mtu) };
}

/** RFC 8305 §5: at least, ms. */
const SHORTEST_DELAY: Duration = 10;

/** Reads how the peer is found. */
export function resolveSearch(
  host: string,
  options: EndpointConnectOptions & { bindHost?: string | undefined },
): Search {
  checkValues(options, HOST_OPTIONS);
  const { lookup, family } = withDefaults(options, HOST_OPTIONS);
  const { autoSelectFamily, autoSelectFamilyAttemptTimeout } = withDefaults(options, CONNECT_OPTIONS);
  for (const literal of [host, options.bindHost ?? ''])
    if (family !== 0 && isIP(literal) !== 0 && isIP(literal) !== family)
      throw invalidArgValue('options.family', `contradicts the address ${literal}`);
  const delay = Math.max(SHORTEST_DELAY, autoSelectFamilyAttemptTimeout);
  return { lookup, family, all: autoSelectFamily, delay };
}

/**
 * Reads the options of `endpoint.connect`. What is not given is the endpoint's `own`; `traces`: the session is traced.
 */
export function resolvePeer(
  host: string,
  port: number,
  given: EndpointConnectOptions,
  { transport, ...own }: BehaviourOptions & { readonly transport: Transport | undefined },
  traces: boolean,
): { readonly settings: ClientSettings; readonly behaviour: Behaviour } {
  const options = { ...own, ...pickOptions(given, BEHAVIOUR_OPTIONS) };
  const behaviour = resolveBehaviour({ ...options, mtu: datagramSize(options.mtu, transport) }, traces);
  const security = clientSecurity({ ...given, keepAlive: options.keepAlive });
  const search = resolveSearch(host, given);
  const destination = resolveDestination(host, given, behaviour.mtu);
  return { settings: { host, port, search, security, destination }, behaviour };
}

/** The same without what is used once: for further attempts beside one that offers it. */
export function withoutSpentTicket(destination: Destination): Destination {
  const { session } = destination;
  const once = session !== undefined && rulesOf(session.state.suite.version).ticketsOnce;
  return once ? { ...destination, session: undefined } : destination;
}

/** The first datagram carries messages of the application. */
export function offersEarlyData({ session, earlyData }: Destination): boolean {
  return earlyData !== undefined && earlyData.length > 0 && session !== undefined && session.early.most > 0;
}

/** Several attempts ask the application for its pre-shared key once; a function that throws is not called again. */
export function askedOnce(security: Security): Security {
  const { psk } = security;
  if (psk.role !== 'client') return security;
  const answers = new Map<string, () => ReturnType<ClientPsk['choose']>>();
  const choose: ClientPsk['choose'] = (hint) => {
    const key = String(hint);
    const again = answers.get(key) ?? called(() => psk.choose(hint));
    answers.set(key, again);
    return again();
  };
  return { ...security, psk: { ...psk, choose } };
}

/** A function that returns, or throws, what this one call did. */
function called<T>(call: () => T): () => T {
  try {
    const value = call();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
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
  if (!ofHost && servername.length > MAX_SNI) throw tooLongForSni(servername);
  const name = ofHost ? asciiName(host, 'host') : asciiName(servername, 'options.servername');
  const isName = isIP(name) === 0;
  return { serverName: isName && servername !== '' ? name : undefined, verifyName: name };
}

/** Bytes of the name in SNI, for OpenSSL. */
const MAX_SNI = 255;

/** The code is that of node:dtls. */
function tooLongForSni({ length }: string): Error {
  const text = `options.servername has ${length} characters, and a server name at most ${MAX_SNI}. Shorten it`;
  return callerError('ERR_CRYPTO_OPERATION_FAILED', text);
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

/** Tickets that are remembered, at least, and at most a sixteenth more. */
const MIN_SPENT = 4096;

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
    trim(this.#seen, MIN_SPENT);
    return session;
  }
}

const spent = new SpentTickets();
