/**
 * The rows of the fake Woodpecker, with the field names of Woodpecker 3 for every imitated version; only `wire.ts` knows
 * their form for a client. Rows are never edited, only replaced, so a test's row never changes.
 *
 * All times are Unix seconds, and 0 means "not set", as in Woodpecker itself.
 */

export const statuses = [
  'skipped',
  'pending',
  'running',
  'success',
  'failure',
  'killed',
  'canceled',
  'error',
  'blocked',
  'declined',
  'created',
] as const;
export type Status = (typeof statuses)[number];

export const events = [
  'push',
  'pull_request',
  'pull_request_closed',
  'pull_request_metadata',
  'tag',
  'release',
  'deployment',
  'cron',
  'manual',
] as const;
export type Event = (typeof events)[number];

export type StepType = 'clone' | 'service' | 'plugin' | 'commands' | 'cache';

export interface Step {
  readonly id: number;
  readonly uuid: string;
  readonly pipeline_id: number;
  readonly pid: number;
  /** The `pid` of its workflow. */
  readonly ppid: number;
  readonly name: string;
  readonly state: Status;
  readonly error: string;
  readonly exit_code: number;
  readonly started: number;
  readonly finished: number;
  readonly type: StepType;
}

export interface Workflow {
  readonly id: number;
  readonly pipeline_id: number;
  readonly pid: number;
  readonly name: string;
  readonly state: Status;
  readonly error: string;
  readonly started: number;
  readonly finished: number;
  readonly agent_id: number;
  readonly platform: string;
  readonly children: readonly Step[];
}

export interface PipelineError {
  readonly type: 'linter' | 'deprecation' | 'compiler' | 'generic' | 'bad_habit';
  readonly message: string;
  readonly is_warning: boolean;
  readonly data: unknown;
}

export interface CancelInfo {
  readonly canceled_by_user?: string;
  /** Number of the pipeline that took its place. */
  readonly superseded_by?: number;
  /** Name of the failing step that has `failure: cancel`. */
  readonly canceled_by_step?: string;
}

/** A pipeline without its workflows, as in Woodpecker's table. */
export interface PipelineRow {
  readonly id: number;
  readonly repo_id: number;
  readonly number: number;
  readonly author: string;
  /** Number of the pipeline that this one restarts, or 0. */
  readonly parent: number;
  readonly event: Event;
  readonly event_reason: readonly string[] | null;
  readonly status: Status;
  readonly errors: readonly PipelineError[] | null;
  readonly created: number;
  readonly updated: number;
  readonly started: number;
  readonly finished: number;
  readonly deploy_to: string;
  readonly deploy_task: string;
  readonly commit: string;
  readonly branch: string;
  readonly rerun_count: number;
  readonly ref: string;
  readonly refspec: string;
  readonly author_avatar: string;
  readonly forge_url: string;
  readonly reviewed_by: string;
  readonly reviewed: number;
  readonly changed_files: readonly string[];
  readonly cancel_info: CancelInfo | null;
  readonly cron: string;
  /** The server version that created it; empty before 3.14. */
  readonly version: string;
  readonly title: string;
  readonly message: string;
  readonly timestamp: number;
  readonly sender: string;
  readonly author_email: string;
  readonly from_fork: boolean;
  readonly is_prerelease: boolean;
  readonly pr_labels: readonly string[];
}

export interface Pipeline extends PipelineRow {
  readonly workflows: readonly Workflow[];
}

export interface Repo {
  readonly id: number;
  readonly forge_remote_id: string;
  readonly owner: string;
  readonly name: string;
  readonly full_name: string;
  readonly default_branch: string;
  /** Private on the forge: decides who sees its events on the stream. */
  readonly private: boolean;
  /** Woodpecker's own setting: decides who may read it over REST. */
  readonly visibility: 'public' | 'internal' | 'private';
  readonly active: boolean;
}

export interface User {
  readonly id: number;
  readonly login: string;
  readonly admin: boolean;
  readonly token: string;
}

export type Access = 'pull' | 'push' | 'admin';

/** A repo by its id, its full name, or anything that has its id. */
export type RepoRef = number | string | { readonly id: number };

const activeStatuses: readonly Status[] = ['created', 'blocked', 'pending', 'running'];

/** Whether Woodpecker may still run a part of it. */
export function isActive(status: Status): boolean {
  return activeStatuses.includes(status);
}
