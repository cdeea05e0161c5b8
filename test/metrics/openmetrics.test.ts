import { describe, expect, it } from 'vitest';
import { openMetricsEnd, openMetricsHeader, pointAt, toPoint } from '../../src/metrics/openmetrics.ts';

describe('OpenMetrics', () => {
  it('names a counter without the suffix of its samples', () => {
    const header = openMetricsHeader({ name: 'dora_deployments_total', help: 'All.', type: 'counter' });
    expect(header).toBe('# TYPE dora_deployments counter\n# HELP dora_deployments All.\n');
  });

  it('keeps all other names, and escapes the help', () => {
    expect(openMetricsHeader({ name: 'a_total', help: 'One\ntwo "three" \\four', type: 'gauge' })).toBe(
      '# TYPE a_total gauge\n# HELP a_total One\\ntwo \\"three\\" \\\\four\n',
    );
  });

  it('writes each value of a label set with its time, common labels first', () => {
    const point = toPoint(
      'runs_seconds',
      [
        { metricName: 'runs_seconds_bucket', labels: { repo: 'acme/shop', le: 300 }, value: 1 },
        { metricName: 'runs_seconds_bucket', labels: { repo: 'acme/shop', le: '+Inf' }, value: 2 },
        { metricName: 'runs_seconds_sum', labels: { repo: 'acme/shop' }, value: 700.5 },
      ],
      { job: 'dora' },
    );
    expect(pointAt(point, 1_767_225_600)).toBe(
      'runs_seconds_bucket{job="dora",repo="acme/shop",le="300"} 1 1767225600\n' +
        'runs_seconds_bucket{job="dora",repo="acme/shop",le="+Inf"} 2 1767225600\n' +
        'runs_seconds_sum{job="dora",repo="acme/shop"} 700.5 1767225600\n',
    );
    expect(pointAt(point, 1_767_225_601)).toContain('700.5 1767225601\n');
  });

  it('escapes label values, and writes numbers that are not finite', () => {
    const labels = { tier: 'a"b\\c\nd' };
    const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    const point = toPoint(
      'x',
      values.map((value) => ({ labels, value })),
      {},
    );
    expect(pointAt(point, 7)).toBe(
      ['NaN', '+Inf', '-Inf'].map((text) => `x{tier="a\\"b\\\\c\\nd"} ${text} 7\n`).join(''),
    );
  });

  it('ends as the specification requires', () => {
    expect(openMetricsEnd).toBe('# EOF\n');
  });
});
