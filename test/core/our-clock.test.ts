import { describe, expect, it } from 'vitest';
import { correctionFor, measureSkew } from '../../src/core/clock-skew.ts';
import { mergeRecords } from '../../src/core/merge-records.ts';
import { byOurClock, durationOf } from '../../src/core/our-clock.ts';
import type { PipelineRecord } from '../../src/core/pipeline.ts';
import { aRecord, aWorkflow } from '../support/records.ts';

const hour = 3600;
const seenAt = 1_785_500_000;

/** An end by Woodpecker's clock, received at `seenAt`. */
const anEnd = (finishedAt: number, overrides: Partial<PipelineRecord> = {}) =>
  aRecord({
    createdAt: finishedAt - 70,
    startedAt: finishedAt - 60,
    finishedAt,
    updatedAt: finishedAt + 1,
    endSeenAt: seenAt,
    ...overrides,
  });

describe('the correction by a measured difference', () => {
  /** After an answer that was written at once, 0.4 s after our clock showed a whole second. */
  const correctionOf = (applied: number, difference: number) =>
    correctionFor(applied, measureSkew(seenAt + difference, seenAt + 0.3, seenAt + 0.5));

  it.each([
    // applied, difference, correction
    [0, 0, 0],
    [0, 60, 0],
    [0, 61, 61],
    [0, -60, 0],
    [0, -62, -62],
    [0, 3600, 3600],
    [3600, 3540, 3600],
    [3600, 3660, 3600],
    [3600, 3661, 3661],
    [3600, 30, 0],
    [-3600, 3600, 3600],
    [0, -1_785_000_000, -1_785_000_000],
  ])('starts at %i and, if the clock is ahead by %i, becomes %i', (applied, difference, correction) => {
    expect(correctionOf(applied, difference)).toBe(correction);
  });

  it('stays if a slow answer may have been written while the clocks agreed', () => {
    expect(correctionFor(0, measureSkew(seenAt + 200, seenAt, seenAt + 240))).toBe(0);
    expect(correctionFor(0, measureSkew(seenAt + 400, seenAt, seenAt + 240))).toBe(280);
  });
});

describe('byOurClock', () => {
  it('shifts all times except the server’s last write, which only orders reports', () => {
    const workflows = [
      aWorkflow({ startedAt: seenAt + hour - 60, finishedAt: seenAt + hour - 10, steps: [] }),
    ];
    expect(byOurClock(anEnd(seenAt + hour - 10, { workflows }), hour)).toEqual(
      anEnd(seenAt - 10, {
        clockAhead: hour,
        updatedAt: seenAt + hour - 9,
        workflows: [aWorkflow({ startedAt: seenAt - 60, finishedAt: seenAt - 10, steps: [] })],
      }),
    );
  });

  it('keeps the order and distances of ends 100 s apart, whether Woodpecker is ahead or behind', () => {
    const ends = [-310, -210, -110, -10].map((at) => seenAt + at);
    for (const ahead of [hour, -hour, 5 * 365 * 86_400]) {
      const records = ends.map((at) => byOurClock(anEnd(at + ahead), ahead));
      expect(records.map(({ finishedAt }) => finishedAt)).toEqual(ends);
      expect(records.map(durationOf)).toEqual([60, 60, 60, 60]);
    }
  });

  it('replaces an end that is still in the future with its receipt, and shifts the other times with it', () => {
    expect(byOurClock(anEnd(seenAt + 300), 0)).toMatchObject({ finishedAt: seenAt + 300 });
    const record = byOurClock(anEnd(seenAt + 301), 0);
    expect(record).toMatchObject({ createdAt: seenAt - 70, startedAt: seenAt - 60, finishedAt: seenAt });
    expect(durationOf(record)).toBe(60);
  });

  it('believes Woodpecker if our own clock was never set', () => {
    expect(byOurClock(anEnd(seenAt, { endSeenAt: 100 }), 0)).toMatchObject({ finishedAt: seenAt });
  });
});

describe('a pipeline that is seen under different clock differences', () => {
  const end = anEnd(seenAt + hour - 10);
  const first = byOurClock(end, hour);
  const later = byOurClock({ ...end, endSeenAt: seenAt + 5000 }, 0);

  it('keeps the end time from the first report of its end', () => {
    expect(mergeRecords(first, later)).toBe(first);
    expect(mergeRecords(later, first)).toEqual(first);
    expect(first.finishedAt).toBe(seenAt - 10);
  });

  it('keeps the first clock difference under a later write that moves the end', () => {
    const moved = byOurClock(
      anEnd(seenAt + hour - 7, { endSeenAt: seenAt + 5000, updatedAt: seenAt + hour }),
      0,
    );
    expect(mergeRecords(first, moved)).toMatchObject({ finishedAt: seenAt - 7, clockAhead: hour });
  });

  it('keeps the end time from the first report if the new one would lie in the future', () => {
    const again = byOurClock({ ...end, endSeenAt: seenAt + 60 }, 0);
    expect(again).toMatchObject({ finishedAt: seenAt + 60 });
    expect(mergeRecords(first, again)).toBe(first);
    expect(mergeRecords(again, first)).toEqual(first);
  });

  it('has the clock difference of its end, not of its start', () => {
    const running = byOurClock(
      anEnd(seenAt, { status: 'running', finishedAt: null, updatedAt: seenAt - 100, endSeenAt: null }),
      0,
    );
    expect(mergeRecords(running, first)).toMatchObject({ finishedAt: seenAt - 10, clockAhead: hour });
  });
});
