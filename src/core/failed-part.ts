/** Finds the place where a deployment failed. */

import { type Stop, stopOf } from './parts.ts';
import type { PipelineRecord } from './pipeline.ts';
import type { Policy } from './policy.ts';
import { isPartRule, ruleOfTier } from './tiers.ts';

/**
 * The first workflow or step that failed, of the part that deploys to the tier; `null`: no stored part has failed, or a
 * step reported the deployment, so that the rest of the pipeline does not matter.
 */
export function failedPart(
  policy: Policy,
  repoName: string,
  tier: string,
  record: PipelineRecord,
): Stop | null {
  if (record.tierReports.some((report) => report.tier === tier)) return null;
  const rule = ruleOfTier(policy, repoName, record, tier);
  return stopOf(record, rule && isPartRule(rule) ? rule : {});
}
