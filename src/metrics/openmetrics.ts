/**
 * Writes lines of OpenMetrics 1.0 (https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md) with
 * timestamps. The caller must write all lines of a family together, within it all lines of a set of labels, and these in order
 * of time.
 *
 * Numbers, also in `le` and `quantile`, have the same form as in a scrape, so that both belong to the same series.
 */

import type { Family, Value } from './families.ts';
import { escapeText, lineOf } from './sample-line.ts';

/** The last line of every text. Prometheus refuses a text without it, so an incomplete one is never imported. */
export const openMetricsEnd = '# EOF\n';

/** The lines of one set of labels at one time, as the pieces of text around each timestamp. */
export type Point = readonly string[];

/** The TYPE and HELP lines of a family. */
export function openMetricsHeader({ name, help, type }: Omit<Family<never>, 'valuesOf'>): string {
  const family = type === 'counter' ? name.replace(/_total$/, '') : name;
  return `# TYPE ${family} ${type}\n# HELP ${family} ${escapeText(help)}\n`;
}

/** `labels` are added to every value. If a value has a label of the same name, the value's own counts. */
export function toPoint(
  family: string,
  values: readonly Value[],
  labels: Readonly<Record<string, string>>,
): Point {
  const lines = values.map(
    (value) => `${lineOf(family, { ...value, labels: { ...labels, ...value.labels } })} `,
  );
  return [...lines.map((line, index) => (index === 0 ? line : `\n${line}`)), '\n'];
}

/** The text of a point. `at`: Unix seconds. */
export function pointAt(point: Point, at: number): string {
  return point.join(String(at));
}
