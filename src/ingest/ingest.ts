/**
 * The one door for all input, whatever its source.
 *
 * Requests that arrive in one turn of the event loop share a transaction and its commit. Guarantees: a promise fulfils
 * only after the commit of its request; the state then contains it, too. A request that fails affects no other. A
 * read finds rows and state of one moment. Rejects with `StoreUnavailable` if the store cannot commit; the state is
 * then unchanged.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { State } from '../core/series/state.ts';
import { type Reading, type Store, StoreUnavailable, type Transaction } from '../store/store.ts';
import { type Clock, nowSeconds } from '../util/clock.ts';
import { createQueue } from '../util/serial-queue.ts';
import { type AdoptionOptions, adoptPolicy, type TierChange } from './adopt-policy.ts';
import type { IntakeMode } from './ingest-options.ts';
import { type Answer, carryOut, type Request, type RequestKind } from './requests.ts';
import { noneTurnedAway, type TurnedAway, turnedAwayKinds } from './room.ts';
import { createTouchedPipelines, type TouchedPipelines } from './touched-pipelines.ts';
import { createUnitOfWork } from './unit-of-work.ts';

export type { Observed } from './pipeline-changes.ts';
export { type Reading, StoreUnavailable };

export interface Ingest {
  readonly state: State;
  readonly mode: IntakeMode;
  /**
   * Carries out a request, and returns its answer. If another request of the transaction fails, the transaction is
   * undone, and the request is carried out again.
   */
  submit<K extends RequestKind>(request: Request<K>): Promise<Answer<K>>;
  /**
   * Reads only, ahead of waiting work. Subscribers are not called, and success does not show that the store can be
   * written. While `work` runs, state and rows are of the same moment. Rejects as `submit` does.
   */
  read<T>(work: (rows: Reading) => Promise<T>): Promise<T>;
  /**
   * Adopts the policy of `mode`, in the background. If aborted, the active policy stays. The caller adopts one policy
   * at a time. Rejects with the signal's reason, and as `submit` does.
   */
  adopt(mode: IntakeMode, options?: AdoptionOptions): Promise<readonly TierChange[]>;
  /** Number of items turned away since the start. */
  readonly turnedAway: TurnedAway;
  /** The fault that prevented the last commit; `null`: it succeeded. */
  readonly fault: StoreUnavailable | null;
  /** Calls `listener` after every commit. */
  subscribe(listener: () => void): void;
  /** Fulfils once all submitted work and all reads have settled. */
  idle(): Promise<void>;
}

interface Job {
  readonly request: Request;
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
 * Waits, so that requests that have already arrived can join the next transaction. A commit costs about the same for
 * one and for many. A request needs two turns of the event loop: one for its head, one for its body.
 */
async function gather(): Promise<void> {
  await nextTurn();
  await nextTurn();
}

export function createIngest(dependencies: IngestDependencies): Ingest {
  const { store, state, clock, onFault } = dependencies;
  let { mode } = dependencies;
  /** `null`: no policy is being prepared. */
  let touched: TouchedPipelines | null = null;
  let waiting: Job[] = [];
  let draining: Promise<void> | null = null;
  let fault: StoreUnavailable | null = null;
  const listeners: (() => void)[] = [];
  const turnedAway = noneTurnedAway();
  /** One transaction at a time: after a commit the state changes before the next one begins. */
  const turns = createQueue();

  const noteFault = (next: StoreUnavailable | null): void => {
    const isNews = (next === null) !== (fault === null);
    fault = next;
    if (isNews) onFault?.(next);
  };

  /** Carries out jobs in one transaction, then applies their change to the state; returns their results. */
  const transact = async (jobs: readonly Job[]): Promise<readonly unknown[]> => {
    const { results, change, turned } = await store.transact(async (transaction) => {
      const tx = touched?.watch(transaction) ?? transaction;
      const uow = createUnitOfWork(tx, state, mode, nowSeconds(clock));
      const results: unknown[] = [];
      for (const job of jobs) results.push(await carryOut(uow, job.request));
      return { results, change: await uow.finish(), turned: uow.room.turnedAway };
    });
    state.apply(change);
    for (const kind of turnedAwayKinds) turnedAway[kind] += turned[kind];
    return results;
  };

  /** Commits jobs in their turn, and resolves each with its result. */
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

  /** Runs a transaction in its turn; `end` runs after the commit and before the next transaction. */
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
    submit<K extends RequestKind>(request: Request<K>): Promise<Answer<K>> {
      return new Promise<Answer<K>>((resolve, reject) => {
        waiting.push({ request: request as Request, resolve: resolve as Job['resolve'], reject });
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
            async conclude(work) {
              await inTurn(work, (change) => {
                state.apply(change);
                mode = next;
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
