/** Limits on new repos, pairs and hints, per transaction. */

import { type Classification, classify, inTiers, isWatched, withMarks } from '../core/classification.ts';
import type { PipelineRecord } from '../core/pipeline.ts';
import type { Repo } from '../core/repo.ts';
import { tiersByNameAlone } from '../core/tiers.ts';
import { type IntakeMode, noLimits } from './ingest-options.ts';
import type { FollowChanges } from './poll-changes.ts';
import type { MarkOf } from './read-deployments.ts';
import type { RepoChanges } from './repo-changes.ts';
import type { Room } from './room.ts';
import type { SeriesChanges } from './series-changes.ts';

export interface Admission {
  /** Whether the limit allows one more repo; if not, counts it as turned away. */
  admitsRepo(): boolean;
  /** Whether the limit allows one more hint; if not, counts it as turned away. */
  admitsHint(): boolean;
  /** Classifies a record, and reserves its pairs. Tiers beyond the limit of pairs are left out. */
  classify(repo: Repo, record: PipelineRecord): Classification;
  /** Makes the pairs known that follow from the repo's name alone, up to the limit of pairs. */
  makeKnownByName(repo: Repo): void;
}

export interface AdmissionContext {
  readonly repos: RepoChanges;
  readonly follows: FollowChanges;
  readonly series: SeriesChanges;
  /** The current mark of a deployment. */
  readonly markOf: MarkOf;
  /** Counts the items turned away. */
  readonly room: Room;
}

export function createAdmission(
  { policy, canAsk, limits = noLimits }: IntakeMode,
  { repos, follows, series, markOf, room }: AdmissionContext,
): Admission {
  const admitsPair = (repo: Repo, tier: string): boolean =>
    series.hasPair(repo.key, tier) || room.admits('pair', series.pairCount, limits.pairs);
  return {
    admitsRepo() {
      // Without a Woodpecker, a body can name any repo, so repos without a pair count, too.
      const count = canAsk ? series.pairCount : Math.max(series.pairCount, repos.count);
      return room.admits('repo', count, limits.pairs);
    },
    admitsHint: () => room.admits('hint', follows.count, limits.hints),
    classify(repo, record) {
      const { number } = record;
      const { tiers, reason } = withMarks(
        classify(policy, repo, record),
        (tier) => markOf({ repo: repo.key, number, tier })?.mark.kind === 'ignore',
      );
      const admitted = tiers.filter(({ tier }) => {
        if (!admitsPair(repo, tier)) return false;
        series.reserve(repo.key, tier);
        return true;
      });
      return admitted.length === tiers.length ? { tiers, reason } : inTiers(admitted, 'limit');
    },
    makeKnownByName(repo) {
      if (!isWatched(policy, repo.fullName)) return;
      for (const tier of tiersByNameAlone(policy, repo.fullName)) {
        if (admitsPair(repo, tier)) series.makeKnown(repo.key, tier);
      }
    },
  };
}
