/** The rarer cases. Any pipelines are compared with an oracle: see `test/laws/parts.test.ts`. */

import { describe, expect, it } from 'vitest';
import { classify } from '../../src/core/classification.ts';
import { endOfPart } from '../../src/core/parts.ts';
import type { PipelineRecord } from '../../src/core/pipeline.ts';
import type { TierRule } from '../../src/core/policy.ts';
import type { Step, Workflow } from '../../src/core/workflow.ts';
import { aPolicy, aRecord, aRepo, aStep, aWorkflow } from '../support/records.ts';

const deploys: TierRule = { tier: 'production', workflows: ['deploy'] };
const ships: TierRule = { tier: 'production', steps: ['ship'] };

const withSteps = (workflow: Partial<Workflow>, ...steps: Partial<Step>[]): Workflow =>
  aWorkflow({ ...workflow, steps: steps.map((step) => aStep(step)) });
const ended = (rule: TierRule, workflows: readonly Workflow[], told: Partial<PipelineRecord> = {}) => {
  const part = endOfPart(rule, aRecord({ workflows, ...told }));
  return part.kind === 'ran' ? part.end : part.kind;
};

describe('endOfPart', () => {
  it('takes every workflow of a name, from the earliest start to the latest finish', () => {
    const workflows = [
      aWorkflow({ startedAt: 1020, finishedAt: 1090 }),
      aWorkflow({ startedAt: 1010, finishedAt: 1080 }),
      aWorkflow({ name: 'test', startedAt: 1000, finishedAt: 1200 }),
    ];
    expect(endOfPart(deploys, aRecord({ workflows }))).toEqual({
      ...{ kind: 'ran', end: 'success', startedAt: 1010, finishedAt: 1090 },
    });
  });

  it('takes matching steps inside matching workflows if a rule names both', () => {
    const rule: TierRule = { tier: 'production', workflows: ['deploy'], steps: ['ship', 'publish-*'] };
    const workflows = [
      withSteps(
        {},
        { name: 'publish-web', state: 'failure', exitCode: 1, startedAt: 1030, finishedAt: 1040 },
      ),
      withSteps({ name: 'test' }, { name: 'ship', startedAt: 1000, finishedAt: 1200 }),
    ];
    expect(endOfPart(rule, aRecord({ workflows }))).toEqual({
      ...{ kind: 'ran', end: 'success', startedAt: 1030, finishedAt: 1040 },
    });
    const failed = workflows.map((one) => ({ ...one, state: 'failure' }));
    expect(ended(rule, failed)).toBe('failure');
  });

  describe('in a cancelled workflow', () => {
    const canceled = { state: 'failure', error: 'Canceled', finishedAt: 1100 };

    it('believes the steps if one that ran was killed, except a failure with exit code 0', () => {
      const other: Partial<Step> = { name: 'smoke', state: 'killed' };
      expect(ended(ships, [withSteps(canceled, { state: 'success' }, other)])).toBe('success');
      expect(ended(ships, [withSteps(canceled, { state: 'failure', exitCode: 1 }, other)])).toBe('failure');
      expect(ended(ships, [withSteps(canceled, { state: 'failure', exitCode: 0 }, other)])).toBe('killed');
    });

    it('otherwise takes a step as killed if it has no finish, or finished not before its workflow', () => {
      const end = (finishedAt: number | null, state = 'success') =>
        ended(ships, [withSteps(canceled, { state, finishedAt, exitCode: 126 })]);
      expect(end(1099)).toBe('success');
      expect(end(1100)).toBe('killed');
      expect(end(1104, 'failure')).toBe('killed');
      expect(end(null, 'failure')).toBe('killed');
      expect(end(1099, 'failure')).toBe('failure');
    });

    it('takes the step that stopped the run as failed, if it is in the part', () => {
      const workflows = [
        withSteps(
          canceled,
          { name: 'ship', state: 'killed' },
          { name: 'lint', state: 'failure', exitCode: 1 },
        ),
      ];
      const by = (canceledByStep: string) => ({ status: 'killed', canceledByStep });
      expect(ended(ships, workflows, by('lint'))).toBe('killed');
      expect(ended({ ...ships, steps: ['lint'] }, workflows, by('lint'))).toBe('failure');
      expect(ended(deploys, workflows, by('lint'))).toBe('failure');
      expect(ended(deploys, workflows, by('other'))).toBe('killed');
    });
  });
});

describe('a pipeline with rules of several tiers', () => {
  const staging: TierRule = { tier: 'staging', workflows: ['deploy-staging'] };
  const production: TierRule = { tier: 'production', workflows: ['deploy-production'] };
  const workflows = [
    aWorkflow({ name: 'deploy-staging', startedAt: 1010, finishedAt: 1050 }),
    aWorkflow({ name: 'deploy-production', startedAt: null, finishedAt: null, state: 'skipped' }),
  ];
  const classified = (tiers: TierRule[], told: Partial<PipelineRecord> = {}, failure = ['failure']) => {
    const policy = aPolicy({ tiers, deployments: { failure } });
    const found = classify(policy, aRepo(), aRecord({ workflows, ...told }));
    const words = found.tiers.map((one) => {
      if (one.kind === 'deployment') return [one.tier, one.outcome, one.startedAt, one.at];
      return [one.tier, one.kind === 'ignored' ? one.reason : one.kind];
    });
    return [words, found.reason];
  };

  it('skips later rules of a tier that a part rule has decided, and all rules after a rule for whole pipelines', () => {
    const whole: TierRule = { tier: 'production' };
    expect(classified([production, whole, { tier: 'other' }])).toEqual([
      [
        ['other', 'success', 1010, 1100],
        ['production', 'not_reached'],
      ],
      null,
    ]);
    expect(classified([whole, staging])).toEqual([[['production', 'success', 1010, 1100]], null]);
  });

  it('uses the default tier only if no rule takes the pipeline', () => {
    const never: TierRule = { ...staging, events: ['tag'] };
    expect(classified([production])[0]).toEqual([['production', 'not_reached']]);
    expect(classified([never])[0]).toEqual([['unassigned', 'success', 1010, 1100]]);
  });

  it.each(['canceled', 'declined', 'skipped', 'error'])(
    'keeps the reason %s, even if its workflows are unknown',
    (status) => {
      const told = { status, hasWorkflows: false, workflows: [] };
      expect(classified([staging], told, ['failure', 'error'])).toEqual([[['staging', status]], status]);
    },
  );

  it('is unread until its workflows are known, and has no parts if there are none', () => {
    expect(classified([staging], { workflows: [], hasWorkflows: false })).toEqual([
      [['staging', 'unread']],
      null,
    ]);
    expect(classified([staging], { workflows: [] })).toEqual([[['staging', 'no_parts']], 'no_parts']);
    expect(classified([staging], { status: 'running' })).toEqual([[['staging', 'unfinished']], null]);
  });

  describe('with a rule for tags', () => {
    const tagged: TierRule = { tier: 'production', events: ['tag'], tags: ['v*', '!*-*'] };
    const tierOf = (ref: string | null, hasWorkflows = true) =>
      classified([tagged], { event: 'tag', branch: null, ref, hasWorkflows })[0];

    it('is unread while its ref may still become known', () => {
      expect(tierOf(null, false)).toEqual([['production', 'unread']]);
      expect(tierOf(null)).toEqual([['unassigned', 'success', 1010, 1100]]);
    });
  });
});
