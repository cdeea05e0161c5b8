/**
 * Explains `not_reached`: finds the part of the pipeline that did not run, and the place where the pipeline stopped.
 */

import { endOfPart, hasPart, type Stop, stopOf } from './parts.ts';
import type { PipelineRecord } from './pipeline.ts';
import type { Policy } from './policy.ts';
import { isPartRule, ruleOfTier } from './tiers.ts';

export interface MissedPart {
  /** Globs on the names of workflows; `null`: any. */
  readonly workflows: readonly string[] | null;
  /** Globs on the names of steps; `null`: the whole workflow. */
  readonly steps: readonly string[] | null;
  /** Whether the pipeline has the part; if so, the pipeline skipped it. */
  readonly isPresent: boolean;
  /** `null`: nothing failed or was killed. */
  readonly stop: Stop | null;
}

/** `null` if the tier takes no part of the pipeline, or if its part ran. */
export function missedPart(
  policy: Policy,
  repoName: string,
  tier: string,
  record: PipelineRecord,
): MissedPart | null {
  const rule = ruleOfTier(policy, repoName, record, tier);
  if (!rule || !isPartRule(rule) || endOfPart(rule, record).kind !== 'not_reached') return null;
  return {
    workflows: rule.workflows ?? null,
    steps: rule.steps ?? null,
    isPresent: hasPart(rule, record),
    stop: stopOf(record),
  };
}
