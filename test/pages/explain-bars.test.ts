import { describe, expect, it } from 'vitest';
import { drawBars } from '../../src/pages/explain-bars.ts';

const hour = 3600;
/** Titles and places of the bars in a chart of a thousand hours. */
function barsOf(intervals: readonly { start: number; end: number | null }[]) {
  const [from, to] = [0, 1_000 * hour];
  const bars = {
    kind: 'outage' as const,
    words: 'Incident',
    y: 0,
    from,
    to,
    shareOf: (at: number) => (at / to) * 100,
  };
  return [
    ...String(drawBars(intervals, bars)).matchAll(/<title>(.*?)<\/title>.*? x="([^"]*)" width="([^"]*)"/g),
  ].map(([, ...parts]) => parts);
}

describe('the bars of an explanation', () => {
  it('join intervals that are too short and too close to be told apart', () => {
    const minutes = (hours: number) => ({ start: hours * hour, end: hours * hour + 60 });
    expect(barsOf([minutes(100), minutes(101), minutes(200)])).toEqual([
      ['Incident 2 times, first at 1970-01-05 04:00', '10%', '0.3%'],
      ['Incident for 60 s', '20%', '0.3%'],
    ]);
  });

  it('keep the length of a long interval if a short one begins with it', () => {
    expect(
      barsOf([
        { start: 100 * hour, end: 150 * hour },
        { start: 100 * hour + 60, end: 100 * hour + 180 },
      ]),
    ).toEqual([
      ['Incident for 2.1 d', '10%', '5%'],
      ['Incident for 2 min', '10%', '0.3%'],
    ]);
  });
});
