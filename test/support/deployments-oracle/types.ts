/** The oracle's own types. They share nothing with the service, so that an error cannot be in both. */

export interface Step {
  name: string;
  state: string;
  exit_code?: number;
  started?: number;
  finished?: number;
  error?: string;
}

export interface Workflow {
  name: string;
  state: string;
  started?: number;
  finished?: number;
  error?: string;
  children?: Step[];
}

/** One pipeline as Woodpecker 3 sends it, and the name of its repo. */
export interface Pipeline {
  repo: string;
  number: number;
  event: string;
  status: string;
  branch: string;
  ref: string;
  commit: string;
  parent: number;
  created: number;
  started: number;
  finished: number;
  updated: number;
  message: string;
  deploy_to: string;
  from_fork?: boolean;
  /** The repo's default branch as told with this pipeline. */
  default_branch: string;
  /**
   * Steps of the pipeline reported its end at these times, and nothing else is known: no id, no times, no workflows.
   * `updated` is the earliest of them.
   */
  reports?: number[];
  cancel_info?: { canceled_by_user?: string; superseded_by?: number; canceled_by_step?: string };
  workflows?: Workflow[];
}

/** One tier rule. An absent key has no condition. */
export interface Rule {
  tier: string;
  repos?: string[];
  events?: string[];
  branches?: string[];
  deploy_to?: string[];
  tags?: string[];
  workflows?: string[];
  steps?: string[];
}

/** The policy after reading: all times in seconds; null switches a cause off. */
export interface Policy {
  tiers: Rule[];
  default_tier: string | null;
  killed_is_failure: boolean;
  /** Whether a push, a manual pipeline or a cron counts only on a current or former default branch. */
  default_branches_only: boolean;
  failures: {
    /** Globs; null is the default: every tier that a rule names. */
    tiers: string[] | null;
    rollback: number | null;
    fix: { linked: number | null; rule: number | null };
    incident: number | null;
  };
  /** Globs on the branch, and regular expressions on the message. */
  rework: { branches: string[]; messages: string[] };
  incidents: { stale: number };
  windows: Record<string, number>;
}

/** One incident of a pair. Of alerts, intervals of one fingerprint that overlap are already joined. */
export interface Incident {
  id: string;
  repo: string;
  tier: string;
  start: number;
  /** When it was resolved; null: it was not. */
  end: number | null;
  /** When the alert was last received, firing or resolved; null: a plain report, which is never stale. */
  lastReceipt: number | null;
}

/** A current mark. A removed mark is absent. */
export interface Mark {
  repo: string;
  number: number;
  tier: string;
  mark: 'failed' | 'fine' | 'ignore';
  recovered?: number;
}

export interface World {
  policy: Policy;
  pipelines: Pipeline[];
  incidents: Incident[];
  marks: Mark[];
}

export type Cause = 'pipeline' | 'rollback' | 'fix' | 'incident' | 'operator';

export type Reason =
  | 'fork'
  | 'pull_request'
  | 'branch'
  | 'unfinished'
  | 'canceled'
  | 'declined'
  | 'skipped'
  | 'error'
  | 'no_timestamp'
  | 'no_tier'
  | 'no_parts'
  | 'not_reached'
  | 'killed'
  | 'operator';

/** A pipeline in a tier. */
export interface Deployment {
  repo: string;
  tier: string;
  pipeline: Pipeline;
  /** The outcome of the part, or of the whole pipeline. Causes do not change it. */
  outcome: 'success' | 'failure';
  start: number | null;
  finish: number;
  /** null: not observed. */
  duration: number | null;
  mark: Mark | null;
}
