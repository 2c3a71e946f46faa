import { isIP } from 'node:net';
import { missingArgs } from '../base/errors.js';
import { checkKeepAlive } from '../config/behaviour.js';
import { checkFunction } from '../config/checks.js';
import { checkNamed, checkValues, pickOptions, readNames, withDefaults } from '../config/option-table.js';
import { DTLSEndpoint, endpointControl } from './endpoint.js';
import {
  ENDPOINT_OPTIONS,
  HOST_OPTIONS,
  LISTEN_OPTIONS,
  type ListenOptions,
  SESSION_OPTIONS,
  type SessionCallback,
  type SocketListenOptions,
  type TransportListenOptions,
} from './options.js';
import { resolveAddresses } from './resolve-host.js';
import { checkEarlyReceiver, securityFrom } from './secure-context.js';

/**
 * Serves DTLS on a UDP port, or over `transport`. `onsession` is called with each client whose address is validated,
 * before its handshake goes on; without it, `for await` over the endpoint has the same sessions. If `host` is an IP
 * literal the socket is bound when this returns; otherwise, and always on Bun, when `endpoint.opened` resolves.
 *
 * Throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`, `ERR_MISSING_ARGS` for wrong options,
 * `ERR_OSSL_…` for keys and certificates, the system's code when the socket cannot be bound, such as `EADDRINUSE`,
 * and `ERR_DTLS_TRANSPORT_IN_USE` when the transport belongs to another endpoint.
 *
 * @example
 * ```ts
 * import { listen } from 'datagram-tls';
 *
 * const endpoint = listen((session) => {
 *   session.onmessage = (data) => void session.send(data);
 *   session.onerror = (error) => console.error(error.message);
 * }, { port: 9000, cert, key });
 * console.log(endpoint.address?.port);
 * ```
 */
export function listen(options: ListenOptions | SocketListenOptions | TransportListenOptions): DTLSEndpoint;
export function listen(
  onsession: SessionCallback,
  options?: ListenOptions | SocketListenOptions | TransportListenOptions,
): DTLSEndpoint;
export function listen(
  first: SessionCallback | ListenOptions | SocketListenOptions | TransportListenOptions,
  second?: ListenOptions | SocketListenOptions | TransportListenOptions,
): DTLSEndpoint {
  const forLoop = second === undefined && typeof first === 'object' && (first as unknown) !== null;
  const onsession = forLoop ? undefined : (first as SessionCallback);
  if (!forLoop) checkFunction(onsession, 'onsession');
  const given = forLoop ? first : second;
  const options = readNames(
    given === undefined ? NO_OPTIONS : (given as ListenOptions),
    SESSION_OPTIONS,
    SERVER,
  );
  requireOptions(options);
  checkNamed(options, ENDPOINT_OPTIONS, ['transport', 'socket']);
  checkValues(options, { ...LISTEN_OPTIONS, ...HOST_OPTIONS }, SERVER);
  const { host, backlog, ...bound } = withDefaults(options, LISTEN_OPTIONS);
  const isBound = options.transport !== undefined || options.socket !== undefined;
  const port = isBound ? 0 : bound.port;
  const security = securityFrom(options, 'server');
  checkEarlyReceiver(options.onearlydata, security);
  checkKeepAlive(options.keepAlive, security.versions);
  const endpoint = new DTLSEndpoint(pickOptions(options, ENDPOINT_OPTIONS));
  endpointControl.prepare(endpoint, backlog, security, options.onearlydata);
  const start = (address: string): void => {
    endpointControl.serve(endpoint, address, port, onsession);
  };
  if (isIP(host) === 0) startLater(host, options, endpoint, start);
  else startNow(host, endpoint, start);
  return endpoint;
}

const SERVER = { role: 'server' } as const;
/** As in node:dtls, what is missing is the certificate. */
const NO_OPTIONS = {} as ListenOptions;

/** What is missing is reported before any value is read, as in node:dtls. */
function requireOptions(options: ListenOptions): void {
  const { secureContext, psk, sni, pfx, certificateTypes, cert, key, transport, socket } = options;
  if ([secureContext, psk, sni, pfx, certificateTypes].every((other) => other === undefined)) {
    if (cert === undefined)
      throw missingArgs('options.cert', 'a server needs it, or options.pfx, psk or sni');
    if (key === undefined) throw missingArgs('options.key', 'it is the private key of options.cert');
  }
  if (transport ?? socket) return;
  if ((options.port as unknown) === undefined) throw missingArgs('options.port');
}

/** Everything is closed when the socket cannot be bound. */
function startNow(host: string, endpoint: DTLSEndpoint, start: (address: string) => void): void {
  try {
    start(host);
  } catch (error) {
    endpoint.destroy();
    throw error;
  }
}

/** The endpoint may be closed meanwhile. */
function startLater(
  host: string,
  options: ListenOptions,
  endpoint: DTLSEndpoint,
  start: (address: string) => void,
): void {
  endpointControl.awaitBind(endpoint);
  const { lookup, family } = withDefaults(options, HOST_OPTIONS);
  const found = ([address]: readonly string[]): void => {
    if (endpoint.destroyed || address === undefined) return;
    try {
      start(address);
    } catch (error) {
      endpointControl.fail(endpoint, error as Error);
    }
  };
  resolveAddresses(host, { lookup, family, timeout: 0 }, found, (error) =>
    endpointControl.fail(endpoint, error),
  );
}
