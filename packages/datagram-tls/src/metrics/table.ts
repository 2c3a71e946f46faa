import type { DTLSEndpointStats } from '../driver/stats.js';

/** Numbers by the value of the metric's attribute; `''` where it has none. */
export type Readings = Readonly<Record<string, bigint>>;

/** What is measured of an endpoint, under the names of both systems. */
export interface Metric {
  /** OpenTelemetry's name and unit (UCUM). */
  readonly name: string;
  readonly unit: string;
  /** Prometheus's name, with its base unit and `_total`. */
  readonly prometheus: string;
  readonly description: string;
  /** `total` only grows; `current` is a value of now. */
  readonly kind: 'total' | 'current';
  /** The attribute of OpenTelemetry, and the label of Prometheus; `undefined`: none. */
  readonly attribute: { readonly name: string; readonly label: string } | undefined;
  readonly read: (stats: DTLSEndpointStats) => Readings;
}

const DIRECTION = { name: 'network.io.direction', label: 'direction' };
const ROLE = { name: 'dtls.role', label: 'role' };
const OUTCOME = { name: 'dtls.outcome', label: 'outcome' };
const REASON = { name: 'dtls.drop.reason', label: 'reason' };
const KIND = { name: 'dtls.kind', label: 'kind' };

/** Names, units and attributes are a promise to dashboards: they change with a major version only. */
export const METRICS: readonly Metric[] = [
  {
    name: 'dtls.io',
    unit: 'By',
    prometheus: 'dtls_io_bytes_total',
    description: 'UDP payload that endpoints sent and received.',
    kind: 'total',
    attribute: DIRECTION,
    read: ({ bytesSent, bytesReceived }) => ({ transmit: bytesSent, receive: bytesReceived }),
  },
  {
    name: 'dtls.datagrams',
    unit: '{datagram}',
    prometheus: 'dtls_datagrams_total',
    description: 'Datagrams that endpoints sent and received.',
    kind: 'total',
    attribute: DIRECTION,
    read: ({ packetsSent, packetsReceived }) => ({ transmit: packetsSent, receive: packetsReceived }),
  },
  {
    name: 'dtls.sessions.started',
    unit: '{session}',
    prometheus: 'dtls_sessions_started_total',
    description: 'Sessions that began their handshake, by our role.',
    kind: 'total',
    attribute: ROLE,
    read: ({ serverSessions, clientSessions }) => ({ server: serverSessions, client: clientSessions }),
  },
  {
    name: 'dtls.handshakes.completed',
    unit: '{handshake}',
    prometheus: 'dtls_handshakes_completed_total',
    description: 'Handshakes that were done.',
    kind: 'total',
    attribute: undefined,
    read: ({ handshakesCompleted }) => ({ '': handshakesCompleted }),
  },
  {
    name: 'dtls.sessions.ended',
    unit: '{session}',
    prometheus: 'dtls_sessions_ended_total',
    description: 'Sessions that are over: closed by either side, or failed.',
    kind: 'total',
    attribute: OUTCOME,
    read: ({ sessionsEnded, sessionsFailed }) => ({
      closed: sessionsEnded - sessionsFailed,
      failed: sessionsFailed,
    }),
  },
  {
    name: 'dtls.sessions.active',
    unit: '{session}',
    prometheus: 'dtls_sessions_active',
    description: 'Sessions that are not over, unfinished handshakes included.',
    kind: 'current',
    attribute: undefined,
    read: ({ serverSessions, clientSessions, sessionsEnded }) => ({
      '': serverSessions + clientSessions - sessionsEnded,
    }),
  },
  {
    name: 'dtls.sessions.hibernating',
    unit: '{session}',
    prometheus: 'dtls_sessions_hibernating',
    description: 'Open sessions of which only the state is kept, since nothing happens in them.',
    kind: 'current',
    attribute: undefined,
    read: ({ sessionsHibernating }) => ({ '': sessionsHibernating }),
  },
  {
    name: 'dtls.dropped',
    unit: '{drop}',
    prometheus: 'dtls_dropped_total',
    description: 'Records, messages, datagrams and clients that were discarded, by reason.',
    kind: 'total',
    attribute: REASON,
    read: ({ drops }) => drops,
  },
  {
    name: 'dtls.evictions',
    unit: '{eviction}',
    prometheus: 'dtls_evictions_total',
    description: 'Sessions, handshakes and held data that gave way on a full endpoint.',
    kind: 'total',
    attribute: KIND,
    read: ({ sessionsEvicted, handshakesEvicted, heldEvictions }) => ({
      session: sessionsEvicted,
      handshake: handshakesEvicted,
      held: heldEvictions,
    }),
  },
  {
    name: 'dtls.migrations',
    unit: '{migration}',
    prometheus: 'dtls_migrations_total',
    description: "Changes of peers' addresses: followed, or undone because the new address did not answer.",
    kind: 'total',
    attribute: OUTCOME,
    read: ({ migrations, migrationsFailed }) => ({
      followed: migrations - migrationsFailed,
      failed: migrationsFailed,
    }),
  },
  {
    name: 'dtls.cookies.sent',
    unit: '{cookie}',
    prometheus: 'dtls_cookies_sent_total',
    description: 'ClientHellos answered with a request for a cookie.',
    kind: 'total',
    attribute: undefined,
    read: ({ cookiesSent }) => ({ '': cookiesSent }),
  },
  {
    name: 'dtls.early_data',
    unit: '{client}',
    prometheus: 'dtls_early_data_total',
    description: 'Clients whose early data was accepted, and ClientHellos whose early data was refused.',
    kind: 'total',
    attribute: OUTCOME,
    read: ({ earlyDataAccepted, earlyDataRefused }) => ({
      accepted: earlyDataAccepted,
      refused: earlyDataRefused,
    }),
  },
  {
    name: 'dtls.send_queue.size',
    unit: 'By',
    prometheus: 'dtls_send_queue_bytes',
    description: 'Bytes that wait to be sent.',
    kind: 'current',
    attribute: undefined,
    read: ({ bytesQueued }) => ({ '': bytesQueued }),
  },
  {
    name: 'dtls.held.size',
    unit: 'By',
    prometheus: 'dtls_held_bytes',
    description: 'Memory for fragments and early records that wait for others.',
    kind: 'current',
    attribute: undefined,
    read: ({ bytesHeld }) => ({ '': bytesHeld }),
  },
];
