import { describe, expect, it } from 'vitest';
import { createTally } from '../../../src/core/pipeline-counts.ts';
import { defaultPolicy } from '../../../src/core/policy.ts';
import type { Repo } from '../../../src/core/repo.ts';
import { type Totals, zeroTotals } from '../../../src/core/series/ledger.ts';
import { type Pair, pairKey } from '../../../src/core/series/pair.ts';
import { createProjection } from '../../../src/core/series/samples.ts';
import { findSeries, gatherAll, shownSeries } from '../../../src/core/series/shown-series.ts';
import { createState, type State, type StateChange } from '../../../src/core/series/state.ts';
import type { Timeline } from '../../../src/core/series/timeline.ts';
import type { WindowShare } from '../../../src/core/windows/tier-windows.ts';
import { nameGauges } from '../../support/gauges.ts';
import { project, timelineOf } from '../../support/projected.ts';
import { aDeployment, aPair, aRepo } from '../../support/records.ts';

function stateOf(repos: Repo[], pairs: Pair[], timelines: Map<string, Timeline> = new Map()) {
  const state = createState();
  state.apply({ repos, pairs, timelines, follows: new Map(), tally: createTally() });
  return state;
}

const counted = (deployments: number): Totals => ({
  ...zeroTotals,
  counters: { ...zeroTotals.counters, dora_deployments_total: deployments },
});
const folded = (...deployments: Parameters<typeof aDeployment>[0][]): Timeline =>
  timelineOf(deployments.map(aDeployment));

describe('project', () => {
  it('shows a known pair, with 0 if nothing has ever happened', () => {
    const samples = project(stateOf([aRepo({ fullName: 'acme/shop' })], [aPair({ tier: 'production' })]));
    expect(samples).toMatchObject([
      { repo: 'acme/shop', tier: 'production', totals: zeroTotals, hasDeployed: false },
    ]);
    expect(nameGauges(samples[0]?.gauges ?? [])).toEqual({ lastSuccess: 0, lastFailure: 0, failingSince: 0 });
  });

  it('reports a pair as deployed once a deployment is known, even an uncounted one, or once one was counted', () => {
    const repo = aRepo();
    const uncounted = new Map([[pairKey(repo.key, 'production'), folded({ at: 100 })]]);
    expect(project(stateOf([repo], [aPair()], uncounted))[0]?.hasDeployed).toBe(true);
    expect(project(stateOf([repo], [aPair({ totals: counted(1) })]))[0]?.hasDeployed).toBe(true);
  });

  it.each([
    ['before the first backfill of its repo is complete', [aRepo({ revealed: false })], {}],
    ['that the policy no longer produces', [aRepo()], { isKnown: false }],
    ['of a repo that is gone', [aRepo({ isGone: true })], {}],
    ['of an unknown repo', [], {}],
  ])('shows no pair %s', (_, repos, pair) => {
    expect(project(stateOf(repos, [aPair({ totals: counted(3), ...pair })]))).toEqual([]);
  });

  it.each([
    ['gone', { isGone: true }, {}],
    ['one whose policy no longer produces the pair', {}, { isKnown: false }],
  ])('keeps in a series the totals of a repo with the same name that is %s', (_, other, otherPair) => {
    const repos = [aRepo({ key: 1, woodpeckerId: 11 }), aRepo({ key: 2, woodpeckerId: 12, ...other })];
    const pairs = [
      aPair({ repo: 1, totals: counted(2) }),
      aPair({ repo: 2, totals: counted(3), ...otherPair }),
    ];
    expect(project(stateOf(repos, pairs)).map(({ totals }) => totals)).toEqual([counted(5)]);
  });

  it('sorts by repo in any case, then by tier', () => {
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
  ])('gives repos with the same name one series, under the latest name (which comes %s)', (_, order) => {
    const repos = [
      aRepo({ key: 1, woodpeckerId: 11, fullName: 'acme/shop', namedAt: 1000 }),
      aRepo({ key: 2, woodpeckerId: 12, fullName: 'Acme/Shop', namedAt: 2000 }),
    ];
    const state = stateOf(
      repos,
      order.map((repo) => aPair({ repo, totals: counted(repo * 10) })),
      new Map([
        [pairKey(1, 'production'), folded({ repo: 1, number: 3, at: 200, outcome: 'failure' })],
        [
          pairKey(2, 'production'),
          folded({ repo: 2, number: 4, at: 100 }, { repo: 2, number: 5, at: 300, outcome: 'failure' }),
        ],
      ]),
    );
    const samples = project(state);
    expect(samples).toHaveLength(1);
    expect(samples[0]).toMatchObject({ repo: 'Acme/Shop', tier: 'production', totals: counted(30) });
    expect(nameGauges(samples[0]?.gauges ?? [])).toEqual({
      lastSuccess: 100,
      lastFailure: 300,
      // The earliest of the open failures.
      failingSince: 200,
    });
  });
});

describe('findSeries', () => {
  it.each([
    ['acme/SHOP', 'production', [1, 2]],
    ['acme/shop', 'staging', null],
    ['acme/store', 'production', null],
  ])('finds for %s and %s the pairs of all repos with that name', (name, tier, keys) => {
    const repos = [
      aRepo({ key: 1, woodpeckerId: 11, namedAt: 1000, knownSince: 500 }),
      aRepo({ key: 2, woodpeckerId: 12, namedAt: 900, fullName: 'Acme/Shop', knownSince: 700 }),
    ];
    const found = findSeries(stateOf(repos, [aPair({ repo: 1 }), aPair({ repo: 2 })]), name, tier);
    expect(found?.pairs.map(({ repo }) => repo) ?? null).toEqual(keys);
    if (keys) expect(found).toMatchObject({ repo: 'acme/shop', knownSince: 700 });
  });

  it.each([
    ['gone', { isGone: true }, {}],
    ['not shown yet', { revealed: false }, {}],
    ['one whose policy no longer produces the pair', {}, { isKnown: false }],
  ])('finds nothing for a repo that is %s', (_, repo, pair) => {
    expect(findSeries(stateOf([aRepo(repo)], [aPair(pair)]), 'acme/shop', 'production')).toBeNull();
  });
});

describe('createProjection', () => {
  const policy = {
    ...defaultPolicy,
    windows: [
      { name: 'short', seconds: 100 },
      { name: 'long', seconds: 1000 },
    ],
  };
  const shop = aRepo({ key: 1, woodpeckerId: 11, fullName: 'acme/shop', knownSince: 0 });
  const dns = aRepo({ key: 2, woodpeckerId: 12, fullName: 'acme/dns', knownSince: 0 });
  const pairs = [aPair({ repo: 1 }), aPair({ repo: 2 })];
  const keyOf = (repo: Repo) => pairKey(repo.key, 'production');
  const twoRepos = (): State =>
    stateOf(
      [shop, dns],
      pairs,
      new Map([
        [keyOf(shop), folded({ repo: 1, number: 1, at: 9500, committedAt: 9400 })],
        [keyOf(dns), folded({ repo: 2, number: 2, at: 9950, committedAt: 9945 })],
      ]),
    );
  const change = (state: State, told: Partial<StateChange>): void =>
    state.apply({
      repos: [],
      pairs: [],
      timelines: new Map(),
      follows: new Map(),
      tally: state.tally,
      ...told,
    });
  const deploymentsIn = (windows: readonly WindowShare[] | null | undefined) =>
    windows?.map(({ counts }) => counts[0]);
  const coveragesOf = (windows: readonly WindowShare[] | null | undefined) =>
    windows?.map(({ coverage }) => coverage);

  it('stays the same object until a deployment leaves a window, and keeps the other series then', () => {
    const projection = createProjection(twoRepos(), policy);
    const before = projection.at(10_000);
    expect(projection.at(10_000)).toBe(before);
    expect(projection.at(10_049)).toBe(before);
    const after = projection.at(10_050);
    expect(after).not.toBe(before);
    expect(after.series[0]).not.toBe(before.series[0]);
    expect(after.series[1]).toBe(before.series[1]);
    expect(deploymentsIn(after.tiers[0]?.windows)).toEqual([0, 2]);
    expect(deploymentsIn(before.tiers[0]?.windows)).toEqual([1, 2]);
  });

  it('updates the changed series and its tier, and keeps the rest', () => {
    const state = twoRepos();
    const projection = createProjection(state, policy);
    const before = projection.at(10_000);
    const twice = folded({ repo: 1, number: 1, at: 9500 }, { repo: 1, number: 3, at: 9990 });
    change(state, { timelines: new Map([[keyOf(shop), twice]]) });
    const after = projection.at(10_000);
    expect(deploymentsIn(after.series[1]?.windows)).toEqual([1, 2]);
    expect(deploymentsIn(after.tiers[0]?.windows)).toEqual([2, 3]);
    expect(after.series[0]).toBe(before.series[0]);
  });

  it('removes an ended series from its tier, and adds it again when it returns', () => {
    const state = twoRepos();
    const projection = createProjection(state, policy);
    const before = projection.at(10_000);
    change(state, { repos: [{ ...shop, isGone: true }] });
    const without = projection.at(10_000);
    expect(without.series.map(({ repo }) => repo)).toEqual(['acme/dns']);
    expect(deploymentsIn(without.tiers[0]?.windows)).toEqual([1, 1]);
    change(state, { repos: [dns, shop] });
    expect(projection.at(10_000)).toEqual(before);
  });

  it('reports the coverage of each window; of repos with the same name, the shortest known time counts', () => {
    const twin = aRepo({ key: 2, woodpeckerId: 12, fullName: 'Acme/Shop', knownSince: 9750 });
    const state = stateOf([shop, twin], pairs, new Map([[keyOf(shop), folded({ at: 9990 })]]));
    const { series, tiers } = createProjection(state, policy).at(10_000);
    expect(series.map(({ windows }) => coveragesOf(windows))).toEqual([[1, 0.25]]);
    expect(coveragesOf(tiers[0]?.windows)).toEqual([1, 0.25]);
  });

  it('gives the same result if it was prepared in pieces', async () => {
    const projection = createProjection(twoRepos(), policy);
    projection.at(9960);
    let breaths = 0;
    const prepared = await projection.prepared(10_060, async () => {
      breaths++;
    });
    expect(breaths).toBeGreaterThan(0);
    expect(prepared).toEqual(createProjection(twoRepos(), policy).at(10_060));
  });

  it('shows the present again after a request for a later time', () => {
    const projection = createProjection(twoRepos(), policy);
    const before = projection.at(10_000);
    projection.at(12_000);
    expect(projection.at(10_000)).toEqual(before);
  });
});

describe('gathering many series', () => {
  const repos = Array.from({ length: 1200 }, (_, index) =>
    aRepo({ key: index + 1, woodpeckerId: index + 1, fullName: `acme/repo-${index}` }),
  );
  const pairs = repos.map(({ key }) => aPair({ repo: key }));

  it('works in portions, and a change between two of them is in the next result', () => {
    const state = stateOf(repos, pairs);
    const first = shownSeries(state);
    state.apply({ pairs: [aPair({ repo: 1, totals: counted(1) })] });
    const portions = gatherAll(state);
    expect(portions.next().done).toBe(false);
    state.apply({ pairs: [aPair({ repo: 1, totals: counted(2) })] });
    expect(portions.next().done).toBe(false);
    expect(portions.next().done).toBe(true);

    const shown = shownSeries(state);

    const changed = [...shown].flatMap(([key, series]) => (series === first.get(key) ? [] : series.pairs));
    expect(changed).toEqual([aPair({ repo: 1, totals: counted(2) })]);
  });
});
