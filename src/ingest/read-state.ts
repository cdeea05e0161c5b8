/** Reads the parts of the state from the store. */

import { markKey } from '../core/failures/operator-mark.ts';
import { trackedKey } from '../core/failures/tracked-incident.ts';
import { knownGroundOf } from '../core/known-ground.ts';
import { createTally } from '../core/pipeline-counts.ts';
import { type Policy, retainedSeconds } from '../core/policy.ts';
import { followKey } from '../core/poll-schedule.ts';
import { type BookEntry, toBookEntry } from '../core/series/incident-book.ts';
import { pairKey } from '../core/series/pair.ts';
import type { State, StateChange } from '../core/series/state.ts';
import type { Timeline } from '../core/series/timeline.ts';
import { createTimelineBuilder, type TimelineBuilder } from '../core/series/timeline-builder.ts';
import type { Transaction } from '../store/store.ts';
import { type IntakeMode, needsFirstSeen, rulesOf } from './ingest-options.ts';
import { clockAheadKey } from './pipeline-changes.ts';
import { readDeployments } from './read-deployments.ts';

export async function readBasics(tx: Transaction, { policy, canAsk }: IntakeMode): Promise<StateChange> {
  const follows = await tx.follows.all();
  return {
    repos: await tx.repos.all(),
    droppedRepos: [],
    confirmations: new Map(),
    pairs: await tx.pairs.all(),
    timelines: new Map(),
    unread: canAsk ? await readUnread(tx.pipelines) : new Map(),
    follows: new Map(follows.map((follow) => [followKey(follow), follow])),
    tally: createTally(await tx.pipelines.ignoredCounts(), await tx.pipelines.eventCounts()),
    incidents: await readIncidents(tx, policy),
    marks: new Map((await tx.marks.all()).map((mark) => [markKey(mark), mark])),
    clockAhead: Number((await tx.meta.get(clockAheadKey)) ?? 0),
  };
}

export async function readUnread(pipelines: Transaction['pipelines']): Promise<Map<string, number>> {
  const latest = await pipelines.latestUnreadOfAll();
  return new Map(latest.map(({ repo, tier, at }) => [pairKey(repo, tier), at]));
}

/** All incidents, with the repos and tiers to which `policy` maps them. */
export async function readIncidents(tx: Transaction, policy: Policy): Promise<BookEntry[]> {
  const entries: BookEntry[] = [];
  for await (const slice of tx.incidents.all()) {
    for (const one of slice) entries.push(toBookEntry(trackedKey(one), one, policy.incidents));
  }
  return entries;
}

/** The timelines of all pairs at `now`, in Unix seconds. */
export async function readTimelines(
  tx: Transaction,
  state: State,
  mode: IntakeMode,
  now: number,
): Promise<Map<string, Timeline>> {
  const builders = new Map<string, TimelineBuilder>();
  const builderFor = (repo: number, tier: string): TimelineBuilder => {
    const known = state.repos.get(repo);
    return createTimelineBuilder(
      rulesOf(mode, tier),
      now - retainedSeconds(mode.policy, tier),
      state.surroundingsOf(repo, tier, now),
      known && knownGroundOf(known),
    );
  };
  const withFirstSeen = needsFirstSeen(mode);
  for await (const slice of readDeployments(tx.pipelines, state.markOf, { withFirstSeen })) {
    for (const { tier, deployment } of slice) {
      const key = pairKey(deployment.repo, tier);
      const builder = builders.get(key) ?? builderFor(deployment.repo, tier);
      builders.set(key, builder);
      builder.add(deployment);
    }
  }
  return new Map([...builders].map(([key, builder]) => [key, builder.build()]));
}
