/** Reads the parts of the state from the store. */

import { markKey } from '../core/failures/operator-mark.ts';
import { trackedKey } from '../core/failures/tracked-incident.ts';
import { knownGroundOf } from '../core/known-ground.ts';
import { createTally } from '../core/pipeline-counts.ts';
import { longestWindowSeconds, type Policy } from '../core/policy.ts';
import { followKey } from '../core/poll-schedule.ts';
import { type BookEntry, toBookEntry } from '../core/series/incident-book.ts';
import { pairKey } from '../core/series/pair.ts';
import { createTimelineBuilder, type Timeline } from '../core/series/reducer.ts';
import type { State, StateChange } from '../core/series/state.ts';
import type { Transaction } from '../store/store.ts';
import { type IntakeMode, rulesOf } from './ingest-options.ts';
import { clockAheadKey } from './unit-of-work.ts';

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

/** Mapped to their pairs as the present policy says. */
export async function readIncidents(tx: Transaction, policy: Policy): Promise<BookEntry[]> {
  const entries: BookEntry[] = [];
  for await (const slice of tx.incidents.all()) {
    for (const one of slice) entries.push(toBookEntry(trackedKey(one), one, policy.incidents));
  }
  return entries;
}

export async function readTimelines(
  tx: Transaction,
  { repos }: State,
  mode: IntakeMode,
  now: number,
): Promise<Map<string, Timeline>> {
  const cutoff = now - longestWindowSeconds(mode.policy);
  const rules = rulesOf(mode);
  const withFirstSeen = rules.leadTimeFallback === 'created';
  const builders = new Map<string, ReturnType<typeof createTimelineBuilder>>();
  for await (const slice of tx.pipelines.deployments({ withFirstSeen })) {
    for (const { tier, deployment } of slice) {
      const key = pairKey(deployment.repo, tier);
      const repo = repos.get(deployment.repo);
      const builder = builders.get(key) ?? createTimelineBuilder(rules, cutoff, repo && knownGroundOf(repo));
      builders.set(key, builder);
      builder.add(deployment);
    }
  }
  return new Map([...builders].map(([key, builder]) => [key, builder.build()]));
}
