/**
 * Runs pipelines: each function imitates the server when a hook, a user or an agent acts, with the writes and the stream
 * messages of the version, in its order. That includes surprises for clients: a finish of 0 if the workflow finalised last
 * was skipped, ends that change later, and messages older than the one before.
 *
 * Does not imitate: the queue, several agents, concurrency limits, superseding by itself (cancel the older pipeline
 * with `by: { supersededBy }`). An action that Woodpecker refuses throws.
 */

import type { Database } from './database.ts';
import type { PipelineInput } from './history.ts';
import { configError, lintWarning, toWorkflows } from './history.ts';
import type { Pipeline, PipelineRow, Repo, RepoRef, Status, Step, Workflow } from './model.ts';
import type { CanceledBy, DoneInput } from './transitions.ts';
import {
  brokenOffStep,
  cancelPending,
  endStep,
  failureOf,
  inState,
  isDone,
  toCancelInfo,
  toPipelineStatus,
  withStep,
  withWorkflow,
  workflowOf,
} from './transitions.ts';
import type { Version } from './version.ts';

/** The fields of a hook. Times, states and ids follow from the life of the pipeline. */
export type CreateInput = Omit<
  PipelineInput,
  | 'id'
  | 'status'
  | 'started'
  | 'finished'
  | 'updated'
  | 'reviewed'
  | 'reviewedBy'
  | 'workflowError'
  | 'workflows'
> & {
  /** One `build` with the steps `clone` and `test` by default. */
  readonly workflows?:
    | readonly (string | { readonly name: string; readonly steps?: readonly string[] })[]
    | undefined;
  /** `pending` by default; `created` is before the configuration is read, `blocked` waits for approval. */
  readonly stopAt?: 'created' | 'blocked' | 'pending' | undefined;
};

export interface FinishInput {
  /** `success` by default; `killed` is a timeout or an agent's shutdown, which before 3.14 ends as a failure. */
  readonly status?: 'success' | 'failure' | 'killed' | undefined;
  readonly finished?: number | undefined;
  /** The first one not done by default; workflows after it that have not started are skipped. */
  readonly failingWorkflow?: string | undefined;
  readonly failingStep?: string | undefined;
}

export function createLifeCycle(deps: {
  readonly database: Database;
  readonly now: () => number;
  readonly version: () => Version;
  readonly publish: (repo: Repo, pipeline: Pipeline) => void;
}) {
  const { database, now, version } = deps;
  /** By pipeline id: steps that an agent was running when the server ended their workflow. */
  const unreported = new Map<number, { readonly step: number; readonly workflow: number }[]>();

  function publish(pipeline: Pipeline): Pipeline {
    deps.publish(database.repo(pipeline.repo_id), pipeline);
    return pipeline;
  }

  function refuse(action: string, pipeline: Pipeline): never {
    throw new Error(`Woodpecker does not ${action} a pipeline with status "${pipeline.status}"`);
  }

  /** The agent's report on one step; the server publishes the pipeline as it read it before. */
  function updateStep(pipeline: Pipeline, step: Step, changes: Partial<Step>): Pipeline {
    const workflows = withStep(pipeline, step.id, changes);
    return publish(database.updateWorkflows(pipeline.repo_id, pipeline.number, workflows));
  }

  function planWorkflows(row: PipelineRow, wanted: CreateInput['workflows'], state: Status) {
    const names = wanted ?? [row.event === 'deployment' ? 'deploy' : 'build'];
    const workflows = names.map((one) => (typeof one === 'string' ? { name: one } : one));
    const input = workflows.map(({ name, steps }) => ({
      name,
      state,
      ...(steps && {
        steps: steps.map((step) => ({
          name: step,
          state,
          type: step === 'clone' ? ('clone' as const) : ('commands' as const),
        })),
      }),
    }));
    return toWorkflows({ ...row, started: 0, finished: 0 }, { workflows: input }, database.ids, version());
  }

  function compile(pipeline: Pipeline, wanted: CreateInput['workflows'], state: 'pending' | 'blocked') {
    const workflows = planWorkflows(pipeline, wanted, state);
    return database.updatePipeline(pipeline.repo_id, pipeline.number, { status: state }, workflows);
  }

  function createPipeline(ref: RepoRef, input: CreateInput = {}): Pipeline {
    const { workflows, stopAt = 'pending', ...fields } = input;
    const created = input.created ?? now();
    const inserted = database.addPipeline(ref, {
      ...fields,
      status: stopAt === 'blocked' ? 'blocked' : 'created',
      created,
      updated: now(),
      workflows: [],
    });
    if (stopAt === 'created') return inserted;
    if (stopAt === 'blocked') {
      const blocked = compile(inserted, workflows, 'blocked');
      // The warnings are published, but stored only once it is approved.
      publish({ ...blocked, errors: [lintWarning(version())] });
      return blocked;
    }
    const compiled = compile(inserted, workflows, 'pending');
    publish({ ...compiled, status: 'created' });
    return publish(publish(compiled));
  }

  /** Woodpecker cannot read or compile the configuration of a pipeline that it has just created. */
  function errorPipeline(ref: RepoRef, number: number, message = 'step has no image'): Pipeline {
    const time = now();
    const errors = [configError(message)];
    return publish(
      database.updatePipeline(ref, number, { status: 'error', errors, started: time, finished: time }, []),
    );
  }

  /** An agent takes a workflow and starts its first step. */
  function initWorkflow(ref: RepoRef, number: number, name: string, started = now()): Pipeline {
    const pipeline = database.pipeline(ref, number);
    const workflow = workflowOf(pipeline, name);
    if (isDone(workflow)) throw new Error(`Workflow "${name}" of pipeline ${number} is ${workflow.state}`);
    const workflows = withWorkflow(pipeline, workflow.id, { state: 'running', started, agent_id: 3 });
    const initialised =
      pipeline.status === 'pending'
        ? database.updatePipeline(ref, number, { status: 'running', started }, workflows)
        : database.updateWorkflows(ref, number, workflows);
    publish(initialised);
    const [step] = workflow.children;
    return step ? updateStep(initialised, step, { state: 'running', started }) : initialised;
  }

  /** An agent starts a further step of a running workflow beside those that run already. */
  function startStep(ref: RepoRef, number: number, name: string): Pipeline {
    const pipeline = database.pipeline(ref, number);
    const step = pipeline.workflows.flatMap(({ children }) => children).find((one) => one.name === name);
    if (!step) throw new Error(`Pipeline ${number} has no step "${name}"`);
    return updateStep(pipeline, step, { state: 'running', started: now() });
  }

  function startPipeline(
    ref: RepoRef,
    number: number,
    input: { started?: number | undefined } = {},
  ): Pipeline {
    const pipeline = database.pipeline(ref, number);
    if (pipeline.status !== 'pending') refuse('start', pipeline);
    const [first] = pipeline.workflows;
    if (!first) throw new Error(`Pipeline ${number} has no workflows`);
    return initWorkflow(ref, number, first.name, input.started);
  }

  /** The agent has finished a workflow, or the server skips one; the last one ends the pipeline. */
  function doneWorkflow(ref: RepoRef, number: number, name: string, input: DoneInput): Pipeline {
    let pipeline = database.pipeline(ref, number);
    const workflow = workflowOf(pipeline, name);
    if (isDone(workflow)) throw new Error(`Workflow "${name}" of pipeline ${number} is ${workflow.state}`);
    const isSkipped = input.state === 'skipped';
    const isBrokenOff = isSkipped || input.state === 'killed';
    const finished = isSkipped ? 0 : (input.finished ?? now());
    const end = { ...input, finished, isCanceled: pipeline.status === 'killed' };
    const isOld = !version().atLeast(3, 14);
    // Before 3.14 the server ends the steps of such a workflow by itself, after it has published the end.
    const endsStepsLast = isOld && isBrokenOff;
    for (const step of endsStepsLast ? [] : workflow.children) {
      if (step.state !== 'pending' && step.state !== 'running') continue;
      const changes = endStep(step, workflow, end, version());
      const hasRun = step.state === 'pending' && changes.started !== undefined;
      if (hasRun) pipeline = updateStep(pipeline, step, { state: 'running', started: changes.started ?? 0 });
      pipeline =
        isBrokenOff && step.state === 'pending'
          ? database.updateWorkflows(ref, number, withStep(pipeline, step.id, changes))
          : updateStep(pipeline, step, changes);
    }
    const ended: Workflow = {
      ...workflowOf(pipeline, name),
      finished,
      state: isOld && input.state === 'killed' ? 'failure' : input.state,
      ...(isSkipped && !isOld && { agent_id: 3 }),
    };
    const error = input.state === 'killed' ? 'Canceled' : failureOf(ended, version());
    const workflows = withWorkflow(pipeline, workflow.id, { ...ended, error });
    pipeline = workflows.every(isDone)
      ? database.updatePipeline(
          ref,
          number,
          { status: toPipelineStatus(workflows, version()), finished },
          workflows,
        )
      : database.updateWorkflows(ref, number, workflows);
    publish(pipeline);
    return endsStepsLast ? endSteps(pipeline, workflow, end) : pipeline;
  }

  /** The server's own end of steps before 3.14: a running step counts as a success until its agent reports. */
  function endSteps(pipeline: Pipeline, workflow: Workflow, end: Parameters<typeof endStep>[2]): Pipeline {
    let last = pipeline;
    for (const step of workflow.children) {
      if (step.state !== 'pending' && step.state !== 'running') continue;
      if (step.state === 'running') {
        const others = unreported.get(pipeline.id) ?? [];
        unreported.set(pipeline.id, [...others, { step: step.id, workflow: workflow.id }]);
      }
      const workflows = withStep(last, step.id, endStep(step, workflow, end, version()));
      last = database.updateWorkflows(pipeline.repo_id, pipeline.number, workflows);
    }
    return last;
  }

  /**
   * Before 3.14 an agent reports the steps that it broke off up to some seconds after the end: they become failures, and
   * the pipeline's `updated` stays as it was. Later versions have nothing to report.
   */
  function reportBrokenOffSteps(
    ref: RepoRef,
    number: number,
    input: { finished?: number | undefined } = {},
  ): Pipeline {
    let last = database.pipeline(ref, number);
    for (const { step: id, workflow } of unreported.get(last.id) ?? []) {
      const step = last.workflows.flatMap(({ children }) => children).find((one) => one.id === id);
      const finished = input.finished ?? now();
      if (step) last = updateStep(last, step, { ...brokenOffStep(version(), workflow), finished });
    }
    unreported.delete(last.id);
    return last;
  }

  function finishPipeline(ref: RepoRef, number: number, input: FinishInput = {}): Pipeline {
    const { status = 'success', finished = now(), failingStep } = input;
    const pipeline = database.pipeline(ref, number);
    if (pipeline.status !== 'running') refuse('finish', pipeline);
    const left = pipeline.workflows.filter((workflow) => !isDone(workflow));
    const wanted = input.failingWorkflow ?? left[0]?.name;
    let hasFailed = false;
    let last = pipeline;
    for (const { name, state } of left) {
      if (state === 'pending' && hasFailed) {
        last = doneWorkflow(ref, number, name, { state: 'skipped' });
        continue;
      }
      if (state === 'pending') initWorkflow(ref, number, name, finished);
      const isFailing = name === wanted && status !== 'success';
      hasFailed ||= isFailing;
      last = doneWorkflow(ref, number, name, {
        state: isFailing ? status : 'success',
        finished,
        failingStep,
      });
    }
    return status === 'killed' ? reportBrokenOffSteps(ref, number, { finished }) : last;
  }

  /** Creates, starts and finishes a pipeline at once. */
  function runPipeline(ref: RepoRef, input: CreateInput = {}, finish: FinishInput = {}): Pipeline {
    const { number } = createPipeline(ref, input);
    startPipeline(ref, number);
    return finishPipeline(ref, number, finish);
  }

  /**
   * The agents report the steps that they broke off; this changes an earlier end. With `reportsSteps: false` their late
   * reports of the steps follow with `reportBrokenOffSteps`.
   */
  function settleCanceled(
    ref: RepoRef,
    number: number,
    input: { finished?: number | undefined; reportsSteps?: boolean | undefined } = {},
  ): Pipeline {
    const { finished, reportsSteps = true } = input;
    for (const { name, state } of database.pipeline(ref, number).workflows) {
      if (state === 'running') doneWorkflow(ref, number, name, { state: 'killed', finished });
    }
    return reportsSteps ? reportBrokenOffSteps(ref, number, { finished }) : database.pipeline(ref, number);
  }

  /**
   * Ends a pipeline before its time. Running workflows stay running until the agents report, with `settleCanceled` or
   * `doneWorkflow`; `settle: true` does the former at once.
   */
  function cancelPipeline(
    ref: RepoRef,
    number: number,
    input: { by?: CanceledBy | undefined; settle?: boolean | undefined } = {},
  ): Pipeline {
    const { by = { user: 'alice' }, settle = false } = input;
    const before = database.pipeline(ref, number);
    if (!['running', 'pending', 'blocked'].includes(before.status)) refuse('cancel', before);
    const isNew = version().atLeast(3, 14);
    const workflows = cancelPending(before.workflows, version());
    const hasOnlyPending = before.workflows.every(({ state }) => state === 'pending');
    const canceled = publish(
      database.updatePipeline(
        ref,
        number,
        {
          status: isNew && hasOnlyPending ? 'canceled' : 'killed',
          finished: now(),
          ...(isNew && { cancel_info: toCancelInfo(by) }),
        },
        workflows,
      ),
    );
    if ('step' in by) failStepAfterCancel(before, canceled, by.step);
    return settle ? settleCanceled(ref, number) : database.pipeline(ref, number);
  }

  /** The step's own report arrives after the cancel that it caused, and contains the pipeline as it was before. */
  function failStepAfterCancel(before: Pipeline, canceled: Pipeline, name: string): void {
    const steps = canceled.workflows.flatMap(({ children }) => children);
    const step = steps.find((one) => one.name === name) ?? steps.find(({ state }) => state === 'running');
    if (!step) throw new Error(`Pipeline ${canceled.number} has no step "${name}"`);
    const started = step.started || now();
    const failure = { name, state: 'failure', exit_code: 1, started, finished: now() } as const;
    const { workflows } = database.updateWorkflows(
      canceled.repo_id,
      canceled.number,
      withStep(canceled, step.id, failure),
    );
    publish({ ...before, workflows });
  }

  function approvePipeline(ref: RepoRef, number: number, input: { by?: string | undefined } = {}): Pipeline {
    const pipeline = database.pipeline(ref, number);
    if (pipeline.status !== 'blocked') refuse('approve', pipeline);
    const review = {
      status: 'pending',
      reviewed: now(),
      reviewed_by: input.by ?? 'bob',
      errors: [lintWarning(version())],
    } as const;
    const workflows = inState(pipeline.workflows, 'pending');
    return publish(publish(database.updatePipeline(ref, number, review, workflows)));
  }

  function declinePipeline(ref: RepoRef, number: number, input: { by?: string | undefined } = {}): Pipeline {
    const pipeline = database.pipeline(ref, number);
    if (pipeline.status !== 'blocked') refuse('decline', pipeline);
    const review = { status: 'declined', reviewed: now(), reviewed_by: input.by ?? 'bob' } as const;
    const workflows = inState(pipeline.workflows, 'declined');
    return publish(database.updatePipeline(ref, number, review, workflows));
  }

  /**
   * Runs a pipeline again under a new number, or deploys it elsewhere. Nearly everything is copied, stale cancel
   * information too. With `error` it ends at once, without a message on the stream.
   */
  function restartPipeline(
    ref: RepoRef,
    number: number,
    input: {
      event?: 'deployment' | undefined;
      deployTo?: string | undefined;
      deployTask?: string | undefined;
      error?: string | undefined;
      /** Those of the old one by default; one `deploy` if it becomes a deployment. */
      workflows?: CreateInput['workflows'];
    } = {},
  ): Pipeline {
    const old = database.pipeline(ref, number);
    const isRefused = old.status === 'blocked' || (old.status === 'declined' && !version().atLeast(3, 0));
    if (isRefused) refuse('restart', old);
    const { id: _id, number: _number, workflows: oldWorkflows, ...copied } = old;
    const time = now();
    const inserted = database.insertRow({
      ...copied,
      parent: number,
      rerun_count: old.rerun_count + 1,
      status: 'pending',
      // A copy is not linted again from 3.0 on.
      errors: version().atLeast(3, 0) ? null : [lintWarning(version())],
      created: time,
      updated: time,
      started: 0,
      finished: 0,
      event: input.event ?? old.event,
      deploy_to: input.deployTo ?? old.deploy_to,
      deploy_task: input.deployTask ?? old.deploy_task,
    });
    if (input.error !== undefined) {
      const errors = [configError(input.error)];
      return database.updatePipeline(ref, inserted.number, {
        status: 'error',
        errors,
        started: time,
        finished: time,
      });
    }
    const wanted = oldWorkflows.map(({ name, children }) => ({
      name,
      steps: children.map((step) => step.name),
    }));
    const isDeployment = input.event === 'deployment' && old.event !== 'deployment';
    const copiedWorkflows = isDeployment || !wanted.length ? undefined : wanted;
    const compiled = compile(inserted, input.workflows ?? copiedWorkflows, 'pending');
    return publish(publish(compiled));
  }

  return {
    createPipeline,
    errorPipeline,
    startPipeline,
    initWorkflow,
    startStep,
    doneWorkflow,
    finishPipeline,
    runPipeline,
    cancelPipeline,
    settleCanceled,
    reportBrokenOffSteps,
    approvePipeline,
    declinePipeline,
    restartPipeline,
  };
}
