import type { BindOptions, SocketOptions as PlainSocketOptions } from 'node:dgram';
import { isIP } from 'node:net';
import { isLateAnswer } from '../base/awaitable.js';
import { invalidArgType, invalidArgValue, missingArgs } from '../base/errors.js';
import { nearest } from '../base/nearest.js';
import { BEHAVIOUR_OPTIONS, type BehaviourOptions, checkKeepAlive } from '../config/behaviour.js';
import { checkFunction, checkObject, checkString } from '../config/checks.js';
import type { Role } from '../config/config.js';
import { integer, kindOf, oneOf } from '../config/kinds.js';
import { LIMIT_OPTIONS, type LimitOptions } from '../config/limits.js';
import {
  type Kind,
  type OptionsOf,
  option,
  pickOptions,
  readOptions,
  withDefaults,
} from '../config/option-table.js';
import { SECURITY_OPTIONS, type SecurityOptionsFor, type SniOption } from '../config/options.js';
import type { ClientPskOption } from '../config/psk-options.js';
import type { ServerPskOption } from '../driver/buffers.js';
import { CONNECT_OPTIONS, SHARED_OPTIONS, SOCKET_OPTIONS } from '../driver/options.js';
import {
  type CheckPeerCertificate,
  createSecureContext,
  type DTLSSecureContext,
  type SecureContextOptions,
  type SniIdentity,
  securityFrom,
} from '../driver/secure-context.js';
import { readPort } from './send-arguments.js';

const { maxEarlyData: _maxEarlyData, replayGuard: _replayGuard, ...SERVER_SECURITY } = SECURITY_OPTIONS;

/** What a socket's server takes: the options of secure contexts. Its messages are never early data. */
const DGRAM_SERVER_OPTIONS = { ...SERVER_SECURITY, ...SHARED_OPTIONS };

/** What a socket's client takes. */
const DGRAM_CLIENT_OPTIONS = {
  ...SECURITY_OPTIONS,
  ...SHARED_OPTIONS,
  servername: CONNECT_OPTIONS.servername,
  session: CONNECT_OPTIONS.session,
};

/**
 * The option `dtls.server`: what a server's secure context takes.
 *
 * @example
 * ```ts
 * import { createSocket, type DgramServerOptions } from 'datagram-tls/dgram';
 *
 * const server: DgramServerOptions = { cert, key, requestCert: true, ca };
 * const socket = createSocket({ type: 'udp4', dtls: { server } });
 * ```
 */
export interface DgramServerOptions
  extends Omit<SecurityOptionsFor<Buffer, 'server'>, 'maxEarlyData' | 'replayGuard'>,
    OptionsOf<typeof SHARED_OPTIONS, 'server'> {
  psk?: ServerPskOption | undefined;
  sni?: SniOption<SniIdentity> | undefined;
}

/**
 * The option `dtls.client`: what a client's secure context takes.
 *
 * @example
 * ```ts
 * import { createSocket, type DgramClientOptions } from 'datagram-tls/dgram';
 *
 * const client: DgramClientOptions = { psk: { identity: 'sensor-1', key: secret } };
 * const socket = createSocket({ type: 'udp4', dtls: { client } });
 * ```
 */
export interface DgramClientOptions
  extends SecurityOptionsFor<Buffer, 'client'>,
    OptionsOf<typeof SHARED_OPTIONS, 'client'>,
    Pick<OptionsOf<typeof CONNECT_OPTIONS, 'client'>, 'servername' | 'session'> {
  psk?: ClientPskOption | undefined;
  checkServerIdentity?: CheckPeerCertificate | undefined;
}

/**
 * A peer to which a session begins.
 *
 * @example
 * ```ts
 * import type { DgramTarget } from 'datagram-tls/dgram';
 *
 * function nameOf({ host, address }: DgramTarget): string {
 *   return host ?? address;
 * }
 * ```
 */
export interface DgramTarget {
  /** An IP address. */
  readonly address: string;
  readonly port: number;
  /** The host name that was given to `send` or `connect`, if one was. */
  readonly host: string | undefined;
}

/**
 * Called for each client session before it begins.
 *
 * @example
 * ```ts
 * import { createSocket, type DgramClientFunction } from 'datagram-tls/dgram';
 *
 * const client: DgramClientFunction = ({ host }) => (host === 'old.example' ? { ca, maxVersion: 'DTLSv1.2' } : { ca });
 * const socket = createSocket({ type: 'udp4', dtls: { client } });
 * ```
 */
export type DgramClientFunction = (target: DgramTarget) => DgramClientOptions;

const server = kindOf<DgramServerOptions>('object', (value, name) => {
  readOptions(value as object, DGRAM_SERVER_OPTIONS, { name, role: 'server' });
});

const client = kindOf<DgramClientOptions | DgramClientFunction>('object or function', (value, name) => {
  if (typeof value !== 'function')
    readOptions(value as object, DGRAM_CLIENT_OPTIONS, { name, role: 'client' });
});

/** What `dtls` takes beside the options of sessions and of limits. */
export const DGRAM_OPTIONS = {
  /** The socket accepts sessions: certificate and key, pre-shared keys, and what else a server's secure context takes. */
  server: option(server),
  /**
   * The socket begins a session when it sends to an address that has none: `ca`, pre-shared keys, and what else a client's
   * secure context takes, `servername`, `session`. A function gives them for each peer. A host name given to `send` is the
   * name that the certificate must have.
   * @defaultValue the default trust store, without `server`; with `server`: no session begins here
   */
  client: option(client),
  /**
   * Sessions that this socket began. For one more the one that was used least recently is closed.
   * @defaultValue 1000
   */
  maxClientSessions: option(integer(1, 0xffff_ffff), { default: 1000, unit: 'sessions' }),
  /**
   * Messages to one peer that wait for the look-up of its name or for the end of its handshake; a message costs 512 beside
   * its length. What comes beyond is dropped: its callback gets `ENOBUFS`.
   * @defaultValue 65536
   */
  maxQueuedBytes: option(integer(512, Number.MAX_SAFE_INTEGER), { default: 0x1_0000, unit: 'bytes' }),
  /**
   * The same over all peers and names of the socket.
   * @defaultValue 8388608
   */
  maxQueuedBytesInAll: option(integer(512, Number.MAX_SAFE_INTEGER), { default: 0x80_0000, unit: 'bytes' }),
};

const { maxSendQueue, trace } = SOCKET_OPTIONS;
const OF_THE_ENDPOINT = { ...BEHAVIOUR_OPTIONS, ...LIMIT_OPTIONS, maxSendQueue, trace };
const DTLS_OPTIONS = { ...OF_THE_ENDPOINT, ...DGRAM_OPTIONS };

/** What the endpoint of a socket takes. */
interface DgramEndpointOptions
  extends BehaviourOptions,
    LimitOptions,
    Pick<OptionsOf<typeof SOCKET_OPTIONS>, 'maxSendQueue' | 'trace'> {}

/**
 * The DTLS of a socket.
 *
 * @example
 * ```ts
 * import { createSocket, type DgramDtlsOptions } from 'datagram-tls/dgram';
 *
 * const dtls: DgramDtlsOptions = { server: { cert, key }, maxSessions: 100 };
 * const socket = createSocket({ type: 'udp4', dtls });
 * ```
 */
export interface DgramDtlsOptions extends DgramEndpointOptions, OptionsOf<typeof DGRAM_OPTIONS> {}

/**
 * What `createSocket` takes: the options of node:dgram, and `dtls`.
 *
 * @example
 * ```ts
 * import { createSocket, type SocketOptions } from 'datagram-tls/dgram';
 *
 * const options: SocketOptions = { type: 'udp6', ipv6Only: true, dtls: { client: { ca } } };
 * const socket = createSocket(options);
 * ```
 */
export interface SocketOptions extends PlainSocketOptions {
  dtls?: DgramDtlsOptions | undefined;
}

const type: Kind<'udp4' | 'udp6'> = oneOf(['udp4', 'udp6'] as const);

/** Names of node:dgram's options for which a misspelt `dtls` may stand. */
const DGRAM_NAMES: readonly string[] = [
  'type',
  'lookup',
  'signal',
  'fd',
  'ipv6Only',
  'reuseAddr',
  'reusePort',
];

/** The options of a plain socket, and the settings of its DTLS. */
export interface ResolvedSocketOptions {
  readonly plain: PlainSocketOptions;
  readonly dtls: DgramSettings;
}

/**
 * Options that node:dgram does not know are ignored, as there. Only what may mean `dtls` is refused: without it a socket
 * would have other trust than its author thinks.
 */
export function resolveSocketOptions(given: unknown, dtls: DgramSettings | undefined): ResolvedSocketOptions {
  const options = typeof given === 'string' ? { type: given } : given;
  checkObject(options, 'options');
  const { dtls: own, ...plain } = options as SocketOptions;
  type.check(plain.type, 'options.type');
  for (const name of Object.keys(plain)) {
    if (!DGRAM_NAMES.includes(name) && nearest(name, ['dtls']) !== undefined)
      throw invalidArgValue(`options.${name}`, "is not a known option. Did you mean 'options.dtls'?");
  }
  return { plain, dtls: own === undefined ? (dtls ?? resolveDtls({})) : resolveDtls(own) };
}

/** What one client session is made with. */
export interface ClientSettings {
  readonly secureContext: DTLSSecureContext;
  readonly servername: string | undefined;
  readonly session: Uint8Array | undefined;
}

/** The option `dtls`, read once: of a socket, or of all sockets of a module. */
export interface DgramSettings {
  /** For `listen` and the endpoint. */
  readonly endpoint: DgramEndpointOptions;
  readonly server: DTLSSecureContext | undefined;
  readonly client: ((target: DgramTarget) => ClientSettings) | undefined;
  readonly idleTimeout: number;
  readonly maxClientSessions: number;
  readonly maxQueuedBytes: number;
  readonly maxQueuedBytesInAll: number;
}

/** A client session ends when no message went either way for half an hour. */
const IDLE_TIMEOUT = 1_800_000;

/** Throws the caller's mistakes, those in certificates and keys included. */
export function resolveDtls(given: DgramDtlsOptions): DgramSettings {
  const options = readOptions(given, DTLS_OPTIONS, { name: 'options.dtls' });
  const { server, client, maxClientSessions, maxQueuedBytes, maxQueuedBytesInAll } = withDefaults(
    options,
    DGRAM_OPTIONS,
  );
  return Object.freeze({
    endpoint: pickOptions(options, OF_THE_ENDPOINT),
    server: server === undefined ? undefined : serverContext(server, options),
    client: resolveClient(client ?? (server === undefined ? {} : undefined), options),
    idleTimeout: options.idleTimeout ?? IDLE_TIMEOUT,
    maxClientSessions,
    maxQueuedBytes,
    maxQueuedBytesInAll,
  });
}

function serverContext(given: DgramServerOptions, common: DgramDtlsOptions): DTLSSecureContext {
  const { cert, key, pfx, psk, sni, secureContext } = given;
  if ([cert, key, pfx, psk, sni, secureContext].every((value) => (value ?? undefined) === undefined))
    throw missingArgs('options.dtls.server.cert', 'a server needs it, or pfx, psk or sni there');
  return contextOf(given, 'server', common);
}

function resolveClient(
  given: DgramClientOptions | DgramClientFunction | undefined,
  common: DgramDtlsOptions,
): DgramSettings['client'] {
  if (given === undefined) return undefined;
  if (typeof given !== 'function') {
    const settings = clientSettings(given, common);
    return () => settings;
  }
  return (target) => {
    const name = 'options.dtls.client()';
    const answer: unknown = given(target);
    // A promise has no options: it would mean a client with the default trust.
    if (isLateAnswer(answer)) throw invalidArgType(name, 'of type object, and not a promise', answer);
    return clientSettings(
      readOptions(answer as object, DGRAM_CLIENT_OPTIONS, { name, role: 'client' }),
      common,
    );
  };
}

function clientSettings(given: DgramClientOptions, common: DgramDtlsOptions): ClientSettings {
  const { servername, session } = given;
  return { secureContext: contextOf(given, 'client', common), servername, session };
}

/** The context that was given, or a new one; it fits the role and the other options. */
function contextOf(
  given: DgramServerOptions | DgramClientOptions,
  role: Role,
  { keepAlive }: DgramDtlsOptions,
): DTLSSecureContext {
  const own = pickOptions(given, SECURITY_OPTIONS);
  const secureContext =
    given.secureContext ??
    createSecureContext({ ...own, isServer: role === 'server' } as SecureContextOptions);
  // A context that was given is refused beside options of its own.
  const beside = given.secureContext === undefined ? {} : own;
  checkKeepAlive(keepAlive, securityFrom({ ...beside, secureContext }, role).versions);
  return secureContext;
}

/**
 * The arguments of `bind`, as one object. Handles are not shared between the workers of a cluster: sessions belong to one
 * process.
 */
export function readBindArguments(given: readonly unknown[]): {
  readonly where: BindOptions;
  readonly listener: (() => void) | undefined;
} {
  const last = given.findLast((value) => typeof value === 'function') as (() => void) | undefined;
  const [first, second] = given.filter((value) => typeof value !== 'function');
  const where =
    typeof first === 'object' && first !== null
      ? (first as BindOptions)
      : ({ port: first, address: second } as BindOptions);
  return { where: { ...where, exclusive: true }, listener: last };
}

/** The options of `bindSync`, as those of `bind`. */
export function readBindSyncOptions(given: unknown): BindOptions {
  checkObject(given, 'options');
  const { port = 0, address } = given as { readonly port?: unknown; readonly address?: unknown };
  checkNumeric(address, 'options.address');
  const checkedPort = port === 0 ? 0 : readPort(port);
  return { port: checkedPort, exclusive: true, ...(typeof address === 'string' ? { address } : {}) };
}

/** An IP address, or nothing. */
export function checkNumeric(address: unknown, name: string): void {
  if (address === undefined || address === null || address === '') return;
  checkString(address, name);
  if (isIP(address) === 0)
    throw invalidArgValue(
      name,
      `must be an IP address: names are looked up asynchronously. Received '${address}'`,
    );
}

/** As node:dgram reads the option `lookup`. */
export function checkLookup(lookup: unknown): void {
  if (lookup !== undefined && lookup !== null) checkFunction(lookup, 'options.lookup');
}
