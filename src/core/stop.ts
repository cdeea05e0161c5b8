/**
 * Finds where a pipeline stopped: where a deployment failed, or why the part that deploys did not run (`not_reached`).
 */

import { matchesAnyGlob } from './glob.ts';
import { endOfPart, endOfStep, endOfWorkflow, hasPart, hasRun } from './parts.ts';
import type { PipelineRecord } from './pipeline.ts';
import type { Policy, TierRule } from './policy.ts';
import { isPartRule, ruleOfTier } from './tiers.ts';

export interface Stop {
  readonly workflow: string;
  /** `null`: no single step of the workflow. */
  readonly step: string | null;
  readonly end: 'failure' | 'killed';
}

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
  return stopOf(record, ruleOfTier(policy, repoName, record, tier) ?? {});
}

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

type Part = Pick<TierRule, 'workflows' | 'steps'>;

/**
 * The place where a pipeline, or a part of it, stopped: its first failed step or workflow, else its first killed one;
 * `null`: none.
 */
function stopOf(record: PipelineRecord, { workflows: globs, steps: stepGlobs }: Part = {}): Stop | null {
  const workflows = record.workflows.filter(({ name }) => !globs || matchesAnyGlob(globs, name));
  const stops = workflows.flatMap((workflow) => {
    const end = endOfWorkflow(workflow);
    if (end === 'success' || !hasRun(workflow)) return [];
    const ran = workflow.steps.filter(hasRun);
    const steps = ran
      .filter(({ name }) => !stepGlobs || matchesAnyGlob(stepGlobs, name))
      .flatMap((step) => {
        const ended = endOfStep(step, workflow, record);
        return ended === 'success' ? [] : [{ part: step, step: step.name, end: ended }];
      });
    const all = steps.length > 0 || stepGlobs ? steps : [{ part: workflow, step: null, end }];
    return all.map((one) => ({ ...one, workflow: workflow.name }));
  });
  const finishOf = ({ part }: (typeof stops)[number]) => part.finishedAt ?? Number.MAX_SAFE_INTEGER;
  const [first] = stops.sort(
    (a, b) => Number(b.end === 'failure') - Number(a.end === 'failure') || finishOf(a) - finishOf(b),
  );
  return first ? { workflow: first.workflow, step: first.step, end: first.end } : null;
}
