import { isIP } from 'node:net';
import { invalidArgValue, missingArgs } from '../base/errors.js';
import { ownProperties } from '../base/own-properties.js';
import { checkFunction, checkInteger, checkKnown, checkObject, checkString } from '../config/checks.js';
import type { Security } from '../config/config.js';
import { DEFAULTS } from '../config/defaults.js';
import { checkKeepAlive } from '../config/keep-alive.js';
import { SECURITY_OPTIONS } from '../config/resolve.js';
import { pick } from './arguments.js';
import { DTLSEndpoint, endpointControl, type SessionCallback } from './endpoint.js';
import { ENDPOINT_OPTIONS, type ListenOptions } from './options.js';
import { resolveHost } from './resolve-host.js';
import { securityFrom } from './secure-context.js';

const KNOWN = new Set<string>([
  ...ENDPOINT_OPTIONS,
  ...SECURITY_OPTIONS,
  'host',
  'onearlydata',
  'port',
  'secureContext',
]);

/**
 * Serves DTLS on a UDP port. `onsession` is called with each client whose address is proved, before its handshake goes
 * on. The socket is bound when this returns if `host` is an IP literal, else, and always on Bun, when `endpoint.opened` resolves.
 *
 * Throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`, `ERR_MISSING_ARGS` for wrong options,
 * `ERR_OSSL_…` for keys and certificates, and the system's code when the socket cannot be bound, such as `EADDRINUSE`.
 */
export function listen(onsession: SessionCallback, given: ListenOptions): DTLSEndpoint {
  checkFunction(onsession, 'onsession');
  checkObject(given, 'options');
  checkKnown(given, KNOWN);
  const options = ownProperties(given);
  const { host = DEFAULTS.host, port } = options;
  if ((port as number | undefined) === undefined) throw missingArgs('options.port');
  checkString(host, 'options.host');
  checkInteger(port, 'options.port', 0, 65_535);
  const security = securityFrom(options, 'server');
  checkEarlyReceiver(options.onearlydata, security);
  checkKeepAlive(options.keepAlive, security.minVersion);
  const endpoint = new DTLSEndpoint(pick(options, ENDPOINT_OPTIONS));
  const start = (address: string): void => {
    endpointControl.bind(endpoint, address, port);
    endpointControl.serve(endpoint, security, onsession, options.onearlydata);
  };
  if (isIP(host) === 0) startLater(host, endpoint, start);
  else startNow(host, endpoint, start);
  return endpoint;
}

/** What can be replayed has a receiver of its own, or nobody would look twice at it. */
function checkEarlyReceiver(receiver: unknown, { tickets }: Security): void {
  if (receiver !== undefined) checkFunction(receiver, 'options.onearlydata');
  const taken = tickets?.early !== undefined;
  if (taken && receiver === undefined) throw missingArgs('options.onearlydata');
  if (!taken && receiver !== undefined)
    throw invalidArgValue('options.onearlydata', 'is of no use without options.maxEarlyData');
}

/** Nothing stays behind when the socket cannot be bound. */
function startNow(host: string, endpoint: DTLSEndpoint, start: (address: string) => void): void {
  try {
    start(host);
  } catch (error) {
    endpoint.destroy();
    throw error;
  }
}

function startLater(host: string, endpoint: DTLSEndpoint, start: (address: string) => void): void {
  const found = (address: string): void => {
    if (endpoint.destroyed) return;
    try {
      start(address);
    } catch (error) {
      endpointControl.fail(endpoint, error as Error);
    }
  };
  resolveHost(host, 0, found, (error) => endpointControl.fail(endpoint, error));
}
