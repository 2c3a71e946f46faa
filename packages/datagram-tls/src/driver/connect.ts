import { isIP } from 'node:net';
import { callerError, invalidArgValue } from '../base/errors.js';
import { checkInteger, checkKnown, checkObject, checkString } from '../config/checks.js';
import type { Destination } from '../config/config.js';
import { SECURITY_OPTIONS } from '../config/resolve.js';
import type { PeerAddress } from '../endpoint/peer.js';
import { DTLSEndpoint } from './endpoint.js';
import { type ConnectOptions, ENDPOINT_OPTIONS } from './options.js';
import { pick } from './pick.js';
import { resolveHost } from './resolve-host.js';
import { securityFrom } from './secure-context.js';
import type { DTLSSession } from './session.js';

const KNOWN = new Set<string>([
  ...ENDPOINT_OPTIONS,
  ...SECURITY_OPTIONS,
  'bindHost',
  'bindPort',
  'secureContext',
  'servername',
]);
const MAX_NAME = 255;

/**
 * Connects to a DTLS server from a socket of its own. The first flight is sent before this returns if `host` is an IP
 * literal, else when its address is found. `session.opened` tells how the handshake ended.
 *
 * Throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE` for wrong arguments, `ERR_OSSL_…` for keys
 * and certificates, the system's code when the socket cannot be bound. `session.opened` rejects with `DTLSError`, and
 * with the resolver's code, such as `ENOTFOUND`, when there is no such host.
 */
export function connect(host: string, port: number, options: ConnectOptions = {}): DTLSSession {
  checkString(host, 'host');
  checkInteger(port, 'port', 0, 65_535);
  checkObject(options, 'options');
  checkKnown(options, KNOWN);
  const { bindHost, bindPort = 0 } = options;
  if (bindHost !== undefined) checkLiteral(bindHost, 'options.bindHost');
  checkInteger(bindPort, 'options.bindPort', 0, 65_535);
  const destination = resolveDestination(host, options.servername);
  const security = securityFrom(options, 'client');
  const endpoint = new DTLSEndpoint(pick(options, ENDPOINT_OPTIONS));
  const control = DTLSEndpoint.controlOf(endpoint);
  const session = control.reserve(destination.serverName);
  const start = (address: string, family: PeerAddress['family']): void => {
    if (session.session.destroyed) return;
    control.bind(bindHost ?? (family === 'IPv6' ? '::' : '0.0.0.0'), bindPort);
    control.connect({ address, family, port }, security, destination, session);
  };
  if (isIP(host) !== 0) start(host, isIP(host) === 6 ? 'IPv6' : 'IPv4');
  else startLater(host, bindHost, start, (error) => control.fail(error));
  return session.session;
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

function checkLiteral(value: unknown, name: string): void {
  checkString(value, name);
  if (isIP(value) === 0) throw invalidArgValue(name, `must be an IP address. Received '${value}'`);
}

/** IP addresses are never sent as SNI (RFC 6066 §3), but the certificate has to hold them. */
function resolveDestination(host: string, servername: unknown): Destination {
  if (servername !== undefined) checkString(servername, 'options.servername');
  const name = servername === undefined ? host : servername;
  if (name.length > MAX_NAME)
    throw callerError('ERR_CRYPTO_OPERATION_FAILED', 'options.servername is too long');
  const serverName = name === '' || isIP(name) !== 0 ? undefined : name.replace(/\.$/, '');
  return { serverName, verifyName: name === '' ? host : name };
}
