import { describe, expect, it } from 'vitest';
import { createRetries } from '../../src/sources/backoff.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const start = 1_785_500_000;

function createSetting() {
  const clock = createFakeClock(start);
  const retries = createRetries(clock, { firstMs: 5_000, longestMs: 60_000 });
  const waitMs = (repo: number) => retries.dueAt(repo) - clock.now();
  return { clock, retries, waitMs };
}

describe('retries', () => {
  it('double the pause with each time, up to the longest, and begin anew after a success', () => {
    const { retries, waitMs } = createSetting();
    const pauses = Array.from({ length: 6 }, () => [retries.noteFailure(1), waitMs(1)]);
    expect(pauses).toEqual([5, 10, 20, 40, 60, 60].map((seconds) => [seconds * 1000, seconds * 1000]));

    expect([retries.noteSuccess(1), retries.noteSuccess(1)]).toEqual([true, false]);
    expect([retries.has(1), retries.dueAt(1)]).toEqual([false, 0]);
    expect(retries.noteFailure(1)).toBe(5_000);
  });

  it('keep each repo apart, and forget those for which there is nothing left to try', () => {
    const { retries } = createSetting();
    for (const repo of [1, 2, 2, 3]) retries.noteFailure(repo);
    retries.keepOnly(new Set([2, 4]));
    expect([retries.size, retries.has(1), retries.has(2), retries.has(3)]).toEqual([1, false, true, false]);
    expect([retries.noteFailure(1), retries.noteFailure(2)]).toEqual([5_000, 20_000]);
  });

  it('are due at once where the clock was put back', () => {
    const { clock, retries } = createSetting();
    retries.noteFailure(1);
    clock.advance(-3600);
    expect(retries.dueAt(1)).toBe(0);
    expect(retries.noteFailure(1)).toBe(10_000);
    expect(retries.dueAt(1)).toBe(clock.now() + 10_000);
  });
});
