/** Finds the place where a deployment failed. */

import { type Stop, stopOf } from './parts.ts';
import type { PipelineRecord } from './pipeline.ts';
import type { Policy } from './policy.ts';
import { isPartRule, rulesFor } from './tiers.ts';

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
  const rule = rulesFor(policy, repoName, record).find((taken) => taken.rule.tier === tier)?.rule;
  return stopOf(record, rule && isPartRule(rule) ? rule : {});
}
