/**
 * The lines of OpenMetrics 1.0 (https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md) for
 * values that carry their time, which prom-client does not write. Whoever puts them together keeps each family together,
 * in it each set of labels, and of each set the times in order.
 *
 * Numbers, those in `le` and `quantile` included, are written as prom-client writes them in a scrape, so that both make
 * the same series.
 */

import type { Family, Value } from './families.ts';

/** Ends every text; one that was cut off lacks it, and is refused. */
export const openMetricsEnd = '# EOF\n';

/** One set of labels at any time: its lines, up to where the time goes. */
export type Point = readonly string[];

/** What stands before the values of a family. */
export function openMetricsHeader({ name, help, type }: Omit<Family<never>, 'valuesOf'>): string {
  const family = type === 'counter' ? name.replace(/_total$/, '') : name;
  return `# TYPE ${family} ${type}\n# HELP ${family} ${escapeText(help)}\n`;
}

/** `labels` are put on every value beside its own. */
export function toPoint(
  family: string,
  values: readonly Value[],
  labels: Readonly<Record<string, string>>,
): Point {
  const lines = values.map((value) => {
    const all = Object.entries({ ...labels, ...value.labels }).map(
      ([name, text]) => `${name}="${escapeText(String(text))}"`,
    );
    return `${value.metricName ?? family}{${all.join(',')}} ${toNumber(value.value)} `;
  });
  return [...lines.map((line, index) => (index === 0 ? line : `\n${line}`)), '\n'];
}

/** `at` in Unix seconds. */
export function pointAt(point: Point, at: number): string {
  return point.join(String(at));
}

function escapeText(text: string): string {
  return text.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`));
}

function toNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : '-Inf';
}
