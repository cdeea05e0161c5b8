/**
 * Scrapes /metrics all the time, as Prometheus does, and stores the highest value of each sample of a counter or
 * histogram. A series may be absent (its repo is gone, renamed, or incomplete), but its values never fall.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { type Metrics, parseMetrics } from '../support/exporter-process.ts';
import { type Expected, metricNames } from './expected.ts';

const cumulative = /^dora_(?!exporter_|window_)\w+(_total|_bucket|_count|_sum)\{/;
const pauseMs = 60;

export interface Watch {
  /** Scrapes `metricsUrl()` until stopped; failed scrapes do not count. */
  run(metricsUrl: () => string | null): Promise<void>;
  stop(): void;
  readonly scrapes: number;
  readonly falls: readonly string[];
  /** The first value of each counter of deployments, by sample. */
  readonly firstSeen: ReadonlyMap<string, number>;
}

export function createWatch(): Watch {
  const highest = new Map<string, number>();
  const firstSeen = new Map<string, number>();
  const falls: string[] = [];
  let scrapes = 0;
  let isStopped = false;

  const take = (metrics: Metrics): void => {
    scrapes++;
    for (const [sample, value] of metrics) {
      if (!cumulative.test(sample)) continue;
      const before = highest.get(sample);
      if (before === undefined) firstSeen.set(sample, value);
      if (before !== undefined && value < before) falls.push(`${sample}: ${before} -> ${value}`);
      highest.set(sample, Math.max(before ?? 0, value));
    }
  };

  return {
    async run(metricsUrl) {
      while (!isStopped) {
        const url = metricsUrl();
        try {
          if (url) take(parseMetrics(await scrape(url)));
        } catch {
          // The exporter was killed meanwhile.
        }
        await delay(pauseMs);
      }
    },
    stop() {
      isStopped = true;
    },
    get scrapes() {
      return scrapes;
    },
    falls,
    firstSeen,
  };
}

export async function scrape(url: string): Promise<string> {
  const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(5_000) });
  if (!answer.ok) throw new Error(`Scrape was answered with ${answer.status}`);
  return answer.text();
}

/** The shown values, in the oracle's form. */
export function shownSeries(metrics: Metrics): Record<string, Partial<Expected>> {
  const series: Record<string, Partial<Expected>> = {};
  for (const [field, name] of Object.entries(metricNames)) {
    for (const [sample, value] of metrics) {
      const match = /^(\w+)\{repo="([^"]+)",tier="([^"]+)"\}$/.exec(sample);
      if (match?.[1] !== name) continue;
      const key = `${match[2]} ${match[3]}`;
      series[key] = { ...series[key], [field]: value };
    }
  }
  return series;
}
