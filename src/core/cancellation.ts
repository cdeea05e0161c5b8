/**
 * Whether a run was cut short, and by whom: somebody who cancelled it, a newer push, a time limit, or a failing step.
 *
 * Servers before 3.14 end a cancelled run as `failure`, and the step that was running as a failed one. Only the error of
 * a workflow says `Canceled`; the oldest servers write it to a step. Guarantees: pure functions of the record.
 */

import type { PipelineRecord } from './pipeline.ts';
import type { Step, Workflow } from './workflow.ts';

/** How a run of a whole pipeline ended; for one that ended as `success`, `failure` or `killed`. */
export function endOfRun(record: PipelineRecord): 'success' | 'failure' | 'killed' {
  const { status, workflows } = record;
  if (status === 'success') return 'success';
  if (status === 'killed') return isStoppedByStep(record) ? 'failure' : 'killed';
  const isCancelled = workflows.some(isCancelledWorkflow);
  const hasFailedByItself = workflows.some((one) => isFailed(one.state) && !isCancelledWorkflow(one));
  return isCancelled && !hasFailedByItself ? 'killed' : 'failure';
}

/** Whether Woodpecker may still change how it ended: the agent of a run that was cut short reports last. */
export function isCutShort({ status, workflows }: PipelineRecord): boolean {
  return status === 'killed' || workflows.some(isCancelledWorkflow);
}

/** Whether an agent is still to report how a run that was cut short ended. Without workflows, one may be. */
export function awaitsAgent({ hasWorkflows, workflows }: PipelineRecord): boolean {
  return !hasWorkflows || workflows.some(({ state }) => state === 'running');
}

/** Whether the workflow was cancelled, rather than failed by itself. */
export function isCancelledWorkflow({ error, steps }: Workflow): boolean {
  return error === '' ? steps.some((step) => step.error === 'Canceled') : error === 'Canceled';
}

/** Whether the step is the one whose failure stopped the run. With exit code 0 the name is a copy of the parent's. */
export function isStoppingStep({ name, exitCode }: Step, { canceledByStep }: PipelineRecord): boolean {
  return name === canceledByStep && exitCode !== 0;
}

/** Whether a step that failed stopped the run. Without workflows, the name of the step must be believed. */
function isStoppedByStep(record: PipelineRecord): boolean {
  if (record.canceledByStep === null) return false;
  const { workflows } = record;
  return (
    workflows.length === 0 ||
    workflows.some(({ steps }) => steps.some((step) => isStoppingStep(step, record)))
  );
}

/** Whether a workflow or step of this state failed. */
export function isFailed(state: string): boolean {
  return state === 'failure' || state === 'error';
}
