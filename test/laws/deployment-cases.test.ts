/** Cases that the law of deployments has found, or meets too seldom, with literal values. */

import { describe, expect, it } from 'vitest';
import type { OperatorMark } from '../../src/core/failures/operator-mark.ts';
import type { PipelineRecord } from '../../src/core/pipeline.ts';
import type { Policy } from '../../src/core/policy.ts';
import { aPolicy, aRecord, someFacts } from '../support/records.ts';
import { createWorld, type World } from '../support/world.ts';

const hour = 3_600;
const noon = 1_790_000_000;

const production = { tiers: [{ tier: 'production' }] };

const worldUnder = (policy: Partial<Policy>) =>
  createWorld({ mode: { policy: aPolicy(policy), canAsk: false }, startsAt: noon + 100 * hour });

/** A push to main whose commit is named after its number, and which ended at `at`. */
const deploy = (world: World, number: number, at: number, told: Partial<PipelineRecord> = {}) =>
  world.ingest.submit(async (uow) => {
    const repo = await uow.repoOf(someFacts());
    const times = { createdAt: at - 60, startedAt: at - 50, finishedAt: at, updatedAt: at };
    const commit = String(number).repeat(40);
    await uow.observe(
      repo.key,
      aRecord({ number, id: number, commit, message: '', ...times, ...told }),
      'live',
    );
  });

const mark = (world: World, number: number, said: OperatorMark) =>
  world.ingest.submit(async (uow) => {
    const repo = await uow.repoOf(someFacts());
    await uow.putMark({
      ...{ repo: repo.key, number, tier: 'production' },
      ...{ mark: said, reason: null, markedAt: noon },
    });
  });

const recoveriesOf = ({ state }: World) => {
  const [pair] = state.pairs.values();
  const { counts = [], sum } = pair?.totals.histograms['dora_deployment_recovery_time_seconds'] ?? {};
  return { count: counts.reduce((total, count) => total + count, 0), sum };
};

describe('a recovery that was observed', () => {
  it('is not observed again if the deployment that ended the failure turns out to be none', async () => {
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

  it('is not observed again if an operator says that it took less time', async () => {
    const world = await worldUnder(production);
    await deploy(world, 1, noon, { status: 'failure' });
    await deploy(world, 2, noon + 2 * hour);
    expect(recoveriesOf(world)).toEqual({ count: 1, sum: 2 * hour });
    await mark(world, 1, { kind: 'failed', recoveredAt: noon + hour });
    expect(recoveriesOf(world)).toEqual({ count: 1, sum: 2 * hour });
  });
});
