import { isIP } from 'node:net';
import { brief, invalidArgValue } from '../base/errors.js';
import type { PeerAddress } from '../base/peer-address.js';
import { BEHAVIOUR_OPTIONS } from '../config/behaviour.js';
import { checkNamed, checkValues, pickOptions, readNames, withDefaults } from '../config/option-table.js';
import type { Security } from '../connection/version.js';
import { checkPeer, clientSecurity, resolveDestination, spendTicket } from './client-settings.js';
import { DTLSEndpoint, endpointControl } from './endpoint.js';
import {
  BIND_OPTIONS,
  type ConnectOptions,
  ENDPOINT_OPTIONS,
  LISTEN_OPTIONS,
  SESSION_OPTIONS,
  type TransportConnectOptions,
} from './options.js';
import { canonicalAddress, resolveHost } from './resolve-host.js';
import type { DTLSSession } from './session.js';
import { datagramSize, familyOf, type Transport } from './transport.js';

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
  checkPeer(host, port);
  const options = readNames(given, SESSION_OPTIONS, CLIENT);
  checkNamed(options, ENDPOINT_OPTIONS, ['transport']);
  checkValues(options, { ...LISTEN_OPTIONS, ...BIND_OPTIONS }, CLIENT);
  const security = clientSecurity(options);
  const endpoint = new DTLSEndpoint(pickOptions(options, ENDPOINT_OPTIONS));
  try {
    return connectBy(endpoint, host, port, options, security);
  } catch (error) {
    // Everything is closed when an argument is wrong, or the socket cannot be bound.
    endpoint.destroy();
    throw error;
  }
}

const CLIENT = { role: 'client' } as const;

function connectBy(
  endpoint: DTLSEndpoint,
  host: string,
  port: number,
  options: ConnectOptions,
  security: Security,
): DTLSSession {
  const { bindHost, bindPort } = withDefaults(options, BIND_OPTIONS);
  const { transport } = options;
  const mtu = datagramSize(options.mtu, transport) ?? BEHAVIOUR_OPTIONS.mtu.default;
  if (bindHost !== undefined) checkBindHost(bindHost, host);
  const destination = spendTicket(resolveDestination(host, options, mtu));
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
  else if (isIP(host) !== 0) start(host, isIP(host) === 6 ? 'IPv6' : 'IPv4');
  else startLater(host, bindHost, start, (error) => endpointControl.fail(endpoint, error));
  return session;
}

/** The first flight waits until the transport is open; the endpoint reports its failure. */
function startOver({ opened }: Transport, endpoint: DTLSEndpoint, begin: () => void): void {
  endpointControl.bind(endpoint, '', 0);
  if (opened === undefined) begin();
  else void endpoint.opened.then(begin, () => undefined);
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
  if (family === 0)
    throw invalidArgValue('options.bindHost', `must be an IP address. Received '${brief(value)}'`);
  const wanted = isIP(host);
  if (wanted !== 0 && wanted !== family) {
    throw invalidArgValue('options.bindHost', `must be of the family of the host, IPv${wanted}`);
  }
}
