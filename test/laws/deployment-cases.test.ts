/** Literal cases that the law of deployments has found, or that random histories reach too seldom. */

import { describe, expect, it } from 'vitest';
import { saidAt } from '../../src/core/failures/incident-report.ts';
import type { OperatorMark } from '../../src/core/failures/operator-mark.ts';
import type { PipelineRecord } from '../../src/core/pipeline.ts';
import type { Policy } from '../../src/core/policy.ts';
import { createExplain } from '../../src/queries/explain.ts';
import { createFigureHistory } from '../../src/queries/figure-history.ts';
import { pastMoment } from '../../src/queries/moments.ts';
import { deliver } from '../support/deliver.ts';
import { nameGauges } from '../support/gauges.ts';
import { project } from '../support/projected.ts';
import { aPolicy, aRecord, aStep, aWorkflow, someFacts } from '../support/records.ts';
import { createWorld, type World } from '../support/world.ts';

const hour = 3_600;
const noon = 1_790_000_000;

const production = { tiers: [{ tier: 'production' }] };

const worldUnder = (policy: Partial<Policy>) =>
  createWorld({ mode: { policy: aPolicy(policy), canAsk: false }, startsAt: noon + 100 * hour });

/** A push to main that ended at `at`; its commit is its number, repeated. */
const deploy = (world: World, number: number, at: number, told: Partial<PipelineRecord> = {}) => {
  const times = { createdAt: at - 60, startedAt: at - 50, finishedAt: at, updatedAt: at };
  const commit = String(number).repeat(40);
  const record = aRecord({ number, id: number, commit, message: '', ...times, ...told });
  return deliver(world.ingest, someFacts(), record);
};

const mark = (world: World, number: number, said: OperatorMark) =>
  world.ingest.submit({
    ...{ kind: 'mark', repo: 'acme/shop', number, tier: 'production' },
    ...{ mark: said, reason: null, markedAt: noon },
  });

const recoveriesOf = ({ state }: World) => {
  const [pair] = state.pairs.values();
  const { counts = [], sum } = pair?.totals.histograms['dora_deployment_recovery_time_seconds'] ?? {};
  return { count: counts.reduce((total, count) => total + count, 0), sum };
};

describe('a recovery that was observed', () => {
  it('is not observed again if an operator marks the deployment that ended the failure as ignored', async () => {
    const world = await worldUnder(production);
    await deploy(world, 1, noon, { status: 'failure' });
    await deploy(world, 2, noon + hour);
    expect(recoveriesOf(world)).toEqual({ count: 1, sum: hour });
    await mark(world, 2, { kind: 'ignore' });
    await deploy(world, 3, noon + 3 * hour);
    expect(recoveriesOf(world)).toEqual({ count: 1, sum: hour });
    await world.restart();
    await deploy(world, 4, noon + 4 * hour);
    expect(recoveriesOf(world)).toEqual({ count: 1, sum: hour });
  });

  it('is not observed again if an operator reports a shorter recovery', async () => {
    const world = await worldUnder(production);
    await deploy(world, 1, noon, { status: 'failure' });
    await deploy(world, 2, noon + 2 * hour);
    expect(recoveriesOf(world)).toEqual({ count: 1, sum: 2 * hour });
    await mark(world, 1, { kind: 'failed', recoveredAt: noon + hour });
    expect(recoveriesOf(world)).toEqual({ count: 1, sum: 2 * hour });
  });
});

const alert = (world: World, fingerprint: string, labels: Record<string, string>, start: number) =>
  world.ingest.submit({
    kind: 'alerts',
    alerts: [
      {
        fingerprint,
        labels,
        report: { start, end: null, receivedAt: start, isDismissed: false, title: null, url: null },
      },
    ],
  });

const incidentRules = (tier: string) => ({
  staleSeconds: 30 * 24 * hour,
  rules: [{ labels: { service: ['shop'] }, repo: 'acme/shop', tier }],
});

/** Start of the open failure by tier. */
const failingIn = ({ state }: World) =>
  Object.fromEntries(
    project(state).map(({ tier, gauges }) => [tier, nameGauges(gauges).failingSince] as const),
  );

describe('an incident of one second', () => {
  it('gives a recovery to the deployment that turns out to own it, even if another deployment already had one', async () => {
    const world = await worldUnder(production);
    await deploy(world, 1, noon);
    const fields = { repo: 'acme/shop', tier: 'production', started: noon, resolved: noon };
    await world.ingest.submit({ kind: 'incident', id: 'INC-1', report: saidAt(fields, noon) });
    expect(recoveriesOf(world)).toEqual({ count: 1, sum: 0 });
    // It started in the second of the incident, so the incident belongs to it.
    await deploy(world, 2, noon, { createdAt: noon, startedAt: noon });
    expect(recoveriesOf(world)).toEqual({ count: 2, sum: 0 });
    await world.restart();
    expect(recoveriesOf(world)).toEqual({ count: 2, sum: 0 });
  });
});

describe('an alert under a newly adopted policy', () => {
  const twoTiers = {
    tiers: [
      { tier: 'staging', steps: ['stage'] },
      { tier: 'production', steps: ['ship'] },
    ],
  };
  const both = {
    workflows: [
      aWorkflow({
        steps: [aStep({ name: 'stage' }), aStep({ name: 'ship' })].map((one) => ({
          ...one,
          startedAt: noon - 40,
          finishedAt: noon,
        })),
      }),
    ],
  };

  it.each([
    ['while the service runs', false],
    ['at a start', true],
  ])('belongs to the tier that this policy names, if it is adopted %s', async (_, atStart) => {
    const under = (tier: string) => ({
      policy: aPolicy({ ...twoTiers, incidents: incidentRules(tier) }),
      canAsk: false,
    });
    const world = await createWorld({ mode: under('staging'), startsAt: noon + 10 * hour });
    await deploy(world, 1, noon, both);
    await alert(world, 'a1', { service: 'shop' }, noon + hour);
    expect(failingIn(world)).toEqual({ staging: noon, production: 0 });
    if (atStart) await world.restart(under('production'));
    else await world.ingest.adopt(under('production'));
    expect(failingIn(world)).toEqual({ staging: 0, production: noon });
    await world.restart(under('production'));
    expect(failingIn(world)).toEqual({ staging: 0, production: noon });
  });
});

describe('an incident of a repo name that two repos share', () => {
  const deployOf = (world: World, id: number, number: number, at: number) => {
    const facts = someFacts({ woodpeckerId: id, forgeRemoteId: `forge-${id}` });
    const times = { createdAt: at - 60, startedAt: at - 50, finishedAt: at, updatedAt: at };
    return deliver(world.ingest, facts, aRecord({ number, id: id * 100 + number, message: '', ...times }));
  };
  const failedOf = ({ state }: World) =>
    [...state.timelines.values()].flatMap(({ recent }) =>
      recent.filter(({ verdict }) => verdict.causes.length > 0).map(({ number }) => number),
    );
  const policy = { ...production, incidents: incidentRules('production') };

  it('belongs to the repo that deployed last, also after a restart, and moves when the other repo deploys', async () => {
    const world = await worldUnder(policy);
    await deployOf(world, 21, 1, noon);
    await deployOf(world, 22, 2, noon + hour);
    await alert(world, 'a1', { service: 'shop' }, noon + 2 * hour);
    expect(failedOf(world)).toEqual([2]);
    await world.restart();
    expect(failedOf(world)).toEqual([2]);
    await deployOf(world, 21, 3, noon + 3 * hour);
    expect(failedOf(world)).toEqual([1]);
    await world.restart();
    expect(failedOf(world)).toEqual([1]);
  });

  it.each([
    ['one', [21, 22]],
    ['the other', [22, 21]],
  ])(
    'belongs to the repo with the higher id if both deployed in the same second, whether %s was reported first',
    async (_, ids) => {
      const world = await worldUnder(policy);
      for (const id of ids) await deployOf(world, id, id, noon);
      await alert(world, 'a1', { service: 'shop' }, noon + hour);
      expect(failedOf(world)).toEqual([22]);
      await world.restart();
      expect(failedOf(world)).toEqual([22]);
    },
  );
});

describe('incidents that start in the same second', () => {
  it('are explained in the same order, whichever was reported first, also after a restart', async () => {
    const world = await worldUnder({ ...production, incidents: incidentRules('production') });
    await deploy(world, 1, noon);
    for (const name of ['a2', 'a1']) await alert(world, name, { service: 'shop' }, noon + hour);
    const idsOf = ({ state }: World) =>
      [...state.timelines.values()].flatMap(({ recent }) =>
        recent.flatMap(({ verdict }) => verdict.incidents.map(({ id }) => id)),
      );
    expect(idsOf(world)).toEqual([`a1-${noon + hour}`, `a2-${noon + hour}`]);
    await world.restart();
    expect(idsOf(world)).toEqual([`a1-${noon + hour}`, `a2-${noon + hour}`]);
  });
});

describe('a deployment whose part ended an hour before its pipeline', () => {
  const rules = { tiers: [{ tier: 'production', steps: ['ship'] }] };
  const steps = [
    aStep({ name: 'ship', startedAt: noon - 40, finishedAt: noon }),
    aStep({ name: 'notify', startedAt: noon, finishedAt: noon + hour }),
  ];
  const told = {
    workflows: [aWorkflow({ steps })],
    finishedAt: noon + hour,
    updatedAt: noon + hour,
  };
  const window = { name: '7d', seconds: 7 * 24 * hour };
  const request = { repo: 'acme/shop', tier: 'production', window, before: null, limit: 10 };

  it('is in no figure and no explanation of a time between the two ends', async () => {
    const world = await worldUnder(rules);
    await deploy(world, 1, noon, told);
    const explain = createExplain({ ingest: world.ingest, woodpeckerUrl: null });
    const explainedAt = async (at: number) =>
      (await explain({ ...request, at, show: 'everything' }))?.figures.deployments;
    expect(await explainedAt(noon + hour - 1)).toBe(0);
    expect(await explainedAt(noon + hour)).toBe(1);
    const shownAt = async (at: number) =>
      (await pastMoment(world.ingest, window, at)).projected.series.length;
    expect(await shownAt(noon + hour - 1)).toBe(0);
    expect(await shownAt(noon + hour)).toBe(1);
    const history = createFigureHistory(world.ingest);
    const ends = [noon + hour - 1, noon + hour, noon + window.seconds];
    const points = await history({ repo: 'acme/shop', tier: 'production', window, ends });
    expect(points?.map(({ figures }) => figures?.deployments ?? null)).toEqual([null, 1, 0]);
  });
});

describe('an incident that starts while a pipeline runs', () => {
  const policy = aPolicy({ ...production, incidents: incidentRules('production') });
  const failuresOf = ({ state }: World) => {
    const [pair] = state.pairs.values();
    const { counters = {} } = pair?.totals ?? {};
    return [
      counters['dora_deployment_failures_total'],
      counters['dora_deployment_failures_by_cause_total incident'],
    ];
  };
  const judgeAt = async (world: World, moment: number) => {
    world.clock.advance(moment - world.clock.now() / 1000);
    await world.ingest.submit({ kind: 'judgeDue' });
  };
  const running = { status: 'running', finishedAt: null, workflows: [] };
  /** Pipeline 2 starts an hour after noon, and the incident starts half an hour later. */
  const start = async () => {
    const world = await createWorld({ mode: { policy, canAsk: true }, startsAt: noon + hour });
    await deploy(world, 1, noon);
    await world.release(11, null);
    const told = { createdAt: noon + hour, startedAt: noon + hour, updatedAt: noon + hour };
    await deploy(world, 2, noon + hour, { ...running, ...told });
    world.clock.advance(hour);
    await alert(world, 'a1', { service: 'shop' }, noon + 1.5 * hour);
    return world;
  };

  it('belongs only to that pipeline, if the pipeline turns out to be a deployment', async () => {
    const world = await start();
    expect(failuresOf(world)).toEqual([0, 0]);
    await world.restart();
    await judgeAt(world, noon + 3 * hour);
    expect(failuresOf(world)).toEqual([0, 0]);
    const times = { createdAt: noon + hour, startedAt: noon + hour };
    await deploy(world, 2, noon + 4 * hour, times);
    await judgeAt(world, noon + 5 * hour);
    expect(failuresOf(world)).toEqual([1, 1]);
    expect(failingIn(world)).toEqual({ production: noon + 4 * hour });
  });

  it('belongs to the deployment before it, if the pipeline turns out to be no deployment', async () => {
    const world = await start();
    const times = { createdAt: noon + hour, startedAt: noon + hour };
    await deploy(world, 2, noon + 4 * hour, { ...times, status: 'canceled' });
    await judgeAt(world, noon + 5 * hour);
    expect(failuresOf(world)).toEqual([1, 1]);
    expect(failingIn(world)).toEqual({ production: noon });
  });

  it('is counted after a day, even if the pipeline is still running', async () => {
    const world = await start();
    await judgeAt(world, noon + 25 * hour);
    expect(failuresOf(world)).toEqual([0, 0]);
    await judgeAt(world, noon + 26 * hour);
    expect(failuresOf(world)).toEqual([1, 1]);
  });
});
