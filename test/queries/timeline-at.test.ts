import { describe, expect, it } from 'vitest';
import { saidAt } from '../../src/core/failures/incident-report.ts';
import { createFigureHistory } from '../../src/queries/figure-history.ts';
import { pastMoment } from '../../src/queries/moments.ts';
import { openMemoryStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { deliver } from '../support/deliver.ts';
import { aPolicy, aRecord, someFacts } from '../support/records.ts';
import { createSmallExporter, noon } from '../support/small-exporter.ts';
import { createWorld } from '../support/world.ts';

const day = 86_400;
const window = { name: '7d', seconds: 7 * day };
const policy = aPolicy({
  tiers: [{ tier: 'production' }],
  windows: [window, { name: '90d', seconds: 90 * day }],
});

/** A store in memory, and how often a series was read from it. */
function countReads(): { readonly store: Store; readonly reads: () => number } {
  const store = openMemoryStore();
  let reads = 0;
  const counting: Store = {
    close: () => store.close(),
    transact: (work) =>
      store.transact((rows) => {
        const pipelines = Object.create(rows.pipelines, {
          deployments: {
            value: (...selection: Parameters<typeof rows.pipelines.deployments>) => {
              reads++;
              return rows.pipelines.deployments(...selection);
            },
          },
        });
        return work({ ...rows, pipelines });
      }),
  };
  return { store: counting, reads: () => reads };
}

describe('a moment of the past', () => {
  it('is read from the store only if memory does not reach back to it', async () => {
    const { store, reads } = countReads();
    const { ingest, receive } = await createSmallExporter({ policy, store });
    for (const [index, daysAgo] of [200, 190, 180, 100, 12, 5, 3, 1].entries()) {
      const finished = noon - daysAgo * day;
      const status = index % 2 === 0 ? 'failure' : 'success';
      await receive({ repo: 'acme/shop', number: index + 1, status, finished, event: 'push' });
    }
    // Memory holds the longest window, and a week in which a deployment may turn out to have failed.
    const [timeline] = ingest.state.timelines.values();
    expect(timeline?.baseEnd).toBeGreaterThanOrEqual(noon - 100 * day);
    const shownAt = async (at: number) => {
      const before = reads();
      const { projected, figuresOf } = await pastMoment(ingest, window, at);
      const [sample] = projected.series;
      const figures = sample ? figuresOf(sample) : null;
      return [reads() - before, figures?.deployments, figures?.failedDeployments];
    };
    expect(await shownAt(noon)).toEqual([0, 3, 1]);
    expect(await shownAt(noon - 2 * day)).toEqual([0, 2, 1]);
    expect(await shownAt(noon - 11 * day)).toEqual([0, 1, 1]);
    // Memory has forgotten the only one of the longest window, but not when it was: figures are shown.
    expect(await shownAt(noon - 40 * day)).toEqual([0, 0, 0]);
    expect(await shownAt(noon - 178 * day)).toEqual([1, 1, 1]);
    expect(await shownAt(noon - 201 * day)).toEqual([1, undefined, undefined]);
  });

  it('gives incidents of a shared name to the repo that had deployed last by then, however long ago', async () => {
    const hour = 3600;
    for (const daysAgo of [3, 150]) {
      const since = noon - daysAgo * day;
      const world = await createWorld({ mode: { policy, canAsk: false }, startsAt: noon });
      const deploy = async (woodpeckerId: number, number: number, at: number) => {
        const times = { createdAt: at - 60, startedAt: at - 60, finishedAt: at, updatedAt: at };
        await deliver(world.ingest, someFacts({ woodpeckerId }), aRecord({ number, id: number, ...times }));
      };
      await deploy(11, 1, since);
      await deploy(12, 2, since + 2 * hour);
      await deploy(11, 3, since + 4 * hour);
      const fields = {
        repo: 'acme/shop',
        tier: 'production',
        started: since + hour,
        resolved: since + 6 * hour,
      };
      await world.ingest.submit({ kind: 'incident', id: 'INC-1', report: saidAt(fields, since) });
      const failedAt = async (hours: number) => {
        const { projected, figuresOf } = await pastMoment(world.ingest, window, since + hours * hour);
        return projected.series.map((sample) => figuresOf(sample)?.failedDeployments);
      };
      expect([await failedAt(1.5), await failedAt(3), await failedAt(5)]).toEqual([[1], [0], [1]]);
      const ends = [1.5, 3, 5].map((hours) => since + hours * hour);
      const history = createFigureHistory(world.ingest);
      const points = await history({ repo: 'acme/shop', tier: 'production', window, ends });
      expect(points?.map(({ figures }) => figures?.failedDeployments)).toEqual([1, 0, 1]);
    }
  });

  it('contains its whole window, however many older deployments there are', async () => {
    const hourly = aPolicy({ tiers: [{ tier: 'production' }], windows: [window] });
    const { ingest, receive } = await createSmallExporter({ policy: hourly });
    const hour = 3600;
    // The store is read in slices of 1,000; the third begins before the time that memory retains.
    const all = Array.from({ length: 2_600 }, (_, index) => ({
      ...{ repo: 'acme/shop', number: index + 1, status: 'success', event: 'push' },
      finished: noon - (2_599 - index) * hour,
    }));
    await Promise.all(all.map(receive));
    const shownAt = async (at: number) => {
      const { projected, figuresOf } = await pastMoment(ingest, window, at);
      return projected.series.map((sample) => figuresOf(sample)?.deployments);
    };
    expect(await shownAt(noon - 2 * day)).toEqual([7 * 24]);
    expect(await shownAt(noon - 60 * day)).toEqual([7 * 24]);
    const history = createFigureHistory(ingest);
    const ends = [100, 60, 30, 2, 0].map((daysAgo) => noon - daysAgo * day);
    const points = await history({ repo: 'acme/shop', tier: 'production', window, ends });
    expect(points?.map(({ figures }) => figures?.deployments)).toEqual([
      7 * 24,
      7 * 24,
      7 * 24,
      7 * 24,
      7 * 24,
    ]);
  });
});
