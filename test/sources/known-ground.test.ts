/**
 * Outcomes beyond the history, found only by the search for last outcomes: they set timestamps and nothing else,
 * until a backfill covers them.
 */

import { describe, expect, it, onTestFinished } from 'vitest';
import { defaultPolicy } from '../../src/core/policy.ts';
import { createExplain } from '../../src/queries/explain.ts';
import { startFakeWoodpecker } from '../support/fake-woodpecker.ts';
import { createHarness, type Harness, type HarnessOptions } from '../support/harness.ts';
import { projectWindows } from '../support/projected.ts';

const day = 86_400;
const now = Math.floor(Date.now() / 1000);
const ago = (days: number) => now - Math.round(days * day);

interface Past {
  readonly daysAgo: number;
  readonly status: 'success' | 'failure';
}
const success = (daysAgo: number): Past => ({ daysAgo, status: 'success' });
const failure = (daysAgo: number): Past => ({ daysAgo, status: 'failure' });

/** An exporter after its first backfill of a repo with these pipelines. */
async function afterFirstBackfill(
  pasts: readonly Past[],
  options: Partial<HarnessOptions> = {},
): Promise<Harness> {
  const woodpecker = await startFakeWoodpecker();
  onTestFinished(() => woodpecker.close());
  const repo = woodpecker.addRepo({ fullName: 'acme/shop', private: true, access: { alice: 'push' } });
  for (const { daysAgo, status } of pasts.toSorted((a, b) => b.daysAgo - a.daysAgo)) {
    const finished = ago(daysAgo);
    const [created, started] = [finished - 60, finished - 30];
    woodpecker.addPipeline(repo, { status, created, started, finished, updated: finished });
  }
  const harness = await createHarness({ woodpecker, ...options });
  await harness.backfill.atStart();
  return harness;
}

async function backfillSince(harness: Harness, daysAgo: number): Promise<void> {
  const range = { since: ago(daysAgo), until: null, repos: null, isDry: false };
  const started = await harness.backfill.start(range);
  if (!started.ok) throw new Error('Backfill was refused');
  await started.done;
}

async function figuresOver(harness: Harness, name: string, at = now) {
  const window = defaultPolicy.windows.find((one) => one.name === name);
  if (!window) throw new Error(`No window is named ${name}`);
  const explain = createExplain({ ingest: harness.ingest, woodpeckerUrl: null });
  const request = { repo: 'acme/shop', tier: 'unassigned', window, at, before: null, limit: 100 };
  const explanation = await explain({ ...request, show: 'everything' });
  if (!explanation) throw new Error('No series is shown');
  return explanation;
}

function recoveriesIn(harness: Harness) {
  const { windows } = defaultPolicy;
  const { series } = projectWindows(harness.ingest.state, windows, now);
  const histogram = series[0]?.totals.histograms['dora_deployment_recovery_time_seconds'];
  return { count: histogram?.counts.reduce((sum, count) => sum + count, 0), sum: histogram?.sum };
}

describe('an outage beyond the history', () => {
  const outage = [failure(200), success(200 - 1 / 24), success(5)];

  it.each([
    ['', async (harness: Harness) => harness],
    [', not after a restart either', (harness: Harness) => harness.restart()],
  ])('counts as no recovery, neither in a window nor in the histogram%s', async (_, later) => {
    const harness = await later(await afterFirstBackfill(outage));
    for (const name of ['7d', '30d', '90d']) {
      const { figures } = await figuresOver(harness, name);
      expect(figures).toMatchObject({
        deployments: 1,
        failedDeployments: 0,
        coverage: 1,
        recoveryTime: { samples: 0, median: null, p95: null },
      });
    }
    expect(recoveriesIn(harness)).toEqual({ count: 0, sum: 0 });
    expect(harness.shown('acme/shop')).toEqual({
      deployments: 1,
      failures: 0,
      lastSuccess: ago(5),
      lastFailure: ago(200),
      failingSince: 0,
    });
  });

  it('counts in past windows once a backfill covers it, but in no counter', async () => {
    const harness = await afterFirstBackfill(outage);
    const { figures: before, pipelines } = await figuresOver(harness, '90d', ago(150));
    expect(before).toMatchObject({ deployments: 0, coverage: 0, recoveryTime: { samples: 0 } });
    expect(pipelines.map(({ verdict }) => verdict)).toEqual([
      { kind: 'uncounted', reason: 'beyond_history' },
    ]);

    await backfillSince(harness, 210);
    for (const one of [harness, await harness.restart()]) {
      const { figures } = await figuresOver(one, '90d', ago(150));
      expect(figures).toMatchObject({
        deployments: 2,
        failedDeployments: 1,
        recoveryTime: { samples: 1, median: 3600 },
      });
      expect(one.shown('acme/shop')).toMatchObject({ deployments: 1, failures: 0 });
      expect(recoveriesIn(one)).toEqual({ count: 0, sum: 0 });
    }
  });

  it('gives no recovery to a known success until a backfill covers its failure', async () => {
    const harness = await afterFirstBackfill([failure(130), success(5)]);
    expect((await figuresOver(harness, '7d')).figures.recoveryTime.samples).toBe(0);
    await backfillSince(harness, 140);
    const { figures } = await figuresOver(harness, '7d');
    expect(figures).toMatchObject({ deployments: 1, recoveryTime: { samples: 1, median: 125 * day } });
  });

  it('starts the gauge at its first failure, but a recovery at its first known failure', async () => {
    const harness = await afterFirstBackfill([success(200), failure(150), failure(100)]);
    expect(harness.shown('acme/shop')).toMatchObject({ failingSince: ago(150) });
    const { figures } = await figuresOver(
      await afterFirstBackfill([failure(150), failure(100), success(5)]),
      '7d',
    );
    expect(figures.recoveryTime).toMatchObject({ samples: 1, median: 95 * day });
  });
});

describe('the start of an open failure', () => {
  it('is the first failure after the last success, even if both are older than the history', async () => {
    const harness = await afterFirstBackfill([success(200), failure(150), failure(100), failure(5)]);
    expect(harness.shown('acme/shop')).toEqual({
      deployments: 2,
      failures: 2,
      lastSuccess: ago(200),
      lastFailure: ago(5),
      failingSince: ago(150),
    });
  });

  it('is found behind many pages of failures', async () => {
    const failures = Array.from({ length: 120 }, (_, index) => failure(125 + index / 10));
    const harness = await afterFirstBackfill([success(200), failure(150), ...failures]);
    expect(harness.shown('acme/shop')).toMatchObject({ lastSuccess: ago(200), failingSince: ago(150) });
  });

  it('is the first failure of all if there never was a success', async () => {
    const harness = await afterFirstBackfill([failure(300), failure(150), failure(5)]);
    expect(harness.shown('acme/shop')).toMatchObject({ lastSuccess: 0, failingSince: ago(300) });
  });

  it('is found by the next backfill if the first one failed after it had found the success', async () => {
    const woodpecker = await startFakeWoodpecker();
    onTestFinished(() => woodpecker.close());
    const repo = woodpecker.addRepo({ fullName: 'acme/shop', private: true, access: { alice: 'push' } });
    for (const { daysAgo, status } of [success(200), failure(150), failure(140), failure(5)]) {
      const finished = ago(daysAgo);
      woodpecker.addPipeline(repo, { status, created: finished - 60, started: finished - 30, finished });
    }
    const fault = woodpecker.fault({ match: /status=failure/, answer: { status: 400 } });
    const harness = await createHarness({ woodpecker });
    await harness.backfill.atStart();
    expect(harness.shown('acme/shop')).toBeNull();
    fault.clear();
    await harness.backfill.atStart();
    expect(harness.shown('acme/shop')).toMatchObject({ lastSuccess: ago(200), failingSince: ago(150) });
  });
});

describe('rates', () => {
  /**
   * One pipeline a day for 89 days. Of the newest ten, which are known, one fails. Of the older 79 every fifth
   * fails.
   */
  const manyDays = Array.from({ length: 89 }, (_, index): Past => {
    const isKnown = index < 10;
    const isFailure = isKnown ? index === 3 : index % 5 === 4;
    return isFailure ? failure(index + 0.5) : success(index + 0.5);
  });

  it('cover the known days only', async () => {
    const harness = await afterFirstBackfill(manyDays, { historySeconds: 10 * day });
    const { figures } = await figuresOver(harness, '90d');
    expect(figures).toMatchObject({ deployments: 10, failedDeployments: 1, changeFailRate: 0.1 });
    expect(figures.deploymentsPerDay).toBeCloseTo(1, 4);
    expect(figures.recoveryTime).toMatchObject({ samples: 1, median: day });
  });

  it('per day do not exist if less than a day is known', async () => {
    const harness = await afterFirstBackfill(manyDays, { historySeconds: 20 * 3600 });
    const { figures } = await figuresOver(harness, '90d');
    expect(figures).toMatchObject({ deployments: 1, deploymentsPerDay: null });
  });

  it('per day cover more days after a backfill of older pipelines', async () => {
    const harness = await afterFirstBackfill(manyDays, { historySeconds: 10 * day });
    await backfillSince(harness, 45);
    const { figures } = await figuresOver(harness, '90d');
    expect(figures.deployments).toBe(45);
    expect(figures.deploymentsPerDay).toBeCloseTo(1, 4);
  });
});
