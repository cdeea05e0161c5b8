/**
 * The one door through which everything comes in, whatever its source.
 *
 * What arrives in one turn of the event loop shares a transaction and its commit. Guarantees: a promise fulfils only
 * after the commit that made its work durable; then the state has it too. Work that fails takes nothing else down with
 * it. What only reads finds rows and state of one moment. Rejects with `StoreUnavailable` where the store cannot commit;
 * the state is then what it was.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { State } from '../core/series/state.ts';
import { type Reading, type Store, StoreUnavailable, type Transaction } from '../store/store.ts';
import { type Clock, nowSeconds } from '../util/clock.ts';
import { createQueue } from '../util/serial-queue.ts';
import { type AdoptionOptions, adoptPolicy, type TierChange } from './adopt-policy.ts';
import type { IntakeMode } from './ingest-options.ts';
import { noneTurnedAway, type TurnedAway, turnedAwayKinds } from './room.ts';
import { createTouchedPipelines, type TouchedPipelines } from './touched-pipelines.ts';
import { createUnitOfWork, type UnitOfWork } from './unit-of-work.ts';

export { type Reading, StoreUnavailable };

export interface Ingest {
  readonly state: State;
  readonly mode: IntakeMode;
  /**
   * Within `work`, rows may be newer than the state: those of work that shares the transaction. It may run again, where
   * other work of that transaction fails and all is undone: nothing that it does may last but what goes through `uow`.
   */
  submit<T>(work: (uow: UnitOfWork) => Promise<T>): Promise<T>;
  /**
   * Only to read, past all that waits to come in: no news to anybody, and a read that goes through does not say that the
   * store can be written. As long as `work` runs, the state is of the same moment as the rows. Rejects as `submit` does.
   */
  read<T>(work: (rows: Reading) => Promise<T>): Promise<T>;
  /**
   * Brings the policy of `mode` into force, in the background. Aborted, it leaves the policy in force as it is. One at a
   * time. Rejects with the signal's reason, and as `submit` does.
   */
  adopt(mode: IntakeMode, options?: AdoptionOptions): Promise<readonly TierChange[]>;
  /** What was turned away since the start. */
  readonly turnedAway: TurnedAway;
  /** What stood in the way of the last commit; `null` where it went through. */
  readonly fault: StoreUnavailable | null;
  /** Calls `listener` after every commit. */
  subscribe(listener: () => void): void;
  /** Fulfils once all that was submitted, or asked to be read, has settled. */
  idle(): Promise<void>;
}

interface Job {
  readonly work: (uow: UnitOfWork) => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export interface IngestDependencies {
  readonly store: Store;
  readonly state: State;
  readonly mode: IntakeMode;
  readonly clock: Clock;
  /** Called when the store begins to fail, and with `null` when it works again. */
  readonly onFault?: (fault: StoreUnavailable | null) => void;
}

/**
 * Lets requests that have arrived meanwhile join the next transaction. A commit costs about the same for one and for many,
 * and a request needs two turns of the event loop: one to be read, one for its body.
 */
async function gather(): Promise<void> {
  await nextTurn();
  await nextTurn();
}

export function createIngest(dependencies: IngestDependencies): Ingest {
  const { store, state, clock, onFault } = dependencies;
  let { mode } = dependencies;
  /** While another policy is prepared. */
  let touched: TouchedPipelines | null = null;
  let waiting: Job[] = [];
  let draining: Promise<void> | null = null;
  let fault: StoreUnavailable | null = null;
  const listeners: (() => void)[] = [];
  const turnedAway = noneTurnedAway();
  /** After a commit, the state is brought forward before the next transaction begins: so what is read is of one moment. */
  const turns = createQueue();

  const noteFault = (next: StoreUnavailable | null): void => {
    const isNews = (next === null) !== (fault === null);
    fault = next;
    if (isNews) onFault?.(next);
  };

  /** Runs jobs in one transaction, then brings the state forward; returns their results. */
  const transact = async (jobs: readonly Job[]): Promise<readonly unknown[]> => {
    const { results, change, turned } = await store.transact(async (transaction) => {
      const tx = touched?.watch(transaction) ?? transaction;
      const uow = createUnitOfWork(tx, state, mode, nowSeconds(clock));
      const results: unknown[] = [];
      for (const job of jobs) results.push(await job.work(uow));
      return { results, change: await uow.finish(), turned: uow.turnedAway };
    });
    state.apply(change);
    for (const kind of turnedAwayKinds) turnedAway[kind] += turned[kind];
    return results;
  };

  /** Commits jobs in their turn and tells each its result. */
  const commit = async (jobs: readonly Job[]): Promise<void> => {
    const results = await turns.run(() => transact(jobs));
    noteFault(null);
    for (const [index, job] of jobs.entries()) job.resolve(results[index]);
    for (const listener of listeners) listener();
  };

  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      await gather();
      const jobs = waiting;
      waiting = [];
      try {
        await commit(jobs);
      } catch (error) {
        if (error instanceof StoreUnavailable) noteFault(error);
        if (error instanceof StoreUnavailable || jobs.length === 1) {
          for (const job of jobs) job.reject(error);
        } else {
          await commitOneByOne(jobs);
        }
      }
    }
    draining = null;
  };

  const commitOneByOne = async (jobs: readonly Job[]): Promise<void> => {
    for (const job of jobs) {
      try {
        await commit([job]);
      } catch (error) {
        if (error instanceof StoreUnavailable) noteFault(error);
        job.reject(error);
      }
    }
  };

  /** A transaction in its turn; `end` brings the state forward before the next. */
  const inTurn = async <T>(
    work: (tx: Transaction) => Promise<T>,
    end: (result: T) => void = () => undefined,
  ): Promise<T> => {
    try {
      return await turns.run(async () => {
        const result = await store.transact(work);
        end(result);
        return result;
      });
    } catch (error) {
      if (error instanceof StoreUnavailable) noteFault(error);
      throw error;
    }
  };

  return {
    state,
    get mode() {
      return mode;
    },
    turnedAway,
    get fault() {
      return fault;
    },
    submit<T>(work: (uow: UnitOfWork) => Promise<T>): Promise<T> {
      return new Promise<T>((resolve, reject) => {
        waiting.push({ work, resolve: resolve as Job['resolve'], reject });
        draining ??= drain();
      });
    },
    read: (work) => inTurn(work),
    async adopt(next, options) {
      const watched = createTouchedPipelines();
      touched = watched;
      try {
        return await adoptPolicy(
          {
            state,
            touched: watched,
            transact: inTurn,
            async conclude(nextMode, work) {
              await inTurn(work, (change) => {
                state.apply(change);
                mode = nextMode;
                touched = null;
              });
              for (const listener of listeners) listener();
            },
            now: () => nowSeconds(clock),
          },
          next,
          options,
        );
      } finally {
        if (touched === watched) touched = null;
      }
    },
    subscribe(listener) {
      listeners.push(listener);
    },
    async idle() {
      await draining;
      await turns.idle();
    },
  };
}
