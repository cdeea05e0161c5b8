import { describe, expect, it } from 'vitest';
import type { Classification } from '../../src/core/classification.ts';
import { creditAtFirst, creditsAfterMove } from '../../src/core/countable.ts';
import { neverCount } from '../../src/core/series/ledger.ts';
import { aRecord } from '../support/records.ts';

const repo = { horizon: null };
const inTiers = (...tiers: string[]) =>
  ({ tiers: tiers.map((tier) => ({ tier, kind: 'unread' })), reason: null }) as unknown as Classification;
const moved = (credited: [string, number][], ...tiers: string[]) => {
  const after = creditsAfterMove(repo, { credited: new Map(credited) }, aRecord(), inTiers(...tiers));
  return Object.fromEntries(after);
};

describe('a pipeline that moves between tiers', () => {
  it('adds to a new tier if it has added to none', () => {
    expect(moved([['production', 0]], 'staging')).toEqual({ staging: 0 });
  });

  it('adds to no new tier after it has left one to which it has added', () => {
    expect(moved([['staging', 1]], 'production')).toEqual({ production: neverCount, staging: 1 });
  });

  it('adds to no tier to which it returns after it has added to another one meanwhile', () => {
    const first = moved([['production', 0]], 'staging');
    const counted = Object.entries({ ...first, staging: 1 });
    expect(moved(counted, 'production')).toEqual({ production: neverCount, staging: 1 });
  });

  it('may still add to a tier in which it stays', () => {
    const credited: [string, number][] = [
      ['production', 0],
      ['staging', 1],
    ];
    expect(moved(credited, 'production')).toEqual({ production: 0, staging: 1 });
    expect(moved(credited, 'production', 'staging')).toEqual({ production: 0, staging: 1 });
  });
});

describe('a pipeline that was unknown before', () => {
  const atFirst = (horizon: number | null, createdAt: number | null) =>
    creditAtFirst({ horizon }, aRecord({ createdAt, finishedAt: 2_000 }));

  it('adds to the ledger if it was created after the horizon, whenever it ended', () => {
    expect(atFirst(1_000, 1_001)).toBe(0);
    expect(atFirst(1_000, 1_000)).toBe(neverCount);
    expect(atFirst(1_000, 999)).toBe(neverCount);
  });

  it('adds to the ledger if there is no horizon, or if its creation is unknown', () => {
    expect(atFirst(null, 999)).toBe(0);
    expect(atFirst(1_000, null)).toBe(0);
  });
});
