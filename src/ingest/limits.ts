/** Limits on new repos and pairs, per transaction. */

import { type Classification, classify, inTiers, isWatched, withMarks } from '../core/classification.ts';
import type { PipelineRecord } from '../core/pipeline.ts';
import type { Repo } from '../core/repo.ts';
import { tiersByNameAlone } from '../core/tiers.ts';
import { type IntakeMode, noLimits } from './ingest-options.ts';
import type { PairChanges } from './pair-changes.ts';
import type { MarkOf } from './read-deployments.ts';
import type { RepoChanges } from './repo-changes.ts';
import type { Room } from './room.ts';

export interface Admission {
  /** Whether the limit allows one more repo; if not, counts it as turned away. */
  admitsRepo(): boolean;
  /** Classifies a record, and reserves its pairs. Tiers beyond the limit of pairs are left out. */
  classify(repo: Repo, record: PipelineRecord): Classification;
  /** Makes the pairs known that follow from the repo's name alone, up to the limit of pairs. */
  makeKnownByName(repo: Repo): void;
}

export interface AdmissionContext {
  readonly repos: RepoChanges;
  readonly pairs: PairChanges;
  /** The current mark of a deployment. */
  readonly markOf: MarkOf;
  /** Counts the items turned away. */
  readonly room: Room;
}

export function createAdmission(
  { policy, canAsk, limits = noLimits }: IntakeMode,
  { repos, pairs, markOf, room }: AdmissionContext,
): Admission {
  const admitsPair = (repo: Repo, tier: string): boolean =>
    pairs.at(repo.key, tier) !== null || room.admits('pair', pairs.count, limits.pairs);
  return {
    admitsRepo() {
      // Without a Woodpecker, a body can name any repo, so repos without a pair count, too.
      const count = canAsk ? pairs.count : Math.max(pairs.count, repos.count);
      return room.admits('repo', count, limits.pairs);
    },
    classify(repo, record) {
      const { number } = record;
      const { tiers, reason } = withMarks(
        classify(policy, repo, record),
        (tier) => markOf({ repo: repo.key, number, tier })?.mark.kind === 'ignore',
      );
      const admitted = tiers.filter(({ tier }) => {
        if (!admitsPair(repo, tier)) return false;
        pairs.reserve(repo.key, tier);
        return true;
      });
      return admitted.length === tiers.length ? { tiers, reason } : inTiers(admitted, 'limit');
    },
    makeKnownByName(repo) {
      if (!isWatched(policy, repo.fullName)) return;
      for (const tier of tiersByNameAlone(policy, repo.fullName)) {
        if (admitsPair(repo, tier)) pairs.makeKnown(repo.key, tier);
      }
    },
  };
}
