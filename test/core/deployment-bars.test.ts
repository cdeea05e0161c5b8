import { describe, expect, it } from 'vitest';
import { createBarCounts } from '../../src/core/deployment-bars.ts';
import { aDeployment } from '../support/records.ts';

const day = 86_400;
/** A Friday. */
const now = Date.parse('2026-07-31T12:20:00Z') / 1000;
const at = (text: string) => Date.parse(text) / 1000;
const barsOf = (days: number, ...deployments: readonly string[]) => {
  const counts = createBarCounts({ name: '', seconds: days * day }, now);
  for (const [number, text] of deployments.entries()) counts.add(aDeployment({ number, at: at(text) }));
  return { seconds: counts.barSeconds, bars: counts.bars() };
};

describe('the bars of a window', () => {
  it.each([
    [1, 3600, 25],
    [2, 3600, 49],
    [7, day, 8],
    [30, day, 31],
    [60, day, 61],
    [63, 7 * day, 10],
    [90, 7 * day, 14],
    [365, 7 * day, 53],
  ])('of %i days last %i seconds each, and there are %i', (days, seconds, bars) => {
    const found = barsOf(days);
    expect([found.seconds, found.bars.length]).toEqual([seconds, bars]);
  });

  it('begin on Mondays in UTC if the window is long, and report which of their days lie in the window', () => {
    const { bars } = barsOf(90, '2026-07-26T23:59:59Z', '2026-07-27T00:00:00Z', '2026-07-31T12:20:00Z');
    expect(bars.at(0)).toEqual({
      start: at('2026-04-27T00:00:00Z'),
      from: at('2026-05-02T12:20:01Z'),
      to: at('2026-05-03T23:59:59Z'),
      ...{ succeeded: 0, failed: 0, byCause: {} },
    });
    expect(bars.slice(-2)).toEqual([
      {
        start: at('2026-07-20T00:00:00Z'),
        from: at('2026-07-20T00:00:00Z'),
        to: at('2026-07-26T23:59:59Z'),
        ...{ succeeded: 1, failed: 0, byCause: {} },
      },
      {
        ...{ start: at('2026-07-27T00:00:00Z'), from: at('2026-07-27T00:00:00Z'), to: now },
        ...{ succeeded: 2, failed: 0, byCause: {} },
      },
    ]);
  });

  it('exclude deployments outside the window, even in the first week of the window', () => {
    const { bars } = barsOf(90, '2026-05-02T12:20:00Z', '2026-05-02T12:20:01Z', '2026-07-31T12:20:01Z');
    expect(bars.map(({ succeeded }) => succeeded)).toEqual([1, ...Array(13).fill(0)]);
  });
});
