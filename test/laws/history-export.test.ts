import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultPolicy } from '../../src/core/policy.ts';
import { ledgerMetrics } from '../../src/core/series/ledger.ts';
import { pairKey } from '../../src/core/series/pair.ts';
import { createProjection } from '../../src/core/series/samples.ts';
import { createExposition } from '../../src/metrics/exposition.ts';
import { createFigureHistory } from '../../src/queries/figure-history.ts';
import { createEventLoopYield } from '../../src/util/clock.ts';
import { deliverPage, endFirstScan } from '../support/deliver.ts';
import { anyHistory, dawn } from '../support/dora-histories.ts';
import { playHistory } from '../support/dora-play.ts';
import { exportedTexts } from '../support/exported-history.ts';
import { seenAt, type TruePipeline } from '../support/history-oracle.ts';
import { type ReadHistory, readOpenMetrics } from '../support/openmetrics-reader.ts';
import { aPolicy, aRecord, someFacts } from '../support/records.ts';
import { runs } from '../support/runs.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { createSqliteHost, createWorld, type World } from '../support/world.ts';

const daySeconds = 86_400;
/** Unix seconds of the start of all histories. */
const epoch = 1_700_000_000;

let folder: TemporaryFolder;
let files = 0;
const newFile = () => folder.pathOf(`${++files}.db`);
beforeAll(() => {
  folder = createTemporaryFolder();
});
afterAll(() => folder.remove());

const repos = [
  { woodpeckerId: 1, fullName: 'acme/shop', asOf: epoch },
  // Has the same name as the first one, as on two forges, and thus the same series.
  { woodpeckerId: 2, fullName: 'Acme/Shop', asOf: epoch + 1 },
  { woodpeckerId: 3, fullName: 'acme/cart', asOf: epoch },
];
const windows = { short: 1000, middle: 2500, long: 4000 };
const policy = aPolicy({
  tiers: [{ tier: 'production', deployTo: ['production'] }],
  // The oracle of this law only knows pipelines.
  failures: { ...defaultPolicy.failures, tiers: [] },
  defaultTier: 'other',
  rework: { branches: [], message: ['^revert'] },
  windows: Object.entries(windows).map(([name, seconds]) => ({ name, seconds })),
});
const horizon = epoch + 2500;
const knownSince = epoch + 2000;
const end = epoch + 12_000;
const stepSeconds = 250;
const buckets = Object.fromEntries(
  ledgerMetrics.flatMap((metric) => (metric.type === 'histogram' ? [[metric.name, metric.buckets]] : [])),
);

const anyPipelines = (): fc.Arbitrary<TruePipeline[]> =>
  fc
    .array(
      fc.record({
        repo: fc.constantFrom(...repos),
        tier: fc.constantFrom('production', 'production', 'other'),
        at: fc.integer({ min: 10, max: 90 }).map((moment) => epoch + moment * 70),
        age: fc.constantFrom(10, 400, 3000),
        ranFor: fc.constantFrom(null, -5, 20, 90, 700),
        outcome: fc.constantFrom('success', 'failure'),
        isRework: fc.boolean(),
        commit: fc.constantFrom('c1', 'c2', 'c3', 'c4'),
        commitAge: fc.constantFrom(null, -20, 60, 800, 9000),
      }),
      { minLength: 1, maxLength: 14 },
    )
    .map((drawn) =>
      drawn.map(({ repo, at, age, ranFor, commitAge, ...told }, index) => ({
        ...told,
        id: repo.woodpeckerId,
        repo: repo.fullName,
        at,
        number: index + 1,
        createdAt: at - age,
        startedAt: ranFor === null ? null : at - ranFor,
        committedAt: commitAge === null ? null : at - commitAge,
      })),
    );

/** Creates a database that a first scan has filled. */
async function fill(path: string, pipelines: readonly TruePipeline[]): Promise<World> {
  const world = await createWorld({ mode: { policy, canAsk: true }, host: createSqliteHost(path) });
  for (const facts of repos) {
    const records = pipelines
      .filter(({ id }) => id === facts.woodpeckerId)
      .map((told) =>
        aRecord({
          number: told.number,
          id: told.number,
          status: told.outcome,
          deployTo: told.tier === 'production' ? 'production' : '',
          message: told.isRework ? 'revert it' : 'go on',
          commit: told.commit,
          committedAt: told.committedAt,
          createdAt: told.createdAt,
          startedAt: told.startedAt,
          finishedAt: told.at,
          updatedAt: told.at,
        }),
      );
    await deliverPage(world.ingest, someFacts({ ...facts, forgeRemoteId: null }), records);
  }
  for (const repo of repos) await endFirstScan(world.ingest, repo, { horizon, knownSince });
  return world;
}

/** The current samples of a scrape, in the exporter's order, by name and labels. */
async function scraped(world: World, now: number, windows = policy.windows): Promise<Map<string, number>> {
  const shown = { ...policy, windows };
  const exposition = createExposition({
    projection: createProjection(world.state, shown),
    policy: shown,
    renderSelf: async () => '',
    now: () => now,
    yieldToEventLoop: createEventLoopYield(),
  });
  const text = Buffer.from(await exposition.plain()).toString('utf8');
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [
      line.slice(0, line.lastIndexOf(' ')),
      Number(line.slice(line.lastIndexOf(' ') + 1)),
    ]),
  );
}

const isCounter = (series: string) => /^dora_(deploy|change)\w+_(total|bucket|sum|count)\{/.test(series);

function expectNothingFalls(history: ReadHistory): void {
  const falls = [...history.series].flatMap(([series, samples]) =>
    isCounter(series)
      ? samples.filter(([, value], index) => !(value >= (samples[index - 1]?.[1] ?? 0))).map(() => series)
      : [],
  );
  expect(falls).toEqual([]);
}

describe('an exported history', () => {
  it('has, at any time, the values that the oracle computes for every figure and window', async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(
        anyPipelines(),
        fc.constantFrom(epoch, epoch + 3010, epoch + 6500),
        fc.array(fc.integer({ min: epoch, max: end - 1 }), { maxLength: 5 }),
        async (pipelines, from, moments) => {
          const path = newFile();
          const world = await fill(path, pipelines);
          const [text = ''] = await exportedTexts(path, world.ingest.mode, { from, to: end, stepSeconds });
          await world.close();
          const lowered = text.replaceAll(/repo="[^"]*"/g, (label) => label.toLowerCase());
          const history = readOpenMetrics(lowered);
          expectNothingFalls(history);
          const grid = Array.from(
            { length: Math.floor((end - 1) / stepSeconds) - Math.floor((from - 1) / stepSeconds) },
            (_, index) => (Math.floor((from - 1) / stepSeconds) + 1 + index) * stepSeconds,
          );
          const changes = pipelines.flatMap(({ at }) =>
            [0, ...Object.values(windows)].flatMap((seconds) => [at + seconds - 1, at + seconds]),
          );
          for (const now of [...grid, ...changes, ...moments]) {
            if (now < from || now >= end) continue;
            const expected = seenAt(pipelines, now, { horizon, windows, buckets, knownSince });
            const shown = [...expected.keys()].map((series) => [series, history.valueAt(series, now)]);
            expect(Object.fromEntries(shown), `at ${now - epoch}`).toEqual(Object.fromEntries(expected));
            compared += expected.size;
            const wrong = [...history.series].filter(([series, samples]) => {
              if (expected.has(series)) {
                // A sample for every step, except at the start.
                return (
                  now - from >= stepSeconds && !samples.some(([at]) => at <= now && at > now - stepSeconds)
                );
              }
              // One step before the first deployment, every series except the windows starts at 0.
              const value = samples.find(([at]) => at === now)?.[1] ?? null;
              return value !== null && (value !== 0 || series.includes('window'));
            });
            expect(wrong, `at ${now - epoch}`).toEqual([]);
          }
        },
      ),
      { numRuns: runs(30) },
    );
    expect(compared).toBeGreaterThan(runs(30) * 2000);
  });

  it('ends with the scraped values, and never falls before, after any events in any order', async () => {
    const anyCase = anyHistory({ corrections: true, scans: true, maxPipelines: 8 });
    // Enough for a certain number of comparisons, whatever the histories are.
    const histories = Math.max(50, runs(50));
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(anyCase, fc.boolean(), async (history, isPolicyChanged) => {
        const path = newFile();
        const canAsk = true;
        const world = await createWorld({
          mode: { policy: history.policy, canAsk },
          host: createSqliteHost(path),
          // All pipelines have ended by then.
          startsAt: dawn + 7 * daySeconds,
        });
        const rules = { asksForge: false, fallback: null };
        const played = await playHistory(history, world, { ...rules, horizon: dawn - 2 * daySeconds });
        await played.finish();
        const byBranch = {
          ...history.policy,
          tiers: [{ tier: 'trunk', branches: ['main'] }],
          defaultTier: null,
        };
        if (isPolicyChanged) await world.restart({ policy: byBranch, canAsk });
        const { mode } = world.ingest;
        const now = Math.floor(world.clock.now() / 1000);
        const range = { from: dawn - 5 * daySeconds, to: now + 1, stepSeconds: daySeconds };
        const [text = ''] = await exportedTexts(path, mode, range);
        const exported = readOpenMetrics(text);
        expectNothingFalls(exported);

        const live = await scraped(world, now, mode.policy.windows);
        const ofDeployed = new Set(
          [...world.state.repos.values()].flatMap((repo) =>
            world.state
              .tiersOf(repo.key)
              .filter((tier) => world.state.timelines.has(pairKey(repo.key, tier)))
              .map((tier) => `repo="${repo.fullName.toLowerCase()}",tier="${tier}"`),
          ),
        );
        const labelsOf = (series: string) =>
          /repo="[^"]*",tier="[^"]*"/
            .exec(series)?.[0]
            .replace(/repo="[^"]*"/, (label) => label.toLowerCase());
        for (const [series, value] of live) {
          const labels = labelsOf(series);
          if (labels && !ofDeployed.has(labels)) continue;
          expect(exported.valueAt(series, now), series).toBe(value);
          compared++;
        }
        for (const series of exported.series.keys()) {
          // A scrape omits windows once the longest one is empty.
          if (!series.includes('window')) expect(live.has(series), series).toBe(true);
        }
        await world.close();
      }),
      { numRuns: histories },
    );
    expect(compared).toBeGreaterThan(histories * 40);
  });

  it('has the same content as one text and as several', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyPipelines(),
        fc.uniqueArray(fc.integer({ min: epoch + 1, max: end - 1 }), { maxLength: 3 }),
        async (pipelines, unsorted) => {
          const path = newFile();
          const world = await fill(path, pipelines);
          const cuts = unsorted.sort((a, b) => a - b);
          const range = { from: epoch, to: end, stepSeconds };
          const [whole = ''] = await exportedTexts(path, world.ingest.mode, range);
          const texts = await exportedTexts(path, world.ingest.mode, { ...range, cuts });
          await world.close();
          const parts = texts.map(readOpenMetrics);
          const ends = [...cuts, end];
          const { series } = readOpenMetrics(whole);
          const joined = [...series.keys()].map((key) => [
            key,
            parts.flatMap((part) => part.series.get(key) ?? []),
          ]);
          expect(Object.fromEntries(joined)).toEqual(Object.fromEntries(series));
          for (const [index, part] of parts.entries()) {
            const times = [...part.series.values()].flat().map(([at]) => at);
            const [first, last] = [ends[index - 1] ?? epoch, ends[index] ?? end];
            expect(times.filter((at) => at < first || at >= last)).toEqual([]);
          }
        },
      ),
      { numRuns: runs(8) },
    );
  });

  it('agrees with the history of figures for each series and tier at every time', async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(
        anyPipelines(),
        fc.uniqueArray(fc.integer({ min: epoch, max: end - 1 }), { minLength: 1, maxLength: 12 }),
        async (pipelines, unsorted) => {
          const path = newFile();
          const world = await fill(path, pipelines);
          const ends = unsorted.sort((a, b) => a - b);
          const history = createFigureHistory(world.ingest);
          const texts = await exportedTexts(path, world.ingest.mode, { from: epoch, to: end, stepSeconds });
          const exported = readOpenMetrics(
            (texts[0] ?? '').replaceAll(/repo="[^"]*"/g, (label) => label.toLowerCase()),
          );
          for (const window of policy.windows) {
            for (const [repo, prefix, repoLabel] of [
              ['acme/shop', 'dora_window_', 'repo="acme/shop",'],
              [null, 'dora_tier_window_', ''],
            ] as const) {
              const points = await history({ repo, tier: 'production', window, ends });
              for (const { end: at, figures } of points ?? []) {
                const exportedValue = (name: string, more = '') =>
                  exported.valueAt(
                    `${prefix}${name}{${repoLabel}tier="production",window="${window.name}"${more}}`,
                    at,
                  );
                const isShown = exported.series.size > 0 && figures !== null;
                expect([
                  figures?.deployments ?? 0,
                  figures?.failedDeployments ?? 0,
                  figures?.reworkDeployments ?? 0,
                  figures?.changeLeadTime.samples ?? 0,
                  figures?.recoveryTime.samples ?? 0,
                ]).toEqual(
                  [
                    'deployments',
                    'failed_deployments',
                    'rework_deployments',
                    'change_lead_time_samples',
                    'recovery_time_samples',
                  ].map((name) => (isShown ? exportedValue(name) : 0)),
                );
                if (!isShown) continue;
                expect(figures.coverage).toBe(exportedValue('coverage_ratio'));
                for (const [name, { samples, median, p95 }] of [
                  ['change_lead_time_seconds', figures.changeLeadTime],
                  ['recovery_time_seconds', figures.recoveryTime],
                ] as const) {
                  if (samples === 0) continue;
                  expect([median, p95]).toEqual([
                    exportedValue(name, ',quantile="0.5"'),
                    exportedValue(name, ',quantile="0.95"'),
                  ]);
                }
                compared++;
              }
            }
          }
          await world.close();
        },
      ),
      { numRuns: runs(30) },
    );
    expect(compared).toBeGreaterThan(runs(30));
  });
});
