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
      'No stored pipeline that counts matches the rule for staging: tags v*; workflows deploy-stagin',
      'No stored pipeline that counts matches the rule for live: workflows deploy; steps shipp',
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

  it('warns of repos in rules that no known repo matches', () => {
    const policy = aPolicy({
      tiers: [
        { tier: 'staging', repos: ['acme/shop', 'acme/shopp'], events: ['push'] },
        { tier: 'production', repos: ['!acme/infra-*'], events: ['deployment'] },
      ],
      incidents: {
        staleSeconds: 86_400,
        rules: [
          { labels: { severity: ['critical'] }, repo: 'acme/{{service}}', tier: 'production' },
          { labels: { team: ['shop'] }, repo: 'Acme/Shop', tier: 'production' },
          { labels: { team: ['api'] }, repo: 'acme/apii', tier: 'production' },
        ],
      },
    });
    expect(warningsOf(policy, { event: 'push' }, { number: 2, event: 'deployment' })).toEqual([
      'No known repo matches acme/shopp in the rule for staging',
      'No known repo matches !acme/infra-* in the rule for production',
      'No known repo matches acme/apii in incidents.rules',
    ]);
  });

  it('warns of tiers that the policy does not have, whatever is stored', () => {
    const policy = aPolicy({
      tiers: [{ tier: 'production', deployTo: ['production'] }],
      failures: { ...aPolicy().failures, tiers: ['prod*', 'unassigned', 'prd', '!staging'] },
      incidents: {
        staleSeconds: 86_400,
        rules: [
          { labels: { severity: ['page'] }, repo: 'acme/{{service}}', tier: 'prod' },
          { labels: { severity: ['critical'] }, repo: 'acme/{{service}}', tier: 'production' },
        ],
      },
    });
    expect(createPolicyCheck(policy, []).warnings()).toEqual([
      'No tier of the policy matches prd in failures.tiers',
      'No tier of the policy matches !staging in failures.tiers',
      'No tier of the policy is prod, which a rule in incidents.rules names',
    ]);
    expect(createPolicyCheck({ ...policy, defaultTier: null }, []).warnings()).toContain(
      'No tier of the policy matches unassigned in failures.tiers',
    );
  });

  it('warns of repos before a pipeline is stored, once a repo is known', () => {
    const policy = aPolicy({
      deployments: { ignoreRepos: ['acme/old'] },
      tiers: [{ tier: 'production', tags: ['v*'] }],
    });
    expect(warningsOf(policy)).toEqual(['No known repo matches acme/old in deployments.ignore_repos']);
    expect(createPolicyCheck(policy, []).warnings()).toEqual([]);
  });

  it('warns of a rule that matches only stored pipelines that do not count', () => {
    const policy = aPolicy({ tiers: [{ tier: 'production', branches: ['release/*'] }] });
    expect(warningsOf(policy, { branch: 'release/1', event: 'push' })).toEqual([
      'No stored pipeline that counts matches the rule for production: branches release/*',
    ]);
  });

  it('warns of a rule if a rule above it takes everything that it matches', () => {
    const policy = aPolicy({
      tiers: [
        { tier: 'staging', events: ['push'] },
        { tier: 'production', workflows: ['deploy'] },
      ],
    });
    expect(warningsOf(policy, { event: 'push', workflows: [aWorkflow({ name: 'deploy' })] })).toEqual([
      'No stored pipeline that counts matches the rule for production: workflows deploy',
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

  it('does not warn about an empty store, nor about a restart', () => {
    expect(warningsOf(aPolicy({ tiers: [{ tier: 'production', tags: ['v*'] }] }))).toEqual([]);
    expect(warningsOf(aPolicy(), { number: 1 }, { number: 2, parent: 1 })).toEqual([]);
  });
});
