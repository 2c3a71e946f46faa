import type { AlertName } from './alerts.js';
import type { CodedAlert, DTLSErrorCode, ErrorCode } from './error-codes.js';

/**
 * Where a failure began: here, at the peer, or on the network between.
 *
 * @example
 * ```ts
 * import { DTLSError, type ErrorSource } from 'datagram-tls';
 *
 * function blames(error: Error): ErrorSource | undefined {
 *   return error instanceof DTLSError ? error.source : undefined; // 'local', 'peer' or 'network'
 * }
 * ```
 */
export type ErrorSource = 'local' | 'peer' | 'network';

/** What the peer of a refused certificate showed. */
export interface ShownByPeer {
  readonly peerCertificates: readonly Uint8Array[];
  readonly peerPublicKey: Uint8Array;
  readonly peerNames: readonly string[];
  readonly peerPins: readonly string[];
}

export interface DTLSErrorOptions {
  /** The alert that was sent (source `local`) or received (source `peer`). */
  alert?: AlertName | undefined;
  source?: ErrorSource;
  cause?: unknown;
  /** Default: the alert. */
  reason?: string | undefined;
  shown?: ShownByPeer | undefined;
}

/**
 * A failure of the protocol: a handshake that cannot go on, a peer that violated the protocol, a session that timed
 * out. `code` is stable (`ERR_DTLS_…`); the message is for people. As with Node's own errors `name` is `Error`.
 *
 * @example
 * ```ts
 * import { DTLSError } from 'datagram-tls';
 *
 * session.onerror = (error) => {
 *   if (error instanceof DTLSError) console.error(error.code, error.source, error.alert, error.reason);
 * };
 * ```
 */
export class DTLSError extends Error {
  /** Stable; docs name every one. */
  readonly code: DTLSErrorCode;
  /** Where the failure began. */
  readonly source: ErrorSource;
  /** The alert that was sent (source `local`) or received (source `peer`). */
  declare readonly alert: AlertName | undefined;
  /**
   * The verdict, for programs. `ERR_DTLS_CERTIFICATE`: OpenSSL's short name of the fault, such as
   * `HOSTNAME_MISMATCH`. `ERR_DTLS_UNREACHABLE`: the system's code. Where there is an alert: its name. The rest is in
   * docs/errors.md.
   */
  declare readonly reason: string | undefined;
  /** `ERR_DTLS_CERTIFICATE`: the chain that the peer sent, DER, leaf first; empty for a raw public key. */
  declare readonly peerCertificates: readonly Uint8Array[];
  /** `ERR_DTLS_CERTIFICATE`: the public key that the peer sent, of its certificate or raw, SubjectPublicKeyInfo in DER. */
  declare readonly peerPublicKey: Uint8Array | undefined;
  /** `ERR_DTLS_CERTIFICATE`: the host names and IP addresses in the peer's certificate, without unprintable ones. */
  declare readonly peerNames: readonly string[];
  /** `ERR_DTLS_CERTIFICATE`: the values of the option `pins` that would accept this peer, the certificate's first. */
  declare readonly peerPins: readonly string[];

  constructor(code: DTLSErrorCode, message: string, options: DTLSErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    const { alert, reason = alert, shown } = options;
    this.code = code;
    this.source = options.source ?? 'local';
    if (alert !== undefined) define(this, { alert }, true);
    if (reason !== undefined) define(this, { reason }, true);
    if (shown === undefined) return;
    const { peerCertificates, peerPublicKey, ...texts } = shown;
    define(this, texts, true);
    // Bytes would fill the screen where an error is printed.
    define(this, { peerCertificates, peerPublicKey }, false);
  }

  static {
    // What an error does not have is not printed with it.
    define(DTLSError.prototype, { alert: undefined, reason: undefined, peerPublicKey: undefined }, false);
    define(DTLSError.prototype, { peerCertificates: [], peerNames: [], peerPins: [] }, false);
  }
}

function define(object: object, values: object, enumerable: boolean): void {
  for (const [name, value] of Object.entries(values) as [string, unknown][])
    Object.defineProperty(object, name, { value, enumerable, configurable: true, writable: true });
}

/** Alerts for what only a faulty implementation does. */
const FAULTS: ReadonlySet<AlertName> = new Set<AlertName>([
  'decode_error',
  'illegal_parameter',
  'missing_extension',
  'unexpected_message',
  'unsupported_extension',
]);

/**
 * A violation by the peer, or a handshake that cannot go on, which ends it with `alert`. Without `code` the alert is the
 * code. `message` says at which side what happened, and what to try.
 */
export function violation(alert: CodedAlert, message: string): DTLSError;
export function violation(alert: AlertName, message: string, code: DTLSErrorCode): DTLSError;
export function violation(alert: AlertName, message: string, code?: DTLSErrorCode): DTLSError {
  if (code !== undefined) return new DTLSError(code, message, { alert });
  const advice = FAULTS.has(alert)
    ? `protocol violation: ${message}. The DTLS implementation of the peer is at fault: update it, or report this there`
    : message;
  return new DTLSError(`ERR_DTLS_${alert.toUpperCase() as Uppercase<CodedAlert>}`, advice, { alert });
}

type Coded<T extends Error> = T & { code: string };

function coded<T extends Error>(error: T, code: ErrorCode): Coded<T> {
  return Object.assign(error, { code });
}

/** `name` is the option or argument as the caller wrote it, such as `options.mtu`. The value may be a secret. */
export function invalidArgType(name: string, expected: string, actual: unknown): Coded<TypeError> {
  return coded(
    new TypeError(`The "${name}" ${noun(name)} must be ${expected}. Received ${kindOf(actual)}`),
    'ERR_INVALID_ARG_TYPE',
  );
}

/** As Node describes a value of the wrong type, but not the value. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object') return `type ${typeof value}`;
  const made = classOf(value);
  return made === undefined ? 'an object' : `an instance of ${brief(made)}`;
}

/** A getter or a proxy may throw. */
function classOf(value: object): string | undefined {
  try {
    const { name } = (value as { constructor: { name?: unknown } }).constructor;
    return typeof name === 'string' && name !== '' ? name : undefined;
  } catch {
    return undefined;
  }
}

const LONGEST = 64;

/** A caller's or a peer's text, for people: its beginning, printable. */
export function brief(text: string): string {
  const shown = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  return shown.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
}

export function invalidArgValue(name: string, reason: string): Coded<TypeError> {
  return coded(new TypeError(`The ${noun(name)} '${name}' ${reason}`), 'ERR_INVALID_ARG_VALUE');
}

export function outOfRange(name: string, range: string, actual: unknown): Coded<RangeError> {
  return coded(
    new RangeError(`The value of "${name}" is out of range. It must be ${range}. Received ${String(actual)}`),
    'ERR_OUT_OF_RANGE',
  );
}

/** A message too large for one datagram or record. `message` names the limit. */
export function tooLarge(message: string): Coded<RangeError> {
  return coded(new RangeError(message), 'ERR_OUT_OF_RANGE');
}

/** `why`: what needs it. */
export function missingArgs(name: string, why?: string): Coded<TypeError> {
  const reason = why === undefined ? '' : `: ${why}`;
  return coded(new TypeError(`The "${name}" ${noun(name)} must be specified${reason}`), 'ERR_MISSING_ARGS');
}

/** As Node words it. */
export function invalidState(message: string): Coded<Error> {
  return coded(new Error(`Invalid state: ${message}`), 'ERR_INVALID_STATE');
}

/** A class that only its own module makes was called with `new`; as in Node. */
export function illegalConstructor(): Coded<TypeError> {
  return coded(new TypeError('Illegal constructor'), 'ERR_ILLEGAL_CONSTRUCTOR');
}

/** A callback of the application, named by its option, answered nonsense. `expected`: what it has to answer. */
export function invalidReturn(option: string, expected: string, actual: unknown): Coded<TypeError> {
  return coded(
    new TypeError(`${option} must answer ${expected}. It answered ${kindOf(actual)}`),
    'ERR_INVALID_RETURN_VALUE',
  );
}

/** Codes of the checks of values. */
const OF_VALUES: ReadonlySet<unknown> = new Set<ErrorCode>([
  'ERR_INVALID_ARG_TYPE',
  'ERR_INVALID_ARG_VALUE',
  'ERR_MISSING_ARGS',
  'ERR_OUT_OF_RANGE',
]);

/** What `read` makes of the answer of a callback, which is checked as options are. */
export function readAnswer<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!OF_VALUES.has((error as { code?: unknown }).code)) throw error;
    throw callerError('ERR_INVALID_RETURN_VALUE', textOf(error), error);
  }
}

/** A caller's mistake with its own code, such as a key that cannot be read. */
export function callerError(code: ErrorCode, message: string, cause?: unknown): Coded<Error> {
  return coded(new Error(message, cause === undefined ? undefined : { cause }), code);
}

/** The error of the platform, or of the library, about a value: under the name of its option, with its own code. */
export function passedOn(option: string, error: unknown, otherwise: ErrorCode): Coded<Error> {
  const { code } = error as { code?: unknown };
  const known = typeof code === 'string' ? (code as ErrorCode) : otherwise;
  return callerError(known, `${option}: ${textOf(error)}`, error);
}

/** The text of anything that was thrown. */
export function textOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? thrown.message : String(thrown);
  } catch {
    return 'a value that cannot be printed';
  }
}

function noun(name: string): 'answer' | 'property' | 'argument' {
  if (name.endsWith('()')) return 'answer';
  return name.includes('.') ? 'property' : 'argument';
}

/** The decoded value, or the decode_error that a malformed `what` deserves (RFC 5246 §7.2.2, RFC 8446 §6.2). */
export function decoded<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw violation('decode_error', `the peer sent a malformed ${what}`);
  return value;
}
