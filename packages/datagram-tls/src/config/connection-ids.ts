import { invalidArgType, invalidArgValue } from '../base/errors.js';
import { checkInteger } from './checks.js';
import type { ConnectionIdPolicy, Role } from './config.js';
import { callback, integer, kindOf } from './kinds.js';
import { type Kind, type OptionsOf, option, readOptions } from './option-table.js';

/** Bytes of a connection ID that we ask for: as in QUIC, so that one load balancer serves both. */
export const MAX_CID_LENGTH = 20;
/** Random IDs of this length are not guessed, and ten million of them do not meet. */
const DEFAULT_LENGTH = 8;

const CONNECTION_ID_OPTIONS = {
  /**
   * Of every connection ID, 1 to 20.
   * @defaultValue 8, or with `generate` whatever it returns
   */
  length: option(integer(1, MAX_CID_LENGTH), { unit: 'bytes' }),
  /**
   * Makes one connection ID, 1 to 20 bytes. For one that there is already, or of which one is the beginning of the other, it is
   * asked again, eight times in all; then the session has none.
   * @defaultValue random bytes
   */
  generate: option(callback<() => Uint8Array>()),
};

/** How connection IDs are made. */
type ConnectionIdOptions = OptionsOf<typeof CONNECTION_ID_OPTIONS>;

/**
 * The option `connectionId`: whether the peer's records have a connection ID (RFC 9146, RFC 9147 §9), and which.
 *
 * @example
 * ```ts
 * import { type ConnectionIdOption, listen } from 'datagram-tls';
 *
 * const connectionId: ConnectionIdOption = true;
 * listen(onsession, { port: 9000, cert, key, connectionId });
 * ```
 */
export type ConnectionIdOption = boolean | number | ConnectionIdOptions;

/** The kind of the option. */
export const connectionId: Kind<ConnectionIdOption> = kindOf(
  'true, false, 0 to 20, or object',
  (value, name) => {
    if (typeof value === 'boolean') return;
    if (typeof value === 'number') checkInteger(value, name, 0, MAX_CID_LENGTH);
    else if (typeof value === 'object' && value !== null)
      void readOptions(value, CONNECTION_ID_OPTIONS, { name });
    else throw invalidArgType(name, 'of type boolean or number or an instance of Object', value);
  },
  CONNECTION_ID_OPTIONS,
);

/** Takes the peer's ID, and asks for none. */
const EMPTY_ID: ConnectionIdPolicy = Object.freeze({ length: 0, generate: undefined });

/** A client that is not told anything survives the rebinding of its NAT with any server that has connection IDs. */
const DEFAULT: Behaviours = Object.freeze({ client: EMPTY_ID, server: undefined });

type Behaviours = Readonly<Record<Role, ConnectionIdPolicy | undefined>>;

/** The only reader of the option. */
export function resolveConnectionId(option: ConnectionIdOption | undefined): Behaviours {
  if (option === undefined) return DEFAULT;
  const policy = policyOf(option);
  return Object.freeze({ client: policy, server: policy });
}

function policyOf(option: ConnectionIdOption): ConnectionIdPolicy | undefined {
  if (option === false) return undefined;
  if (option === true) return Object.freeze({ length: DEFAULT_LENGTH, generate: undefined });
  if (option === 0) return EMPTY_ID;
  if (typeof option === 'number') return Object.freeze({ length: option, generate: undefined });
  const { length, generate } = readOptions(option, CONNECTION_ID_OPTIONS, { name: 'options.connectionId' });
  if (length === undefined && generate === undefined)
    throw invalidArgValue('options.connectionId', 'must have length or generate. Use true for the default');
  return Object.freeze({ length: length ?? (generate === undefined ? DEFAULT_LENGTH : undefined), generate });
}
