import { describe, expect, it } from 'vitest';
import { classify, type IgnoreReason, isWatched, type RepoScope } from '../../src/core/classification.ts';
import type { PipelineRecord } from '../../src/core/pipeline.ts';
import type { Policy } from '../../src/core/policy.ts';
import { aClassification, aPolicy, aRecord, aWorkflow, ignoredIn, unfinishedIn } from '../support/records.ts';

const shop: RepoScope = { fullName: 'acme/shop', defaultBranches: ['main'] };

const classifyWith = (record: Partial<PipelineRecord>, policy: Policy = aPolicy(), repo: RepoScope = shop) =>
  classify(policy, repo, aRecord(record));

const failedWorkflow = aWorkflow({ state: 'failure', error: 'uuid=01M8H52: exit code 1' });
const cancelledWorkflow = aWorkflow({ state: 'failure', error: 'Canceled' });

const success = aClassification({ tier: 'unassigned' });
const failure = aClassification({ tier: 'unassigned', outcome: 'failure' });
const ignored = (reason: IgnoreReason) => ignoredIn(null, reason);
/** Ignored because of its end. Its tier is known nevertheless. */
const endedAs = (reason: IgnoreReason) => ignoredIn('unassigned', reason);

describe('classify, by the end of a pipeline,', () => {
  it('takes a success as a deployment, at its finish', () => {
    expect(classifyWith({ status: 'success' })).toEqual(success);
  });

  it('takes a failure as a failed deployment', () => {
    expect(classifyWith({ status: 'failure' })).toEqual(failure);
    expect(classifyWith({ status: 'failure', workflows: [failedWorkflow] })).toEqual(failure);
  });

  it('takes the first report of the end as its time if there is no finish', () => {
    expect(classifyWith({ finishedAt: null, firstEndReportAt: 1234 })).toEqual(
      aClassification({ tier: 'unassigned', at: 1234 }),
    );
  });

  it.each(['success', 'failure'])('ignores a %s without any time', (status) => {
    expect(classifyWith({ status, finishedAt: null })).toEqual(endedAs('no_timestamp'));
  });

  it.each(['canceled', 'declined', 'skipped', 'killed', 'error'] as const)('ignores %s', (status) => {
    expect(classifyWith({ status })).toEqual(endedAs(status));
  });

  it('takes a pipeline that a failing step killed as failed', () => {
    expect(classifyWith({ status: 'killed', canceledByStep: 'deploy' })).toEqual(failure);
  });

  it('takes a cancelled run as killed, although a server older than 3.14 reports it as a failure', () => {
    expect(classifyWith({ status: 'failure', workflows: [cancelledWorkflow] })).toEqual(endedAs('killed'));
  });

  it('takes killed and error as failed if the policy says so', () => {
    const policy = aPolicy({ deployments: { failure: ['failure', 'error', 'killed'] } });
    expect(classifyWith({ status: 'error' }, policy)).toEqual(failure);
    expect(classifyWith({ status: 'killed' }, policy)).toEqual(failure);
    expect(classifyWith({ status: 'failure', workflows: [cancelledWorkflow] }, policy)).toEqual(failure);
    expect(classifyWith({ status: 'canceled' }, policy)).toEqual(endedAs('canceled'));
  });

  it.each(['pending', 'running', 'blocked', 'created', 'hibernating'])(
    'takes %s as not ended, even with a finish',
    (status) => {
      expect(classifyWith({ status })).toEqual(unfinishedIn('unassigned'));
    },
  );
});

describe('classify, by the policy,', () => {
  it('ignores a repo that the policy does not list', () => {
    const policy = aPolicy({ deployments: { repos: ['acme/infra-*'] } });
    expect(classifyWith({}, policy)).toEqual(ignored('repo'));
    expect(classifyWith({}, policy, { fullName: 'Acme/INFRA-dns', defaultBranches: ['main'] })).toEqual(
      success,
    );
  });

  it('ignores a repo that the policy excludes', () => {
    const policy = aPolicy({ deployments: { ignoreRepos: ['acme/SHOP'] } });
    expect(classifyWith({}, policy)).toEqual(ignored('repo'));
  });

  it.each(['push', 'pull_request', 'deployment'])('ignores %s from a fork', (event) => {
    expect(classifyWith({ event, fromFork: true })).toEqual(ignored('fork'));
  });

  it.each(['pull_request', 'pull_request_closed', 'pull_request_metadata'])('ignores %s', (event) => {
    expect(classifyWith({ event })).toEqual(ignored('pull_request'));
  });

  it('ignores pull requests even if a policy lists them', () => {
    const policy = aPolicy({ deployments: { events: ['push', 'pull_request'] } });
    expect(classifyWith({ event: 'pull_request' }, policy)).toEqual(ignored('pull_request'));
  });

  it.each(['push', 'tag', 'release', 'deployment', 'manual', 'cron'])('admits %s by default', (event) => {
    expect(classifyWith({ event })).toEqual(success);
  });

  it('ignores events that the policy does not list, unknown events too', () => {
    const policy = aPolicy({ deployments: { events: ['deployment'] } });
    expect(classifyWith({ event: 'cron' }, policy)).toEqual(ignored('event'));
    expect(classifyWith({ event: 'telepathy' })).toEqual(ignored('event'));
  });

  it.each(['push', 'manual', 'cron'])('admits %s only on the default branch', (event) => {
    expect(classifyWith({ event, branch: 'main' })).toEqual(success);
    expect(classifyWith({ event, branch: 'feature/cart' })).toEqual(ignored('branch'));
    expect(classifyWith({ event, branch: 'Main' })).toEqual(ignored('branch'));
  });

  it.each(['tag', 'release', 'deployment'])('admits %s on any branch', (event) => {
    expect(classifyWith({ event, branch: 'feature/cart' })).toEqual(success);
  });

  it('admits every branch that is or was the default branch', () => {
    const repo: RepoScope = { fullName: 'acme/shop', defaultBranches: ['main', 'master'] };
    expect(classifyWith({ branch: 'master' }, aPolicy(), repo)).toEqual(success);
    expect(classifyWith({ branch: 'main' }, aPolicy(), repo)).toEqual(success);
    expect(classifyWith({ branch: 'develop' }, aPolicy(), repo)).toEqual(ignored('branch'));
  });

  it('admits only the branches that match the globs of the policy, and then no default branch', () => {
    const policy = aPolicy({ deployments: { branches: ['release/*'] } });
    expect(classifyWith({ branch: 'release/2.1' }, policy)).toEqual(success);
    expect(classifyWith({ branch: 'main' }, policy)).toEqual(ignored('branch'));
  });

  it('applies no rule to an unknown field', () => {
    expect(classifyWith({ event: null, branch: 'feature/cart' })).toEqual(success);
    expect(classifyWith({ branch: null })).toEqual(success);
    expect(classifyWith({ branch: 'feature/cart' }, aPolicy(), { ...shop, defaultBranches: [] })).toEqual(
      success,
    );
  });

  it('ignores a pipeline without a tier', () => {
    const policy = aPolicy({ tiers: [{ tier: 'production', deployTo: ['production'] }], defaultTier: null });
    expect(classifyWith({ deployTo: 'staging' }, policy)).toEqual(ignored('tier'));
    expect(classifyWith({ deployTo: 'production' }, policy)).toEqual(aClassification());
  });

  it('gives one reason, the first that applies', () => {
    const policy = aPolicy({ defaultTier: null, deployments: { events: [], repos: ['other/*'] } });
    const record = { fromFork: true, event: 'pull_request', status: 'killed' };
    expect(classifyWith(record, policy)).toEqual(ignored('repo'));
    expect(classifyWith(record, aPolicy({ defaultTier: null }))).toEqual(ignored('fork'));
    expect(classifyWith({ ...record, fromFork: false }, aPolicy({ defaultTier: null }))).toEqual(
      ignored('pull_request'),
    );
  });

  it('ignores a pipeline out of scope before its end is known', () => {
    expect(classifyWith({ status: 'running', event: 'pull_request' })).toEqual(ignored('pull_request'));
    expect(classifyWith({ status: 'running', branch: 'feature/cart' })).toEqual(ignored('branch'));
  });
});

describe('classify: rework', () => {
  const policy = aPolicy({ rework: { branches: ['hotfix/*'], message: ['^revert', '^hotfix'] } });
  const isRework = (record: Partial<PipelineRecord>) => {
    const [one] = classifyWith(record, policy, { ...shop, defaultBranches: ['main', 'hotfix/1'] }).tiers;
    return one?.kind === 'deployment' && one.isRework;
  };

  it('follows from the branch', () => {
    expect(isRework({ branch: 'hotfix/1' })).toBe(true);
    expect(isRework({ branch: 'main' })).toBe(false);
  });

  it.each(['push', 'manual', 'deployment'])(
    'follows from the message of a %s in upper or lower case',
    (event) => {
      expect(isRework({ event, message: 'Revert "new cart"' })).toBe(true);
      expect(isRework({ event, message: 'do not revert' })).toBe(false);
    },
  );

  it.each(['tag', 'release', 'cron', null])('does not follow from the message of %s', (event) => {
    expect(isRework({ event, message: 'revert "new cart"' })).toBe(false);
  });
});

describe('isWatched', () => {
  it('is true for a repo that the policy lists and does not exclude', () => {
    const policy = aPolicy({ deployments: { repos: ['acme/*'], ignoreRepos: ['*/sandbox-*'] } });
    expect(isWatched(policy, 'Acme/Shop')).toBe(true);
    expect(isWatched(policy, 'acme/sandbox-7')).toBe(false);
    expect(isWatched(policy, 'other/shop')).toBe(false);
  });
});
