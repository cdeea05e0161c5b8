/** Values of the core for tests, with plain defaults. A test overrides the fields that it is about. */

import type { Classification, IgnoreReason, InTier } from '../../src/core/classification.ts';
import type { Deployment } from '../../src/core/deployment.ts';
import type { PipelineRecord } from '../../src/core/pipeline.ts';
import { defaultPolicy, type Policy } from '../../src/core/policy.ts';
import { noScan, type Repo, type RepoFacts } from '../../src/core/repo.ts';
import { zeroTotals } from '../../src/core/series/ledger.ts';
import type { Pair } from '../../src/core/series/pair.ts';
import type { StoredPipeline } from '../../src/core/stored-pipeline.ts';
import { fine } from '../../src/core/verdict.ts';
import type { Step, Workflow } from '../../src/core/workflow.ts';

/** A successful push to main: created at 1000, started at 1010, finished at 1100. */
export function aRecord(overrides: Partial<PipelineRecord> = {}): PipelineRecord {
  return {
    number: 1,
    id: 501,
    status: 'success',
    event: 'push',
    branch: 'main',
    ref: 'refs/heads/main',
    parent: 0,
    deployTo: '',
    commit: '6dcb09b5b57875f334f61aebed695e2e4193db5e',
    message: 'fix the cart',
    fromFork: false,
    createdAt: 1000,
    startedAt: 1010,
    finishedAt: 1100,
    hasOneClock: true,
    clockAhead: 0,
    endSeenAt: null,
    updatedAt: 1101,
    committedAt: null,
    hasWorkflows: true,
    fromRest: true,
    canceledByStep: null,
    firstEndReportAt: null,
    workflows: [],
    tierReports: [],
    ...overrides,
  };
}

/** A successful step from 1010 to 1100. */
export function aStep(overrides: Partial<Step> = {}): Step {
  return {
    ...{ pid: 0, name: 'ship', state: 'success', exitCode: 0 },
    ...{ startedAt: 1010, finishedAt: 1100, error: '', ...overrides },
  };
}

/** A workflow of one successful step from 1010 to 1100. */
export function aWorkflow(overrides: Partial<Workflow> = {}): Workflow {
  const { exitCode: _, ...part } = aStep({ name: 'deploy' });
  return { ...part, steps: [aStep()], ...overrides };
}

export function aRepo(overrides: Partial<Repo> = {}): Repo {
  return {
    key: 1,
    woodpeckerId: 11,
    forgeRemoteId: 'forge-11',
    fullName: 'acme/shop',
    namedAt: 1000,
    defaultBranches: ['main'],
    horizon: null,
    knownSince: null,
    revealed: true,
    isGone: false,
    scan: noScan,
    ...overrides,
  };
}

export function someFacts(overrides: Partial<RepoFacts> = {}): RepoFacts {
  return {
    woodpeckerId: 11,
    forgeRemoteId: 'forge-11',
    fullName: 'acme/shop',
    defaultBranch: 'main',
    asOf: 1000,
    ...overrides,
  };
}

/** A success without a start, so that only the outcome matters. */
export function aDeployment(overrides: Partial<Deployment> = {}): Deployment {
  return {
    repo: 1,
    number: 1,
    at: 1100,
    knownAfterSeconds: 0,
    outcome: 'success',
    startedAt: null,
    durationSeconds: null,
    isRework: false,
    commit: '',
    event: 'push',
    branch: 'main',
    ref: 'refs/heads/main',
    isRestart: false,
    reverts: [],
    mark: null,
    committedAt: null,
    firstSeenAt: null,
    change: null,
    credited: 0,
    repair: null,
    verdict: fine,
    ...overrides,
  };
}

/** A deployment in one tier. */
export function aClassification(
  overrides: Partial<Omit<Extract<InTier, { kind: 'deployment' }>, 'kind'>> = {},
): Classification {
  const { outcome = 'success', ...others } = overrides;
  const times = { at: 1100, startedAt: 1010, durationSeconds: null };
  const found = { tier: 'production', outcome, ...times, isRework: false, reverts: [] };
  return { tiers: [{ kind: 'deployment', ...found, ...others }], reason: null };
}

/** A pipeline in one tier that has not ended. */
export function unfinishedIn(tier: string): Classification {
  return { tiers: [{ tier, kind: 'unfinished' }], reason: null };
}

/** `null`: out of scope. */
export function ignoredIn(tier: string | null, reason: IgnoreReason): Classification {
  return { tiers: tier === null ? [] : [{ tier, kind: 'ignored', reason }], reason };
}

export function aStoredPipeline(
  overrides: Partial<Omit<StoredPipeline, 'credited'>> & { credited?: number } = {},
): StoredPipeline {
  const { credited = 0, classification = aClassification(), record = aRecord(), ...rest } = overrides;
  return {
    repo: 1,
    record,
    commit: record.commit,
    classification,
    isPending: false,
    credited: new Map(classification.tiers.map(({ tier }) => [tier, credited])),
    changes: new Map(),
    ...rest,
  };
}

export function aPair(overrides: Partial<Pair> = {}): Pair {
  return { repo: 1, tier: 'production', isKnown: true, totals: zeroTotals, ...overrides };
}

/** The default policy with some fields overridden. */
export function aPolicy(
  overrides: Partial<Omit<Policy, 'deployments'>> & { deployments?: Partial<Policy['deployments']> } = {},
): Policy {
  return {
    ...defaultPolicy,
    ...overrides,
    deployments: { ...defaultPolicy.deployments, ...overrides.deployments },
  };
}
