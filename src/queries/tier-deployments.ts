/** The deployments of each tier in a window, for its chart and its list of failed ones. */

import { countBefore } from '../core/count-before.ts';
import { compareDeployments, type Deployment } from '../core/deployment.ts';
import { type BarCounts, createBarCounts } from '../core/deployment-bars.ts';
import { createFirstItems } from '../core/first-items.ts';
import { counts } from '../core/known-ground.ts';
import type { Window } from '../core/policy.ts';
import type { Timeline } from '../core/series/timeline.ts';
import { isWithin } from '../core/windows/window-content.ts';

/** The deployments of one tier in the window. */
export interface TierDeployments {
  readonly counts: BarCounts;
  /** The latest first. */
  readonly failed: readonly NamedDeployment[];
  /** How many have failed, by repo. */
  readonly failedByRepo: ReadonlyMap<string, number>;
}

export interface NamedDeployment {
  readonly repo: string;
  readonly deployment: Deployment;
}

/** How many failed deployments of a tier are kept. */
const mostFailed = 20;

/** Collects the deployments of a window that ends at `at`, Unix seconds. */
export function createCollector(window: Window, at: number) {
  const create = () => ({
    counts: createBarCounts(window, at),
    failed: createFirstItems<NamedDeployment>(mostFailed, (a, b) =>
      compareDeployments(b.deployment, a.deployment),
    ),
    failedByRepo: new Map<string, number>(),
  });
  const tiers = new Map<string, ReturnType<typeof create>>();
  return {
    add(repo: string, tier: string, { base, recent }: Timeline): void {
      const isFrom = (one: Deployment) => one.at > at - window.seconds && counts(base.ground, one);
      for (const deployment of recent.slice(countBefore(recent, isFrom))) {
        const found = tiers.get(tier) ?? create();
        tiers.set(tier, found);
        found.counts.add(deployment);
        if (deployment.verdict.causes.length === 0 || !isWithin(deployment, window, at)) continue;
        found.failedByRepo.set(repo, (found.failedByRepo.get(repo) ?? 0) + 1);
        found.failed.add({ repo, deployment });
      }
    },
    finish(): ReadonlyMap<string, TierDeployments> {
      return new Map([...tiers].map(([tier, found]) => [tier, { ...found, failed: found.failed.items() }]));
    },
  };
}

/** The last failed deployment of the timelines; `null`: none has failed. */
export function lastFailedOf(timelines: readonly Timeline[]): Deployment | null {
  const last = timelines.flatMap(
    ({ recent }) => recent.findLast(({ verdict }) => verdict.causes.length > 0) ?? [],
  );
  return last.toSorted(compareDeployments).at(-1) ?? null;
}
