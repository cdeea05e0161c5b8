/**
 * Finds how the deploying part of a pipeline ended: its matching workflows, or its matching steps in them.
 *
 * The rest of the pipeline does not matter. Guarantees: a pure function of the record and the rule.
 */

import { isCancelledWorkflow, isFailed, isStoppingStep } from './cancellation.ts';
import { matchesAnyGlob } from './glob.ts';
import type { PipelineRecord } from './pipeline.ts';
import type { TierRule } from './policy.ts';
import type { Step, Workflow } from './workflow.ts';

/** All times are Unix seconds. */
export type PartEnd =
  | {
      readonly kind: 'ran';
      readonly end: 'success' | 'failure' | 'killed';
      readonly startedAt: number;
      /** `null`: nothing in the part has a finish. */
      readonly finishedAt: number | null;
    }
  | { readonly kind: 'not_reached' }
  /** The pipeline has no workflows. */
  | { readonly kind: 'no_parts' };

type End = 'success' | 'failure' | 'killed';

/** A workflow or a step of the part. */
interface Item {
  readonly end: End;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  /** Whether it is, or contains, the step that stopped the run. */
  readonly hasStopped: boolean;
}

/** The end of the part in a pipeline that has ended. */
export function endOfPart(rule: TierRule, record: PipelineRecord): PartEnd {
  if (record.workflows.length === 0) return { kind: 'no_parts' };
  const ran = itemsOf(rule, record).filter(hasRun);
  if (ran.length === 0) return { kind: 'not_reached' };
  const finishes = ran.flatMap(({ finishedAt }) => finishedAt ?? []);
  return {
    kind: 'ran',
    end: endOfItems(ran),
    startedAt: ran.reduce(
      (least, { startedAt }) => Math.min(least, startedAt ?? least),
      Number.MAX_SAFE_INTEGER,
    ),
    finishedAt: finishes.length === 0 ? null : finishes.reduce((a, b) => Math.max(a, b)),
  };
}

/** Whether the pipeline has such a part, even if it did not run. */
export function hasPart(rule: TierRule, record: PipelineRecord): boolean {
  return itemsOf(rule, record).length > 0;
}

/** The start decides, not the state: the steps of a skipped workflow are `killed`. */
export function hasRun({ startedAt }: Pick<Item, 'startedAt'>): boolean {
  return startedAt !== null;
}

function itemsOf({ workflows: globs, steps }: TierRule, record: PipelineRecord): readonly Item[] {
  const workflows = record.workflows.filter(({ name }) => !globs || matchesAnyGlob(globs, name));
  if (!steps) return workflows.map((workflow) => workflowItem(workflow, record));
  return workflows.flatMap((workflow) =>
    workflow.steps
      .filter(({ name }) => matchesAnyGlob(steps, name))
      .map((step) => stepItem(step, workflow, record)),
  );
}

function endOfItems(items: readonly Item[]): End {
  if (items.some(({ end }) => end === 'failure')) return 'failure';
  if (items.every(({ end }) => end === 'success')) return 'success';
  return items.some(({ hasStopped }) => hasStopped) ? 'failure' : 'killed';
}

function workflowItem(workflow: Workflow, record: PipelineRecord): Item {
  const { startedAt, finishedAt, steps } = workflow;
  const hasStopped = steps.some((step) => isStoppingStep(step, record));
  return { end: endOfWorkflow(workflow), startedAt, finishedAt, hasStopped };
}

function stepItem(step: Step, workflow: Workflow, record: PipelineRecord): Item {
  const { startedAt, finishedAt } = step;
  const hasStopped = isStoppingStep(step, record);
  return { end: endOfStep(step, workflow, record), startedAt, finishedAt, hasStopped };
}

export function endOfWorkflow(workflow: Workflow): End {
  return isCancelledWorkflow(workflow) ? 'killed' : endOfState(workflow.state);
}

export function endOfStep(step: Step, workflow: Workflow, record: PipelineRecord): End {
  if (isCancelledWorkflow(workflow)) {
    if (isStoppingStep(step, record)) return 'failure';
    const areStatesTrue = workflow.steps.some(
      ({ state, startedAt }) => state === 'killed' && startedAt !== null,
    );
    if (areStatesTrue) {
      if (step.state === 'failure' && step.exitCode === 0) return 'killed';
    } else if (step.finishedAt === null || step.finishedAt >= (workflow.finishedAt ?? 0)) {
      return 'killed';
    }
  }
  const end = endOfState(step.state);
  // A step may fail without failing its workflow if it says `failure: ignore`.
  return end === 'failure' && endOfWorkflow(workflow) === 'success' ? 'success' : end;
}

/** For a workflow or step of a pipeline that has ended: one that has no end of its own was killed. */
function endOfState(state: string): End {
  if (state === 'success') return 'success';
  return isFailed(state) ? 'failure' : 'killed';
}
