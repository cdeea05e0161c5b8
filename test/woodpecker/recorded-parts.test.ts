/** The expected outcome of each recorded pipeline under rules for a part or a tag, worked out by hand. */

import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { classify } from '../../src/core/classification.ts';
import type { TierRule } from '../../src/core/policy.ts';
import { toWholeRecord } from '../../src/woodpecker/normalise.ts';
import { WirePipeline } from '../../src/woodpecker/wire.ts';
import { fixture } from '../support/fixtures.ts';
import { aPolicy, aRepo } from '../support/records.ts';

type Expected = readonly (string | number)[];

/** The outcome, start and finish of each tier, or the reason why it has none. */
function classified(name: string, tiers: readonly TierRule[]): readonly Expected[] {
  const record = toWholeRecord(WirePipeline.parse(fixture(`recorded/v3.17.0-${name}.json`)), 1_800_000_000);
  const found = classify(aPolicy({ tiers, defaultTier: null }), aRepo(), record);
  return found.tiers.map((one) => {
    if (one.kind === 'deployment') return [one.tier, one.outcome, one.startedAt ?? 0, one.at];
    return [one.tier, one.kind === 'ignored' ? one.reason : one.kind];
  });
}

const workflow: TierRule = { tier: 'production', workflows: ['deploy'] };
const step: TierRule = { tier: 'production', steps: ['deploy', 'ship'] };
const both: TierRule = { tier: 'production', workflows: ['deploy'], steps: ['ship'] };

const workflowEnds: [name: string, ...end: Expected][] = [
  ['part-build-step-failed-deploy-step-skipped', 'not_reached'],
  ['part-deploy-ok-notify-workflow-failed', 'success', 1_795_874_587, 1_795_874_588],
  ['part-deploy-step-canceled-in-the-middle', 'killed'],
  ['part-deploy-step-failed-and-ignored', 'not_reached'],
  ['part-deploy-step-filtered-out-by-when', 'success', 1_795_875_325, 1_795_875_326],
  ['part-deploy-step-ok-notify-step-failed', 'not_reached'],
  ['part-deploy-step-ok-then-canceled', 'not_reached'],
  ['part-deploy-workflow-ok-others-running-later', 'success', 1_795_875_299, 1_795_875_300],
  ['part-deploy-workflow-ok-others-still-running', 'unfinished'],
  ['part-deploy-workflow-ok-then-canceled', 'success', 1_795_874_633, 1_795_874_634],
  ['part-deployment-event-with-the-deploy-workflow-alone', 'success', 1_795_875_316, 1_795_875_317],
  ['part-push-without-the-deploy-workflow', 'not_reached'],
  ['part-restart-of-it', 'success', 1_795_875_319, 1_795_875_321],
  ['part-staging-and-production-ok', 'not_reached'],
  ['part-staging-ok-production-failed', 'not_reached'],
  ['part-test-and-deploy-ok', 'success', 1_795_874_575, 1_795_874_576],
  // The server wrote no finish, and the step of the skipped workflow is killed.
  ['part-test-failed-deploy-skipped', 'not_reached'],
  ['part-test-ok-deploy-failed', 'failure', 1_795_874_582, 1_795_874_582],
];

const stepEnds: [name: string, ...end: Expected][] = [
  ['part-build-step-failed-deploy-step-skipped', 'not_reached'],
  ['part-deploy-ok-notify-workflow-failed', 'success', 1_795_874_587, 1_795_874_588],
  ['part-deploy-step-canceled-in-the-middle', 'killed'],
  ['part-deploy-step-failed-and-ignored', 'success', 1_795_875_290, 1_795_875_290],
  ['part-deploy-step-filtered-out-by-when', 'not_reached'],
  ['part-deploy-step-ok-notify-step-failed', 'success', 1_795_874_594, 1_795_874_595],
  ['part-deploy-step-ok-then-canceled', 'success', 1_795_874_644, 1_795_874_645],
  ['part-deploy-workflow-ok-others-running-later', 'success', 1_795_875_299, 1_795_875_300],
  ['part-deploy-workflow-ok-others-still-running', 'unfinished'],
  ['part-deploy-workflow-ok-then-canceled', 'success', 1_795_874_633, 1_795_874_634],
  ['part-deployment-event-with-the-deploy-workflow-alone', 'success', 1_795_875_316, 1_795_875_317],
  ['part-push-without-the-deploy-workflow', 'not_reached'],
  ['part-restart-of-it', 'success', 1_795_875_320, 1_795_875_321],
  ['part-staging-and-production-ok', 'success', 1_795_874_606, 1_795_874_609],
  ['part-staging-ok-production-failed', 'failure', 1_795_874_615, 1_795_874_616],
  ['part-test-and-deploy-ok', 'success', 1_795_874_575, 1_795_874_576],
  ['part-test-failed-deploy-skipped', 'not_reached'],
  ['part-test-ok-deploy-failed', 'failure', 1_795_874_582, 1_795_874_582],
];

const cases = (ends: typeof workflowEnds) => ends.map(([name, ...end]) => ({ name, end }));

describe('recorded pipelines whose deployment is a part', () => {
  it.each(cases(workflowEnds))('the workflow deploy of $name is $end', ({ name, end }) => {
    expect(classified(name, [workflow])).toEqual([['production', ...end]]);
  });

  it.each(cases(stepEnds))('the steps deploy and ship of $name are $end', ({ name, end }) => {
    expect(classified(name, [step])).toEqual([['production', ...end]]);
  });

  it('are all listed here', () => {
    const files = readdirSync(new URL('../fixtures/woodpecker/recorded/', import.meta.url));
    const parts = files.filter((file) => file.startsWith('v3.17.0-part-')).sort();
    for (const ends of [workflowEnds, stepEnds])
      expect(ends.map(([name]) => `v3.17.0-${name}.json`).sort()).toEqual(parts);
  });

  it('have a step of a rule with workflows matched in those workflows alone', () => {
    expect(classified('part-deploy-step-filtered-out-by-when', [both])).toEqual([
      ['production', 'not_reached'],
    ]);
    expect(classified('part-restart-of-it', [both])).toEqual([
      ['production', 'success', 1_795_875_320, 1_795_875_321],
    ]);
  });

  const perTier: TierRule[] = [
    { tier: 'staging', workflows: ['deploy-staging'] },
    { tier: 'production', workflows: ['deploy-production'] },
  ];

  it('include one that deploys to staging and to production', () => {
    expect(classified('part-staging-and-production-ok', perTier)).toEqual([
      ['production', 'success', 1_795_874_607, 1_795_874_609],
      ['staging', 'success', 1_795_874_606, 1_795_874_607],
    ]);
  });

  it('include one that succeeds in staging and fails in production', () => {
    expect(classified('part-staging-ok-production-failed', perTier)).toEqual([
      ['production', 'failure', 1_795_874_616, 1_795_874_616],
      ['staging', 'success', 1_795_874_615, 1_795_874_616],
    ]);
  });

  it.each([
    ['pipeline-killed-by-step', 'a', 'build', 'failure'],
    ['pipeline-killed-by-step', 'b', 'other', 'killed'],
    ['pipeline-killed-by-user', 'woodpecker', 'build', 'killed'],
    ['pipeline-killed-by-timeout', 'woodpecker', 'build', 'killed'],
    ['pipeline-server-killed-while-running', 'woodpecker', 'build', 'killed'],
    ['pipeline-agent-killed-while-running', 'woodpecker', 'build', 'killed'],
    ['pipeline-failure-ignore', 'woodpecker', 'build', 'success'],
  ])('of %s, the step %s/%s is a %s', (name, inWorkflow, ofStep, end) => {
    const rule = { tier: 'production', workflows: [inWorkflow], steps: [ofStep] };
    expect(classified(name, [rule])[0]?.[1]).toBe(end);
  });
});

describe('recorded pipelines of a real Forgejo, by tag and event', () => {
  const rules: TierRule[] = [
    { tier: 'production', events: ['tag', 'release', 'deployment'], tags: ['v*', '!*-*'] },
    { tier: 'staging', events: ['tag', 'release', 'deployment'], tags: ['*-*'] },
    { tier: 'nightly', events: ['cron'] },
    { tier: 'main', events: ['push', 'manual'], branches: ['ma?n'] },
  ];

  it.each<[string, Expected[]]>([
    ['cron', [['nightly', 'success', 1_795_874_427, 1_795_874_427]]],
    ['deployment-of-an-annotated-tag', [['staging', 'success', 1_795_874_175, 1_795_874_175]]],
    ['manual', [['main', 'success', 1_795_874_426, 1_795_874_426]]],
    ['pull_request-from-fork', []],
    ['push-merge-of-fork-pr', [['main', 'success', 1_795_874_444, 1_795_874_444]]],
    ['release', [['production', 'success', 1_795_874_167, 1_795_874_167]]],
    ['tag-annotated-by-api', [['production', 'success', 1_795_874_164, 1_795_874_164]]],
    ['tag-annotated-by-git-push', [['staging', 'success', 1_795_874_140, 1_795_874_140]]],
    ['tag-lightweight', [['staging', 'success', 1_795_874_135, 1_795_874_135]]],
  ])('%s is %j', (name, expected) => {
    expect(classified(`forgejo-${name}`, rules)).toEqual(expected);
  });
});
