/**
 * Outcomes beyond the history, found only by the search for last outcomes: they set timestamps and nothing else,
 * until a backfill covers them. What is known, and what follows from it, is compared with an oracle: see
 * `test/laws/figures.test.ts`.
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
