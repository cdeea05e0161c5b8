/**
 * Failures that an older version of this program stored without workflows. On a Woodpecker before 3.14 some of them are
 * cancelled runs, and only their workflows show it. A scan reads the failures in the part of the list that it reads; this
 * finds the others.
 */

import type { Repo } from '../core/repo.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { eachWatchedRepo, type RepoWithId } from './watched-repos.ts';

export interface PipelinesToRead {
  readonly repo: RepoWithId;
  readonly numbers: readonly number[];
}

/**
 * Returns a function that gives at most `most` old failures of one due repo, after its horizon, the latest first; `null`: no
 * due repo has one. Rejects with `StoreUnavailable`.
 */
export function createOldFailures(ingest: Ingest) {
  /** Keys of the repos without old failures. This version stores no new ones. */
  const finished = new Set<number>();
  return async (isDue: (repo: Repo) => boolean, most: number): Promise<PipelinesToRead | null> => {
    for await (const repo of eachWatchedRepo(ingest)) {
      const { key, revealed, horizon } = repo;
      if (finished.has(key) || !revealed || !isDue(repo)) continue;
      const numbers = await ingest.read((rows) => rows.pipelines.oldFailures(key, horizon ?? 0, most));
      if (numbers.length > 0) return { repo, numbers };
      finished.add(key);
    }
    return null;
  };
}
