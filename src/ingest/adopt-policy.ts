/**
 * Adopts another policy beside the active one: classifies all stored pipelines under it, slice by slice, and folds all
 * series; then one short transaction exchanges the two. Until then, every figure follows the active policy.
 *
 * Guarantees: series that existed keep their totals and count on. New series start at their exact totals. Series that the
 * policy no longer yields end. Prepared rows survive the process: the next one does not prepare them again.
 */

import { createTally, type EventCount, sumTallies, type Tally } from '../core/pipeline-counts.ts';
import type { Repo } from '../core/repo.ts';
import { createState, type State, type StateChange } from '../core/series/state.ts';
import type { StoredPipeline } from '../core/stored-pipeline.ts';
import type { Transaction } from '../store/store.ts';
import { putFingerprint } from './active-policy.ts';
import type { IntakeMode } from './ingest-options.ts';
import { judgeReported, reportedPairs } from './judge-reported.ts';
import { createNextPolicyWork, type NextPolicyWork } from './next-policy.ts';
import { readIncidents, readUnread } from './read-state.ts';
import type { TouchedPipelines } from './touched-pipelines.ts';
import { createUnitOfWork } from './unit-of-work.ts';

/** Number of deployments in a tier, before and after. */
export interface TierChange {
  readonly tier: string;
  readonly before: number;
  readonly after: number;
}

export interface AdoptionPort {
  /** The state under the active policy. It changes only between transactions. */
  readonly state: State;
  readonly touched: TouchedPipelines;
  transact<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** For the last transactions: after the commit, applies the change to the state and makes the policy active. */
  conclude(work: (tx: Transaction) => Promise<Partial<StateChange>>): Promise<void>;
  /** Unix seconds. */
  now(): number;
}

export interface AdoptionOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (repos: { readonly done: number; readonly of: number }) => void;
}

const sliceRows = 500;
/** Up to this many repos can be prepared again within the last transaction. */
const fewRepos = 3;
const mostRounds = 10;

type InTransaction = <T>(step: (tx: Transaction) => Promise<T>) => Promise<T>;

/** Fulfils once the policy of `mode` is active. Rejects if aborted, and as transactions do. */
export async function adoptPolicy(
  port: AdoptionPort,
  mode: IntakeMode,
  { signal, onProgress }: AdoptionOptions = {},
): Promise<readonly TierChange[]> {
  const { state } = port;
  const preparation = createPreparation(port, mode);
  const inSlices: InTransaction = (step) => {
    signal?.throwIfAborted();
    return port.transact(step);
  };
  for (let round = 0; round < mostRounds; round++) {
    const keys = preparation.outdated();
    if (round > 0 && keys.length <= fewRepos) break;
    for (const [done, key] of keys.entries()) {
      if (round === 0) onProgress?.({ done, of: keys.length });
      await preparation.prepare(key, inSlices);
    }
  }
  signal?.throwIfAborted();
  const eventsBefore = state.tally.events();
  const reportedBefore = reportedPairs(state);
  await port.conclude(async (tx) => {
    for (const key of preparation.outdated()) await preparation.prepare(key, (step) => step(tx));
    const change = await exchangedFor(preparation, tx, state, mode);
    for (const pair of change.pairs) await tx.pairs.put(pair);
    await putFingerprint(tx, mode.policy);
    await tx.exchange();
    return change;
  });
  // Under the next policy, incidents may belong to other pairs, so other deployments may have failed.
  await port.conclude(async (tx) => {
    const uow = createUnitOfWork(tx, state, mode, port.now());
    await uow.incidents.catchUp();
    judgeReported(uow, 'settled', reportedBefore);
    return uow.finish();
  });
  return compareTiers(eventsBefore, state.tally.events());
}

interface Preparation {
  /** The state under the next policy. */
  readonly next: State;
  tally(): Tally;
  /** Keys of the repos that have changed since they were prepared, or have rows that have. */
  outdated(): readonly number[];
  /** Classifies the changed pipelines of a repo, or all of them at first, and folds its series. */
  prepare(key: number, inTransaction: InTransaction): Promise<void>;
}

function createPreparation({ state, touched, now }: AdoptionPort, mode: IntakeMode): Preparation {
  const next = createState();
  next.apply({ pairs: [...state.pairs.values()].map((pair) => ({ ...pair, isKnown: false })) });
  /** Repos as they were when they were prepared. */
  const prepared = new Map<number, Repo>();
  const tallies = new Map<number, Tally>();

  const work = async (
    tx: Transaction,
    tally: Tally,
    doWork: (one: NextPolicyWork) => Promise<void>,
  ): Promise<void> => {
    const one = createNextPolicyWork(tx, { state, next, tally, mode, now: now() });
    await doWork(one);
    next.apply(await one.finish());
  };
  const classifyAll = async (key: number, inTransaction: InTransaction): Promise<void> => {
    const tally = createTally();
    tallies.set(key, tally);
    for (let after: number | undefined = -1; after !== undefined; ) {
      const from: number = after;
      after = await inTransaction(async (tx) => {
        const slice = await tx.next.compare({ repo: key, number: from }, sliceRows);
        await work(tx, tally, async (one) => {
          for (const compared of slice) await one.classify(compared, false);
        });
        return slice.at(-1)?.active.record.number;
      });
    }
  };
  const classifyAgain = async (
    tx: Transaction,
    key: number,
    tally: Tally,
    numbers: ReadonlySet<number>,
  ): Promise<void> => {
    await work(tx, tally, async (one) => {
      for (const number of numbers) {
        const [compared] = await tx.next.compare({ repo: key, number: number - 1 }, 1);
        if (compared?.active.record.number !== number) continue;
        await one.classify(compared, isClassified(compared.next));
      }
    });
  };

  return {
    next,
    tally: () => sumTallies([...tallies.values()]),
    outdated() {
      const changed = [...state.repos.values()].filter((repo) => prepared.get(repo.key) !== repo);
      const dropped = [...prepared.keys()].filter((key) => !state.repos.has(key));
      return [...new Set([...touched.repos, ...changed.map(({ key }) => key), ...dropped])];
    },
    async prepare(key, inTransaction) {
      const repo = state.repos.get(key);
      const before = prepared.get(key);
      const numbers = touched.take(key);
      if (!repo) {
        next.apply({ droppedRepos: [key] });
        tallies.delete(key);
        prepared.delete(key);
        return;
      }
      next.apply({ repos: [repo] });
      const tally = tallies.get(key);
      if (tally && numbers !== 'all' && before && isSameScope(before, repo)) {
        await inTransaction((tx) => classifyAgain(tx, key, tally, numbers));
      } else {
        await classifyAll(key, inTransaction);
      }
      await inTransaction((tx) =>
        work(tx, createTally(), async (one) => {
          one.makeKnownByName(key);
          await one.fold(key);
        }),
      );
      prepared.set(key, repo);
    },
  };
}

/** The change of state that makes the next policy active. */
async function exchangedFor(
  { next, tally }: Preparation,
  tx: Transaction,
  state: State,
  { policy, canAsk }: IntakeMode,
): Promise<Partial<StateChange> & Pick<StateChange, 'pairs'>> {
  const pairs = [...new Set([...state.pairs.keys(), ...next.pairs.keys()])].flatMap((key) => {
    const [before, after] = [state.pairs.get(key), next.pairs.get(key)];
    if (!before) return after ?? [];
    // Pipelines that arrived meanwhile have counted under the active policy: keep its totals.
    const isKnown = after?.isKnown ?? false;
    return isKnown === before.isKnown ? [] : { ...before, isKnown };
  });
  return {
    pairs,
    timelines: replacing(state.timelines, next.timelines),
    unread: replacing(state.unread, canAsk ? await readUnread(tx.next) : new Map<string, number>()),
    tally: tally(),
    incidents: await readIncidents(tx, policy),
  };
}

/** The change from one map to another; `null` removes an entry. */
function replacing<V>(before: ReadonlyMap<string, V>, after: ReadonlyMap<string, V>): Map<string, V | null> {
  const gone = [...before.keys()].filter((key) => !after.has(key));
  return new Map<string, V | null>([...after, ...gone.map((key) => [key, null] as const)]);
}

/** Whether pipelines are classified and credited in the same way for both versions of the repo. */
function isSameScope(a: Repo, b: Repo): boolean {
  return a.fullName === b.fullName && a.defaultBranches === b.defaultBranches && a.horizon === b.horizon;
}

function isClassified({ classification }: StoredPipeline): boolean {
  return classification.tiers.length > 0 || classification.reason !== null;
}

function compareTiers(before: readonly EventCount[], after: readonly EventCount[]): TierChange[] {
  const sumBy = (counts: readonly EventCount[], tier: string) =>
    counts.reduce((sum, count) => sum + (count.tier === tier ? count.deployments : 0), 0);
  const tiers = new Set([...before, ...after].map((count) => count.tier));
  return [...tiers].sort().map((tier) => ({ tier, before: sumBy(before, tier), after: sumBy(after, tier) }));
}
