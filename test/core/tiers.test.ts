import { describe, expect, it } from 'vitest';
import type { PipelineRecord } from '../../src/core/pipeline.ts';
import type { Policy } from '../../src/core/policy.ts';
import { rulesFor, tiersByNameAlone } from '../../src/core/tiers.ts';
import { aPolicy, aRecord } from '../support/records.ts';

/** Its only tier; `null`: it has none. */
function tierOf(policy: Policy, repoName: string, record: PipelineRecord): string | null {
  const taken = rulesFor(policy, repoName, record);
  expect(taken.length).toBeLessThan(2);
  return taken[0]?.rule.tier ?? null;
}

describe('rulesFor, of rules for whole pipelines', () => {
  const policy = aPolicy({
    tiers: [
      { tier: 'production', deployTo: ['production', 'prod-*'] },
      { tier: 'platform', repos: ['acme/infra-*'], events: ['push', 'tag'] },
      { tier: 'preview', branches: ['next/*'] },
      { tier: 'platform-rest', repos: ['acme/infra-*'] },
    ],
    defaultTier: 'unassigned',
  });

  it('is the tier of the first rule that matches', () => {
    expect(tierOf(policy, 'acme/infra-dns', aRecord({ deployTo: 'production' }))).toBe('production');
    expect(tierOf(policy, 'acme/infra-dns', aRecord({ branch: 'next/2' }))).toBe('platform');
    expect(tierOf(policy, 'acme/shop', aRecord({ branch: 'next/2' }))).toBe('preview');
  });

  it('requires all conditions of a rule', () => {
    expect(tierOf(policy, 'acme/infra-dns', aRecord({ event: 'push' }))).toBe('platform');
    expect(tierOf(policy, 'acme/infra-dns', aRecord({ event: 'cron' }))).toBe('platform-rest');
    expect(tierOf(policy, 'acme/shop', aRecord({ event: 'push' }))).toBe('unassigned');
  });

  it('ignores the case of repo names and deploy targets, but not of branches', () => {
    expect(tierOf(policy, 'ACME/Infra-DNS', aRecord())).toBe('platform');
    expect(tierOf(policy, 'acme/shop', aRecord({ deployTo: 'Production' }))).toBe('production');
    expect(tierOf(policy, 'acme/shop', aRecord({ branch: 'Next/2' }))).toBe('unassigned');
  });

  it('accepts globs for a deploy target', () => {
    expect(tierOf(policy, 'acme/shop', aRecord({ deployTo: 'prod-eu' }))).toBe('production');
  });

  it('does not match a condition on an unknown field', () => {
    expect(tierOf(policy, 'acme/infra-dns', aRecord({ event: null }))).toBe('platform-rest');
    expect(tierOf(policy, 'acme/shop', aRecord({ branch: null }))).toBe('unassigned');
  });

  it('is the default if no rule matches, or nothing if the policy has no default', () => {
    expect(tierOf(policy, 'acme/shop', aRecord())).toBe('unassigned');
    expect(tierOf({ ...policy, defaultTier: null }, 'acme/shop', aRecord())).toBeNull();
  });
});

describe('tiersByNameAlone', () => {
  it('is the tier of the first rule for the repo, if the name is its only condition', () => {
    const policy = aPolicy({
      tiers: [
        { tier: 'platform', repos: ['acme/infra-*'] },
        { tier: 'production', deployTo: ['production'] },
      ],
    });
    expect(tiersByNameAlone(policy, 'ACME/infra-dns')).toEqual(['platform']);
  });

  it.each([{ deployTo: ['production'] }, { events: ['push'] }, { branches: ['main'] }])(
    'is nothing if an earlier rule could still match by %j',
    (condition) => {
      const policy = aPolicy({ tiers: [{ tier: 'production', ...condition }, { tier: 'platform' }] });
      expect(tiersByNameAlone(policy, 'acme/shop')).toEqual([]);
    },
  );

  it('skips rules for other repos', () => {
    const policy = aPolicy({ tiers: [{ tier: 'production', repos: ['other/*'], deployTo: ['production'] }] });
    expect(tiersByNameAlone(policy, 'acme/shop')).toEqual(['unassigned']);
    expect(tiersByNameAlone({ ...policy, defaultTier: null }, 'acme/shop')).toEqual([]);
  });
});
