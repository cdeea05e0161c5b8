import { describe, expect, it } from 'vitest';
import { classify } from '../../src/core/classification.ts';
import type { PipelineRecord } from '../../src/core/pipeline.ts';
import type { Policy } from '../../src/core/policy.ts';
import { createPolicyCheck } from '../../src/core/policy-check.ts';
import { aPolicy, aRecord, aRepo, aStoredPipeline, aWorkflow } from '../support/records.ts';

const shop = aRepo();

function warningsOf(policy: Policy, ...records: Partial<PipelineRecord>[]): readonly string[] {
  const check = createPolicyCheck(policy, [shop]);
  for (const told of records) {
    const record = aRecord(told);
    check.add(shop, aStoredPipeline({ record, classification: classify(policy, shop, record) }));
  }
  return check.warnings();
}

describe('the check of a policy', () => {
  it('warns of a rule that matches nothing, in the words of the policy', () => {
    const policy = aPolicy({
      tiers: [
        { tier: 'staging', workflows: ['deploy-stagin'], tags: ['v*'] },
        { tier: 'production', workflows: ['deploy'] },
        { tier: 'live', workflows: ['deploy'], steps: ['shipp'] },
      ],
    });
    expect(warningsOf(policy, { workflows: [aWorkflow()] })).toEqual([
      'No stored pipeline matches the rule for staging: tags v*; workflows deploy-stagin',
      'No stored pipeline matches the rule for live: workflows deploy; steps shipp',
    ]);
  });

  it('warns of repos that no known repo matches', () => {
    const policy = aPolicy({
      deployments: { repos: ['ACME/*', 'amce/*', '!acme/old'], ignoreRepos: ['acme/shop-*'] },
    });
    expect(warningsOf(policy, {})).toEqual([
      'No known repo matches amce/* in deployments.repos',
      'No known repo matches !acme/old in deployments.repos',
      'No known repo matches acme/shop-* in deployments.ignore_repos',
    ]);
  });

  it('warns of commits that count under two events in one tier', () => {
    const commit = 'c0ffee00'.repeat(5);
    expect(
      warningsOf(
        aPolicy(),
        { number: 1, commit },
        { number: 2, commit, event: 'deployment' },
        { number: 3, commit },
      ),
    ).toEqual([
      'Commits count under two events in acme/shop, unassigned: deployment and push: 1, such as c0ffee00',
    ]);
  });

  it('says nothing of an empty store, nor of a restart', () => {
    expect(warningsOf(aPolicy({ tiers: [{ tier: 'production', tags: ['v*'] }] }))).toEqual([]);
    expect(warningsOf(aPolicy(), { number: 1 }, { number: 2, parent: 1 })).toEqual([]);
  });
});
