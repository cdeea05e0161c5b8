/** Where nightly runs make up most of a tier's deployments: they inflate frequency and close failures. */

import type { EventCount } from './pipeline-counts.ts';
import { deploymentEvents } from './policy.ts';

export interface CronDominance {
  readonly tier: string;
  /** Of the tier's deployments, between a half and 1. */
  readonly share: number;
  /** The line of the policy file that leaves them out. */
  readonly remedy: string;
}

const remedy = `deployments: {events: [${deploymentEvents.filter((event) => event !== 'cron').join(', ')}]}`;

/** The tiers in which cron brings more than half of the deployments. */
export function cronDominance(events: readonly EventCount[]): CronDominance[] {
  return events.flatMap(({ tier, event, deployments }) => {
    if (event !== 'cron') return [];
    const all = events.reduce((sum, count) => sum + (count.tier === tier ? count.deployments : 0), 0);
    const share = deployments / all;
    return share > 0.5 ? [{ tier, share, remedy }] : [];
  });
}
