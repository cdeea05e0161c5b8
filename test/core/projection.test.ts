import { describe, expect, it } from 'vitest';
import { type Totals, zeroTotals } from '../../src/core/ledger.ts';
import { type Pair, seriesKey } from '../../src/core/pair.ts';
import { findSeries } from '../../src/core/projection.ts';
import type { Repo } from '../../src/core/repo.ts';
import { createState } from '../../src/core/state.ts';
import { createTally } from '../../src/core/tally.ts';
import { reduce, type Timeline } from '../../src/core/timeline.ts';
import { nameGauges } from '../support/gauges.ts';
import { emptyTimeline, project } from '../support/projected.ts';
import { aDeployment, aPair, aRepo } from '../support/records.ts';

function stateOf(repos: Repo[], pairs: Pair[], timelines: Map<string, Timeline> = new Map()) {
  const state = createState();
  state.apply({ repos, pairs, timelines, follows: new Map(), tally: createTally() });
  return state;
}

const counted = (deployments: number): Totals => ({
  ...zeroTotals,
  counters: { ...zeroTotals.counters, dora_deployments_total: deployments },
});
const timelineOf = (...deployments: Parameters<typeof aDeployment>[0][]): Timeline => {
  const reduction = reduce(emptyTimeline, { removed: [], inserted: deployments.map(aDeployment) });
  if (!reduction) throw new Error('The change reaches into the base');
  return reduction.timeline;
};

describe('project', () => {
  it('shows a pair that is known, at 0 where nothing ever happened', () => {
    const samples = project(stateOf([aRepo({ fullName: 'acme/shop' })], [aPair({ tier: 'production' })]));
    expect(samples).toMatchObject([
      { repo: 'acme/shop', tier: 'production', totals: zeroTotals, hasDeployed: false },
    ]);
    expect(nameGauges(samples[0]?.gauges ?? [])).toEqual({ lastSuccess: 0, lastFailure: 0, failingSince: 0 });
  });

  it('shows the gauges of the timeline and the totals of the pair', () => {
    const repo = aRepo();
    const timeline = timelineOf({ number: 1, at: 100 }, { number: 2, at: 200, outcome: 'failure' });
    const state = stateOf(
      [repo],
      [aPair({ totals: counted(7) })],
      new Map([[seriesKey(repo, 'production'), timeline]]),
    );
    const [sample] = project(state);
    expect(nameGauges(sample?.gauges ?? [])).toEqual({
      lastSuccess: 100,
      lastFailure: 200,
      failingSince: 200,
    });
    expect(sample?.totals).toEqual(counted(7));
    expect(sample?.hasDeployed).toBe(true);
  });

  it('has deployed once a deployment is known, even one that is not counted, or was counted before', () => {
    const repo = aRepo();
    const uncounted = new Map([[seriesKey(repo, 'production'), timelineOf({ at: 100 })]]);
    expect(project(stateOf([repo], [aPair()], uncounted))[0]?.hasDeployed).toBe(true);
    expect(project(stateOf([repo], [aPair({ totals: counted(1) })]))[0]?.hasDeployed).toBe(true);
  });

  it('shows nothing of a repo before its first backfill is complete', () => {
    expect(project(stateOf([aRepo({ revealed: false })], [aPair()]))).toEqual([]);
  });

  it('shows no pair that the policy no longer yields', () => {
    expect(project(stateOf([aRepo()], [aPair({ isKnown: false, totals: counted(3) })]))).toEqual([]);
  });

  it('shows no pair of a repo that is gone', () => {
    expect(project(stateOf([aRepo({ isGone: true })], [aPair({ totals: counted(3) })]))).toEqual([]);
  });

  it.each([
    ['gone', { isGone: true }, {}],
    ['one whose policy no longer yields the pair', {}, { isKnown: false }],
  ])('keeps in a series what a repo of the same name has added that is %s', (_, other, otherPair) => {
    const repos = [aRepo({ key: 1, woodpeckerId: 11 }), aRepo({ key: 2, woodpeckerId: 12, ...other })];
    const pairs = [
      aPair({ repo: 1, totals: counted(2) }),
      aPair({ repo: 2, totals: counted(3), ...otherPair }),
    ];
    expect(project(stateOf(repos, pairs)).map(({ totals }) => totals)).toEqual([counted(5)]);
  });

  it('shows no pair of a repo that it does not know', () => {
    expect(project(stateOf([], [aPair()]))).toEqual([]);
  });

  it('sorts by repo, whatever its case, then by tier', () => {
    const state = stateOf(
      [aRepo({ key: 1, fullName: 'acme/zoo' }), aRepo({ key: 2, woodpeckerId: 12, fullName: 'Acme/Ant' })],
      [aPair({ repo: 1, tier: 'b' }), aPair({ repo: 1, tier: 'a' }), aPair({ repo: 2, tier: 'c' })],
    );
    expect(project(state).map(({ repo, tier }) => [repo, tier])).toEqual([
      ['Acme/Ant', 'c'],
      ['acme/zoo', 'a'],
      ['acme/zoo', 'b'],
    ]);
  });

  it.each([
    ['first', [1, 2]],
    ['last', [2, 1]],
  ])('gives repos that share a name one series, under the name told last (which comes %s)', (_, order) => {
    const repos = [
      aRepo({ key: 1, woodpeckerId: 11, fullName: 'acme/shop', namedAt: 1000 }),
      aRepo({ key: 2, woodpeckerId: 12, fullName: 'Acme/Shop', namedAt: 2000 }),
    ];
    const timeline = timelineOf(
      { repo: 1, number: 4, at: 100 },
      { repo: 2, number: 4, at: 300, outcome: 'failure' },
    );
    const state = stateOf(
      repos,
      order.map((repo) => aPair({ repo, totals: counted(repo * 10) })),
      new Map([['acme/shop\nproduction', timeline]]),
    );
    const samples = project(state);
    expect(samples).toHaveLength(1);
    expect(samples[0]).toMatchObject({ repo: 'Acme/Shop', tier: 'production', totals: counted(30) });
    expect(nameGauges(samples[0]?.gauges ?? [])).toEqual({
      lastSuccess: 100,
      lastFailure: 300,
      failingSince: 300,
    });
  });
});

describe('findSeries', () => {
  it.each([
    ['acme/SHOP', 'production', [1, 2]],
    ['acme/shop', 'staging', null],
    ['acme/store', 'production', null],
  ])('finds of %s and %s what the pairs of all repos of that name share', (name, tier, keys) => {
    const repos = [
      aRepo({ key: 1, woodpeckerId: 11, namedAt: 1000, knownSince: 500 }),
      aRepo({ key: 2, woodpeckerId: 12, namedAt: 900, fullName: 'Acme/Shop', knownSince: 700 }),
    ];
    const found = findSeries(stateOf(repos, [aPair({ repo: 1 }), aPair({ repo: 2 })]), name, tier);
    expect(found?.pairs.map(({ repo }) => repo) ?? null).toEqual(keys);
    if (keys) expect(found).toMatchObject({ repo: { fullName: 'acme/shop' }, knownSince: 700 });
  });

  it.each([
    ['gone', { isGone: true }, {}],
    ['not shown yet', { revealed: false }, {}],
    ['one whose policy no longer yields the pair', {}, { isKnown: false }],
  ])('finds nothing of a repo that is %s', (_, repo, pair) => {
    expect(findSeries(stateOf([aRepo(repo)], [aPair(pair)]), 'acme/shop', 'production')).toBeNull();
  });
});
