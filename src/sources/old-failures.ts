/**
 * Failures that an older version stored without their workflows. On a server before 3.14 some of them are cancelled runs,
 * which that version could not tell apart. A scan reads the ones that it lists; this finds the others.
 */

import { isWatched } from '../core/classification.ts';
import type { Repo } from '../core/repo.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { createEventLoopYield } from '../util/clock.ts';

export interface OldFailures {
  /**
   * Some of a repo that is due, within the history, the latest first; `null`: there are none. Rejects with
   * `StoreUnavailable`.
   */
  next(isDue: (repo: Repo) => boolean, most: number): Promise<PipelinesToRead | null>;
}

export interface PipelinesToRead {
  readonly repo: Repo;
  readonly numbers: readonly number[];
}

export function createOldFailures(ingest: Ingest): OldFailures {
  /** Repos that have no more. Nothing stored from now on is an old failure. */
  const finished = new Set<number>();
  const isLeft = ({ key, woodpeckerId, revealed, isGone, fullName }: Repo): boolean =>
    !finished.has(key) &&
    woodpeckerId !== null &&
    revealed &&
    !isGone &&
    isWatched(ingest.mode.policy, fullName);

  return {
    async next(isDue, most) {
      const yieldToEventLoop = createEventLoopYield();
      for (const repo of ingest.state.repos.values()) {
        await yieldToEventLoop();
        if (!isLeft(repo) || !isDue(repo)) continue;
        const { key, horizon } = repo;
        const numbers = await ingest.read((rows) => rows.pipelines.oldFailures(key, horizon ?? 0, most));
        if (numbers.length > 0) return { repo, numbers };
        finished.add(key);
      }
      return null;
    },
  };
}
