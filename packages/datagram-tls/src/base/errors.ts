import type { AlertName } from './alerts.js';

/** Where a failure began: here, at the peer, or on the network between. */
export type ErrorSource = 'local' | 'peer' | 'network';

export interface DTLSErrorOptions {
  /** The alert that was sent (source `local`) or received (source `peer`). */
  alert?: AlertName | undefined;
  source?: ErrorSource;
  cause?: unknown;
  reason?: string | undefined;
  peerCertificates?: readonly Uint8Array[] | undefined;
  peerPublicKey?: Uint8Array | undefined;
}

/**
 * A failure of the protocol: a handshake that cannot go on, a peer that violated the protocol, a session that timed
 * out. `code` is stable (`ERR_DTLS_…`); the message is for people.
 */
export class DTLSError extends Error {
  override readonly name = 'DTLSError';
  readonly code: string;
  readonly alert: AlertName | undefined;
  readonly source: ErrorSource;
  /**
   * `ERR_DTLS_CERTIFICATE`: OpenSSL's short name of the fault of the peer's certificate, such as `HOSTNAME_MISMATCH`.
   */
  readonly reason: string | undefined;
  /** `ERR_DTLS_CERTIFICATE`: the chain that the peer sent, DER, leaf first; empty for a raw public key. */
  readonly peerCertificates: readonly Uint8Array[];
  /** `ERR_DTLS_CERTIFICATE`: the public key that the peer sent, of its certificate or raw, SubjectPublicKeyInfo in DER. */
  readonly peerPublicKey: Uint8Array | undefined;

  constructor(code: string, message: string, options: DTLSErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.alert = options.alert;
    this.source = options.source ?? 'local';
    this.reason = options.reason;
    this.peerCertificates = options.peerCertificates ?? [];
    this.peerPublicKey = options.peerPublicKey;
  }
}

/** A violation by the peer that ends the handshake or the session with `alert`. */
export function violation(alert: AlertName, message: string, code?: string): DTLSError {
  return new DTLSError(code ?? `ERR_DTLS_${alert.toUpperCase()}`, message, { alert });
}

type Coded<T extends Error> = T & { code: string };

function coded<T extends Error>(error: T, code: string): Coded<T> {
  return Object.assign(error, { code });
}

/** `name` is the option or argument as the caller wrote it, such as `options.mtu`. */
export function invalidArgType(name: string, expected: string, actual: unknown): Coded<TypeError> {
  const kind = actual === null ? 'null' : typeof actual;
  return coded(
    new TypeError(`The "${name}" ${noun(name)} must be ${expected}. Received ${kind}`),
    'ERR_INVALID_ARG_TYPE',
  );
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

export function missingArgs(name: string): Coded<TypeError> {
  return coded(new TypeError(`The "${name}" ${noun(name)} must be specified`), 'ERR_MISSING_ARGS');
}

export function invalidState(message: string): Coded<Error> {
  return coded(new Error(message), 'ERR_INVALID_STATE');
}

/** A class that only its own module makes was called with `new`; as in Node. */
export function illegalConstructor(): Coded<TypeError> {
  return coded(new TypeError('Illegal constructor'), 'ERR_ILLEGAL_CONSTRUCTOR');
}

/** A caller's mistake with its own code, such as a key that cannot be read. */
export function callerError(code: string, message: string, cause?: unknown): Coded<Error> {
  return coded(new Error(message, cause === undefined ? undefined : { cause }), code);
}

function noun(name: string): 'property' | 'argument' {
  return name.includes('.') ? 'property' : 'argument';
}

/** The decoded value, or the decode_error that a malformed `what` deserves (RFC 5246 §7.2.2, RFC 8446 §6.2). */
export function decoded<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw violation('decode_error', `the peer sent a malformed ${what}`);
  return value;
}
