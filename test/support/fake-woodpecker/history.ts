/**
 * Fills in what a test leaves out when it puts a pipeline straight into the database: a row whose times, workflows and
 * steps agree with its status, as a Woodpecker that ran it would have left them. What is given is taken as it is, even
 * where no Woodpecker would write it. Pure but for the clock and the ids handed in.
 */

import { createHash } from 'node:crypto';
import type {
  CancelInfo,
  Event,
  PipelineError,
  PipelineRow,
  Repo,
  Status,
  StepType,
  Workflow,
} from './model.ts';
import type { Version } from './version.ts';
import { knowsEvent, knowsStatus } from './version.ts';

type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined };

export type StepInput = { readonly name: string } & Optional<{
  state: Status;
  exitCode: number;
  error: string;
  started: number;
  finished: number;
  type: StepType;
}>;

export type WorkflowInput = { readonly name: string } & Optional<{
  state: Status;
  error: string;
  started: number;
  finished: number;
  agentId: number;
  platform: string;
  steps: readonly StepInput[];
}>;

export type PipelineInput = Optional<{
  /** Over all repos; the next free one by default. */
  id: number;
  /** MAX(number) + 1 of the repo by default. */
  number: number;
  /** `push` by default. */
  event: Event;
  /** `success` by default. */
  status: Status;
  branch: string;
  ref: string;
  created: number;
  started: number;
  /** 0 on a success or a failure means that the workflow finalised last was skipped. */
  finished: number;
  updated: number;
  deployTo: string;
  deployTask: string;
  commit: string;
  title: string;
  message: string;
  timestamp: number;
  author: string;
  sender: string;
  cron: string;
  parent: number;
  rerunCount: number;
  fromFork: boolean;
  isPrerelease: boolean;
  reviewedBy: string;
  reviewed: number;
  cancelInfo: CancelInfo;
  errors: readonly PipelineError[];
  changedFiles: readonly string[];
  prLabels: readonly string[];
  version: string;
  /** Error of the default workflow: "Canceled" makes a cancelled run of a server before 3.14. */
  workflowError: string;
  workflows: readonly WorkflowInput[];
}>;

/** How long a default run takes, in seconds. */
const runSeconds = 60;

const ranStatuses: readonly Status[] = ['success', 'failure', 'killed', 'running'];

interface Times {
  readonly created: number;
  readonly started: number;
  readonly finished: number;
  readonly reviewed: number;
  readonly updated: number;
}

function resolveTimes(input: PipelineInput, status: Status, now: number): Times {
  const created =
    input.created ??
    (input.started
      ? input.started - 3
      : input.finished
        ? input.finished - 3 - runSeconds
        : now - 2 * runSeconds);
  const hasRun = ranStatuses.includes(status);
  const startedByDefault = hasRun ? created + 3 : status === 'error' ? created + 1 : 0;
  const started =
    input.started ?? (input.finished ? Math.min(startedByDefault, input.finished) : startedByDefault);
  const finishedByDefault: Partial<Record<Status, number>> = {
    success: started + runSeconds,
    failure: started + runSeconds,
    killed: (started || created) + runSeconds,
    canceled: created + 30,
    error: started,
  };
  const finished = input.finished ?? finishedByDefault[status] ?? 0;
  const reviewed = input.reviewed ?? (status === 'declined' ? created + runSeconds : 0);
  const steps = (input.workflows ?? []).flatMap((workflow) => [workflow, ...(workflow.steps ?? [])]);
  const isSkippedLast = hasRun && status !== 'running' && finished === 0;
  const updated =
    input.updated ??
    Math.max(
      created,
      started,
      finished,
      reviewed,
      isSkippedLast ? started + runSeconds : 0,
      ...steps.map((step) => step.finished ?? 0),
    );
  return { created, started, finished, reviewed, updated };
}

function refOf(event: Event, branch: string, number: number): string {
  switch (event) {
    case 'tag':
    case 'release':
      return `refs/tags/v1.0.${number}`;
    case 'pull_request':
    case 'pull_request_closed':
    case 'pull_request_metadata':
      return `refs/pull/${number}/head`;
    case 'manual':
      return branch;
    case 'push':
    case 'deployment':
    case 'cron':
      return `refs/heads/${branch}`;
  }
  return event satisfies never;
}

/** Looks like one of git's, and is the same in every run. */
function commitOf(id: number): string {
  return createHash('sha1').update(`pipeline ${id}`).digest('hex');
}

/** The row of a pipeline of this repo. */
export function toPipelineRow(
  input: PipelineInput,
  given: { repo: Repo; id: number; number: number; version: Version; now: number },
): PipelineRow {
  const { repo, id, number, version, now } = given;
  const event = input.event ?? 'push';
  const status = input.status ?? 'success';
  if (!knowsStatus(version, status)) throw new Error(`Woodpecker ${version.text} has no status "${status}"`);
  if (!knowsEvent(version, event)) throw new Error(`Woodpecker ${version.text} has no event "${event}"`);
  const times = resolveTimes(input, status, now);
  const branch = input.branch ?? (event === 'tag' ? '' : repo.default_branch);
  const commit = input.commit ?? commitOf(id);
  const isPullRequest = event.startsWith('pull_request');
  const author = input.author ?? 'alice';
  const cron = input.cron ?? (event === 'cron' ? 'nightly' : '');
  const noErrors = status === 'error' ? [configError('step has no image')] : null;
  return {
    id,
    repo_id: repo.id,
    number,
    author,
    parent: input.parent ?? 0,
    event,
    event_reason: isPullRequest ? [''] : null,
    status,
    errors: input.errors ?? noErrors,
    ...times,
    deploy_to: input.deployTo ?? (event === 'deployment' ? 'production' : ''),
    deploy_task: input.deployTask ?? '',
    commit,
    branch,
    rerun_count: input.rerunCount ?? 0,
    ref: input.ref ?? refOf(event, branch, number),
    refspec: '',
    author_avatar: 'https://git.example.com/avatars/d6b3f778',
    forge_url: `https://git.example.com/${repo.full_name}/commit/${commit.slice(0, 8)}`,
    reviewed_by: input.reviewedBy ?? (times.reviewed === 0 ? '' : 'bob'),
    changed_files: input.changedFiles ?? (event === 'push' ? ['src/upload.ts'] : []),
    cancel_info: input.cancelInfo ?? null,
    cron,
    version: input.version ?? (version.atLeast(3, 14) ? version.text : ''),
    title: input.title ?? '',
    message: input.message ?? 'fix: retry upload\n',
    timestamp: input.timestamp ?? (isPullRequest || event === 'release' ? 0 : times.created - 1),
    sender: input.sender ?? (cron || author),
    author_email: `${author}@example.com`,
    from_fork: input.fromFork ?? false,
    is_prerelease: input.isPrerelease ?? false,
    pr_labels: input.prLabels ?? [],
  };
}

export function configError(message: string): PipelineError {
  return { type: 'compiler', message, is_warning: false, data: null };
}

/** The workflows that a pipeline has if the test names none. */
function defaultWorkflows(row: PipelineRow, error: string): readonly WorkflowInput[] {
  if (row.status === 'created' || row.status === 'error') return [];
  const name = row.event === 'deployment' ? 'deploy' : 'build';
  const isSkippedLast = (row.status === 'success' || row.status === 'failure') && row.finished === 0;
  const finished = isSkippedLast ? Math.min(row.started + runSeconds, row.updated) : row.finished;
  const first: WorkflowInput = { name, error, finished };
  return isSkippedLast ? [first, { name: 'notify', state: 'skipped' }] : [first];
}

function defaultSteps(workflow: Omit<Workflow, 'children'>, row: PipelineRow): readonly StepInput[] {
  const mainName = workflow.name === 'build' ? 'test' : workflow.name;
  if (workflow.started === 0) {
    const state = workflow.state === 'killed' ? 'skipped' : workflow.state;
    return [
      { name: 'clone', state, type: 'clone' },
      { name: mainName, state },
    ];
  }
  const end = workflow.finished || Infinity;
  const cloned = Math.min(workflow.started + 5, end);
  const clone: StepInput = {
    name: 'clone',
    state: 'success',
    type: 'clone',
    started: workflow.started,
    finished: cloned,
  };
  const rest = { started: cloned, finished: workflow.finished };
  const failingStep = row.cancel_info?.canceled_by_step;
  if (failingStep !== undefined) {
    return [clone, { name: failingStep, state: 'failure', exitCode: 1, ...rest }];
  }
  if (workflow.error !== '' || workflow.state === 'killed') {
    return [clone, { name: mainName, state: 'killed', exitCode: 137, ...rest }];
  }
  const exitCode = workflow.state === 'failure' ? 1 : 0;
  return [clone, { name: mainName, state: workflow.state, exitCode, ...rest }];
}

const idleStates: readonly Status[] = ['skipped', 'pending', 'canceled', 'blocked', 'declined', 'created'];

/** Where the ids of workflows and steps come from. */
export interface IdSource {
  nextWorkflow(): number;
  nextStep(): number;
}

/** The workflows of a pipeline with their steps. */
export function toWorkflows(row: PipelineRow, input: PipelineInput, ids: IdSource): readonly Workflow[] {
  let pid = 0;
  return (input.workflows ?? defaultWorkflows(row, input.workflowError ?? '')).map((given): Workflow => {
    pid += 1;
    const workflowPid = pid;
    const state = given.state ?? row.status;
    const hasRun = !idleStates.includes(state) && row.started !== 0;
    const workflow = {
      id: ids.nextWorkflow(),
      pipeline_id: row.id,
      pid,
      name: given.name,
      state,
      error: given.error ?? '',
      started: given.started ?? (hasRun ? row.started : 0),
      finished: given.finished ?? (hasRun ? row.finished : 0),
      agent_id: given.agentId ?? (hasRun ? 3 : 0),
      platform: given.platform ?? '',
    };
    const children = (given.steps ?? defaultSteps(workflow, row)).map((step) => {
      pid += 1;
      const id = ids.nextStep();
      return {
        id,
        uuid: `01JH${id.toString(36).toUpperCase().padStart(22, '0')}`,
        pipeline_id: row.id,
        pid,
        ppid: workflowPid,
        name: step.name,
        state: step.state ?? workflow.state,
        error: step.error ?? '',
        exit_code: step.exitCode ?? 0,
        started: step.started ?? (step.state === 'skipped' ? 0 : workflow.started),
        finished: step.finished ?? (step.state === 'skipped' ? 0 : workflow.finished),
        type: step.type ?? 'commands',
      };
    });
    return { ...workflow, children };
  });
}
