import { describe, expect, it } from 'vitest';
import type { PipelineRecord } from '../../src/core/pipeline.ts';
import type { IntakeMode } from '../../src/unit-of-work.ts';
import { aPolicy, aRecord, someFacts } from '../support/records.ts';
import { createWorld, seriesOf, type World } from '../support/world.ts';

/** Cases that random histories meet too seldom, or that read better on their own. */

const byTarget = aPolicy({ tiers: [{ tier: 'production', deployTo: ['production'] }] });
const byEvent = aPolicy({ tiers: [{ tier: 'production', events: ['deployment'] }] });
const webhookOnly = (policy: IntakeMode['policy']): IntakeMode => ({ policy, canAsk: false });
const asking = (policy: IntakeMode['policy']): IntakeMode => ({ policy, canAsk: true });

const observe = (
  world: World,
  told: Partial<PipelineRecord>,
  { origin = 'live', facts = {} }: { origin?: 'live' | 'scan'; facts?: Parameters<typeof someFacts>[0] } = {},
) =>
  world.ingest.submit(async (uow) => {
    const repo = await uow.repoOf(someFacts(facts));
    return (await uow.observe(repo.key, aRecord(told), origin)).result;
  });

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

  it('counts what an incomplete scan has brought when the scan is complete, though the policy changed meanwhile', async () => {
    const world = await createWorld({ mode: asking(byTarget) });
    await observe(world, { number: 1, event: 'deployment', deployTo: 'production' });
    await world.release(11, null);
    expect(deploymentsOf(world, 'production')).toBe(1);
    await observe(world, { number: 2, event: 'deployment', deployTo: 'staging' }, { origin: 'scan' });
    await world.restart(asking(byEvent));
    await world.release(11, null);
    expect(deploymentsOf(world, 'production')).toBe(2);
  });

  it('observes no recovery of the past because a changed policy finds a failure in it', async () => {
    const world = await createWorld({ mode: webhookOnly(aPolicy()) });
    await observe(world, { number: 1, status: 'error', finishedAt: 1100 });
    await observe(world, { number: 2, status: 'success', finishedAt: 1700 });
    await world.restart(webhookOnly(aPolicy({ deployments: { failure: ['failure', 'error'] } })));
    expect(recoveriesOf(world, 'unassigned')).toBe(0);
    await observe(world, { number: 3, status: 'error', finishedAt: 1800 });
    await observe(world, { number: 4, status: 'success', finishedAt: 1900 });
    expect(recoveriesOf(world, 'unassigned')).toBe(1);
  });

  it('keeps the totals of a series of two repos though a changed policy yields it for one of them only', async () => {
    const twin = { woodpeckerId: 12, fullName: 'Acme/Shop', asOf: 2000 };
    const world = await createWorld({ mode: webhookOnly(aPolicy()) });
    await observe(world, { number: 1, event: 'push' });
    await observe(world, { number: 2, event: 'cron' }, { facts: twin });
    expect(deploymentsOf(world, 'unassigned')).toBe(2);
    const withoutCron = { tiers: [{ tier: 'nightly', events: ['cron'] }] };
    await world.restart(webhookOnly(aPolicy(withoutCron)));
    expect(deploymentsOf(world, 'unassigned')).toBe(2);
  });

  it('counts a pipeline once that a changed policy takes out and a new default branch brings back', async () => {
    const world = await createWorld({ mode: webhookOnly(aPolicy({ deployments: { branches: ['*'] } })) });
    await observe(world, { number: 1, branch: 'develop' });
    expect(deploymentsOf(world, 'unassigned')).toBe(1);
    await world.restart(webhookOnly(aPolicy({ deployments: { branches: 'default' } })));
    await observe(world, { number: 2, branch: 'main' }, { facts: { defaultBranch: 'develop', asOf: 2000 } });
    // The first counted once before; the second is new.
    expect(deploymentsOf(world, 'unassigned')).toBe(2);
  });

  it('counts a pipeline of a branch that turns out to be the default one', async () => {
    const world = await createWorld({ mode: webhookOnly(aPolicy()) });
    await observe(world, { number: 1, branch: 'develop' });
    expect(deploymentsOf(world, 'unassigned')).toBe(0);
    await observe(world, { number: 2, branch: 'main' }, { facts: { defaultBranch: 'develop', asOf: 2000 } });
    expect(deploymentsOf(world, 'unassigned')).toBe(2);
  });

  it('lets go of what a scan held once Woodpecker is no longer asked', async () => {
    const world = await createWorld({ mode: asking(aPolicy()) });
    await observe(world, { number: 1 });
    await world.release(11, null);
    await observe(world, { number: 2 }, { origin: 'scan' });
    await world.restart(webhookOnly(aPolicy()));
    await observe(world, { number: 2 });
    expect(deploymentsOf(world, 'unassigned')).toBe(2);
  });

  it('shows and counts at once what waited for a first backfill that no longer comes', async () => {
    const world = await createWorld({ mode: asking(aPolicy()) });
    await observe(world, { number: 1 });
    expect(seriesOf(world.state)).toEqual({});
    await world.restart(webhookOnly(aPolicy()));
    expect(deploymentsOf(world, 'unassigned')).toBe(1);
  });

  it('takes the totals along when a repo is renamed', async () => {
    const world = await createWorld({ mode: webhookOnly(aPolicy()) });
    await observe(world, { number: 1 });
    await observe(world, { number: 2, status: 'failure' }, { facts: { fullName: 'acme/store', asOf: 2000 } });
    expect(seriesOf(world.state)).toMatchObject({ 'acme/store unassigned': { deployments: 2, failures: 1 } });
    expect(Object.keys(seriesOf(world.state))).toEqual(['acme/store unassigned']);
  });

  it('adds the failure for a success that turns out to have failed, and takes nothing back', async () => {
    const world = await createWorld({ mode: webhookOnly(aPolicy()) });
    await observe(world, { status: 'success', updatedAt: 1101 });
    await observe(world, { status: 'failure', updatedAt: 1102 });
    await observe(world, { status: 'killed', updatedAt: 1103 });
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

  it('counts another pipeline under a number that was used before', async () => {
    const world = await createWorld({ mode: webhookOnly(aPolicy()) });
    await observe(world, { number: 1, id: 501 });
    await observe(world, { number: 1, id: 9001, finishedAt: 1500 });
    expect(seriesOf(world.state)).toMatchObject({
      'acme/shop unassigned': { lastSuccess: 1500, deployments: 2 },
    });
  });
});
