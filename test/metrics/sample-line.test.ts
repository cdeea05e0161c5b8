import fc from 'fast-check';
import { type Metric, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import type { Family, Value } from '../../src/metrics/families.ts';
import { headerOf, lineOf } from '../../src/metrics/sample-line.ts';

/** The text that prom-client writes of the same values. */
async function writtenByPromClient(
  family: Omit<Family<never>, 'valuesOf'>,
  values: readonly Value[],
): Promise<string> {
  const registry = new Registry();
  const collector = { ...family, aggregator: 'sum', get: async () => ({ ...family, values }) };
  registry.registerMetric(collector as unknown as Metric);
  return registry.metrics();
}

const anyText = fc.string({ unit: fc.constantFrom('a', 'ä', ' ', ',', '\\', '"', '\n', '{', '}', '=') });
const anyNumber = fc.oneof(fc.integer(), fc.double({ noNaN: true }));
const anyValue: fc.Arbitrary<Value> = fc
  .record({
    value: anyNumber,
    labels: fc.dictionary(fc.constantFrom('repo', 'tier', 'le'), fc.oneof(anyText, anyNumber), {
      minKeys: 1,
    }),
    metricName: fc.option(fc.constant('some_metric_sum'), { nil: undefined }),
  })
  .map(({ metricName, ...value }) => ({ ...value, ...(metricName && { metricName }) }));

describe('a line of the text format', () => {
  it('is the line that prom-client writes', async () => {
    await fc.assert(
      fc.asyncProperty(anyText, fc.array(anyValue), async (help, values) => {
        const family = { name: 'some_metric', help, type: 'gauge' } as const;
        const lines = values.map((value) => `${lineOf(family.name, value)}\n`);
        expect(headerOf(family) + lines.join('')).toBe(await writtenByPromClient(family, values));
      }),
      { numRuns: 300 },
    );
  });

  it('contains NaN as Prometheus writes it', () => {
    expect(lineOf('some_metric', { value: Number.NaN, labels: { repo: 'acme/shop' } })).toBe(
      'some_metric{repo="acme/shop"} NaN',
    );
  });
});
