/** The parts of a PromQL expression, by Prometheus's own grammar. */

import { parser } from '@prometheus-io/lezer-promql';

export interface Promql {
  /** The text at each place that is not PromQL. */
  readonly errors: readonly string[];
  readonly metrics: readonly string[];
}

export function readPromql(expression: string): Promql {
  const errors: string[] = [];
  const metrics = new Set<string>();
  parser.parse(expression).iterate({
    enter({ type, from, to, node }) {
      if (type.isError) errors.push(`at ${from}: "${expression.slice(from, Math.max(to, from + 20))}"`);
      if (type.name !== 'VectorSelector') return;
      const name = node.getChild('Identifier');
      if (name) metrics.add(expression.slice(name.from, name.to));
      else errors.push(`at ${from}: a selector without a metric`);
    },
  });
  return { errors, metrics: [...metrics] };
}

/** Names that queries can use for the metrics of a scrape. */
export function metricNames(scrape: string): ReadonlySet<string> {
  return new Set([...scrape.matchAll(/^(\w+)(?:\{| )/gm)].map((match) => match[1] ?? ''));
}
