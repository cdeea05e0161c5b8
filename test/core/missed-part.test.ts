import { describe, expect, it } from 'vitest';
import type { PipelineRecord } from '../../src/core/pipeline.ts';
import type { TierRule } from '../../src/core/policy.ts';
import { missedPart } from '../../src/core/stop.ts';
import type { Step, Workflow } from '../../src/core/workflow.ts';
import { toWholeRecord } from '../../src/woodpecker/normalise.ts';
import { WirePipeline } from '../../src/woodpecker/wire.ts';
import { fixture } from '../support/fixtures.ts';
import { aPolicy, aRecord, aStep, aWorkflow } from '../support/records.ts';

const deploys: TierRule = { tier: 'production', workflows: ['deploy'] };
const ships: TierRule = { tier: 'production', steps: ['deploy', 'ship'] };

const missed = (rule: TierRule, record: PipelineRecord) =>
  missedPart(aPolicy({ tiers: [rule] }), 'acme/shop', 'production', record);
const stopIn = (...workflows: readonly Workflow[]) => missed(deploys, aRecord({ workflows }))?.stop;
const testing = (told: Partial<Workflow>, ...steps: readonly Partial<Step>[]): Workflow =>
  aWorkflow({ name: 'test', ...told, steps: steps.map((step) => aStep(step)) });

const recorded = (name: string) =>
  toWholeRecord(WirePipeline.parse(fixture(`recorded/v3.17.0-part-${name}.json`)), 1_800_000_000);

describe('a recorded pipeline whose part did not run', () => {
  it('stopped at the failing step of another workflow', () => {
    expect(missed(deploys, recorded('test-failed-deploy-skipped'))).toEqual({
      workflows: ['deploy'],
      steps: null,
      isPresent: true,
      stop: { workflow: 'test', step: 'unit', end: 'failure' },
    });
  });

  it('stopped at the failing step of its own workflow', () => {
    expect(missed(ships, recorded('build-step-failed-deploy-step-skipped'))).toEqual({
      workflows: null,
      steps: ['deploy', 'ship'],
      isPresent: true,
      stop: { workflow: 'ci', step: 'build', end: 'failure' },
    });
  });

  it('has no stop if it does not contain the part', () => {
    expect(missed(deploys, recorded('push-without-the-deploy-workflow'))).toEqual({
      workflows: ['deploy'],
      steps: null,
      isPresent: false,
      stop: null,
    });
    expect(missed(ships, recorded('deploy-step-filtered-out-by-when'))).toMatchObject({
      isPresent: false,
      stop: null,
    });
  });

  it('has no stop if the failing step was set to ignore failures', () => {
    expect(missed(deploys, recorded('deploy-step-failed-and-ignored'))).toMatchObject({ stop: null });
  });
});

describe('a pipeline stopped', () => {
  const failed = { state: 'failure', exitCode: 1 };

  it('at the step that failed first, in whatever workflow', () => {
    expect(
      stopIn(
        testing({ name: 'lint', state: 'failure' }, { name: 'style', ...failed, finishedAt: 1080 }),
        testing(
          { state: 'failure' },
          { name: 'unit', finishedAt: 1050 },
          { name: 'system', ...failed, finishedAt: 1070 },
        ),
      ),
    ).toEqual({ workflow: 'test', step: 'system', end: 'failure' });
  });

  it('at a failed step rather than at one that was killed before it', () => {
    expect(
      stopIn(
        testing({ state: 'killed' }, { name: 'unit', state: 'killed', finishedAt: 1050 }),
        testing({ name: 'lint', state: 'failure' }, { name: 'style', ...failed, finishedAt: 1080 }),
      ),
    ).toEqual({ workflow: 'lint', step: 'style', end: 'failure' });
  });

  it('at the step that was killed, not at one that never started', () => {
    expect(
      stopIn(
        testing(
          { state: 'killed', error: 'Canceled' },
          { name: 'system', state: 'killed', startedAt: null },
          { name: 'unit', state: 'killed' },
        ),
      ),
    ).toEqual({ workflow: 'test', step: 'unit', end: 'killed' });
  });

  it('at a workflow if none of its steps shows the stop', () => {
    expect(stopIn(testing({ state: 'failure', error: 'agent lost' }))).toEqual({
      workflow: 'test',
      step: null,
      end: 'failure',
    });
  });

  it('nowhere if it was killed before anything ran', () => {
    expect(stopIn(testing({ state: 'killed', startedAt: null }, { state: 'killed', startedAt: null }))).toBe(
      null,
    );
  });
});

describe('no part is missing', () => {
  it('if it ran, if the tier takes whole pipelines, or if it takes none of them', () => {
    const workflows = [aWorkflow()];
    expect(missed(deploys, aRecord({ workflows }))).toBe(null);
    expect(missed({ tier: 'production' }, aRecord({ workflows }))).toBe(null);
    expect(missed({ ...deploys, branches: ['release'] }, aRecord({ workflows: [] }))).toBe(null);
    expect(missed(deploys, aRecord({ workflows: [] }))).toBe(null);
  });
});
