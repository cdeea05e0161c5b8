import { describe, expect, it } from 'vitest';
import { endedAt, isEnded } from '../../src/core/pipeline.ts';
import { aRecord } from '../support/records.ts';

describe('isEnded', () => {
  it.each(['success', 'failure', 'error', 'killed', 'canceled', 'declined', 'skipped'])(
    'is true for %s',
    (status) => {
      expect(isEnded(status)).toBe(true);
    },
  );

  it.each(['created', 'pending', 'running', 'blocked', 'started', 'hibernating', '', 'Success'])(
    'is false for %j',
    (status) => {
      expect(isEnded(status)).toBe(false);
    },
  );
});

describe('endedAt', () => {
  it.each([
    ['the finish', { finishedAt: 1100, firstEndReportAt: 1050 }, 1100],
    ['the first report of the end if there is no finish', { finishedAt: null, firstEndReportAt: 1050 }, 1050],
    ['null if neither is known', { finishedAt: null }, null],
    [
      'null for a pipeline that has not ended, even with a finish',
      { status: 'running', finishedAt: 1100 },
      null,
    ],
  ])('is %s', (_, told, at) => {
    expect(endedAt(aRecord(told))).toBe(at);
  });
});
