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
  it('is the finish', () => {
    expect(endedAt(aRecord({ finishedAt: 1100, firstEndReportAt: 1050 }))).toBe(1100);
  });

  it('is the first report of the end if there is no finish', () => {
    expect(endedAt(aRecord({ finishedAt: null, firstEndReportAt: 1050 }))).toBe(1050);
  });

  it('is null if neither is known', () => {
    expect(endedAt(aRecord({ finishedAt: null }))).toBeNull();
  });

  it('is null for a pipeline that has not ended, even with a finish', () => {
    expect(endedAt(aRecord({ status: 'running', finishedAt: 1100 }))).toBeNull();
  });
});
