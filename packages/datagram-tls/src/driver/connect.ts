import { isIP } from 'node:net';
import { brief, invalidArgValue } from '../base/errors.js';
import { BEHAVIOUR_OPTIONS } from '../config/behaviour.js';
import { checkNamed, checkValues, pickOptions, readNames } from '../config/option-table.js';
import { checkPeer, clientSecurity, resolveDestination, resolveSearch } from './client-settings.js';
import { DTLSEndpoint, endpointControl } from './endpoint.js';
import {
  BIND_OPTIONS,
  type ConnectOptions,
  ENDPOINT_OPTIONS,
  LISTEN_OPTIONS,
  SESSION_OPTIONS,
  type TransportConnectOptions,
} from './options.js';
import type { DTLSSession } from './session.js';
import { datagramSize } from './transport.js';

/**
 * Connects to a DTLS server from a new socket, or over `transport`. If `host` is an IP literal, the first flight is
 * sent before this returns. A name is resolved, and its addresses are tried until a server answers at one (RFC 8305);
 * `handshakeTimeout` counts from now. With a transport it is sent to `host` unchanged,
 * when the transport's `opened` resolves, or at once if it has none. `session.opened` gives the result of the
 * handshake.
 *
 * Throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE` for wrong arguments, `ERR_OSSL_…` for
 * keys and certificates, the system's code when the socket cannot be bound, `ERR_DTLS_TRANSPORT_IN_USE` when the
 * transport belongs to another endpoint. `session.opened` rejects with `DTLSError`, or with the resolver's code, such
 * as `ENOTFOUND`, when there is no such host.
 *
 * @example
 * ```ts
 * import { connect } from 'datagram-tls';
 *
 * const session = connect('example.net', 9000, { ca });
 * await session.opened;
 * session.send('hello');
 * for await (const message of session) {
 *   console.log(message.toString());
 *   break; // leaving the loop closes the session
 * }
 * ```
 */
export function connect(
  host: string,
  port: number,
  options: ConnectOptions | TransportConnectOptions = {},
): DTLSSession {
  checkPeer(host, port);
  const given = readNames(options, SESSION_OPTIONS, CLIENT);
  checkNamed(given, ENDPOINT_OPTIONS, ['transport', 'socket']);
  checkValues(given, { ...LISTEN_OPTIONS, ...BIND_OPTIONS }, CLIENT);
  const security = clientSecurity(given);
  const endpoint = new DTLSEndpoint(pickOptions(given, ENDPOINT_OPTIONS));
  try {
    const { bindHost, mtu, transport } = given;
    if (bindHost !== undefined) checkBindHost(bindHost, host);
    const limit = datagramSize(mtu, transport) ?? BEHAVIOUR_OPTIONS.mtu.default;
    const destination = resolveDestination(host, given, limit);
    const search = resolveSearch(host, given);
    return endpointControl.connect(endpoint, { host, port, search, security, destination });
  } catch (error) {
    // Everything is closed when an argument is wrong, or the socket cannot be bound.
    endpoint.destroy();
    throw error;
  }
}

const CLIENT = { role: 'client' } as const;

function checkBindHost(value: string, host: string): void {
  const family = isIP(value);
  if (family === 0)
    throw invalidArgValue('options.bindHost', `must be an IP address. Received '${brief(value)}'`);
  const wanted = isIP(host);
  if (wanted !== 0 && wanted !== family) {
    throw invalidArgValue('options.bindHost', `must be of the family of the host, IPv${wanted}`);
  }
}
