export type { EndpointMetrics, MeasuredEndpoint } from './metrics/measured-endpoints.js';
export { type OpenTelemetryMeter, openTelemetryMetrics } from './metrics/open-telemetry.js';
export { type PrometheusClient, prometheusMetrics } from './metrics/prometheus.js';
