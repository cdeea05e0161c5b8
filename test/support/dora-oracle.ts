/**
 * The five figures worked out from the true list of deployments by the definitions alone: every question is answered by
 * going through the whole list again. No folding, no merging, no order of arrival; slow, and meant to be.
 *
 * Knows the truth of each deployment, and the commit graph as the forge has it. What the exporter cannot know is left out
 * by rule: an answer that the forge has not given yet, or cannot give, is no answer here either.
 */
import { episodesOf, failingSinceOf } from './episodes.ts';

export interface TrueDeployment {
  readonly repo: number;
  readonly number: number;
  /** Present name of the repo in lower case: repos that share one share a series. */
  readonly series: string;
  readonly tier: string;
  /** Unix seconds. */
  readonly at: number;
  readonly outcome: 'success' | 'failure';
  readonly isRework: boolean;
  /** Empty where nobody told it. */
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

/** That the forge was asked of a deployment to a tier what lies between two commits. */
export interface ForgeAnswer {
  readonly repo: number;
  readonly tier: string;
  readonly number: number;
  readonly base: string | null;
  readonly head: string;
  /** `false`: it said that it never can. */
  readonly canTell: boolean;
}

export interface Truth {
  readonly deployments: readonly TrueDeployment[];
  readonly pipelines: readonly TruePipeline[];
  /** `null`: no forge is asked. Of several answers for one deployment the last one holds. */
  readonly forge: { readonly graph: CommitGraph; readonly answers: readonly ForgeAnswer[] } | null;
  /** What the policy lets stand in for a commit time that cannot be had. */
  readonly fallback: 'created' | null;
  /** Present names of all repos, in lower case. */
  readonly names: ReadonlyMap<number, string>;
  /** Unix seconds from which on a repo is known without a gap. */
  readonly knownSince: ReadonlyMap<number, number>;
  /**
   * Whether deployments up to then count. If not, only the last outcomes and the open failure know of them, and what was
   * delivered.
   */
  readonly countsBeyond: boolean;
}

/** What a successful deployment brings: lead times in seconds, or why there are none. */
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

/** A value and the deployment's time that it belongs to, in Unix seconds. */
interface Sample {
  readonly at: number;
  readonly seconds: number;
}

export interface ExpectedLookup {
  readonly number: number;
  /** Of the deployment, Unix seconds. */
  readonly at: number;
  readonly base: string | null;
  readonly head: string;
}

/** One series in one tier. */
export interface ExpectedSeries {
  readonly series: string;
  readonly tier: string;
  readonly repos: readonly number[];
  /** Whether several repos have its name. */
  readonly isShared: boolean;
  readonly times: ExpectedTimes;
  readonly leadTimes: readonly Sample[];
  readonly recoveries: readonly Sample[];
  /** Deployments whose lead time cannot be known. */
  readonly unknown: readonly TrueDeployment[];
  /** Steps that the forge has not been asked for, or not as they stand now. */
  readonly unanswered: readonly ExpectedLookup[];
  /** Those that count, in order: by time, and by number within a second. */
  readonly deployments: readonly TrueDeployment[];
  /** Those of them in the time of which their repo is known. */
  readonly known: ReadonlySet<TrueDeployment>;
}

/** All that `truth` comes to, whatever the moment. */
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
      leadTimes: brought.flatMap(({ deployment: { at }, what }) =>
        what.kind === 'known' ? what.leadTimes.map((seconds) => ({ at, seconds })) : [],
      ),
      recoveries: reposOf(counted).flatMap(recoveriesOf),
      unknown: brought.filter(({ what }) => what.kind === 'unknown').map(({ deployment }) => deployment),
      unanswered: counted.flatMap((deployment) => {
        const chain = chainTo(counted, deployment);
        const { number, at, commit: head } = deployment;
        const isAsked = !isStandstill(chain) && standingOf(truth, chain) === 'unanswered';
        return isAsked ? [{ number, at, base: chain.at(-2)?.commit ?? null, head }] : [];
      }),
      deployments: counted,
      known,
    };
  });
}

/** The figures over (now - seconds, now] of one series, or of all of a tier taken together. */
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

/** How many deployments of (now - seconds, now] lie in the time of which their repo is known. */
export function expectKnown(all: readonly ExpectedSeries[], seconds: number, now: number): number {
  return all.flatMap(({ known }) => [...known]).filter(({ at }) => at > now - seconds && at <= now).length;
}

/** How much of (now - seconds, now] lies after `knownSince`, from 0 to 1. */
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

/** Repos that share a name recover each for itself. */
function reposOf(deployments: readonly TrueDeployment[]): (readonly TrueDeployment[])[] {
  return [...Map.groupBy(deployments, ({ repo }) => repo).values()];
}

/** Of all repos that share a name: the latest outcomes, and the earliest failure that is still open. */
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

/** For each episode that ended: when, and how long it took. */
function recoveriesOf(deployments: readonly TrueDeployment[]): Sample[] {
  return episodesOf(deployments).flatMap(({ start, end }) =>
    end === null ? [] : [{ at: end, seconds: end - start }],
  );
}

function isKnown(truth: Truth, { repo, at }: TrueDeployment): boolean {
  return at > (truth.knownSince.get(repo) ?? Infinity);
}

function isCounted(truth: Truth, deployment: TrueDeployment): boolean {
  return truth.countsBeyond || isKnown(truth, deployment);
}

/**
 * What a successful deployment that counts is the first to bring to its tier. `all`: those of its series and tier, in
 * order, whether they count or not.
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
  const told = toldToBeDelivered(truth, beyond, chain.slice(0, -1));
  if (told.has(commit)) return { kind: 'known', leadTimes: [] };

  const standing = standingOf(truth, chain);
  if (standing === 'unanswered') return { kind: 'pending' };
  if (standing === 'answered' && truth.forge) {
    const { graph } = truth.forge;
    const base = chain.at(-2);
    const brought = base ? minus(reachableFrom(graph, commit), reachableFrom(graph, base.commit)) : [commit];
    // If the forge has told every step, all is known that was ever delivered.
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
 * The successes of a pair up to and including one of them; none for a failure. A pair is a repo and a tier: what another
 * repo of the same name delivers is another matter.
 */
function chainTo(all: readonly TrueDeployment[], deployment: TrueDeployment): readonly TrueDeployment[] {
  const successes = all.filter(({ repo, outcome }) => repo === deployment.repo && outcome === 'success');
  return successes.slice(0, successes.indexOf(deployment) + 1);
}

/** Whether the last of `chain` deployed what was deployed already. */
function isStandstill(chain: readonly TrueDeployment[]): boolean {
  const last = chain.at(-1);
  return last !== undefined && last.commit !== '' && last.commit === chain.at(-2)?.commit;
}

/**
 * How the forge stands to the step that the last of `chain` takes: from the commit of the success before it to its own. A
 * step from or to a commit that nobody told can never be told, nor any where no forge is asked.
 */
function standingOf(
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

/** All that the successes of a pair have delivered; `null` where the forge has not told every step between them. */
function everDelivered(
  truth: Truth,
  graph: CommitGraph,
  successes: readonly TrueDeployment[],
): ReadonlySet<string> | null {
  const isTold = chainsOf(successes).every(
    (chain) => isStandstill(chain) || standingOf(truth, chain) === 'answered',
  );
  return isTold ? new Set(successes.flatMap(({ commit }) => [...reachableFrom(graph, commit)])) : null;
}

/**
 * What was delivered once never counts again, whoever told it: every commit that was deployed, and of each step that the
 * forge told, all that lies between its two ends, on either side.
 */
function toldToBeDelivered(
  truth: Truth,
  beyond: readonly TrueDeployment[],
  successes: readonly TrueDeployment[],
): ReadonlySet<string> {
  const delivered = new Set([...beyond, ...successes].map(({ commit }) => commit));
  for (const chain of chainsOf(successes)) {
    const [before, after] = [chain.at(-2), chain.at(-1)];
    if (!truth.forge || !before || !after || standingOf(truth, chain) !== 'answered') continue;
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

/** What stands for a commit's time where the forge cannot tell: a report's word, else what the policy allows. */
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
