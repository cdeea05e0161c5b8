/**
 * A repo as the exporter knows it, and how what several sources tell of it becomes one.
 *
 * Guarantees: names and default branches follow from the set of what was told, not from its order (of branches, as long
 * as there are not too many).
 */

export interface Repo {
  /** The exporter's own key; stays the same through renames. */
  readonly key: number;
  /** Woodpecker's id; `null` until one was seen. */
  readonly woodpeckerId: number | null;
  /** The forge's own id of it; `null` where not told. */
  readonly forgeRemoteId: string | null;
  /** Current owner/name. */
  readonly fullName: string;
  /** Unix seconds of the observation that the name comes from. */
  readonly namedAt: number;
  /** Every branch that is, or is known to have been, the default one; sorted. */
  readonly defaultBranches: readonly string[];
  /** Unix seconds; a pipeline created later is credited whenever it becomes known. `null`: all are. */
  readonly horizon: number | null;
  /** Unix seconds from which on its pipelines are known without a gap; `null` before the first complete backfill. */
  readonly knownSince: number | null;
  /** Whether its series may be shown: from its first complete backfill on, or at once where there is none. */
  readonly revealed: boolean;
  /** Whether Woodpecker no longer has it, or no longer active: its series end until it is back. */
  readonly isGone: boolean;
  readonly scan: ScanProgress;
}

/** How far the repo's pipelines are known without a gap; numbers are pipeline numbers. */
export interface ScanProgress {
  /** Every pipeline up to this one has been seen; `null` before the first complete backfill. */
  readonly watermark: number | null;
  /** Unix seconds at which the last complete scan began. */
  readonly scannedAt: number | null;
  /** Ground that an unfinished scan has covered, for the next one to skip. */
  readonly covered: CoveredGround | null;
}

export interface CoveredGround {
  readonly from: number;
  readonly to: number;
  /** Unix seconds: creation of the pipeline `from`. */
  readonly fromCreatedAt: number;
}

/** What one source tells of a repo. */
export interface RepoFacts {
  readonly woodpeckerId: number | null;
  readonly forgeRemoteId: string | null;
  readonly fullName: string;
  readonly defaultBranch: string | null;
  /** Unix seconds as of which the facts hold. */
  readonly asOf: number;
}

export const longestRepoName = 512;
/** Owner and name; neither control characters nor those that turn the direction of writing. */
export const repoNamePattern = /^[^\s/\p{Cc}\p{Cf}]+(\/[^\s/\p{Cc}\p{Cf}]+)+$/u;

/** More than any repo ever has; further ones are not learnt. */
const mostDefaultBranches = 50;

export const noScan: ScanProgress = { watermark: null, scannedAt: null, covered: null };

/** Names are equal whatever their case, as on every forge that Woodpecker supports. */
export function nameKey(fullName: string): string {
  return fullName.toLowerCase();
}

/** The repo after `facts`; the same object where they bring nothing new. */
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
