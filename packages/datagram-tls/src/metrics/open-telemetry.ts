import { checkFunction, checkObject } from '../config/checks.js';
import { type EndpointMetrics, MeasuredEndpoints } from './measured-endpoints.js';
import { METRICS, type Metric } from './table.js';

type Attributes = Record<string, string>;

interface InstrumentOptions {
  description: string;
  unit: string;
}

/**
 * What is used of a `Meter` of `@opentelemetry/api`.
 *
 * @example
 * ```ts
 * import { metrics } from '@opentelemetry/api';
 * import { openTelemetryMetrics } from 'datagram-tls/metrics';
 *
 * openTelemetryMetrics(metrics.getMeter('my-service')).add(endpoint, 'coap');
 * ```
 */
export interface OpenTelemetryMeter<Instrument> {
  createObservableCounter(name: string, options: InstrumentOptions): Instrument;
  createObservableUpDownCounter(name: string, options: InstrumentOptions): Instrument;
  addBatchObservableCallback(
    callback: (result: {
      observe(instrument: Instrument, value: number, attributes: Attributes): void;
    }) => void,
    instruments: Instrument[],
  ): void;
}

/**
 * Makes the metrics of endpoints in a `meter` of `@opentelemetry/api`, and reads the statistics when they are
 * collected. Each has the attribute `dtls.endpoint.name`, the name given to `add`. Throws `ERR_INVALID_ARG_TYPE`.
 *
 * @example
 * ```ts
 * import { metrics } from '@opentelemetry/api';
 * import { openTelemetryMetrics } from 'datagram-tls/metrics';
 *
 * openTelemetryMetrics(metrics.getMeter('my-service')).add(endpoint, 'coap');
 * ```
 */
export function openTelemetryMetrics<Instrument>(meter: OpenTelemetryMeter<Instrument>): EndpointMetrics {
  checkObject(meter, 'meter');
  for (const method of [
    'createObservableCounter',
    'createObservableUpDownCounter',
    'addBatchObservableCallback',
  ])
    checkFunction(Reflect.get(meter, method), `meter.${method}`);
  const endpoints = new MeasuredEndpoints();
  const instruments = METRICS.map((metric) => ({ metric, instrument: instrumentOf(meter, metric) }));
  meter.addBatchObservableCallback(
    (result) => {
      for (const { metric, instrument } of instruments)
        endpoints.read(metric, (endpoint, value, n) =>
          result.observe(instrument, n, attributesOf(metric, endpoint, value)),
        );
    },
    instruments.map(({ instrument }) => instrument),
  );
  return endpoints;
}

function instrumentOf<I>(meter: OpenTelemetryMeter<I>, { name, kind, description, unit }: Metric): I {
  const options = { description, unit };
  return kind === 'total'
    ? meter.createObservableCounter(name, options)
    : meter.createObservableUpDownCounter(name, options);
}

function attributesOf({ attribute }: Metric, endpoint: string, value: string): Attributes {
  const name = { 'dtls.endpoint.name': endpoint };
  return attribute === undefined ? name : { ...name, [attribute.name]: value };
}
