/** Counts stored pipelines: the ignored ones by reason, the deployments by tier and event. */

import { type IgnoreReason, ignoreReasons } from './classification.ts';
import { compareText } from './compare-text.ts';
import type { StoredPipeline } from './stored-pipeline.ts';

export interface EventCount {
  readonly tier: string;
  /** `unknown` if no observation has it. */
  readonly event: string;
  readonly deployments: number;
}

export interface Tally {
  /** Counts a pipeline. `by`: 1 for a new one, -1 for a removed one. */
  count(pipeline: Pick<StoredPipeline, 'classification' | 'record'>, by: 1 | -1): void;
  ignored(reason: IgnoreReason): number;
  /** Sorted by tier, then by number of deployments, largest first. */
  events(): readonly EventCount[];
  /** An independent copy. */
  copy(): Tally;
}

export function createTally(
  ignored: ReadonlyMap<IgnoreReason, number> = new Map(),
  events: readonly EventCount[] = [],
): Tally {
  const byReason = new Map(ignored);
  const byEvent = new Map(events.map((count) => [JSON.stringify([count.tier, count.event]), count]));
  return {
    count({ classification, record }, by) {
      const { tiers, reason } = classification;
      if (reason !== null) byReason.set(reason, (byReason.get(reason) ?? 0) + by);
      const event = record.event ?? 'unknown';
      for (const { tier, kind } of tiers) {
        if (kind !== 'deployment') continue;
        const key = JSON.stringify([tier, event]);
        const deployments = (byEvent.get(key)?.deployments ?? 0) + by;
        byEvent.set(key, { tier, event, deployments });
      }
    },
    ignored: (reason) => byReason.get(reason) ?? 0,
    events: () =>
      [...byEvent.values()]
        .filter((count) => count.deployments > 0)
        .sort(
          (a, b) =>
            compareText(a.tier, b.tier) || b.deployments - a.deployments || compareText(a.event, b.event),
        ),
    copy: () => createTally(byReason, [...byEvent.values()]),
  };
}

export function sumTallies(tallies: readonly Tally[]): Tally {
  const ignored = new Map(
    ignoreReasons.map((reason) => [reason, tallies.reduce((sum, tally) => sum + tally.ignored(reason), 0)]),
  );
  const events = new Map<string, EventCount>();
  for (const count of tallies.flatMap((tally) => tally.events())) {
    const key = JSON.stringify([count.tier, count.event]);
    const deployments = (events.get(key)?.deployments ?? 0) + count.deployments;
    events.set(key, { ...count, deployments });
  }
  return createTally(ignored, [...events.values()]);
}
