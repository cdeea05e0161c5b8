/**
 * Adds the fields that a test omits when it puts a pipeline directly into the database: times, workflows and steps agree
 * with the status, as if a Woodpecker had run the pipeline. Given fields stay unchanged, even if no Woodpecker would write
 * them. Pure, except for the given clock and ids.
 */

import { createHash } from 'node:crypto';
import type {
  CancelInfo,
  Event,
  PipelineError,
  PipelineRow,
  Repo,
  Status,
  Step,
  StepType,
  Workflow,
} from './model.ts';
import { brokenOffStep, failureOf, timedOutStep } from './transitions.ts';
import type { Version } from './version.ts';
import { knowsEvent, knowsStatus } from './version.ts';
import { defaultMessage, tagOf } from './words.ts';

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
  /** Unique over all repos; the next free one by default. */
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

/** Length of a default run, in seconds. */
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

function forgeUrlOf(repo: Repo, event: Event, ref: string, commit: string): string {
  const url = `https://git.example.com/${repo.full_name}`;
  if (event === 'tag') return `${url}/src/tag/${tagOf({ ref })}`;
  if (event === 'release') return `${url}/releases/tag/${tagOf({ ref })}`;
  if (event.startsWith('pull_request')) return `${url}/pulls/${/\d+/.exec(ref)?.[0] ?? ''}`;
  return `${url}/commit/${commit}`;
}

/** A commit id in git's form, the same in every run. */
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
  const author = input.author ?? (event === 'cron' ? '' : 'alice');
  const cron = input.cron ?? (event === 'cron' ? 'nightly' : '');
  const ref = input.ref ?? refOf(event, branch, number);
  const title = input.title ?? (isPullRequest ? 'A pull request' : '');
  const senderOfCron = version.atLeast(3, 14) ? '' : cron;
  return {
    id,
    repo_id: repo.id,
    number,
    author,
    parent: input.parent ?? 0,
    event,
    event_reason: null,
    status,
    errors: input.errors ?? defaultErrors(status, event, version),
    ...times,
    deploy_to: input.deployTo ?? (event === 'deployment' ? 'production' : ''),
    deploy_task: input.deployTask ?? '',
    commit,
    branch,
    rerun_count: input.rerunCount ?? 0,
    ref,
    refspec: isPullRequest ? `feature:${branch}` : '',
    author_avatar: author && `https://git.example.com/avatars/${author}`,
    forge_url: forgeUrlOf(repo, event, ref, commit),
    reviewed_by: input.reviewedBy ?? (times.reviewed === 0 ? '' : 'bob'),
    changed_files: input.changedFiles ?? (event === 'push' || isPullRequest ? ['src/upload.ts'] : []),
    cancel_info: input.cancelInfo ?? null,
    cron,
    version: input.version ?? (version.atLeast(3, 14) ? version.text : ''),
    title,
    message: input.message ?? defaultMessage({ event, ref, title, branch, cron }, version),
    timestamp: input.timestamp ?? (isPullRequest || event === 'release' ? 0 : times.created - 1),
    sender: input.sender ?? (event === 'cron' ? senderOfCron : event === 'manual' ? '' : author),
    author_email: author && `${author}@example.com`,
    from_fork: input.fromFork ?? false,
    is_prerelease: input.isPrerelease ?? false,
    pr_labels: input.prLabels ?? [],
  };
}

export function configError(message: string): PipelineError {
  return { type: 'compiler', message, is_warning: false, data: null };
}

function lintMessage(version: Version): string {
  if (version.atLeast(3, 14))
    return 'Consider adding a `when` block with an `event` filter to this step or the entire workflow';
  return version.atLeast(3, 0)
    ? 'Set an event filter for all steps or the entire workflow on all items of the `when` block'
    : 'Please set an event filter for all steps or the whole workflow on all items of the when block';
}

/** The linter's warning about nearly every configuration; successful runs have it, too. */
export function lintWarning(version: Version): PipelineError {
  return {
    type: 'bad_habit',
    message: lintMessage(version),
    is_warning: true,
    data: {
      docs: 'https://woodpecker-ci.org/docs/usage/linter#event-filter-for-all-steps',
      field: 'steps.test',
      file: 'build',
    },
  };
}

/** A configuration is linted once it may run; the copy that a restart makes is not, from 3.0 on. */
function defaultErrors(status: Status, event: Event, version: Version): readonly PipelineError[] | null {
  if (status === 'error') return [configError('step has no image')];
  if (status === 'blocked' || status === 'declined') return null;
  return event === 'deployment' && version.atLeast(3, 0) ? null : [lintWarning(version)];
}

/** The state of a workflow of a pipeline in this status. */
function workflowStateOf({ status, started }: PipelineRow, version: Version): Status {
  if (status === 'canceled') return 'skipped';
  // Cancelled while pending before 3.14, while blocked later.
  if (status === 'killed' && started === 0) return version.atLeast(3, 14) ? 'blocked' : 'skipped';
  return status;
}

/** The workflows that a pipeline has if the test names none. */
function defaultWorkflows(row: PipelineRow, error: string | undefined): readonly WorkflowInput[] {
  if (row.status === 'created' || row.status === 'error') return [];
  const name = row.event === 'deployment' ? 'deploy' : 'build';
  const isSkippedLast = (row.status === 'success' || row.status === 'failure') && row.finished === 0;
  const finished = isSkippedLast ? Math.min(row.started + runSeconds, row.updated) : row.finished;
  const first: WorkflowInput = { name, error, finished };
  return isSkippedLast ? [first, { name: 'notify', state: 'skipped' }] : [first];
}

/** The state of a workflow's steps that never began. */
function idleStateOf(workflow: Pick<Workflow, 'state'>, row: PipelineRow, version: Version): Status {
  if (workflow.state !== 'skipped') return workflow.state;
  if (!version.atLeast(3, 14)) return 'skipped';
  return row.status === 'canceled' ? 'canceled' : 'killed';
}

function defaultSteps(
  workflow: Omit<Workflow, 'children'>,
  row: PipelineRow,
  version: Version,
): readonly StepInput[] {
  const mainName = workflow.name === 'build' ? 'test' : workflow.name;
  if (workflow.started === 0) {
    const state = idleStateOf(workflow, row, version);
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
    const end = row.cancel_info === null ? timedOutStep : brokenOffStep;
    const { exit_code: exitCode, ...broken } = end(version, workflow.id);
    return [clone, { name: mainName, exitCode, ...broken, ...rest }];
  }
  const exitCode = workflow.state === 'failure' ? 1 : 0;
  return [clone, { name: mainName, state: workflow.state, exitCode, ...rest }];
}

const idleStates: readonly Status[] = ['skipped', 'pending', 'canceled', 'blocked', 'declined', 'created'];

/** The source of ids for workflows and steps. */
export interface IdSource {
  nextWorkflow(): number;
  nextStep(): number;
}

/** The workflows of a pipeline with their steps. Their `pid`s follow the order of names; the steps have the next ones. */
export function toWorkflows(
  row: PipelineRow,
  input: PipelineInput,
  ids: IdSource,
  version: Version,
): readonly Workflow[] {
  const wanted = input.workflows ?? defaultWorkflows(row, input.workflowError);
  const names = wanted.map(({ name }) => name).sort();
  let lastPid = wanted.length;
  return wanted.map((given): Workflow => {
    const pid = names.indexOf(given.name) + 1;
    // Workflows of a matrix share their name.
    names[pid - 1] = '';
    const state = given.state ?? workflowStateOf(row, version);
    const hasRun = !idleStates.includes(state) && row.started !== 0;
    const isSkippedByAgent = state === 'skipped' && row.started !== 0 && version.atLeast(3, 14);
    const workflow = {
      id: ids.nextWorkflow(),
      pipeline_id: row.id,
      pid,
      name: given.name,
      state,
      error: given.error ?? (state === 'killed' ? 'Canceled' : ''),
      started: given.started ?? (hasRun ? row.started : 0),
      finished: given.finished ?? (hasRun ? row.finished : 0),
      agent_id: given.agentId ?? (hasRun || isSkippedByAgent ? 3 : 0),
      platform: given.platform ?? '',
    };
    const children = (given.steps ?? defaultSteps(workflow, row, version)).map((step): Step => {
      lastPid += 1;
      const id = ids.nextStep();
      return {
        id,
        uuid: `01JH${id.toString(36).toUpperCase().padStart(22, '0')}`,
        pipeline_id: row.id,
        pid: lastPid,
        ppid: pid,
        name: step.name,
        state: step.state ?? workflow.state,
        error: step.error ?? '',
        exit_code: step.exitCode ?? 0,
        started: step.started ?? (step.state === 'skipped' ? 0 : workflow.started),
        finished: step.finished ?? (step.state === 'skipped' ? 0 : workflow.finished),
        type: step.type ?? 'commands',
      };
    });
    const error = given.error ?? (workflow.error || failureOf({ ...workflow, children }, version));
    return { ...workflow, error, children };
  });
}
