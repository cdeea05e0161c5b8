import { describe, expect, it } from 'vitest';
import {
  createdAtOfEnded,
  endFollowed,
  type Follow,
  followKey,
  nextPollAt,
} from '../../src/core/poll-schedule.ts';

const aFollow = (overrides: Partial<Follow> = {}): Follow => ({
  target: 11,
  number: 12,
  createdAt: 10_000,
  polledAt: null,
  hintedAt: null,
  ...overrides,
});

describe('nextPollAt', () => {
  it('is the creation or the hint for a pipeline that was never polled', () => {
    expect(nextPollAt(aFollow())).toBe(10_000);
    expect(nextPollAt(aFollow({ hintedAt: 10_500 }))).toBe(10_500);
  });

  it.each([
    // age at the last poll, seconds until the next poll
    [0, 2],
    [5, 2],
    [20, 2],
    [21, 2.1],
    [600, 60],
    [36_000, 3600],
    [864_000, 86_400],
    [8_640_000, 86_400],
  ])('is, at an age of %d s, %d s after the last poll', (age, pause) => {
    expect(nextPollAt(aFollow({ polledAt: 10_000 + age }))).toBe(10_000 + age + pause);
  });

  it('is two seconds after the last poll if a hint has arrived since', () => {
    expect(nextPollAt(aFollow({ polledAt: 50_000, hintedAt: 50_001 }))).toBe(50_002);
    expect(nextPollAt(aFollow({ polledAt: 50_000, hintedAt: 53_000 }))).toBe(50_002);
  });

  it('is not delayed if the pipeline seems to be created after its last poll', () => {
    expect(nextPollAt(aFollow({ createdAt: 60_000, polledAt: 50_000 }))).toBe(50_002);
  });
});

describe('createdAtOfEnded', () => {
  it.each([
    // seconds from the end to the poll, seconds until the next poll
    [0, 2],
    [1, 2],
    [3, 3],
    [64, 64],
    [3000, 3000],
  ])('schedules the next poll of a pipeline that ended %d s before its last poll in %d s', (since, pause) => {
    const follow = aFollow({ createdAt: createdAtOfEnded(50_000 - since, 50_000), polledAt: 50_000 });
    expect(nextPollAt(follow)).toBe(50_000 + pause);
    expect(endFollowed(follow)).toBe(50_000 - since);
  });
});

describe('followKey', () => {
  it('is equal for names that differ only in case', () => {
    expect(followKey({ target: 'Acme/Shop', number: 12 })).toBe(
      followKey({ target: 'acme/shop', number: 12 }),
    );
  });

  it('is different for different targets and numbers', () => {
    const keys = [
      followKey({ target: 11, number: 12 }),
      followKey({ target: 11, number: 1 }),
      followKey({ target: 1, number: 12 }),
      followKey({ target: '11', number: 12 }),
      followKey({ target: 'acme/shop', number: 12 }),
    ];
    expect(new Set(keys).size).toBe(5);
  });
});
