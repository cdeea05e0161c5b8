/**
 * How workflows and steps change, and what that makes of their pipeline: the pure half of a pipeline's life. Knows the
 * rules of the versions, no clock and no table.
 */

import type { CancelInfo, Pipeline, Status, Step, Workflow } from './model.ts';
import type { Version } from './version.ts';

export type CanceledBy =
  | { readonly user: string }
  | { readonly supersededBy: number }
  /** The step fails; it has `failure: cancel`. */
  | { readonly step: string };

export interface DoneInput {
  /** What became of the workflow; `skipped` only if it never started. */
  readonly state: 'success' | 'failure' | 'killed' | 'skipped';
  /** The agent's clock; now by default. */
  readonly finished?: number | undefined;
  /** The last step by default. */
  readonly failingStep?: string | undefined;
}

const pipelineStatusOrder: readonly Status[] = [
  'declined',
  'blocked',
  'created',
  'error',
  'killed',
  'canceled',
  'running',
  'pending',
  'failure',
  'success',
  'skipped',
];

function mergeStatuses(a: Status, b: Status): Status {
  if (a === 'canceled' && b === 'canceled') return 'canceled';
  const ranks = [a, b].map((status) =>
    pipelineStatusOrder.indexOf(status === 'canceled' ? 'killed' : status),
  );
  return pipelineStatusOrder[Math.min(...ranks)] ?? a;
}

/** The status of a pipeline whose workflows have all ended. */
export function toPipelineStatus(workflows: readonly Workflow[], version: Version): Status {
  const states = workflows.map(({ state }) => state);
  if (version.atLeast(3, 14)) {
    const [first = 'success', ...others] = states;
    return others.reduce(mergeStatuses, mergeStatuses('success', first));
  }
  const failed = states.filter((state) => state === 'error' || state === 'killed' || state === 'failure');
  return failed.at(-1) ?? 'success';
}

export function isDone(workflow: Workflow): boolean {
  return workflow.state !== 'pending' && workflow.state !== 'running';
}

export function workflowOf(pipeline: Pipeline, name: string): Workflow {
  const workflow = pipeline.workflows.find((one) => one.name === name);
  if (!workflow) throw new Error(`Pipeline ${pipeline.number} has no workflow "${name}"`);
  return workflow;
}

export function withWorkflow(
  pipeline: Pipeline,
  id: number,
  changes: Partial<Workflow>,
): readonly Workflow[] {
  return pipeline.workflows.map((one) => (one.id === id ? { ...one, ...changes } : one));
}

export function withStep(pipeline: Pipeline, id: number, changes: Partial<Step>): readonly Workflow[] {
  return pipeline.workflows.map((workflow) => ({
    ...workflow,
    children: workflow.children.map((step) => (step.id === id ? { ...step, ...changes } : step)),
  }));
}

export function inState(workflows: readonly Workflow[], state: Status): readonly Workflow[] {
  return workflows.map((workflow) => ({
    ...workflow,
    state,
    children: workflow.children.map((step) => ({ ...step, state })),
  }));
}

/** How each step ends that has not ended yet. */
export function endStep(step: Step, input: DoneInput, failingPid: number, finished: number): Partial<Step> {
  const wasPending = step.state === 'pending';
  if (input.state === 'skipped') return { state: 'skipped' };
  if (input.state === 'killed') {
    return wasPending ? { state: 'skipped' } : { state: 'killed', exit_code: 137, finished };
  }
  if (step.pid > failingPid) return { state: 'skipped' };
  const started = wasPending ? finished : step.started;
  if (step.pid === failingPid) return { state: 'failure', exit_code: 1, started, finished };
  return { state: 'success', started, finished };
}

export function toCancelInfo(by: CanceledBy): CancelInfo {
  if ('user' in by) return { canceled_by_user: by.user };
  if ('step' in by) return { canceled_by_step: by.step };
  return { superseded_by: by.supersededBy };
}

/** What a cancel makes of the workflows: those that wait end at once, those that run go on until the agents report. */
export function cancelPending(workflows: readonly Workflow[], version: Version): readonly Workflow[] {
  const isNew = version.atLeast(3, 14);
  const stepState = isNew ? 'canceled' : 'skipped';
  return workflows.map((workflow) => {
    if (workflow.state !== 'pending') return workflow;
    const children = workflow.children.map((step): Step => ({ ...step, state: stepState }));
    return { ...workflow, state: isNew ? 'canceled' : 'killed', children };
  });
}
