/**
 * From samples to the text that Prometheus scrapes.
 *
 * Guarantees: the figures are rendered and compressed once per change of the state, however often they are scraped; a
 * sample is written once; none carries a timestamp of its own. A scrape is the figures' part and a small part about the
 * exporter itself, which is asked for each time.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { constants, crc32, deflateRaw as deflateRawCallback } from 'node:zlib';
import { type Metric, Registry } from 'prom-client';
import { type HistogramTotals, ledgerMetrics } from '../core/ledger.ts';
import { gauges, project, type SeriesSample } from '../core/projection.ts';
import type { State } from '../core/state.ts';

const seriesAtOnce = 200;

const deflateRaw = promisify(deflateRawCallback);

export const contentType = 'text/plain; version=0.0.4; charset=utf-8';

export interface Exposition {
  plain(): Promise<Uint8Array>;
  gzip(): Promise<Uint8Array>;
}

interface Value {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly metricName?: string;
}

interface Rendered {
  readonly plain: Uint8Array;
  /** A deflate stream that ends on a byte's edge and goes on: what follows can be appended. */
  readonly deflated: Uint8Array;
  readonly crc: number;
}

export function createExposition(state: State, renderSelf: () => Promise<string>): Exposition {
  let samples: readonly SeriesSample[] = [];
  const registries = createFigureRegistries(() => samples);
  let latest: Promise<Rendered> = Promise.reject(new Error('Not rendered yet'));
  latest.catch(() => undefined);
  let latestVersion = -1;

  const render = async (): Promise<Rendered> => {
    const all = project(state);
    const parts: string[] = [];
    for (const registry of registries) {
      for (let from = 0; from === 0 || from < all.length; from += seriesAtOnce) {
        samples = all.slice(from, from + seriesAtOnce);
        const text = await registry.metrics();
        parts.push(from === 0 ? text : withoutHeader(text));
        // Many series take long to write: between two slices the event loop has its turn.
        await nextTurn();
      }
    }
    const plain = Buffer.from(parts.join(''));
    // The fastest level: what is rendered anew at each change is not worth more.
    const deflated = await deflateRaw(plain, { level: 1, finishFlush: constants.Z_SYNC_FLUSH });
    return { plain, deflated, crc: crc32(plain) };
  };
  const figures = (): Promise<Rendered> => {
    if (latestVersion === state.version) return latest;
    latestVersion = state.version;
    // One after the other: renderings share the samples.
    latest = latest.catch(() => undefined).then(render);
    latest.catch(() => {
      latestVersion = -1;
    });
    return latest;
  };

  let whole: { readonly part: Rendered; readonly self: string; readonly gzip: Uint8Array } | null = null;

  return {
    async plain() {
      const [part, self] = await Promise.all([figures(), renderSelf()]);
      return Buffer.concat([part.plain, Buffer.from(self)]);
    },
    async gzip() {
      const [part, self] = await Promise.all([figures(), renderSelf()]);
      if (whole?.part === part && whole.self === self) return whole.gzip;
      const rest = Buffer.from(self);
      const gzip = asGzip(
        [part.deflated, await deflateRaw(rest)],
        crc32(rest, part.crc),
        part.plain.length + rest.length,
      );
      whole = { part, self, gzip };
      return gzip;
    },
  };
}

/** Samples alone: the lines after HELP and TYPE. */
function withoutHeader(text: string): string {
  return text.slice(text.indexOf('\n', text.indexOf('\n# TYPE ') + 1) + 1);
}

/** A gzip member around deflate streams: https://www.rfc-editor.org/rfc/rfc1952 section 2.3 */
function asGzip(streams: readonly Uint8Array[], crc: number, length: number): Uint8Array {
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc, 0);
  trailer.writeUInt32LE(length >>> 0, 4);
  return Buffer.concat([header, ...streams, trailer]);
}

/** One for each metric, in the order in which they are written. */
function createFigureRegistries(samples: () => readonly SeriesSample[]): Registry[] {
  const registries: Registry[] = [];
  const register = (
    name: string,
    help: string,
    type: 'counter' | 'gauge' | 'histogram',
    valuesOf: (sample: SeriesSample) => readonly Value[],
  ): void => {
    // A collector of constant values, as prom-client takes any object with this form for a metric.
    const metric = {
      name,
      help,
      type,
      aggregator: 'sum',
      get: async () => ({ name, help, type, aggregator: 'sum', values: samples().flatMap(valuesOf) }),
    };
    const registry = new Registry();
    registry.registerMetric(metric as unknown as Metric);
    registries.push(registry);
  };

  for (const metric of ledgerMetrics) {
    if (metric.type === 'counter') {
      register(metric.name, metric.help, 'counter', ({ repo, tier, totals }) => [
        { labels: { repo, tier }, value: totals.counters[metric.name] ?? 0 },
      ]);
    }
  }
  for (const [index, gauge] of gauges.entries()) {
    register(gauge.name, gauge.help, 'gauge', ({ repo, tier, gauges: values }) => [
      { labels: { repo, tier }, value: values[index] ?? 0 },
    ]);
  }
  for (const metric of ledgerMetrics) {
    if (metric.type === 'histogram') {
      register(metric.name, metric.help, 'histogram', (sample) => {
        const histogram = sample.totals.histograms[metric.name];
        if (!sample.hasDeployed || !histogram) return [];
        return histogramValues(metric.name, metric.buckets, histogram, {
          repo: sample.repo,
          tier: sample.tier,
        });
      });
    }
  }
  return registries;
}

function histogramValues(
  name: string,
  buckets: readonly number[],
  { counts, sum }: HistogramTotals,
  labels: { readonly repo: string; readonly tier: string },
): Value[] {
  let cumulative = 0;
  const bucketValues = counts.map((count, index) => {
    cumulative += count;
    return {
      metricName: `${name}_bucket`,
      labels: { ...labels, le: buckets[index] ?? '+Inf' },
      value: cumulative,
    };
  });
  return [
    ...bucketValues,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: cumulative },
  ];
}
