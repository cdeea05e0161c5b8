/**
 * Computes the five figures from the true list of deployments by the definitions alone: reads the whole list for every
 * question, without folding, merging, or an order of arrival. It is slow on purpose.
 *
 * It knows the truth of each deployment, and the forge's commit graph. It only uses what the exporter can know: a lookup
 * that the forge has not answered, or cannot answer, has no answer here either.
 */
import { episodesOf, failingSinceOf } from './episodes.ts';

export interface TrueDeployment {
  readonly repo: number;
  readonly number: number;
  /** Current name of the repo in lower case: repos with the same name have one series. */
  readonly series: string;
  readonly tier: string;
  /** Unix seconds. */
  readonly at: number;
  readonly outcome: 'success' | 'failure';
  readonly isRework: boolean;
  /** Empty if unknown. */
  readonly commit: string;
  /** Unix seconds, as a step reported it. */
  readonly reportedCommitTime: number | null;
}

/** Any pipeline, deployment or not. */
export interface TruePipeline {
  readonly repo: number;
  readonly commit: string;
  /** Unix seconds. */
  readonly createdAt: number | null;
}

export interface GraphCommit {
  /** The committer's date, Unix seconds. */
  readonly committedAt: number;
  readonly parents: readonly string[];
}

export type CommitGraph = ReadonlyMap<string, GraphCommit>;

/** A lookup in the forge: the commits between two commits, for a deployment to a tier. */
export interface ForgeAnswer {
  readonly repo: number;
  readonly tier: string;
  readonly number: number;
  readonly base: string | null;
  readonly head: string;
  /** `false`: the forge answered that it does not know them. */
  readonly canTell: boolean;
}

export interface Truth {
  readonly deployments: readonly TrueDeployment[];
  readonly pipelines: readonly TruePipeline[];
  /** `null`: no forge is configured. The last of several answers for one deployment counts. */
  readonly forge: { readonly graph: CommitGraph; readonly answers: readonly ForgeAnswer[] } | null;
  /** The policy's replacement for an unknown commit time. */
  readonly fallback: 'created' | null;
  /** Current names of all repos, in lower case. */
  readonly names: ReadonlyMap<number, string>;
  /** Unix seconds from which on a repo is known without a gap. */
  readonly knownSince: ReadonlyMap<number, number>;
  /**
   * Whether deployments before that time count. If not, they only affect the last outcomes, the open failure, and the
   * delivered commits.
   */
  readonly countsBeyond: boolean;
}

/** The lead times of a successful deployment in seconds, or why there are none. */
export type Brought =
  | { readonly kind: 'known'; readonly leadTimes: readonly number[] }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'pending' };

export interface Distribution {
  /** In ascending order. */
  readonly samples: readonly number[];
  readonly p50: number | null;
  readonly p95: number | null;
}

export interface ExpectedWindow {
  readonly deployments: number;
  readonly failed: number;
  readonly rework: number;
  readonly leadTime: Distribution;
  readonly recovery: Distribution;
}

export interface ExpectedTimes {
  readonly lastSuccess: number;
  readonly lastFailure: number;
  readonly failingSince: number;
}

/** A value, and the time and number of its deployment. */
interface Sample {
  readonly at: number;
  readonly number: number;
  readonly seconds: number;
}

export interface ExpectedLookup {
  readonly number: number;
  /** Time of the deployment, in Unix seconds. */
  readonly at: number;
  readonly base: string | null;
  readonly head: string;
}

/** One series in one tier. */
export interface ExpectedSeries {
  readonly series: string;
  readonly tier: string;
  readonly repos: readonly number[];
  /** Whether several repos have this name. */
  readonly isShared: boolean;
  readonly times: ExpectedTimes;
  readonly leadTimes: readonly Sample[];
  readonly recoveries: readonly Sample[];
  /** Number of deployments with an unknowable lead time. */
  readonly unknown: readonly TrueDeployment[];
  /** Lookups that are still pending, or that have changed since. */
  readonly unanswered: readonly ExpectedLookup[];
  /** Deployments that count, by time, then by number. */
  readonly deployments: readonly TrueDeployment[];
  /** The ones in the known time of their repo. */
  readonly known: ReadonlySet<TrueDeployment>;
}

/** The results of `truth` that do not depend on the time. */
export function expectSeries(truth: Truth): readonly ExpectedSeries[] {
  const keys = new Set(truth.deployments.map(({ series, tier }) => JSON.stringify([series, tier])));
  return [...keys].sort().map((key) => {
    const [series, tier] = JSON.parse(key) as [string, string];
    const deployments = truth.deployments
      .filter((deployment) => deployment.series === series && deployment.tier === tier)
      .sort((a, b) => a.at - b.at || a.number - b.number);
    const known = new Set(deployments.filter((deployment) => isKnown(truth, deployment)));
    const counted = deployments.filter((deployment) => isCounted(truth, deployment));
    const brought = counted
      .filter(({ outcome }) => outcome === 'success')
      .map((deployment) => ({ deployment, what: broughtBy(truth, deployments, deployment) }));
    return {
      series,
      tier,
      repos: [...new Set(deployments.map(({ repo }) => repo))],
      isShared: [...truth.names.values()].filter((name) => name === series).length > 1,
      times: timesOf(reposOf(deployments), counted),
      leadTimes: brought.flatMap(({ deployment: { at, number }, what }) =>
        what.kind === 'known' ? what.leadTimes.map((seconds) => ({ at, number, seconds })) : [],
      ),
      recoveries: reposOf(counted).flatMap(recoveriesOf),
      unknown: brought.filter(({ what }) => what.kind === 'unknown').map(({ deployment }) => deployment),
      unanswered: counted.flatMap((deployment) => {
        const chain = chainTo(counted, deployment);
        const { number, at, commit: head } = deployment;
        const isAsked = !isStandstill(chain) && lookupStateOf(truth, chain) === 'unanswered';
        return isAsked ? [{ number, at, base: chain.at(-2)?.commit ?? null, head }] : [];
      }),
      deployments: counted,
      known,
    };
  });
}

/** The figures over (now - seconds, now] of one series, or of all series of a tier together. */
export function expectWindow(all: readonly ExpectedSeries[], seconds: number, now: number): ExpectedWindow {
  const isInside = ({ at }: { at: number }) => at > now - seconds && at <= now;
  const inside = all.flatMap(({ deployments }) => deployments).filter(isInside);
  const distribution = (samples: readonly Sample[]) =>
    distributionOf(samples.filter(isInside).map((sample) => sample.seconds));
  return {
    deployments: inside.length,
    failed: inside.filter(({ outcome }) => outcome === 'failure').length,
    rework: inside.filter(({ isRework }) => isRework).length,
    leadTime: distribution(all.flatMap(({ leadTimes }) => leadTimes)),
    recovery: distribution(all.flatMap(({ recoveries }) => recoveries)),
  };
}

/** Number of deployments in (now - seconds, now] and in the known time of their repo. */
export function expectKnown(all: readonly ExpectedSeries[], seconds: number, now: number): number {
  return all.flatMap(({ known }) => [...known]).filter(({ at }) => at > now - seconds && at <= now).length;
}

/** Share of (now - seconds, now] after `knownSince`, from 0 to 1. */
export function expectCoverage(knownSince: number, seconds: number, now: number): number {
  return Math.min(1, Math.max(0, (now - knownSince) / seconds));
}

/** PostgreSQL's `percentile_cont`: the value at row 1 + q (n - 1) of the sorted ones, between rows on a straight line. */
export function percentileCont(values: readonly number[], q: number): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const row = 1 + q * (sorted.length - 1);
  const [floor, ceiling] = [Math.floor(row), Math.ceil(row)];
  const valueAt = (place: number) => sorted[place - 1] ?? Number.NaN;
  if (floor === ceiling) return valueAt(row);
  return (ceiling - row) * valueAt(floor) + (row - floor) * valueAt(ceiling);
}

/** The commit and all before it. */
export function reachableFrom(graph: CommitGraph, id: string): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (next: string): void => {
    if (found.has(next)) return;
    found.add(next);
    for (const parent of commitAt(graph, next).parents) visit(parent);
  };
  visit(id);
  return found;
}

function distributionOf(values: readonly number[]): Distribution {
  return {
    samples: [...values].sort((a, b) => a - b),
    p50: percentileCont(values, 0.5),
    p95: percentileCont(values, 0.95),
  };
}

/** Repos with the same name have separate recoveries. */
function reposOf(deployments: readonly TrueDeployment[]): (readonly TrueDeployment[])[] {
  return [...Map.groupBy(deployments, ({ repo }) => repo).values()];
}

/** The latest outcomes and the earliest open failure of all repos with one name. */
function timesOf(
  repos: readonly (readonly TrueDeployment[])[],
  counted: readonly TrueDeployment[],
): ExpectedTimes {
  const latest = (wanted: string) =>
    Math.max(
      0,
      ...repos
        .flat()
        .filter(({ outcome }) => outcome === wanted)
        .map(({ at }) => at),
    );
  const open = repos.flatMap(
    (deployments) =>
      failingSinceOf(
        deployments,
        deployments.filter((one) => counted.includes(one)),
      ) || [],
  );
  return {
    lastSuccess: latest('success'),
    lastFailure: latest('failure'),
    failingSince: open.length === 0 ? 0 : Math.min(...open),
  };
}

/** The end and the seconds of each ended episode, and the last deployment by then. */
function recoveriesOf(deployments: readonly TrueDeployment[]): Sample[] {
  return episodesOf(deployments).flatMap(({ start, end }) => {
    const last = deployments.findLast(({ at }) => end !== null && at <= end);
    return end === null || !last ? [] : [{ at: end, number: last.number, seconds: end - start }];
  });
}

function isKnown(truth: Truth, { repo, at }: TrueDeployment): boolean {
  return at > (truth.knownSince.get(repo) ?? Infinity);
}

function isCounted(truth: Truth, deployment: TrueDeployment): boolean {
  return truth.countsBeyond || isKnown(truth, deployment);
}

/**
 * The commits that a counting successful deployment is the first to deliver to its tier. `all`: all deployments of its
 * series and tier, in order, also those that do not count.
 */
export function broughtBy(truth: Truth, all: readonly TrueDeployment[], deployment: TrueDeployment): Brought {
  const { commit, at, repo } = deployment;
  const chain = chainTo(
    all.filter((one) => isCounted(truth, one)),
    deployment,
  );
  if (isStandstill(chain)) return { kind: 'known', leadTimes: [] };
  const beyond = all.filter(
    (one) => one.repo === repo && one.outcome === 'success' && !isCounted(truth, one),
  );
  const told = knownDelivered(truth, beyond, chain.slice(0, -1));
  if (told.has(commit)) return { kind: 'known', leadTimes: [] };

  const standing = lookupStateOf(truth, chain);
  if (standing === 'unanswered') return { kind: 'pending' };
  if (standing === 'answered' && truth.forge) {
    const { graph } = truth.forge;
    const base = chain.at(-2);
    const brought = base ? minus(reachableFrom(graph, commit), reachableFrom(graph, base.commit)) : [commit];
    // If the forge has answered every lookup, all delivered commits are known.
    const before = everDelivered(truth, graph, chain.slice(0, -1)) ?? new Set<string>();
    const leadTimes = brought
      .filter((id) => !told.has(id) && !before.has(id) && commitAt(graph, id).parents.length < 2)
      .map((id) => Math.max(0, at - commitAt(graph, id).committedAt));
    return { kind: 'known', leadTimes };
  }
  const since = ownTime(truth, deployment);
  return since === null ? { kind: 'unknown' } : { kind: 'known', leadTimes: [Math.max(0, at - since)] };
}

/**
 * The successes of a pair up to and including one of them; none for a failure. A pair is a repo and a tier: another repo of
 * the same name is another pair.
 */
function chainTo(all: readonly TrueDeployment[], deployment: TrueDeployment): readonly TrueDeployment[] {
  const successes = all.filter(({ repo, outcome }) => repo === deployment.repo && outcome === 'success');
  return successes.slice(0, successes.indexOf(deployment) + 1);
}

/** Whether the last of `chain` deployed the same commit as the success before it. */
function isStandstill(chain: readonly TrueDeployment[]): boolean {
  const last = chain.at(-1);
  return last !== undefined && last.commit !== '' && last.commit === chain.at(-2)?.commit;
}

/**
 * The state of the lookup for the last of `chain`: the range from the commit of the success before it to its own. It can
 * never be answered if one of the commits is unknown, or if no forge is configured.
 */
function lookupStateOf(
  truth: Truth,
  chain: readonly TrueDeployment[],
): 'answered' | 'unanswered' | 'cannot tell' {
  const last = chain.at(-1);
  const base = chain.at(-2)?.commit ?? null;
  if (!last || truth.forge === null || last.commit === '' || base === '') return 'cannot tell';
  const answer = truth.forge.answers.findLast(
    ({ repo, tier, number }) => repo === last.repo && tier === last.tier && number === last.number,
  );
  if (!answer || answer.base !== base || answer.head !== last.commit) return 'unanswered';
  return answer.canTell ? 'answered' : 'cannot tell';
}

/** All commits that the successes of a pair have delivered; `null`: the forge has not answered every lookup. */
function everDelivered(
  truth: Truth,
  graph: CommitGraph,
  successes: readonly TrueDeployment[],
): ReadonlySet<string> | null {
  const isTold = chainsOf(successes).every(
    (chain) => isStandstill(chain) || lookupStateOf(truth, chain) === 'answered',
  );
  return isTold ? new Set(successes.flatMap(({ commit }) => [...reachableFrom(graph, commit)])) : null;
}

/**
 * The commits that are known to be delivered, and never count again: every deployed commit, and all commits in the ranges
 * that the forge has answered, on either side.
 */
function knownDelivered(
  truth: Truth,
  beyond: readonly TrueDeployment[],
  successes: readonly TrueDeployment[],
): ReadonlySet<string> {
  const delivered = new Set([...beyond, ...successes].map(({ commit }) => commit));
  for (const chain of chainsOf(successes)) {
    const [before, after] = [chain.at(-2), chain.at(-1)];
    if (!truth.forge || !before || !after || lookupStateOf(truth, chain) !== 'answered') continue;
    const { graph } = truth.forge;
    const [from, to] = [reachableFrom(graph, before.commit), reachableFrom(graph, after.commit)];
    for (const id of [...minus(from, to), ...minus(to, from)]) delivered.add(id);
  }
  delivered.delete('');
  return delivered;
}

/** The successes up to each of them. */
function chainsOf(successes: readonly TrueDeployment[]): (readonly TrueDeployment[])[] {
  return successes.map((_, index) => successes.slice(0, index + 1));
}

/** The time of a commit that the forge does not know: the time in a report, else the policy's replacement. */
function ownTime(truth: Truth, deployment: TrueDeployment): number | null {
  return deployment.reportedCommitTime ?? firstSeen(truth, deployment);
}

function firstSeen(truth: Truth, { repo, commit }: TrueDeployment): number | null {
  if (truth.fallback !== 'created' || commit === '') return null;
  const times = truth.pipelines
    .filter((pipeline) => pipeline.repo === repo && pipeline.commit === commit)
    .flatMap(({ createdAt }) => createdAt ?? []);
  return times.length === 0 ? null : Math.min(...times);
}

function minus(ids: ReadonlySet<string>, others: ReadonlySet<string>): readonly string[] {
  return [...ids].filter((id) => !others.has(id));
}

function commitAt(graph: CommitGraph, id: string): GraphCommit {
  const commit = graph.get(id);
  if (!commit) throw new Error(`The graph has no commit "${id}"`);
  return commit;
}
