/** What there is room for of that which comes in within one transaction: repos, pairs of repo and tier, hints. */

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
  /** Each counts what it does not admit as turned away. */
  admitsRepo(): boolean;
  admitsHint(): boolean;
  /** What a record is, where there is room for its pair; a place is then kept for it. */
  classify(repo: Repo, record: PipelineRecord): Classification;
  /** Makes the pairs known that follow from the repo's name alone, if there is room for them. */
  makeKnownByName(repo: Repo): void;
}

export interface Held {
  readonly repos: RepoChanges;
  readonly follows: FollowChanges;
  readonly series: SeriesChanges;
  /** Of a deployment, as of now. */
  readonly markOf: MarkOf;
  /** Counts what was turned away. */
  readonly room: Room;
}

export function createAdmission(
  { policy, canAsk, limits = noLimits }: IntakeMode,
  { repos, follows, series, markOf, room }: Held,
): Admission {
  const admitsPair = (repo: Repo, tier: string): boolean =>
    series.hasPair(repo.key, tier) || room.admits('pair', series.pairCount, limits.pairs);
  return {
    admitsRepo() {
      // Where anybody's word is taken, a repo without a pair takes room as well; Woodpecker has only so many.
      const held = canAsk ? series.pairCount : Math.max(series.pairCount, repos.count);
      return room.admits('repo', held, limits.pairs);
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
