/** From pipeline to tier: the first rule of the policy whose conditions all hold. */

import { matchesAnyGlob, matchesAnyGlobIgnoringCase } from './glob.ts';
import type { PipelineRecord } from './pipeline.ts';
import type { Policy, TierRule } from './policy.ts';

/** The tier of a pipeline; `null` where the policy has none for it. A condition on what is not known does not hold. */
export function tierOf(policy: Policy, repoName: string, record: PipelineRecord): string | null {
  const rule = policy.tiers.find((candidate) => holds(candidate, repoName, record));
  return rule ? rule.tier : policy.defaultTier;
}

/** The tier that every pipeline of the repo has, where its name alone settles that; else `null`. */
export function tierByNameAlone(policy: Policy, repoName: string): string | null {
  for (const rule of policy.tiers) {
    if (rule.repos && !matchesAnyGlobIgnoringCase(rule.repos, repoName)) continue;
    const asksForMore = rule.deployTo ?? rule.events ?? rule.branches;
    return asksForMore ? null : rule.tier;
  }
  return policy.defaultTier;
}

function holds(rule: TierRule, repoName: string, record: PipelineRecord): boolean {
  if (rule.repos && !matchesAnyGlobIgnoringCase(rule.repos, repoName)) return false;
  // Whatever its globs, a rule on the target asks that there be one.
  if (
    rule.deployTo &&
    (record.deployTo === '' || !matchesAnyGlobIgnoringCase(rule.deployTo, record.deployTo))
  )
    return false;
  if (rule.events && (record.event === null || !rule.events.includes(record.event))) return false;
  if (rule.branches && (record.branch === null || !matchesAnyGlob(rule.branches, record.branch)))
    return false;
  return true;
}
