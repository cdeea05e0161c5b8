import { describe, expect, it } from 'vitest';
import type { PipelineRecord } from '../../src/core/pipeline.ts';
import type { IntakeMode } from '../../src/ingest/ingest-options.ts';
import { deliver, deliverPage } from '../support/deliver.ts';
import { aPolicy, aRecord, someFacts } from '../support/records.ts';
import { createWorld, seriesOf, type World } from '../support/world.ts';

/** Cases that random histories meet too seldom, or that read better on their own. */

const byTarget = aPolicy({ tiers: [{ tier: 'production', deployTo: ['production'] }] });
const byEvent = aPolicy({ tiers: [{ tier: 'production', events: ['deployment'] }] });
const webhookOnly = (policy: IntakeMode['policy']): IntakeMode => ({ policy, canAsk: false });
const asking = (policy: IntakeMode['policy']): IntakeMode => ({ policy, canAsk: true });

const noon = 1_785_500_450;

const observe = (
  world: World,
  told: Partial<PipelineRecord>,
  { origin = 'live', facts = {} }: { origin?: 'live' | 'scan'; facts?: Parameters<typeof someFacts>[0] } = {},
) =>
  origin === 'live'
    ? deliver(world.ingest, someFacts(facts), aRecord(told))
    : deliverPage(world.ingest, someFacts(facts), [aRecord(told)]);

const deploymentsOf = (world: World, tier: string) => seriesOf(world.state)[`acme/shop ${tier}`]?.deployments;
const recoveriesOf = (world: World, tier: string) => {
  const pair = [...world.state.pairs.values()].find((candidate) => candidate.tier === tier);
  return pair?.totals.histograms['dora_deployment_recovery_time_seconds']?.counts.reduce(
    (sum, count) => sum + count,
    0,
  );
};

describe('the ledger', () => {
  it('counts a pipeline whose tier the policy changed while it was running', async () => {
    const world = await createWorld({ mode: webhookOnly(byTarget) });
    await observe(world, { number: 1, event: 'deployment', deployTo: 'production' });
    await observe(world, {
      number: 2,
      event: 'deployment',
      deployTo: 'staging',
      status: 'running',
      finishedAt: null,
      updatedAt: 1011,
    });
    await world.restart(webhookOnly(byEvent));
    expect(deploymentsOf(world, 'production')).toBe(1);
    await observe(world, { number: 2, event: 'deployment', deployTo: 'staging' });
    expect(deploymentsOf(world, 'production')).toBe(2);
  });

  it('counts the pipelines of a scan when the scan is complete, even if the policy changed meanwhile', async () => {
    const world = await createWorld({ mode: asking(byTarget) });
    await observe(world, { number: 1, event: 'deployment', deployTo: 'production' });
    await world.release(11, null);
    expect(deploymentsOf(world, 'production')).toBe(1);
    await observe(world, { number: 2, event: 'deployment', deployTo: 'staging' }, { origin: 'scan' });
    await world.restart(asking(byEvent));
    await world.release(11, null);
    expect(deploymentsOf(world, 'production')).toBe(2);
  });

  it('observes no past recovery if a changed policy finds a failure in the past', async () => {
    const world = await createWorld({ mode: webhookOnly(aPolicy()) });
    await observe(world, { number: 1, status: 'error', finishedAt: 1100 });
    await observe(world, { number: 2, status: 'success', finishedAt: 1700 });
    await world.restart(webhookOnly(aPolicy({ deployments: { failure: ['failure', 'error'] } })));
    expect(recoveriesOf(world, 'unassigned')).toBe(0);
    await observe(world, { number: 3, status: 'error', finishedAt: 1800 });
    await observe(world, { number: 4, status: 'success', finishedAt: 1900 });
    expect(recoveriesOf(world, 'unassigned')).toBe(1);
  });

  it('keeps the totals of a series of two repos, even if a changed policy produces it for only one of them', async () => {
    const twin = { woodpeckerId: 12, fullName: 'Acme/Shop', asOf: 2000 };
    const world = await createWorld({ mode: webhookOnly(aPolicy()) });
    await observe(world, { number: 1, event: 'push' });
    await observe(world, { number: 2, event: 'cron' }, { facts: twin });
    expect(deploymentsOf(world, 'unassigned')).toBe(2);
    const withoutCron = { tiers: [{ tier: 'nightly', events: ['cron'] }] };
    await world.restart(webhookOnly(aPolicy(withoutCron)));
    expect(deploymentsOf(world, 'unassigned')).toBe(2);
  });

  it('counts a pipeline once, even if a changed policy excludes it and a new default branch includes it again', async () => {
    const world = await createWorld({ mode: webhookOnly(aPolicy({ deployments: { branches: ['*'] } })) });
    await observe(world, { number: 1, branch: 'develop' });
    expect(deploymentsOf(world, 'unassigned')).toBe(1);
    await world.restart(webhookOnly(aPolicy({ deployments: { branches: 'default' } })));
    await observe(world, { number: 2, branch: 'main' }, { facts: { defaultBranch: 'develop', asOf: 2000 } });
    // The first one was counted before; the second one is new.
    expect(deploymentsOf(world, 'unassigned')).toBe(2);
  });

  it('counts a pipeline of a branch that turns out to be the default branch', async () => {
    const world = await createWorld({ mode: webhookOnly(aPolicy()) });
    await observe(world, { number: 1, branch: 'develop' });
    expect(deploymentsOf(world, 'unassigned')).toBe(0);
    await observe(world, { number: 2, branch: 'main' }, { facts: { defaultBranch: 'develop', asOf: 2000 } });
    expect(deploymentsOf(world, 'unassigned')).toBe(2);
  });

  it('counts a pipeline of a branch that turns out to be the default branch of a repo that was renamed meanwhile', async () => {
    const world = await createWorld({ mode: webhookOnly(aPolicy()) });
    await observe(world, { number: 1, branch: 'develop' });
    const facts = { fullName: 'acme/store', defaultBranch: 'develop', asOf: 2000 };
    await observe(world, { number: 2, branch: 'main' }, { facts });
    expect(seriesOf(world.state)).toMatchObject({ 'acme/store unassigned': { deployments: 2 } });
  });

  it('releases a pipeline of an unfinished scan if Woodpecker is no longer asked', async () => {
    const world = await createWorld({ mode: asking(aPolicy()) });
    await observe(world, { number: 1 });
    await world.release(11, null);
    await observe(world, { number: 2 }, { origin: 'scan' });
    await world.restart(webhookOnly(aPolicy()));
    await observe(world, { number: 2 });
    expect(deploymentsOf(world, 'unassigned')).toBe(2);
  });

  it('observes the recovery in an unfinished scan if Woodpecker is no longer asked', async () => {
    const world = await createWorld({ mode: asking(aPolicy()) });
    await observe(world, { number: 1, status: 'failure', finishedAt: 1100 });
    await world.release(11, null);
    await observe(world, { number: 2, status: 'success', finishedAt: 1700 }, { origin: 'scan' });
    await world.restart(webhookOnly(aPolicy()));
    expect(recoveriesOf(world, 'unassigned')).toBe(1);
  });

  it('shows and counts at once the pipelines that waited for a first backfill, if Woodpecker is no longer asked', async () => {
    const world = await createWorld({ mode: asking(aPolicy()) });
    await observe(world, { number: 1 });
    expect(seriesOf(world.state)).toEqual({});
    await world.restart(webhookOnly(aPolicy()));
    expect(deploymentsOf(world, 'unassigned')).toBe(1);
  });

  it('keeps the totals when a repo is renamed', async () => {
    const world = await createWorld({ mode: webhookOnly(aPolicy()) });
    await observe(world, { number: 1 });
    await observe(world, { number: 2, status: 'failure' }, { facts: { fullName: 'acme/store', asOf: 2000 } });
    expect(seriesOf(world.state)).toMatchObject({ 'acme/store unassigned': { deployments: 2, failures: 1 } });
    expect(Object.keys(seriesOf(world.state))).toEqual(['acme/store unassigned']);
  });

  it('counts a pipeline that arrives just before a rename, in the same turn of the event loop', async () => {
    const world = await createWorld({ mode: webhookOnly(aPolicy()) });
    await observe(world, { number: 1 });
    await Promise.all([
      observe(world, { number: 2 }),
      observe(world, { number: 3 }, { facts: { fullName: 'acme/store', asOf: 2000 } }),
    ]);
    expect(seriesOf(world.state)).toMatchObject({ 'acme/store unassigned': { deployments: 3 } });
  });

  it('gives the same totals whether a rename to another tier shares its turn with the report before it or not', async () => {
    const policy = aPolicy({
      tiers: [
        { tier: 'production', deployTo: ['production'] },
        { tier: 'production', repos: ['acme/store'] },
      ],
    });
    const totalsOf = async (isOneTurn: boolean) => {
      const world = await createWorld({ mode: webhookOnly(policy) });
      await observe(world, { number: 1, event: 'deployment', deployTo: 'production' });
      const second = observe(world, { number: 2 });
      if (!isOneTurn) await second;
      await observe(world, { number: 3 }, { facts: { fullName: 'acme/store', asOf: 2000 } });
      return Object.fromEntries(
        [...world.state.pairs.values()].map(({ tier, totals }) => [
          tier,
          totals.counters['dora_deployments_total'],
        ]),
      );
    };
    // The second one was counted in its tier at the time; the third one is new in the present tier of the repo.
    expect(await totalsOf(false)).toEqual({ production: 2, unassigned: 1 });
    expect(await totalsOf(true)).toEqual({ production: 2, unassigned: 1 });
  });

  it('adds a failure for a success that turns out to have failed, and subtracts nothing later', async () => {
    const world = await createWorld({ mode: webhookOnly(aPolicy()) });
    const ran = { startedAt: noon - 100, finishedAt: noon - 10 };
    await observe(world, { ...ran, status: 'success', updatedAt: noon + 1 });
    await observe(world, { ...ran, status: 'failure', updatedAt: noon + 2 });
    await observe(world, { ...ran, status: 'killed', updatedAt: noon + 3 });
    expect(seriesOf(world.state)).toEqual({
      'acme/shop unassigned': {
        lastSuccess: 0,
        lastFailure: 0,
        failingSince: 0,
        deployments: 1,
        failures: 1,
        durations: { count: 1, sum: 90 },
      },
    });
  });

  it('counts another pipeline with a number that was used before', async () => {
    const world = await createWorld({ mode: webhookOnly(aPolicy()) });
    await observe(world, { number: 1, id: 501 });
    await observe(world, { number: 1, id: 9001, finishedAt: 1500 });
    expect(seriesOf(world.state)).toMatchObject({
      'acme/shop unassigned': { lastSuccess: 1500, deployments: 2 },
    });
  });

  it('moves a pipeline to its corrected tier, but counts it only in the first one', async () => {
    const world = await createWorld({ mode: webhookOnly(byTarget) });
    await observe(world, { deployTo: 'staging', updatedAt: 1101 });
    await observe(world, { deployTo: 'production', updatedAt: 1102 });
    expect(seriesOf(world.state)).toMatchObject({
      'acme/shop unassigned': { lastSuccess: 0, deployments: 1 },
      'acme/shop production': { lastSuccess: 1100, deployments: 0 },
    });
  });

  it('removes a pipeline that turns out to be no deployment, but keeps its count', async () => {
    const world = await createWorld({ mode: webhookOnly(aPolicy()) });
    await observe(world, { event: 'tag', updatedAt: 1101 });
    await observe(world, { event: 'pull_request', updatedAt: 1102 });
    expect(seriesOf(world.state)).toMatchObject({
      'acme/shop unassigned': { lastSuccess: 0, deployments: 1 },
    });
  });
});

describe('a repo that is gone', () => {
  it('is no longer shown, and is shown again with its totals after any report of it', async () => {
    const world = await createWorld({ mode: webhookOnly(aPolicy()) });
    await observe(world, { number: 1 });
    const shown = seriesOf(world.state);
    await world.ingest.submit({ kind: 'repoGone', repoId: 11, since: noon });
    expect(seriesOf(world.state)).toEqual({});
    await world.restart();
    expect(seriesOf(world.state)).toEqual({});
    await observe(world, { number: 1 });
    expect(seriesOf(world.state)).toEqual(shown);
  });
});

describe('a shown deployment', () => {
  it('stays while a scan reads it again, and is corrected at once', async () => {
    const world = await createWorld({ mode: asking(aPolicy()) });
    await observe(world, { status: 'success', updatedAt: 1101 });
    await world.release(11, null);
    await observe(world, { status: 'success', updatedAt: 1102, finishedAt: 1090 }, { origin: 'scan' });
    expect(seriesOf(world.state)).toMatchObject({
      'acme/shop unassigned': { lastSuccess: 1090, deployments: 1 },
    });
  });

  it('waits for the end of its scan if only the scan has found it', async () => {
    const world = await createWorld({ mode: asking(aPolicy()) });
    await observe(world, { number: 1 });
    await world.release(11, null);
    await observe(world, { number: 2, finishedAt: 1500 }, { origin: 'scan' });
    expect(seriesOf(world.state)).toMatchObject({
      'acme/shop unassigned': { lastSuccess: 1100, deployments: 1 },
    });
    await world.release(11, null);
    expect(seriesOf(world.state)).toMatchObject({
      'acme/shop unassigned': { lastSuccess: 1500, deployments: 2 },
    });
  });

  it('can be older than every window, and be corrected twice in one turn to a time inside a window', async () => {
    const world = await createWorld({ mode: webhookOnly(aPolicy()) });
    const now = world.clock.now() / 1000;
    const [longAgo, lately] = [now - 185 * 86_400, now - 86_400];
    await observe(world, { number: 1, status: 'failure', finishedAt: longAgo, updatedAt: longAgo });
    expect(seriesOf(world.state)).toMatchObject({ 'acme/shop unassigned': { lastFailure: longAgo } });
    await Promise.all([
      observe(world, { number: 1, status: 'success', finishedAt: lately, updatedAt: lately }),
      observe(world, { number: 1, status: 'success', finishedAt: lately + 5, updatedAt: lately + 6 }),
    ]);
    expect(seriesOf(world.state)).toMatchObject({
      'acme/shop unassigned': { lastFailure: 0, failingSince: 0, lastSuccess: lately + 5, deployments: 1 },
    });
  });
});
