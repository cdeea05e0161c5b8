/** Finds the tier rules of the policy that take a pipeline. */

import { matchesAnyGlob, matchesAnyGlobIgnoringCase } from './glob.ts';
import type { PipelineRecord } from './pipeline.ts';
import type { Policy, TierRule } from './policy.ts';

/** A rule that takes a pipeline. */
export interface Taken {
  readonly rule: TierRule;
  /**
   * Whether all its conditions are known to be true; the ref of an old row may be unknown until the service reads it.
   */
  readonly isCertain: boolean;
}

/**
 * Rules are read from the top, one for each tier. A rule for a part takes its part and reading goes on; a rule for
 * whole pipelines takes the pipeline, and reading ends. The default tier takes a pipeline that no rule takes. A
 * condition on an unknown field is false, but for the tag if the ref can still be read.
 */
export function rulesFor(policy: Policy, repoName: string, record: PipelineRecord): readonly Taken[] {
  const taken: Taken[] = [];
  for (const rule of policy.tiers) {
    if (taken.some((other) => other.rule.tier === rule.tier)) continue;
    const doesHold = holds(rule, repoName, record);
    if (doesHold === false) continue;
    taken.push({ rule, isCertain: doesHold !== null });
    if (!isPartRule(rule)) return taken;
  }
  if (taken.length > 0 || policy.defaultTier === null) return taken;
  return [{ rule: { tier: policy.defaultTier }, isCertain: true }];
}

/** The rule that takes the pipeline, or a part of it, for the tier; `null`: none does. */
export function ruleOfTier(
  policy: Policy,
  repoName: string,
  record: PipelineRecord,
  tier: string,
): TierRule | null {
  return rulesFor(policy, repoName, record).find(({ rule }) => rule.tier === tier)?.rule ?? null;
}

/** Whether the rule takes only a part of a pipeline. */
export function isPartRule({ workflows, steps }: TierRule): boolean {
  return workflows !== undefined || steps !== undefined;
}

/** The tiers of every pipeline of the repo, if they follow from its name alone. */
export function tiersByNameAlone(policy: Policy, repoName: string): readonly string[] {
  const tiers = new Set<string>();
  let mayBeTaken = false;
  for (const rule of policy.tiers) {
    if (rule.repos && !matchesAnyGlobIgnoringCase(rule.repos, repoName)) continue;
    mayBeTaken = true;
    const asksForMore = rule.deployTo ?? rule.events ?? rule.branches ?? rule.tags;
    if (!asksForMore) tiers.add(rule.tier);
    if (!isPartRule(rule)) return [...tiers];
  }
  return mayBeTaken || policy.defaultTier === null ? [...tiers] : [policy.defaultTier];
}

/**
 * Whether all conditions of the rule are true; `null`: all but the one on the tag are, and the ref is not known yet.
 */
function holds(rule: TierRule, repoName: string, record: PipelineRecord): boolean | null {
  if (rule.repos && !matchesAnyGlobIgnoringCase(rule.repos, repoName)) return false;
  // A rule on the target takes no pipeline without a target, even if all its globs are negated.
  if (
    rule.deployTo &&
    (record.deployTo === '' || !matchesAnyGlobIgnoringCase(rule.deployTo, record.deployTo))
  )
    return false;
  if (rule.events && (record.event === null || !matchesAnyGlob(rule.events, record.event))) return false;
  if (rule.branches && (record.branch === null || !matchesAnyGlob(rule.branches, record.branch)))
    return false;
  if (!rule.tags) return true;
  if (record.ref === null) return record.hasWorkflows ? false : null;
  const [, tag] = /^refs\/tags\/(.+)$/.exec(record.ref) ?? [];
  return tag !== undefined && matchesAnyGlob(rule.tags, tag);
}
