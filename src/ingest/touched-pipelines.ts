/**
 * Notes which pipelines are written while another policy is being prepared: they must be prepared again.
 *
 * Work that is undone, or runs twice, is noted, too: preparing a pipeline once too often changes nothing.
 */

import type { PipelineTable, Transaction } from '../store/store.ts';

export interface TouchedPipelines {
  /** The transaction, with each write noted. */
  watch(tx: Transaction): Transaction;
  /** Keys of the repos with written pipelines. */
  readonly repos: readonly number[];
  /** Numbers of the repo's written pipelines, which are then forgotten; `all`: any pipeline may have been written. */
  take(repo: number): ReadonlySet<number> | 'all';
}

export function createTouchedPipelines(): TouchedPipelines {
  const touched = new Map<number, Set<number> | 'all'>();
  const touch = (repo: number, number: number): void => {
    const numbers = touched.get(repo) ?? new Set();
    if (numbers !== 'all') touched.set(repo, numbers.add(number));
  };
  const touchAll = (repo: number): void => void touched.set(repo, 'all');

  const watchTable = (table: PipelineTable): PipelineTable => ({
    ...table,
    put(pipeline) {
      touch(pipeline.repo, pipeline.record.number);
      return table.put(pipeline);
    },
    setCredited(place, bits) {
      touch(place.repo, place.number);
      return table.setCredited(place, bits);
    },
    putChange(place, change) {
      touch(place.repo, place.number);
      return table.putChange(place, change);
    },
    putCommitId(repo, id, commit) {
      touchAll(repo);
      return table.putCommitId(repo, id, commit);
    },
    copyCommitIds(from, into) {
      touchAll(into);
      return table.copyCommitIds(from, into);
    },
    releasePending(repo) {
      touchAll(repo);
      return table.releasePending(repo);
    },
  });
  return {
    watch: (tx) => ({ ...tx, pipelines: watchTable(tx.pipelines) }),
    get repos() {
      return [...touched.keys()];
    },
    take(repo) {
      const numbers = touched.get(repo) ?? new Set<number>();
      touched.delete(repo);
      return numbers;
    },
  };
}
