/**
 * Writes each pipeline once per transaction, however often it changes: a deployment is put first, and its part in the ledger
 * is known only after its series was computed. Reads see unwritten pipelines; reads of many rows write them first.
 */

import type { StoredPipeline } from '../core/stored-pipeline.ts';
import type { PipelineTable } from './store.ts';

export interface BufferedPipelines extends PipelineTable {
  /** Writes the unwritten pipelines. */
  flush(): Promise<void>;
}

export function createBufferedPipelines(table: PipelineTable): BufferedPipelines {
  const unwritten = new Map<string, StoredPipeline>();
  const keyOf = (repo: number, number: number) => `${repo}/${number}`;
  const flush = async (): Promise<void> => {
    for (const pipeline of unwritten.values()) await table.put(pipeline);
    unwritten.clear();
  };
  /** The same read, after writing the unwritten pipelines. */
  const upToDate =
    <A extends unknown[], T>(read: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => {
      await flush();
      return read(...args);
    };
  const upToDateSlices = <A extends unknown[], T>(read: (...args: A) => AsyncIterable<T>) =>
    async function* (...args: A): AsyncGenerator<T> {
      await flush();
      yield* read(...args);
    };

  return {
    flush,
    get: async (repo, number) => unwritten.get(keyOf(repo, number)) ?? table.get(repo, number),
    async put(pipeline) {
      unwritten.set(keyOf(pipeline.repo, pipeline.record.number), pipeline);
    },
    async setCredited(deployment, bits) {
      const key = keyOf(deployment.repo, deployment.number);
      const pipeline = unwritten.get(key);
      if (!pipeline) return table.setCredited(deployment, bits);
      const credited = new Map(pipeline.credited).set(deployment.tier, bits);
      unwritten.set(key, { ...pipeline, credited });
    },
    creditAll: upToDate(table.creditAll),
    putChange: upToDate(table.putChange),
    commitOf: table.commitOf,
    putCommitId: upToDate(table.putCommitId),
    copyCommitIds: upToDate(table.copyCommitIds),
    dropUnknownChanges: upToDate(table.dropUnknownChanges),
    all: upToDateSlices(table.all),
    deployments: upToDateSlices(table.deployments),
    uncounted: upToDateSlices(table.uncounted),
    latestUnread: upToDate(table.latestUnread),
    latestUnreadOfAll: upToDate(table.latestUnreadOfAll),
    unread: upToDate(table.unread),
    oldFailures: upToDate(table.oldFailures),
    pending: upToDateSlices(table.pending),
    releasePending: upToDate(table.releasePending),
    firstCreatedAt: upToDate(table.firstCreatedAt),
    tiersOfCommit: upToDate(table.tiersOfCommit),
    lowestUpdatedSince: upToDate(table.lowestUpdatedSince),
    outcomes: upToDate(table.outcomes),
    ignoredCounts: upToDate(table.ignoredCounts),
    eventCounts: upToDate(table.eventCounts),
  };
}
