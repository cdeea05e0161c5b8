/**
 * From store to state at start: reads what the store holds, and where the policy is another than the last time, first
 * classifies everything anew under it.
 */

import { classificationVersion } from '../core/classification.ts';
import { markKey } from '../core/failures/operator-mark.ts';
import { trackedKey } from '../core/failures/tracked-incident.ts';
import { leadTimeBit } from '../core/figures/change-lead-time.ts';
import { figures } from '../core/figures/index.ts';
import { knownGroundOf } from '../core/known-ground.ts';
import { createTally, type EventCount } from '../core/pipeline-counts.ts';
import { longestWindowSeconds, type Policy } from '../core/policy.ts';
import { followKey } from '../core/poll-schedule.ts';
import { type BookEntry, toBookEntry } from '../core/series/incident-book.ts';
import { pairKey } from '../core/series/pair.ts';
import { createTimelineBuilder, type Timeline } from '../core/series/reducer.ts';
import { createState, type State, type StateChange } from '../core/series/state.ts';
import type { Store, Transaction } from '../store/store.ts';
import { type IntakeMode, rulesOf } from './ingest-options.ts';
import { clockAheadKey, createUnitOfWork } from './unit-of-work.ts';

export interface Loaded {
  readonly state: State;
  /** Deployments per tier before and after, where the policy has changed. */
  readonly policyChange: readonly TierChange[] | null;
}

export interface TierChange {
  readonly tier: string;
  readonly before: number;
  readonly after: number;
}

const policyKey = 'policy';
const ledgerKey = 'ledger';
const forgeKey = 'forge';

/** `now` in Unix seconds. Rejects with `StoreUnavailable`. */
export async function loadState(store: Store, mode: IntakeMode, now: number): Promise<Loaded> {
  return store.transact(async (tx) => {
    const state = createState();
    state.apply(await readBasics(tx, mode));

    if ((await tx.meta.get(ledgerKey)) !== ledgerFingerprint) {
      // Entries that are new to the ledger begin at their exact totals, but for lead times, which a forge that is only now
      // asked tells bit by bit. Before another policy: what that one finds adds nothing.
      if (mode.asksForge) await tx.pipelines.creditAll(leadTimeBit);
      const uow = createUnitOfWork(tx, state, mode, now);
      uow.rebuildAll();
      state.apply({ ...(await uow.finish()), timelines: new Map() });
      await tx.meta.put(ledgerKey, ledgerFingerprint);
    }
    const fingerprint = policyFingerprint(mode.policy);
    const before = await tx.meta.get(policyKey);
    const eventsBefore = state.tally.events();
    const uow = createUnitOfWork(tx, state, mode, now);
    // What there was no room for may find some now.
    if (before !== fingerprint || state.tally.ignored('limit') > 0) {
      for (const repo of state.repos.values()) await uow.reclassify(repo.key, 'settled');
      await tx.meta.put(policyKey, fingerprint);
    }
    const { forgeIdentity } = mode;
    if (forgeIdentity !== undefined && (await tx.meta.get(forgeKey)) !== forgeIdentity) {
      await tx.pipelines.dropUnknownChanges();
      await tx.meta.put(forgeKey, forgeIdentity);
    }
    await uow.incidents.catchUp();
    await uow.marks.dropOldReasons();
    state.apply({ ...(await uow.finish()), timelines: new Map() });
    state.apply({ timelines: await readTimelines(tx, state, mode, now) });
    if (!mode.canAsk) state.apply(await releaseAll(tx, state, mode, now));

    const hasChanged = before !== null && before !== fingerprint;
    return { state, policyChange: hasChanged ? compareTiers(eventsBefore, state.tally.events()) : null };
  });
}

/** Whether what the store holds was last brought up to date as `loadState` would do it under this policy. */
export async function isUpToDate(tx: Transaction, policy: Policy): Promise<boolean> {
  const known = [await tx.meta.get(policyKey), await tx.meta.get(ledgerKey)];
  return known[0] === policyFingerprint(policy) && known[1] === ledgerFingerprint;
}

/** Where Woodpecker is not asked, no scan will end that holds anything back. */
async function releaseAll(
  tx: Transaction,
  state: State,
  mode: IntakeMode,
  now: number,
): Promise<StateChange> {
  const uow = createUnitOfWork(tx, state, mode, now);
  for (const repo of state.repos.values()) await uow.release(repo.key);
  return uow.finish();
}

/** Which entries the ledger has. */
const ledgerFingerprint = JSON.stringify(
  figures.flatMap(({ measures }) => measures.flatMap(({ ledger }) => (ledger ? [ledger.metric.name] : []))),
);

/** What of the policy, and of how it is applied, decides what a stored pipeline is. */
function policyFingerprint(policy: Policy): string {
  const { tiers, defaultTier, deployments, rework } = policy;
  return JSON.stringify([classificationVersion, tiers, defaultTier, deployments, rework]);
}

async function readBasics(tx: Transaction, { policy, canAsk }: IntakeMode): Promise<StateChange> {
  const follows = await tx.follows.all();
  return {
    repos: await tx.repos.all(),
    droppedRepos: [],
    confirmations: new Map(),
    pairs: await tx.pairs.all(),
    timelines: new Map(),
    unread: canAsk ? await readUnread(tx) : new Map(),
    follows: new Map(follows.map((follow) => [followKey(follow), follow])),
    tally: createTally(await tx.pipelines.ignoredCounts(), await tx.pipelines.eventCounts()),
    incidents: await readIncidents(tx, policy),
    marks: new Map((await tx.marks.all()).map((mark) => [markKey(mark), mark])),
    clockAhead: Number((await tx.meta.get(clockAheadKey)) ?? 0),
  };
}

async function readUnread(tx: Transaction): Promise<Map<string, number>> {
  const latest = await tx.pipelines.latestUnreadOfAll();
  return new Map(latest.map(({ repo, tier, at }) => [pairKey(repo, tier), at]));
}

/** Mapped to their pairs as the present policy says. */
async function readIncidents(tx: Transaction, policy: Policy): Promise<BookEntry[]> {
  const entries: BookEntry[] = [];
  for await (const slice of tx.incidents.all()) {
    for (const one of slice) entries.push(toBookEntry(trackedKey(one), one, policy.incidents));
  }
  return entries;
}

async function readTimelines(
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

function compareTiers(before: readonly EventCount[], after: readonly EventCount[]): TierChange[] {
  const sumBy = (counts: readonly EventCount[], tier: string) =>
    counts.reduce((sum, count) => sum + (count.tier === tier ? count.deployments : 0), 0);
  const tiers = new Set([...before, ...after].map((count) => count.tier));
  return [...tiers].sort().map((tier) => ({ tier, before: sumBy(before, tier), after: sumBy(after, tier) }));
}
