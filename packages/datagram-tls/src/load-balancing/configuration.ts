import { own } from '../base/bytes.js';
import { outOfRange } from '../base/errors.js';
import { checkBytes } from '../config/checks.js';
import { integer, kindOf } from '../config/kinds.js';
import {
  type Kind,
  type OptionsOf,
  option,
  readOptions,
  required,
  withDefaults,
} from '../config/option-table.js';
import { BlockCipher } from './block-cipher.js';

/** The three bits of a connection ID that no server ID follows (draft-ietf-quic-load-balancers §3.2). */
export const UNROUTABLE = 7;
/** Of server ID and nonce, so that an ID has at most 20 bytes (§5.3). */
const MAX_PLAINTEXT = 19;
const MIN_NONCE = 4;
const MAX_SERVER_ID = MAX_PLAINTEXT - MIN_NONCE;
const KEY_LENGTH = 16;

function sized(min: number, max: number): Kind<Uint8Array> {
  const values = min === max ? `${min}` : `${min} to ${max}`;
  const range = min === max ? `${min}` : `>= ${min} && <= ${max}`;
  return kindOf(`${values} bytes`, (value, name) => {
    checkBytes(value, name);
    if (value.length < min || value.length > max) throw outOfRange(`${name}.length`, range, value.length);
  });
}

/** What servers and balancers have to agree on. */
const SHARED = {
  /**
   * Number of the configuration, in the first three bits of each connection ID: balancers know by it which one to read.
   * @defaultValue 0
   */
  configId: option(integer(0, UNROUTABLE - 1), { default: 0 }),
  /** Of each nonce. With the server ID at most 19: a connection ID has one byte more than both, and each record of a client has it. */
  nonceLength: required(integer(MIN_NONCE, MAX_PLAINTEXT - 1), { unit: 'bytes' }),
  /**
   * Encrypts server ID and nonce: AES-128, in one pass when they have 16 bytes together, otherwise in four. Without it the server
   * ID is readable.
   */
  key: option(sized(KEY_LENGTH, KEY_LENGTH)),
};

/** Of `loadBalancedConnectionIds`. */
export const SERVER_OPTIONS = {
  ...SHARED,
  /** Of this server, and of no other process: two processes with one ID get each other's sessions. All IDs have one length. */
  serverId: required(sized(1, MAX_SERVER_ID)),
};

/** Of `serverIdReader`, for each configuration. */
export const BALANCER_OPTIONS = {
  ...SHARED,
  /** Of all servers of this configuration. */
  serverIdLength: required(integer(1, MAX_SERVER_ID), { unit: 'bytes' }),
};

/**
 * How one server makes its connection IDs. All of its numbers, and the key, are those of its balancers.
 *
 * @example
 * ```ts
 * import type { LoadBalancedOptions } from 'datagram-tls/load-balancing';
 *
 * const options: LoadBalancedOptions = { serverId: Uint8Array.of(0, 1), nonceLength: 6, key: secret.subarray(0, 16) };
 * ```
 */
export type LoadBalancedOptions = OptionsOf<typeof SERVER_OPTIONS>;

/**
 * How a balancer reads the connection IDs of its servers.
 *
 * @example
 * ```ts
 * import type { BalancerOptions } from 'datagram-tls/load-balancing';
 *
 * const options: BalancerOptions = { serverIdLength: 2, nonceLength: 6, key: secret.subarray(0, 16) };
 * ```
 */
export type BalancerOptions = OptionsOf<typeof BALANCER_OPTIONS>;

/** One configuration of QUIC-LB, without the ID of a server. */
export interface Configuration {
  readonly configId: number;
  readonly serverIdLength: number;
  readonly nonceLength: number;
  readonly cipher: BlockCipher | undefined;
}

/** The only reader of {@link LoadBalancedOptions}. */
export function resolveServer(
  options: LoadBalancedOptions,
): Configuration & { readonly serverId: Uint8Array } {
  const reading = {
    elsewhere: BALANCER_OPTIONS,
    elsewhereIs: 'is for a balancer: the length of serverId tells it here',
  };
  const given = withDefaults(readOptions(options, SERVER_OPTIONS, reading), SERVER_OPTIONS);
  const serverId = own(given.serverId);
  return { ...resolved({ ...given, serverIdLength: serverId.length }, 'options'), serverId };
}

/** The only reader of {@link BalancerOptions}; `name`: of the caller. */
export function resolveBalancer(options: BalancerOptions, name: string): Configuration {
  const reading = {
    name,
    elsewhere: SERVER_OPTIONS,
    elsewhereIs: 'is of one server: a balancer has serverIdLength',
  };
  return resolved(withDefaults(readOptions(options, BALANCER_OPTIONS, reading), BALANCER_OPTIONS), name);
}

function resolved(
  { configId, serverIdLength, nonceLength, key }: BalancerOptions & { readonly configId: number },
  name: string,
): Configuration {
  const most = MAX_PLAINTEXT - serverIdLength;
  if (nonceLength > most)
    throw outOfRange(
      `${name}.nonceLength`,
      `<= ${most} beside a server ID of ${serverIdLength} bytes`,
      nonceLength,
    );
  return {
    configId,
    serverIdLength,
    nonceLength,
    cipher: key === undefined ? undefined : new BlockCipher(key),
  };
}
