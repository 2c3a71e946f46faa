import { randomBytes } from 'node:crypto';
import { invalidArgValue } from '../base/errors.js';
import { type LoadBalancedOptions, resolveServer, UNROUTABLE } from './configuration.js';
import { encodeConnectionId, firstOctet, lengthOf } from './encoding.js';

/**
 * Connection IDs of one server behind a load balancer: a value of the option `connectionId`.
 *
 * @example
 * ```ts
 * import { listen } from 'datagram-tls';
 * import { type RoutableConnectionIds, loadBalancedConnectionIds } from 'datagram-tls/load-balancing';
 *
 * const connectionId: RoutableConnectionIds = loadBalancedConnectionIds({ serverId: Uint8Array.of(7), nonceLength: 7 });
 * listen(onsession, { port: 9000, cert, key, connectionId });
 * ```
 */
export interface RoutableConnectionIds {
  /** Makes the next one. */
  readonly generate: () => Uint8Array;
  /** Bytes of each. */
  readonly length: number;
  /**
   * How many more there are with the key: one for each nonce. Afterwards IDs are random and name no server, as the draft
   * demands: a balancer routes them by address. Change the configuration before. Infinity without a key.
   */
  readonly remaining: number;
  /**
   * Makes IDs of another configuration from now on, when balancers know it. Sessions keep the IDs that they have. Throws
   * `ERR_INVALID_ARG_VALUE` where `configId` is the current one, and changes nothing then.
   */
  rotate(options: LoadBalancedOptions): void;
}

/**
 * Connection IDs that a load balancer routes by (draft-ietf-quic-load-balancers), in either form: readable, or encrypted with
 * a key. An ID has 1 byte more than `serverId` and `nonceLength`. Each server, and each process of one, needs a `serverId` of its
 * own. Throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` or `ERR_OUT_OF_RANGE` for an option.
 *
 * @example
 * ```ts
 * import { listen } from 'datagram-tls';
 * import { loadBalancedConnectionIds } from 'datagram-tls/load-balancing';
 *
 * const connectionId = loadBalancedConnectionIds({
 *   serverId: Buffer.from('0007', 'hex'),
 *   nonceLength: 6,
 *   key: secret.subarray(0, 16),
 * });
 * listen(onsession, { port: 9000, cert, key, connectionId });
 * ```
 */
export function loadBalancedConnectionIds(options: LoadBalancedOptions): RoutableConnectionIds {
  return new ConnectionIdGenerator(options);
}

/** The option `connectionId` reads own properties: lengths may change with the configuration, so that `length` is none. */
export class ConnectionIdGenerator implements RoutableConnectionIds {
  #configuration: ReturnType<typeof resolveServer>;
  #nonce: Uint8Array;
  /** Nonces of the present configuration that were given out. */
  #used: number;

  constructor(options: LoadBalancedOptions, used = 0) {
    this.#configuration = resolveServer(options);
    this.#nonce = randomBytes(this.#configuration.nonceLength);
    this.#used = used;
  }

  readonly generate = (): Uint8Array => {
    const [lowBits = 0] = randomBytes(1);
    const configuration = this.#configuration;
    if (this.remaining === 0) return unroutable(lengthOf(configuration));
    return encodeConnectionId(configuration, this.#nextNonce(), lowBits);
  };

  get length(): number {
    return lengthOf(this.#configuration);
  }

  get remaining(): number {
    const { cipher, nonceLength } = this.#configuration;
    return cipher === undefined ? Number.POSITIVE_INFINITY : Math.max(0, 256 ** nonceLength - this.#used);
  }

  rotate(options: LoadBalancedOptions): void {
    const next = resolveServer(options);
    if (next.configId === this.#configuration.configId)
      throw invalidArgValue(
        'options.configId',
        `must not be ${next.configId}, which is in use: balancers tell configurations apart by it`,
      );
    this.#configuration = next;
    this.#nonce = randomBytes(next.nonceLength);
    this.#used = 0;
  }

  /**
   * Under a key a counter, which begins anywhere: no nonce comes twice. Without one nonces are readable, and must not show what
   * belongs together (§9.6).
   */
  #nextNonce(): Uint8Array {
    const { cipher, nonceLength } = this.#configuration;
    if (cipher === undefined) return randomBytes(nonceLength);
    this.#used++;
    increment(this.#nonce);
    return this.#nonce;
  }
}

/** §3.2: all random, and it tells its length. */
function unroutable(length: number): Uint8Array {
  const cid = new Uint8Array(randomBytes(length));
  cid[0] = firstOctet(UNROUTABLE, length - 1);
  return cid;
}

/** Big-endian, and from the greatest number to 0. */
function increment(number: Uint8Array): void {
  for (let i = number.length - 1; i >= 0; i--) {
    number[i] = (number[i] as number) + 1;
    if (number[i] !== 0) return;
  }
}
