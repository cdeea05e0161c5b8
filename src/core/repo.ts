/**
 * A repo as the exporter knows it, and the merge of facts about it from several sources.
 *
 * Guarantees: the name and the default branches follow from the set of facts, not from their order (branches only as
 * long as there are not too many).
 */

export interface Repo {
  /** The exporter's own key; stays the same through renames. */
  readonly key: number;
  /** Woodpecker's id; `null`: not known yet. */
  readonly woodpeckerId: number | null;
  /** The forge's own id of the repo; `null`: unknown. */
  readonly forgeRemoteId: string | null;
  /** Current owner/name. */
  readonly fullName: string;
  /** Unix seconds of the latest observation of the repo's name. */
  readonly namedAt: number;
  /** All known default branches, current and former; sorted. */
  readonly defaultBranches: readonly string[];
  /** Unix seconds: a pipeline created later counts whenever it becomes known; `null`: all count. */
  readonly horizon: number | null;
  /** Unix seconds from which on its pipelines are known without a gap; `null` before the first complete backfill. */
  readonly knownSince: number | null;
  /** Whether its series may be shown: from its first complete backfill on, or at once if there is none. */
  readonly revealed: boolean;
  /** Whether Woodpecker no longer has the repo, or has it as inactive: its series end until it is back. */
  readonly isGone: boolean;
  readonly scan: ScanProgress;
}

/** How far the repo's pipelines are known without a gap; numbers are pipeline numbers. */
export interface ScanProgress {
  /** The service has read every pipeline up to this one; `null` before the first complete backfill. */
  readonly watermark: number | null;
  /** Unix seconds at which the last complete scan began. */
  readonly scannedAt: number | null;
  /** Pipelines that an unfinished scan has read, for the next scan to skip. */
  readonly covered: CoveredGround | null;
}

export interface CoveredGround {
  readonly from: number;
  readonly to: number;
  /** Unix seconds: creation of the pipeline `from`. */
  readonly fromCreatedAt: number;
}

/** Facts about a repo from one source. */
export interface RepoFacts {
  readonly woodpeckerId: number | null;
  readonly forgeRemoteId: string | null;
  readonly fullName: string;
  readonly defaultBranch: string | null;
  /** Unix seconds at which the facts were true. */
  readonly asOf: number;
}

export const longestRepoName = 512;
/** Owner and name, without white space, control characters, and format characters such as changes of direction. */
export const repoNamePattern = /^[^\s/\p{Cc}\p{Cf}]+(\/[^\s/\p{Cc}\p{Cf}]+)+$/u;

/** More than any repo ever has; further ones are ignored. */
const mostDefaultBranches = 50;

export const noScan: ScanProgress = { watermark: null, scannedAt: null, covered: null };

/** Key of a name: names that differ only in case are equal, as on every forge that Woodpecker supports. */
export function nameKey(fullName: string): string {
  return fullName.toLowerCase();
}

/** The repo after `facts`; the same object if they change nothing. */
export function learn(repo: Repo, facts: RepoFacts): Repo {
  const isNewer =
    facts.asOf > repo.namedAt || (facts.asOf === repo.namedAt && facts.fullName > repo.fullName);
  const fullName = isNewer ? facts.fullName : repo.fullName;
  const woodpeckerId = repo.woodpeckerId ?? facts.woodpeckerId;
  const forgeRemoteId = (isNewer ? facts.forgeRemoteId : null) ?? repo.forgeRemoteId ?? facts.forgeRemoteId;
  const branch = facts.defaultBranch;
  const defaultBranches =
    branch === null ||
    branch === '' ||
    repo.defaultBranches.includes(branch) ||
    repo.defaultBranches.length >= mostDefaultBranches
      ? repo.defaultBranches
      : [...repo.defaultBranches, branch].sort();
  const namedAt = Math.max(repo.namedAt, facts.asOf);
  const isSame =
    fullName === repo.fullName &&
    namedAt === repo.namedAt &&
    woodpeckerId === repo.woodpeckerId &&
    forgeRemoteId === repo.forgeRemoteId &&
    defaultBranches === repo.defaultBranches;
  return isSame ? repo : { ...repo, fullName, namedAt, woodpeckerId, forgeRemoteId, defaultBranches };
}
