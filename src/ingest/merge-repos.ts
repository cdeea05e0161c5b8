/**
 * Merges two repos that are one: reports without an id used a name before its rename was known, and made a second repo.
 *
 * Guarantees: a pipeline that both had becomes one row and counts once; no total falls below what was shown.
 */

import { creditsAfterMove } from '../core/countable.ts';
import { mergeRecords } from '../core/merge-records.ts';
import { nameKey, type Repo } from '../core/repo.ts';
import {
  addDifference,
  addToTotals,
  differenceOf,
  greaterOf,
  neverCount,
  sumTotals,
  type Totals,
  zeroTotals,
} from '../core/series/ledger.ts';
import { changesFor, type StoredPipeline } from '../core/stored-pipeline.ts';
import type { Transaction } from '../store/store.ts';
import type { IncidentChanges } from './incident-changes.ts';
import type { Admission } from './limits.ts';
import type { MarkChanges } from './mark-changes.ts';
import type { PairChanges } from './pair-changes.ts';
import type { PipelineChanges } from './pipeline-changes.ts';
import type { RepoChanges } from './repo-changes.ts';
import type { SeriesChanges } from './series-changes.ts';

export interface MergeContext {
  readonly tx: Transaction;
  readonly repos: RepoChanges;
  readonly pairs: PairChanges;
  readonly series: SeriesChanges;
  readonly incidents: IncidentChanges;
  readonly marks: MarkChanges;
  readonly admission: Admission;
  readonly pipelines: PipelineChanges;
}

/** Merges `from` into `into`. `nameBefore`: the name of `into` before it got that of `from`. */
export async function mergeRepos(
  context: MergeContext,
  from: Repo,
  into: Repo,
  nameBefore: string,
): Promise<void> {
  const { tx, repos, pairs, series, incidents, marks } = context;
  await series.flush();
  const wereOneSeries = nameKey(nameBefore) === nameKey(from.fullName);
  const shares = new Map<string, Totals>();
  for (const tier of pairs.tiersOf(from.key)) {
    const ofFrom = pairs.at(from.key, tier)?.totals ?? zeroTotals;
    const ofInto = pairs.at(into.key, tier)?.totals ?? zeroTotals;
    const sum = sumTotals(ofInto, ofFrom);
    const twice = wereOneSeries ? zeroTotals : await countedTwice(context, from, into, tier);
    const once = addDifference(sum, differenceOf(zeroTotals, twice));
    shares.set(tier, greaterOf(once, greaterOf(ofInto, ofFrom)));
  }
  await tx.pipelines.copyCommitIds(from.key, into.key);
  for await (const slice of tx.pipelines.all(from.key)) {
    for (const pipeline of slice) await movePipeline(context, pipeline, into);
  }
  await incidents.follow(from, into);
  await marks.rebind(from.key, into.key);
  for (const tier of pairs.tiersOf(into.key)) series.rebuild(into.key, tier);
  for (const [tier, totals] of shares) {
    const pair = pairs.at(from.key, tier);
    pairs.putTotals(into.key, tier, totals);
    series.rebuild(into.key, tier);
    if (pair?.isKnown) pairs.makeKnown(into.key, tier);
    if (pair?.carried) pairs.carry(into.key, tier, pair.carried);
  }
  series.drop(from.key);
  await repos.drop(from.key);
  await series.flush();
}

/** Additions to `from` of the pipelines that both repos have and have counted. */
async function countedTwice(
  { tx, series }: MergeContext,
  from: Repo,
  into: Repo,
  tier: string,
): Promise<Totals> {
  let totals = zeroTotals;
  for (const { deployment, additions } of await series.addedBy(from.key, tier)) {
    const same = await tx.pipelines.get(into.key, deployment.number);
    if (same && hasCounted(same, tier)) totals = addToTotals(totals, additions);
  }
  return totals;
}

function hasCounted({ credited }: StoredPipeline, tier: string): boolean {
  const bits = credited.get(tier) ?? 0;
  return bits !== 0 && bits !== neverCount;
}

async function movePipeline(
  { tx, admission, pipelines }: MergeContext,
  moved: StoredPipeline,
  into: Repo,
): Promise<void> {
  const { number } = moved.record;
  const known = await tx.pipelines.get(into.key, number);
  const record = known ? mergeRecords(known.record, moved.record) : moved.record;
  const classification = admission.classify(into, record);
  const counted = [...(known?.credited ?? [])].filter(([, bits]) => bits !== 0);
  const credited = new Map([...(known?.credited ?? []), ...moved.credited, ...counted]);
  const changes = new Map([...moved.changes, ...(known?.changes ?? [])]);
  pipelines.uncount(moved);
  await pipelines.put(known, {
    repo: into.key,
    record,
    commit: await tx.pipelines.commitOf(into.key, record.commit),
    classification,
    isPending: moved.isPending && (known?.isPending ?? true),
    credited: creditsAfterMove(into, { credited }, record, classification),
    changes: changesFor(changes, classification),
  });
}
