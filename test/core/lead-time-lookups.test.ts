import { describe, expect, it } from 'vitest';
import type { Deployment } from '../../src/core/deployment.ts';
import { defaultRules } from '../../src/core/figures/figure.ts';
import { lookupsOf } from '../../src/core/lead-time-lookups.ts';

import { settle } from '../../src/core/series/settle.ts';

import { timelineOf } from '../support/projected.ts';
import { aDeployment } from '../support/records.ts';

const asking = { ...defaultRules, asksForge: true };

const folded = (rules: typeof asking, ...deployments: Partial<Deployment>[]) =>
  timelineOf(deployments.map(aDeployment), rules);

const story: Partial<Deployment>[] = [
  { number: 1, at: 100, commit: 'a' },
  { number: 2, at: 200, commit: 'b', outcome: 'failure' },
  { number: 3, at: 300, commit: 'b' },
  { number: 4, at: 400, commit: 'b' },
  { number: 5, at: 500, commit: 'c', change: { base: 'b', head: 'c', range: null } },
  { number: 6, at: 600, commit: 'd', change: { base: 'a', head: 'd', range: null } },
];

describe('lookupsOf', () => {
  it('lists each range that the forge has not answered, in order of time', () => {
    expect(lookupsOf(folded(asking, ...story.toReversed()), 'production')).toEqual([
      { repo: 1, tier: 'production', number: 1, at: 100, base: null, head: 'a' },
      { repo: 1, tier: 'production', number: 3, at: 300, base: 'a', head: 'b' },
      { repo: 1, tier: 'production', number: 6, at: 600, base: 'c', head: 'd' },
    ]);
  });

  it('is empty without a forge', () => {
    expect(lookupsOf(folded(defaultRules, ...story), 'production')).toEqual([]);
  });

  it('continues after folded deployments, without lookups for them', () => {
    expect(lookupsOf(settle(folded(asking, ...story), 250), 'production')).toEqual([
      { repo: 1, tier: 'production', number: 3, at: 300, base: 'a', head: 'b' },
      { repo: 1, tier: 'production', number: 6, at: 600, base: 'c', head: 'd' },
    ]);
  });
});
