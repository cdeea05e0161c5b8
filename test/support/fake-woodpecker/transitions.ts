/**
 * The changes of workflows and steps, and the resulting changes of their pipeline: the pure half of a pipeline's life. Knows
 * the rules of the versions, but no clock and no table.
 */

import type { CancelInfo, Pipeline, Status, Step, Workflow } from './model.ts';
import type { Version } from './version.ts';

export type CanceledBy =
  | { readonly user: string }
  | { readonly supersededBy: number }
  /** The step fails; it has `failure: cancel`. */
  | { readonly step: string };

/** The state of a step that an agent has broken off. */
type StepEnd = Pick<Step, 'state' | 'error' | 'exit_code'>;

export interface DoneInput {
  /** The end of the workflow; `skipped` only if it never started. */
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

/** How the agent ends a step that it breaks off because of a cancel. */
export function brokenOffStep(version: Version, workflowId: number): StepEnd {
  if (version.atLeast(3, 14)) return { state: 'killed', error: 'Canceled', exit_code: 0 };
  if (!version.atLeast(3, 0)) return { state: 'failure', error: '', exit_code: -1 };
  const error = `expect env of workflow ${workflowId} to exist but found none to destroy`;
  return { state: 'failure', error, exit_code: 126 };
}

/** How a step ends that ran into the timeout of its repo. */
export function timedOutStep(version: Version, workflowId: number): StepEnd {
  if (!version.atLeast(3, 14)) return brokenOffStep(version, workflowId);
  return { state: 'failure', error: 'context deadline exceeded', exit_code: 0 };
}

/** The error of a workflow whose step has failed: before 3.14 it names the step, later there is none. */
export function failureOf({ state, children }: Workflow, version: Version): string {
  if (state !== 'failure' || version.atLeast(3, 14)) return '';
  const failed = children.find((step) => step.state === 'failure');
  return failed ? `uuid=${failed.uuid}: exit code ${failed.exit_code}` : '';
}

export function inState(workflows: readonly Workflow[], state: Status): readonly Workflow[] {
  return workflows.map((workflow) => ({
    ...workflow,
    state,
    children: workflow.children.map((step) => ({ ...step, state })),
  }));
}

/** How each step of a workflow ends that has not ended yet, by the agent's report or by the server's own hand. */
export function endStep(
  step: Step,
  workflow: Workflow,
  end: DoneInput & { readonly finished: number; readonly isCanceled: boolean },
  version: Version,
): Partial<Step> {
  const { finished } = end;
  const wasPending = step.state === 'pending';
  if (end.state === 'skipped' || end.state === 'killed') {
    if (!version.atLeast(3, 14)) return wasPending ? { state: 'skipped' } : { state: 'success', finished };
    if (wasPending) return { state: 'killed' };
    return { ...(end.isCanceled ? brokenOffStep : timedOutStep)(version, workflow.id), finished };
  }
  const failing = workflow.children.find(({ name }) => name === end.failingStep) ?? workflow.children.at(-1);
  const failingPid = end.state === 'failure' ? (failing?.pid ?? Infinity) : Infinity;
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

/** The workflows after a cancel: waiting ones end at once, running ones go on until the agents report. */
export function cancelPending(workflows: readonly Workflow[], version: Version): readonly Workflow[] {
  const endedState = version.atLeast(3, 14) ? 'canceled' : 'skipped';
  return workflows.map((workflow) => ({
    ...workflow,
    state: workflow.state === 'pending' ? 'skipped' : workflow.state,
    children: workflow.children.map(
      (step): Step => (step.state === 'pending' ? { ...step, state: endedState } : step),
    ),
  }));
}
