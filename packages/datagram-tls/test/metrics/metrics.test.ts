// The adapters, with the real packages.
import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { metrics as openTelemetry } from '@opentelemetry/api';
import { DataPointType, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import promClient from 'prom-client';
import { DTLSEndpoint } from '#lib/index.js';
import { METRICS } from '#lib/metrics/table.js';
import { type EndpointMetrics, openTelemetryMetrics, prometheusMetrics } from '#lib/metrics.js';
import { client, echoServer, roundTrip } from '../driver/echo.js';
import { MemoryNetwork } from '../driver/memory-link.js';

/** A number as a system reports it. */
interface Point {
  readonly name: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** Metrics in one of the systems, and what it reports. */
interface System {
  readonly metrics: EndpointMetrics;
  readonly collect: () => Promise<Point[]>;
}

function prometheus(): System {
  const registry = new promClient.Registry();
  const metrics = prometheusMetrics(promClient, { registry });
  const collect = async (): Promise<Point[]> => {
    const all = await registry.getMetricsAsJSON();
    return all.flatMap(({ name, values }) =>
      (values as { value: number; labels: Record<string, string> }[]).map(({ value, labels }) => ({
        name,
        value,
        labels,
      })),
    );
  };
  return { metrics, collect };
}

/** A reader that collects when it is asked to. */
class Reader extends MetricReader {
  protected override onForceFlush(): Promise<void> {
    return Promise.resolve();
  }
  protected override onShutdown(): Promise<void> {
    return Promise.resolve();
  }
}

function telemetry(): System {
  const reader = new Reader();
  const provider = new MeterProvider({ readers: [reader] });
  const metrics = openTelemetryMetrics(provider.getMeter('test'));
  const collect = async (): Promise<Point[]> => {
    const { resourceMetrics } = await reader.collect();
    return resourceMetrics.scopeMetrics.flatMap(({ metrics: all }) =>
      all.flatMap(({ descriptor, dataPointType, dataPoints }) => {
        assert.equal(dataPointType, DataPointType.SUM);
        return dataPoints.map(({ value, attributes }) => ({
          name: descriptor.name,
          value,
          labels: attributes as Record<string, string>,
        }));
      }),
    );
  };
  return { metrics, collect };
}

const SYSTEMS = {
  'prom-client': { make: prometheus, nameKey: 'endpoint', of: (i: number) => METRICS[i]?.prometheus },
  '@opentelemetry/api': {
    make: telemetry,
    nameKey: 'dtls.endpoint.name',
    of: (i: number) => METRICS[i]?.name,
  },
} as const;

function endServer(t: TestContext, server: ReturnType<typeof echoServer>): void {
  t.after(() => server.endpoint.destroy());
}

for (const [name, { make, nameKey, of }] of Object.entries(SYSTEMS)) {
  /** The value of one number. */
  const reported = (
    points: readonly Point[],
    metric: string,
    endpoint: string,
    attribute?: string,
  ): number | undefined => {
    const index = METRICS.findIndex(({ prometheus: of }) => of === metric);
    const found = points.filter(
      (point) =>
        point.name === of(index) &&
        point.labels[nameKey] === endpoint &&
        (attribute === undefined || Object.values(point.labels).includes(attribute)),
    );
    assert.ok(found.length <= 1);
    return found[0]?.value;
  };

  suite(`metrics of endpoints in ${name}`, () => {
    test('every number of the statistics is what it is at the time of the collection', async (t) => {
      const server = echoServer();
      endServer(t, server);
      const { metrics, collect } = make();
      metrics.add(server.endpoint, 'coap');
      const session = client(server.port);
      await session.opened;
      await roundTrip(session, 'hello');
      for (let i = 0; i < 2; i++) {
        const points = await collect();
        const { stats } = server.endpoint;
        for (const metric of METRICS) {
          for (const [attribute, value] of Object.entries(metric.read(stats)))
            assert.equal(
              reported(points, metric.prometheus, 'coap', attribute === '' ? undefined : attribute),
              Number(value),
              metric.name,
            );
        }
        assert.equal(reported(points, 'dtls_sessions_active', 'coap'), i === 0 ? 1 : 0);
        assert.equal(reported(points, 'dtls_sessions_started_total', 'coap', 'server'), 1);
        assert.equal(reported(points, 'dtls_handshakes_completed_total', 'coap'), 1);
        assert.ok((reported(points, 'dtls_io_bytes_total', 'coap', 'receive') ?? 0) > 500);
        await session.close();
        await server.sessions[0]?.closed;
      }
    });

    test('drops have their reason', async (t) => {
      const server = echoServer({ maxSessions: 1, evictAfter: 0 });
      endServer(t, server);
      const { metrics, collect } = make();
      const session = client(server.port);
      metrics.add(session.endpoint, 'clients');
      await session.opened;
      for (let i = 0; i < 2000; i++) session.send(Buffer.alloc(1000));
      const points = await collect();
      assert.equal(
        reported(points, 'dtls_dropped_total', 'clients', 'send_queue_full'),
        session.drops.send_queue_full,
      );
      assert.ok((reported(points, 'dtls_send_queue_bytes', 'clients') ?? 0) > 100_000);
      session.destroy();
    });

    test('endpoints of one name are added up, and totals of closed ones stay', async (t) => {
      const server = echoServer();
      endServer(t, server);
      const { metrics, collect } = make();
      let sent = 0n;
      for (let i = 0; i < 3; i++) {
        const session = client(server.port);
        metrics.add(session.endpoint, 'clients');
        metrics.add(session.endpoint, 'clients');
        await session.opened;
        assert.equal(reported(await collect(), 'dtls_sessions_active', 'clients'), 1);
        await session.close();
        await session.endpoint.closed;
        sent += session.endpoint.stats.bytesSent;
        const points = await collect();
        assert.equal(reported(points, 'dtls_sessions_active', 'clients'), 0);
        assert.equal(reported(points, 'dtls_sessions_started_total', 'clients', 'client'), i + 1);
        assert.equal(reported(points, 'dtls_sessions_ended_total', 'clients', 'closed'), i + 1);
        assert.equal(reported(points, 'dtls_io_bytes_total', 'clients', 'transmit'), Number(sent));
      }
    });

    test('addAll reports every endpoint that opens, by its name, until it is stopped', async (t) => {
      const { metrics, collect } = make();
      const stop = metrics.addAll((endpoint) => (endpoint.sessions.size === 0 ? 'servers' : 'clients'));
      t.after(stop);
      const server = echoServer();
      endServer(t, server);
      const session = client(server.port);
      await session.opened;
      stop();
      const later = client(server.port);
      await later.opened;
      const points = await collect();
      assert.equal(reported(points, 'dtls_sessions_started_total', 'servers', 'server'), 2);
      assert.equal(reported(points, 'dtls_sessions_started_total', 'clients', 'client'), 1);
      await Promise.all([session.close(), later.close()]);
    });

    test('an endpoint that is left out of addAll, or is closed already, does no harm', async () => {
      const { metrics, collect } = make();
      const stop = metrics.addAll(() => undefined);
      const endpoint = new DTLSEndpoint({ transport: new MemoryNetwork().transport('a') });
      const session = endpoint.connect('b', 1);
      session.destroy();
      await endpoint.close();
      stop();
      metrics.add(endpoint, 'late');
      const points = await collect();
      assert.equal(reported(points, 'dtls_sessions_started_total', 'late', 'client'), 1);
      assert.equal(reported(points, 'dtls_sessions_active', 'late'), 0);
    });

    test('wrong arguments are mistakes of the caller', () => {
      const { metrics } = make();
      const wrong = { code: 'ERR_INVALID_ARG_TYPE' };
      assert.throws(() => metrics.add(undefined as never, 'name'), wrong);
      assert.throws(() => metrics.add({} as never, 'name'), wrong);
      assert.throws(() => metrics.add(new DTLSEndpoint(), 1 as never), wrong);
      assert.throws(() => metrics.addAll('name' as never), wrong);
    });
  });
}

suite('the names of metrics', () => {
  test('follow the conventions of Prometheus: base units, and _total for what only grows', () => {
    for (const { prometheus: given, kind, unit } of METRICS) {
      assert.match(given, /^dtls(_[a-z]+)+$/);
      assert.equal(given.endsWith('_total'), kind === 'total', given);
      assert.equal(given.replace(/_total$/, '').endsWith('_bytes'), unit === 'By', given);
    }
  });

  test('follow the conventions of OpenTelemetry: dots, UCUM units, no unit and no total in a name', () => {
    for (const { name, unit, attribute } of METRICS) {
      assert.match(name, /^dtls(\.[a-z_]+)+$/);
      assert.ok(unit === 'By' || /^\{[a-z]+\}$/.test(unit));
      assert.doesNotMatch(name, /total|bytes/);
      assert.ok(attribute === undefined || attribute.name.includes('.'));
    }
  });

  test('are unique, and written out in the page about metrics', async () => {
    const { readFile } = await import('node:fs/promises');
    const page = await readFile(new URL('../../../../../docs/how-to/metrics.md', import.meta.url), 'utf8');
    for (const { name, prometheus: given, attribute } of METRICS)
      for (const text of [name, given, attribute?.label ?? name])
        assert.ok(page.includes(`\`${text}\``), text);
    assert.equal(
      new Set(METRICS.flatMap(({ name, prometheus: given }) => [name, given])).size,
      2 * METRICS.length,
    );
  });
});

suite('the adapters', () => {
  test('refuse what is no client, and no meter', () => {
    const wrong = { code: 'ERR_INVALID_ARG_TYPE' };
    for (const value of [undefined, null, {}, 'prom-client']) {
      assert.throws(() => prometheusMetrics(value as never), wrong);
      assert.throws(() => openTelemetryMetrics(value as never), wrong);
    }
  });

  test('use the registry of prom-client by default, and take the meter of the API without a provider', async (t) => {
    t.after(() => promClient.register.clear());
    prometheusMetrics(promClient);
    assert.ok((await promClient.register.metrics()).includes('# TYPE dtls_io_bytes_total counter'));
    openTelemetryMetrics(openTelemetry.getMeter('nobody collects')).add(new DTLSEndpoint(), 'name');
  });
});
