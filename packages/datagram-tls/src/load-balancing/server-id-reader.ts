import { invalidArgValue } from '../base/errors.js';
import { checkBytes } from '../config/checks.js';
import type { OneOrMore } from '../config/kinds.js';
import { firstCidOf } from '../record/header.js';
import { type BalancerOptions, type Configuration, resolveBalancer } from './configuration.js';
import { configIdOf, decodeServerId, lengthOf } from './encoding.js';

/**
 * What a datagram tells a load balancer.
 *
 * @example
 * ```ts
 * import { type ServerIdReading, serverIdReader } from 'datagram-tls/load-balancing';
 *
 * const reading: ServerIdReading = serverIdReader({ serverIdLength: 1, nonceLength: 7 })(new Uint8Array(20));
 * console.log(reading.connectionId); // 'none'
 * ```
 */
export interface ServerIdReading {
  /**
   * `routable`: it has the connection ID of a server. `unroutable`: one that no configuration reads. `none`: it belongs to a
   * handshake, or to a session without connection IDs, or is no DTLS. Route the latter two by address.
   */
  readonly connectionId: 'routable' | 'unroutable' | 'none';
  /**
   * Of the server; `undefined` unless the connection ID is routable. Anyone can send any bytes, so it may be of no server.
   */
  readonly serverId: Buffer | undefined;
  /** The number of the configuration that was read. */
  readonly configId: number | undefined;
}

const NONE: ServerIdReading = Object.freeze({
  connectionId: 'none',
  serverId: undefined,
  configId: undefined,
});
const UNREADABLE: ServerIdReading = Object.freeze({ ...NONE, connectionId: 'unroutable' });

/**
 * Returns a function that reads the server ID in the first connection ID of a datagram of DTLS 1.2 (RFC 9146) or 1.3 (RFC 9147
 * §9): in its first record, or behind plaintext of a handshake. It keeps nothing, and no bytes make it throw. `configurations`:
 * one, or several with different `configId`. Throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` or `ERR_OUT_OF_RANGE` for one
 * of them.
 *
 * @example
 * ```ts
 * import { createSocket } from 'node:dgram';
 * import { serverIdReader } from 'datagram-tls/load-balancing';
 *
 * const read = serverIdReader({ serverIdLength: 2, nonceLength: 6, key: secret.subarray(0, 16) });
 * createSocket('udp4', (datagram) => {
 *   const { serverId } = read(datagram);
 *   console.log(serverId === undefined ? 'to the server of its address' : `to server ${serverId.toString('hex')}`);
 * });
 * ```
 */
export function serverIdReader(
  configurations: OneOrMore<BalancerOptions>,
): (datagram: Uint8Array) => ServerIdReading {
  const known = readConfigurations(configurations);
  return (datagram) => {
    checkBytes(datagram, 'datagram');
    const at = firstCidOf(datagram);
    if (at === undefined) return NONE;
    const first = datagram[at];
    const configuration = first === undefined ? undefined : known[configIdOf(first)];
    if (configuration === undefined || at + lengthOf(configuration) > datagram.length) return UNREADABLE;
    const { buffer, byteOffset, length } = decodeServerId(configuration, datagram, at);
    const serverId = Buffer.from(buffer, byteOffset, length);
    return { connectionId: 'routable', serverId, configId: configuration.configId };
  };
}

/** By number. */
function readConfigurations(given: OneOrMore<BalancerOptions>): readonly (Configuration | undefined)[] {
  const known: (Configuration | undefined)[] = [];
  const isList = Array.isArray(given);
  const list = (isList ? given : [given]) as readonly BalancerOptions[];
  if (list.length === 0) throw invalidArgValue('configurations', 'must hold at least one');
  for (const [i, options] of list.entries()) {
    const name = isList ? `configurations[${i}]` : 'configurations';
    const configuration = resolveBalancer(options, name);
    if (known[configuration.configId] !== undefined)
      throw invalidArgValue(`${name}.configId`, `must not be ${configuration.configId} again`);
    known[configuration.configId] = configuration;
  }
  return known;
}
