/** The forge's answer for a deployment: the commits between the deployment before it and its own. */

export interface Change {
  /** Commit of the successful deployment before; `null`: there was none. */
  readonly base: string | null;
  /** Commit of the deployment itself. */
  readonly head: string;
  /** `null`: the forge does not know. */
  readonly range: CommitRange | null;
}

/** The commits that a deployment adds and removes, compared with the deployment before it. */
export interface CommitRange {
  /** Commits reachable from the head and not from the base, each once; without a base the head alone. */
  readonly added: readonly Commit[];
  /** Ids of the commits reachable from the base and not from the head: a rollback or a forced push removes them. */
  readonly removed: readonly string[];
  /** Ids of the commits that the added ones revert, according to their messages; absent: none. */
  readonly reverts?: readonly string[];
}

export interface Commit {
  readonly id: string;
  /** The committer's date, Unix seconds. */
  readonly committedAt: number;
  /** Whether it has more than one parent. */
  readonly isMerge: boolean;
}
