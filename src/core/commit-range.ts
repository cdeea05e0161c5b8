/** What a deployment changed against the one before it, as the forge told. */

export interface Change {
  /** Commit of the successful deployment before; `null`: there was none. */
  readonly base: string | null;
  /** Commit of the deployment itself. */
  readonly head: string;
  /** `null`: the forge cannot tell. */
  readonly range: CommitRange | null;
}

/** Which commits a deployment brings to where another was before, and which it takes away. */
export interface CommitRange {
  /** Reachable from the head and not from the base, each once; without a base the head alone. */
  readonly added: readonly Commit[];
  /** Ids of those reachable from the base and not from the head: what a rollback or a forced push takes away. */
  readonly removed: readonly string[];
  /** Ids of commits that the messages of those added say they revert; absent: none. */
  readonly reverts?: readonly string[];
}

export interface Commit {
  readonly id: string;
  /** The committer's date, Unix seconds. */
  readonly committedAt: number;
  /** Whether it has more than one parent. */
  readonly isMerge: boolean;
}
