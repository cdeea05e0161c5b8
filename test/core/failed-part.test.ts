import { describe, expect, it } from 'vitest';
import type { PipelineRecord } from '../../src/core/pipeline.ts';
import type { TierRule } from '../../src/core/policy.ts';
import { failedPart } from '../../src/core/stop.ts';
import type { Step, Workflow } from '../../src/core/workflow.ts';
import { aPolicy, aRecord, aStep, aWorkflow } from '../support/records.ts';

const broken = { state: 'failure', exitCode: 1 };
const failing = (name: string, finishedAt: number, ...steps: readonly Partial<Step>[]): Workflow =>
  aWorkflow({ name, state: 'failure', finishedAt, steps: steps.map((step) => aStep(step)) });

const workflows = [
  failing('test', 1050, { name: 'unit', ...broken, finishedAt: 1050 }),
  failing(
    'deploy',
    1100,
    { name: 'build', finishedAt: 1040 },
    { name: 'migrate', ...broken, finishedAt: 1080 },
    { name: 'notify', ...broken, finishedAt: 1090 },
  ),
];

const placeOf = (rule: Partial<TierRule>, told: Partial<PipelineRecord> = {}) => {
  const policy = aPolicy({ tiers: [{ tier: 'production', ...rule }] });
  const found = failedPart(
    policy,
    'acme/shop',
    'production',
    aRecord({ status: 'failure', workflows, ...told }),
  );
  return found && [found.workflow, found.step, found.end];
};

describe('the place where a deployment failed', () => {
  it('is the first failed step of the whole pipeline if that deploys', () => {
    expect(placeOf({})).toEqual(['test', 'unit', 'failure']);
  });

  it('is the first failed step of the workflows that deploy', () => {
    expect(placeOf({ workflows: ['deploy'] })).toEqual(['deploy', 'migrate', 'failure']);
  });

  it('is the failed step that deploys', () => {
    expect(placeOf({ steps: ['notify'] })).toEqual(['deploy', 'notify', 'failure']);
    expect(placeOf({ workflows: ['test'], steps: ['notify'] })).toBe(null);
  });

  it('is a workflow if none of its steps failed', () => {
    const told = { workflows: [failing('deploy', 1100, { name: 'ship' })] };
    expect(placeOf({ workflows: ['deploy'] }, told)).toEqual(['deploy', null, 'failure']);
  });

  it('is unknown without workflows, and if a step reported the deployment itself', () => {
    expect(placeOf({}, { workflows: [] })).toBe(null);
    const report = {
      tier: 'production',
      status: 'failure',
      startedAt: null,
      finishedAt: 1100,
      firstEndReportAt: null,
    };
    expect(placeOf({}, { tierReports: [report] })).toBe(null);
  });
});
