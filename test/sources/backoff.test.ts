import { describe, expect, it } from 'vitest';
import { createBackoff } from '../../src/sources/backoff.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const start = 1_785_500_000;

function createSetting() {
  const clock = createFakeClock(start);
  const backoff = createBackoff(clock, { firstMs: 5_000, longestMs: 60_000 });
  const waitMs = (repo: number) => backoff.dueAt(repo) - clock.now();
  return { clock, backoff, waitMs };
}

describe('a backoff', () => {
  it('doubles its pause with each failure, up to the longest, and starts anew after a success', () => {
    const { backoff, waitMs } = createSetting();
    const pauses = Array.from({ length: 6 }, () => [backoff.noteFailure(1), waitMs(1)]);
    expect(pauses).toEqual([5, 10, 20, 40, 60, 60].map((seconds) => [seconds * 1000, seconds * 1000]));

    expect([backoff.noteSuccess(1), backoff.noteSuccess(1)]).toEqual([true, false]);
    expect([backoff.has(1), backoff.dueAt(1)]).toEqual([false, 0]);
    expect(backoff.noteFailure(1)).toBe(5_000);
  });

  it('counts each repo by itself, and forgets repos that need no more tries', () => {
    const { backoff } = createSetting();
    for (const repo of [1, 2, 2, 3]) backoff.noteFailure(repo);
    backoff.keepOnly(new Set([2, 4]));
    expect([backoff.size, backoff.has(1), backoff.has(2), backoff.has(3)]).toEqual([1, false, true, false]);
    expect([backoff.noteFailure(1), backoff.noteFailure(2)]).toEqual([5_000, 20_000]);
  });

  it('allows a try at once if the clock was put back', () => {
    const { clock, backoff } = createSetting();
    backoff.noteFailure(1);
    clock.advance(-3600);
    expect(backoff.dueAt(1)).toBe(0);
    expect(backoff.noteFailure(1)).toBe(10_000);
    expect(backoff.dueAt(1)).toBe(clock.now() + 10_000);
  });
});
