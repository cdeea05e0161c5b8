/** Converts between deployments and rows of `deployments`. */

import type { Deployment, Outcome } from '../core/deployment.ts';
import { lastReportedAt as reportedAt } from '../core/pipeline.ts';
import { knownAfter, type StoredPipeline } from '../core/stored-pipeline.ts';
import { fine } from '../core/verdict.ts';
import { commitOf, toChange } from './change-rows.ts';
import type { SqlValue } from './sql-values.ts';
import type { TieredDeployment } from './store.ts';

/** Columns of `deployments`, in the order of `fromDeployments`. */
export const deploymentRowColumns = [
  'repo',
  'tier',
  'deployed_at',
  'number',
  'outcome',
  'started_at',
  'duration',
  'is_rework',
  'credited',
  'commit_sha',
  'committed_at',
  'event',
  'branch',
  'ref',
  'is_restart',
  'reverts',
  'known_after',
  'is_held',
] as const;

/** A row for each tier in which the pipeline is a deployment, or unread; an unread one has no outcome. */
export function fromDeployments({
  repo,
  record,
  classification,
  isPending,
  credited,
}: StoredPipeline): SqlValue[][] {
  return classification.tiers.flatMap((one) => {
    if (one.kind !== 'deployment' && one.kind !== 'unread') return [];
    const deployment = one.kind === 'deployment' ? one : null;
    return [
      [
        repo,
        one.tier,
        deployment ? deployment.at : reportedAt(record),
        record.number,
        deployment ? deployment.outcome : null,
        deployment ? deployment.startedAt : null,
        deployment ? deployment.durationSeconds : null,
        Number(deployment?.isRework ?? false),
        credited.get(one.tier) ?? 0,
        record.commit,
        record.committedAt,
        record.event,
        record.branch,
        record.ref,
        Number((record.parent ?? 0) > 0),
        deployment && deployment.reverts.length > 0 ? deployment.reverts.join(' ') : null,
        deployment ? knownAfter(record, deployment.at) : 0,
        Number(isPending),
      ],
    ];
  });
}

/** Columns that `toTieredDeployment` reads, in order, before the columns of the change. */
export const deploymentColumns = deploymentRowColumns
  .filter((column) => column !== 'is_held')
  .map((column) => (column === 'commit_sha' ? commitOf(column, 'deployments.repo') : `deployments.${column}`))
  .join(', ');

export function toTieredDeployment(row: readonly SqlValue[]): TieredDeployment {
  const [repo, tier, at, number, outcome, startedAt, duration, isRework, credited, ...others] = row;
  const [commit, committedAt, event, branch, ref, isRestart, reverts, knownAfterSeconds, ...beside] = others;
  const [firstSeenAt, base, head, commits] = beside;
  const deployment: Deployment = {
    repo: repo as number,
    number: number as number,
    at: at as number,
    knownAfterSeconds: knownAfterSeconds as number,
    outcome: shared(outcome) as Outcome,
    startedAt: startedAt as number | null,
    durationSeconds: duration as number | null,
    isRework: isRework === 1,
    credited: credited as number,
    commit: commit as string,
    event: shared(event),
    branch: shared(branch),
    ref: shared(ref),
    isRestart: isRestart === 1,
    reverts: toReverts(reverts),
    mark: null,
    committedAt: committedAt as number | null,
    firstSeenAt: firstSeenAt as number | null,
    change: toChange(base, head, commits),
    repair: null,
    verdict: fine,
  };
  return { tier: tier as string, deployment };
}

const mostShared = 10_000;
const sharedTexts = new Map<string, string>();

/** Returns the same string for equal values, to save memory: a million deployments may have few branches. */
function shared(value: SqlValue | undefined): string | null {
  if (typeof value !== 'string') return null;
  const known = sharedTexts.get(value);
  if (known !== undefined) return known;
  if (sharedTexts.size === mostShared) sharedTexts.clear();
  sharedTexts.set(value, value);
  return value;
}

const noReverts: readonly string[] = [];

export function toReverts(value: SqlValue | undefined): readonly string[] {
  return typeof value === 'string' ? value.split(' ') : noReverts;
}
