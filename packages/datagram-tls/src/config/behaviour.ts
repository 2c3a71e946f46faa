import { own, utf8 } from '../base/bytes.js';
import { invalidArgValue, outOfRange } from '../base/errors.js';
import type { Duration } from '../base/instant.js';
import type { VersionFacts } from '../wire/version.js';
import type { Behaviour, KeepAlive, Role, RoutabilityPolicy } from './config.js';
import { connectionId, resolveConnectionId } from './connection-ids.js';
import { boolean, integer, message, nested, oneOf, type TextOrView } from './kinds.js';
import { type Kind, type OptionsOf, option, readOptions, required, withDefaults } from './option-table.js';

/** The maximum of timers on all platforms, ms. */
const MAX_TIMER: Duration = 0x7fff_ffff;
const DEFAULT_INTERVALS = 4;
/** Bytes; fits the smallest records that peers may ask for. */
const MAX_KEEP_ALIVE_MESSAGE = 60;
/** Half an hour on a server; a client waits as long as its application does. */
const IDLE_TIMEOUT: Readonly<Record<Role, Duration>> = { client: 0, server: 1_800_000 };

const KEEP_ALIVE_OPTIONS = {
  /** Silence after which the peer is probed, and probed again. */
  // Each probe of DTLS 1.3 takes an epoch, of which a session has 65,533.
  interval: required(integer(1000, Math.floor(MAX_TIMER / DEFAULT_INTERVALS)), { unit: 'ms' }),
  /**
   * Silence after which the session ends with `ERR_DTLS_PEER_GONE`; longer than `interval`.
   * @defaultValue four intervals
   */
  timeout: option(integer(1001, MAX_TIMER), { unit: 'ms' }),
  /**
   * DTLS 1.2: a message of the application's own protocol that its peer answers, at most 60 bytes; required unless
   * `minVersion` is `DTLSv1.3`, which probes with a KeyUpdate that every peer has to acknowledge.
   */
  message: option(message),
};

/**
 * When a silent peer is probed, and when it counts as gone.
 *
 * @example
 * ```ts
 * import { connect, type KeepAliveOption } from 'datagram-tls';
 *
 * const keepAlive: KeepAliveOption = { interval: 20_000, timeout: 60_000, message: 'ping' };
 * connect('example.net', 9000, { ca, keepAlive });
 * ```
 */
export type KeepAliveOption = OptionsOf<typeof KEEP_ALIVE_OPTIONS>;

const keepAlive: Kind<KeepAliveOption> = nested(KEEP_ALIVE_OPTIONS);

const RETRANSMISSION_OPTIONS = {
  /**
   * First value of the timer (RFC 6347 §4.2.4.1). In DTLS 1.3 the timer follows the round trip, down to half of it
   * (RFC 9147 §5.8.2).
   * @defaultValue 1000
   */
  initial: option(integer(10, 600_000), { default: 1000, unit: 'ms' }),
  /**
   * Largest value of the timer; at least `initial`.
   * @defaultValue 60000
   */
  max: option(integer(10, 600_000), { default: 60_000, unit: 'ms' }),
};

/** The timer of retransmissions. */
type RetransmissionOption = OptionsOf<typeof RETRANSMISSION_OPTIONS>;

const retransmission: Kind<RetransmissionOption> = nested(RETRANSMISSION_OPTIONS);

/** `connect`, `listen` and `DTLSEndpoint` take these options, each for the sessions of its endpoint. */
export const BEHAVIOUR_OPTIONS = {
  /**
   * Largest datagram to send, UDP payload. The default fits IPv6's least MTU of 1280 less its headers.
   * @defaultValue 1200
   */
  mtu: option(integer(256, 65_535), { default: 1200, unit: 'bytes' }),
  /**
   * The handshake fails after this long; 0: never.
   * @defaultValue 60000
   */
  handshakeTimeout: option(integer(0, Number.MAX_SAFE_INTEGER), { default: 60_000, unit: 'ms' }),
  /**
   * A session ends with `ERR_DTLS_IDLE_TIMEOUT`, after close_notify, when no authentic record of the peer came for this
   * long; 0: never. What we send does not count.
   * @defaultValue 1800000 on a server, 0 on a client
   */
  idleTimeout: option(integer(0, Number.MAX_SAFE_INTEGER), { unit: 'ms' }),
  /**
   * An open session without traffic for this long hibernates: only its state is kept, some hundred bytes, until a datagram or a
   * call wakes it, which takes a fraction of a millisecond. At most twice this long; 0: never.
   * @defaultValue 60000
   */
  hibernateAfter: option(integer(0, MAX_TIMER), { default: 60_000, unit: 'ms' }),
  /**
   * DTLS 1.3: after the peer's close_notify our direction stays open until we close it, too. False: our own close_notify
   * follows at once, as DTLS 1.2 asks in any case.
   * @defaultValue false
   */
  allowHalfOpen: option(boolean, { default: false }),
  /**
   * Ask a silent peer whether it is still there, and end the session with `ERR_DTLS_PEER_GONE` when it stays silent. Any
   * authentic record is a sign of life. Without this option no peer is asked, and one that is gone is not noticed.
   */
  keepAlive: option(keepAlive),
  /**
   * Whether the peer's records have a connection ID, by which the session survives a change of the peer's address (RFC 9146,
   * RFC 9147 §9). `true`: random ones of 8 bytes; a number: random ones of this length; an object: see its fields; 0: ours have
   * the peer's ID if it wants one, and its have none; false: connection IDs are neither offered nor accepted.
   * @defaultValue 0 on a client, false on a server
   */
  connectionId: option(connectionId),
  /**
   * How a new address of the peer is checked before it gets more than three times what came from there (RFC 9853): `basic` asks
   * the new address; `enhanced` asks the former one first, which exposes an attacker that only copies records, and takes longer;
   * `never`: no checks are agreed on, and `onmigrate` decides alone.
   * @defaultValue basic
   */
  returnRoutability: option(oneOf<RoutabilityPolicy>(['basic', 'enhanced', 'never']), { default: 'basic' }),
  /**
   * DTLS 1.3: renew the keys we send with after this many records.
   * @defaultValue half of what the AEAD may protect
   */
  recordsPerKey: option(integer(1, Number.MAX_SAFE_INTEGER), { unit: 'records' }),
  /** Timer of retransmissions. */
  retransmission: option(retransmission),
};

/**
 * How a session behaves on its path.
 *
 * @example
 * ```ts
 * import { type BehaviourOptions, connect } from 'datagram-tls';
 *
 * const mobile: BehaviourOptions = { mtu: 1200, handshakeTimeout: 20_000 };
 * connect('example.net', 9000, { ca, ...mobile });
 * ```
 */
export type BehaviourOptions = OptionsOf<typeof BEHAVIOUR_OPTIONS>;

/**
 * The only reader of {@link BehaviourOptions}.
 *
 * @example
 * ```ts
 * import { resolveBehaviour } from 'datagram-tls/core';
 *
 * const behaviour = resolveBehaviour({ mtu: 1400, handshakeTimeout: 10_000 }, false);
 * console.log(behaviour.mtu);
 * ```
 */
export function resolveBehaviour(options: BehaviourOptions, trace: boolean): Behaviour {
  const settings = withDefaults(readOptions(options, BEHAVIOUR_OPTIONS), BEHAVIOUR_OPTIONS);
  const { idleTimeout } = settings;
  return Object.freeze({
    mtu: settings.mtu,
    handshakeTimeout: settings.handshakeTimeout,
    idleTimeout: idleTimeout === undefined ? IDLE_TIMEOUT : { client: idleTimeout, server: idleTimeout },
    hibernateAfter: settings.hibernateAfter,
    allowHalfOpen: settings.allowHalfOpen,
    keepAlive: resolveKeepAlive(settings.keepAlive),
    connectionIds: resolveConnectionId(settings.connectionId),
    returnRoutability: settings.returnRoutability,
    // The AEAD's own limit comes first.
    recordsPerKey: settings.recordsPerKey ?? Number.MAX_SAFE_INTEGER,
    retransmission: resolveTimer(settings.retransmission ?? {}),
    trace,
  });
}

function resolveTimer(option: RetransmissionOption): Behaviour['retransmission'] {
  const name = 'options.retransmission';
  const given = readOptions(option, RETRANSMISSION_OPTIONS, { name });
  const { initial, max } = withDefaults(given, RETRANSMISSION_OPTIONS);
  if (max < initial) throw outOfRange(`${name}.max`, `>= initial (${initial})`, max);
  return Object.freeze({ initial, max });
}

/** `undefined`: no peer is probed. */
function resolveKeepAlive(option: KeepAliveOption | undefined): KeepAlive | undefined {
  if (option === undefined) return undefined;
  const name = 'options.keepAlive';
  const {
    interval,
    timeout = DEFAULT_INTERVALS * interval,
    message,
  } = readOptions(option, KEEP_ALIVE_OPTIONS, { name });
  if (timeout <= interval) throw outOfRange(`${name}.timeout`, `> interval (${interval})`, timeout);
  const bytes = message === undefined ? undefined : bytesOf(message);
  if (bytes !== undefined && bytes.length > MAX_KEEP_ALIVE_MESSAGE)
    throw outOfRange(`${name}.message.length`, `<= ${MAX_KEEP_ALIVE_MESSAGE}`, bytes.length);
  return Object.freeze({ interval, timeout, message: bytes });
}

function bytesOf(message: TextOrView): Uint8Array {
  return typeof message === 'string'
    ? utf8(message)
    : own(new Uint8Array(message.buffer, message.byteOffset, message.byteLength));
}

/** DTLS 1.2 has nothing that a peer must answer. */
export function checkKeepAlive(option: KeepAliveOption | undefined, versions: readonly VersionFacts[]): void {
  const keepAlive = resolveKeepAlive(option);
  if (
    keepAlive !== undefined &&
    keepAlive.message === undefined &&
    !versions.every(({ rules }) => rules.keyUpdates)
  )
    throw invalidArgValue(
      'options.keepAlive.message',
      'is needed unless options.minVersion is DTLSv1.3: DTLS 1.2 itself has nothing that a peer must answer',
    );
}
