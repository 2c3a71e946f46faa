import { checkFunction, checkObject } from '../config/checks.js';
import { type EndpointMetrics, MeasuredEndpoints } from './measured-endpoints.js';
import { METRICS, type Metric } from './table.js';

type Labels = Record<string, string>;

interface MetricConfiguration<Registry> {
  name: string;
  help: string;
  labelNames: string[];
  registers?: Registry[];
  collect: () => void;
}

/**
 * What is used of the module `prom-client`.
 *
 * @example
 * ```ts
 * import client from 'prom-client';
 * import { prometheusMetrics } from 'datagram-tls/metrics';
 *
 * prometheusMetrics(client, { registry: new client.Registry() }).add(endpoint, 'coap');
 * ```
 */
export interface PrometheusClient<Registry> {
  readonly Counter: new (
    configuration: MetricConfiguration<Registry>,
  ) => { reset(): void; inc(labels: Labels, value: number): void };
  readonly Gauge: new (
    configuration: MetricConfiguration<Registry>,
  ) => { reset(): void; set(labels: Labels, value: number): void };
}

/**
 * Makes the metrics of endpoints in `prom-client`, given as `client`, and reads the statistics when they are scraped.
 * Each has the label `endpoint`, the name given to `add`. `registry`: by default that of `prom-client`. Throws
 * `ERR_INVALID_ARG_TYPE`, and the error of `prom-client` when the registry has these metrics already.
 *
 * @example
 * ```ts
 * import client from 'prom-client';
 * import { prometheusMetrics } from 'datagram-tls/metrics';
 *
 * prometheusMetrics(client, { registry: new client.Registry() }).add(endpoint, 'coap');
 * ```
 */
export function prometheusMetrics<Registry>(
  client: PrometheusClient<Registry>,
  { registry }: { readonly registry?: Registry } = {},
): EndpointMetrics {
  checkObject(client, 'client');
  checkFunction(client.Counter, 'client.Counter');
  checkFunction(client.Gauge, 'client.Gauge');
  const endpoints = new MeasuredEndpoints();
  for (const metric of METRICS) {
    const labelNames = ['endpoint', ...(metric.attribute === undefined ? [] : [metric.attribute.label])];
    const common = {
      name: metric.prometheus,
      help: metric.description,
      labelNames,
      ...(registry === undefined ? {} : { registers: [registry] }),
    };
    if (metric.kind === 'total') {
      const counter = new client.Counter({
        ...common,
        collect: () => {
          // The counts are ours: a counter that counts itself is set to nothing first.
          counter.reset();
          endpoints.read(metric, (endpoint, value, n) => counter.inc(labelsOf(metric, endpoint, value), n));
        },
      });
    } else {
      const gauge = new client.Gauge({
        ...common,
        collect: () => {
          gauge.reset();
          endpoints.read(metric, (endpoint, value, n) => gauge.set(labelsOf(metric, endpoint, value), n));
        },
      });
    }
  }
  return endpoints;
}

function labelsOf({ attribute }: Metric, endpoint: string, value: string): Labels {
  return attribute === undefined ? { endpoint } : { endpoint, [attribute.label]: value };
}
