/**
 * Decides whether a run was cut short: by a cancellation (a person, a newer push, a time limit) or by a failing step.
 *
 * Servers before 3.14 end a cancelled run as `failure`, and the step that was running as a failed one. Only the error
 * of a workflow says `Canceled`; the oldest servers write it to a step. Guarantees: pure functions of the record.
 */

import type { PipelineRecord } from './pipeline.ts';
import type { Step, Workflow } from './workflow.ts';

/** How a run of a whole pipeline ended. Its status must be `success`, `failure` or `killed`. */
export function endOfRun(record: PipelineRecord): 'success' | 'failure' | 'killed' {
  const { status, workflows } = record;
  if (status === 'success') return 'success';
  if (status === 'killed') return isStoppedByStep(record) ? 'failure' : 'killed';
  const isCancelled = workflows.some(isCancelledWorkflow);
  const hasFailedByItself = workflows.some((one) => isFailed(one.state) && !isCancelledWorkflow(one));
  return isCancelled && !hasFailedByItself ? 'killed' : 'failure';
}

/** Whether the run was cut short. Woodpecker may then still change its end, since the agent reports last. */
export function isCutShort({ status, workflows }: PipelineRecord): boolean {
  return status === 'killed' || workflows.some(isCancelledWorkflow);
}

/** Whether an agent may still report the end of a run that was cut short. If the workflows are unknown, it may. */
export function awaitsAgent({ hasWorkflows, workflows }: PipelineRecord): boolean {
  return !hasWorkflows || workflows.some(({ state }) => state === 'running');
}

/** Whether the workflow was cancelled, rather than failed by itself. */
export function isCancelledWorkflow({ error, steps }: Workflow): boolean {
  return error === '' ? steps.some((step) => step.error === 'Canceled') : error === 'Canceled';
}

/**
 * Whether the failure of this step stopped the run. With exit code 0 it did not: a restart copies its parent's name.
 */
export function isStoppingStep({ name, exitCode }: Step, { canceledByStep }: PipelineRecord): boolean {
  return name === canceledByStep && exitCode !== 0;
}

/** Whether a failed step stopped the run. Without workflows, `canceledByStep` alone decides. */
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
