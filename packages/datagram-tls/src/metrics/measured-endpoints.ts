import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { checkFunction, checkObject, checkString } from '../config/checks.js';
import type { DiagnosticsChannels } from '../driver/diagnostics.js';
import type { DTLSEndpoint } from '../driver/endpoint.js';
import type { DTLSEndpointStats } from '../driver/stats.js';
import { METRICS, type Metric, type Readings } from './table.js';

/**
 * What is measured: every `DTLSEndpoint`, and `session.endpoint`.
 *
 * @example
 * ```ts
 * import client from 'prom-client';
 * import { prometheusMetrics } from 'datagram-tls/metrics';
 *
 * prometheusMetrics(client, { registry: new client.Registry() }).add(session.endpoint, 'clients');
 * ```
 */
export interface MeasuredEndpoint {
  readonly stats: DTLSEndpointStats;
  readonly destroyed: boolean;
  readonly closed: Promise<void>;
}

/**
 * The endpoints whose numbers are reported.
 *
 * @example
 * ```ts
 * import client from 'prom-client';
 * import { prometheusMetrics } from 'datagram-tls/metrics';
 *
 * prometheusMetrics(client, { registry: new client.Registry() }).addAll(() => 'all');
 * ```
 */
export interface EndpointMetrics {
  /**
   * Reports `endpoint` as `name`. Several endpoints may have one name: their numbers are added up. When an endpoint
   * closes, its totals stay in the sum, and it is let go.
   */
  add(endpoint: MeasuredEndpoint, name: string): void;
  /**
   * Reports every endpoint that opens from now on in this process, also those that `connect` makes, as `nameOf` says;
   * `undefined` leaves it out. Returns a function that stops this.
   */
  addAll(nameOf: (endpoint: DTLSEndpoint) => string | undefined): () => void;
}

const OPEN = 'datagram-tls.endpoint.open';

/** Reads the statistics of endpoints when they are asked for: no timer runs. */
export class MeasuredEndpoints implements EndpointMetrics {
  readonly #groups = new Map<string, Group>();
  readonly #known = new WeakSet<MeasuredEndpoint>();

  add(endpoint: MeasuredEndpoint, name: string): void {
    checkObject(endpoint, 'endpoint');
    checkObject(endpoint.stats, 'endpoint.stats');
    checkString(name, 'name');
    if (this.#known.has(endpoint)) return;
    this.#known.add(endpoint);
    const group = this.#groups.get(name) ?? new Group();
    this.#groups.set(name, group);
    group.add(endpoint);
  }

  addAll(nameOf: (endpoint: DTLSEndpoint) => string | undefined): () => void {
    checkFunction(nameOf, 'nameOf');
    const onOpen = (message: unknown): void => {
      const { endpoint } = message as DiagnosticsChannels[typeof OPEN];
      const name = nameOf(endpoint);
      if (name !== undefined) this.add(endpoint, name);
    };
    subscribe(OPEN, onOpen);
    return () => {
      unsubscribe(OPEN, onOpen);
    };
  }

  /** Calls `report` with each number of `metric`. */
  read(metric: Metric, report: (endpoint: string, attribute: string, value: number) => void): void {
    for (const [name, group] of this.#groups)
      for (const [attribute, value] of Object.entries(group.read(metric)))
        report(name, attribute, Number(value));
  }
}

/** The endpoints of one name. */
class Group {
  readonly #open = new Set<MeasuredEndpoint>();
  /** The totals of closed ones, by the metric. */
  readonly #former = new Map<Metric, Readings>();

  add(endpoint: MeasuredEndpoint): void {
    this.#open.add(endpoint);
    const close = (): void => this.#close(endpoint);
    if (endpoint.destroyed) close();
    else endpoint.closed.then(close, close);
  }

  read(metric: Metric): Readings {
    let sum = this.#former.get(metric) ?? {};
    for (const { stats } of this.#open) sum = add(sum, metric.read(stats));
    return sum;
  }

  #close(endpoint: MeasuredEndpoint): void {
    if (!this.#open.delete(endpoint)) return;
    for (const metric of METRICS) {
      const values =
        metric.kind === 'total' ? metric.read(endpoint.stats) : none(metric.read(endpoint.stats));
      this.#former.set(metric, add(this.#former.get(metric) ?? {}, values));
    }
  }
}

/** Nothing of a closed endpoint is current, but its series go on. */
function none(values: Readings): Readings {
  return Object.fromEntries(Object.keys(values).map((attribute) => [attribute, 0n]));
}

function add(a: Readings, b: Readings): Readings {
  const sum: Record<string, bigint> = { ...a };
  for (const [attribute, value] of Object.entries(b)) sum[attribute] = (sum[attribute] ?? 0n) + value;
  return sum;
}
