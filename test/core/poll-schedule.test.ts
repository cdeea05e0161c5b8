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
  it('is at once for what was never asked for', () => {
    expect(nextPollAt(aFollow())).toBe(10_000);
    expect(nextPollAt(aFollow({ hintedAt: 10_500 }))).toBe(10_500);
  });

  it.each([
    // age when last asked, seconds until the next time
    [0, 2],
    [5, 2],
    [20, 2],
    [21, 2.1],
    [600, 60],
    [36_000, 3600],
    [864_000, 86_400],
    [8_640_000, 86_400],
  ])('is, at an age of %d s, %d s after it was last asked for', (age, pause) => {
    expect(nextPollAt(aFollow({ polledAt: 10_000 + age }))).toBe(10_000 + age + pause);
  });

  it('is two seconds after it was last asked for where a hint came in since', () => {
    expect(nextPollAt(aFollow({ polledAt: 50_000, hintedAt: 50_001 }))).toBe(50_002);
    expect(nextPollAt(aFollow({ polledAt: 50_000, hintedAt: 53_000 }))).toBe(50_002);
  });

  it('is not put off where the pipeline seems to be born later than it was asked for', () => {
    expect(nextPollAt(aFollow({ createdAt: 60_000, polledAt: 50_000 }))).toBe(50_002);
  });
});

describe('createdAtOfEnded', () => {
  it.each([
    // seconds since the end when asked, seconds until the next time
    [0, 2],
    [1, 2],
    [3, 3],
    [64, 64],
    [3000, 3000],
  ])('has what ended %d s before it was asked for be asked for again in %d s', (since, pause) => {
    const follow = aFollow({ createdAt: createdAtOfEnded(50_000 - since, 50_000), polledAt: 50_000 });
    expect(nextPollAt(follow)).toBe(50_000 + pause);
    expect(endFollowed(follow)).toBe(50_000 - since);
  });
});

describe('followKey', () => {
  it('is equal for names that differ in case alone', () => {
    expect(followKey({ target: 'Acme/Shop', number: 12 })).toBe(
      followKey({ target: 'acme/shop', number: 12 }),
    );
  });

  it('tells targets and numbers apart', () => {
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
