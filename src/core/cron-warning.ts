/** Finds tiers whose deployments are mostly cron runs, which inflate the frequency and end failures. */

import type { EventCount } from './pipeline-counts.ts';
import { deploymentEvents } from './policy.ts';

export interface CronDominance {
  readonly tier: string;
  /** Share of the cron runs in the tier's deployments, above 0.5 and at most 1. */
  readonly share: number;
  /** The line of the policy file that excludes cron runs. */
  readonly remedy: string;
}

const remedy = `deployments: {events: [${deploymentEvents.filter((event) => event !== 'cron').join(', ')}]}`;

/** The tiers in which more than half of the deployments are cron runs. */
export function cronDominance(events: readonly EventCount[]): CronDominance[] {
  return events.flatMap(({ tier, event, deployments }) => {
    if (event !== 'cron') return [];
    const all = events.reduce((sum, count) => sum + (count.tier === tier ? count.deployments : 0), 0);
    const share = deployments / all;
    return share > 0.5 ? [{ tier, share, remedy }] : [];
  });
}
