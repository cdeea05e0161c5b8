/**
 * Explanations: the figures of one series over one window, and the pipelines they come from, read from state and store.
 *
 * Windows that the state holds are folded from memory, as metrics are; longer ago, the whole series is read from the
 * store. Guarantees: state and rows are of one moment; long work gives way to the event loop; what is kept in memory is
 * bounded by what is listed and by the samples of the window.
 */

import { compareDeployments, type Deployment, type Place } from '../core/deployment.ts';
import {
  combineExplained,
  createExplaining,
  type Explain,
  type Explained,
  type ExplainedPipeline,
  type ExplainRequest,
  type Explanation,
  type UncountedReason,
} from '../core/explain.ts';
import { type Fold, startFold } from '../core/figures/fold.ts';
import { knownGroundOf } from '../core/known-ground.ts';
import { missedPart } from '../core/missed-part.ts';
import { pairKey } from '../core/series/pair.ts';
import { findSeries } from '../core/series/samples.ts';
import { coverageOf, knownSeconds, knownTimeOf } from '../core/windows/coverage.ts';
import { figuresOf } from '../core/windows/window-figures.ts';
import type { Ingest, Reading } from '../ingest/ingest.ts';
import { rulesOf } from '../ingest/ingest-options.ts';
import type { DeploymentSelection } from '../store/store.ts';
import { createBreath } from '../util/clock.ts';
import { createQueue } from '../util/serial-queue.ts';

export interface ExplainOptions {
  readonly ingest: Ingest;
  /** Woodpecker's root, to link to its pages; `null`: there is none. */
  readonly woodpeckerUrl: string | null;
}

/** A list ends early rather than holding more commits than this, unless a single deployment brings them. */
const mostCommits = 10_000;
const deploymentsAtOnce = 500;

/** Rejects with `StoreUnavailable`. */
export function createExplain({ ingest, woodpeckerUrl }: ExplainOptions): Explain {
  const { state } = ingest;
  const linkTo = (repoId: number | null, number: number): string | null =>
    woodpeckerUrl === null || repoId === null ? null : `${woodpeckerUrl}/repos/${repoId}/pipeline/${number}`;

  const answer = (request: ExplainRequest): Promise<Explanation | null> =>
    ingest.read(async ({ pipelines }) => {
      const { tier, window, at } = request;
      const series = findSeries(state, request.repo, tier);
      if (!series) return null;
      const repos = state.reposByName(request.repo).map(({ key }) => key);
      const ofRepos: Explained[] = [];
      for (const repo of repos) {
        ofRepos.push(await explainDeployments(historyOf(ingest, repo, request, pipelines), request));
      }
      const explained = combineExplained(ofRepos, request.limit + 1);
      const uncounted = await readUncounted(pipelines, repos, request);
      const { listed, next } = chooseListed(explained, uncounted.latest, request.limit);
      if (explained.beyond.count > 0) uncounted.counts.set('beyond_history', explained.beyond.count);

      const details: ExplainedPipeline[] = [];
      for (const { place, verdict } of listed) {
        const stored = await pipelines.get(place.repo, place.number);
        if (!stored) continue;
        const repoId = state.repos.get(place.repo)?.woodpeckerId ?? null;
        const url = linkTo(repoId, place.number);
        const { record } = stored;
        const isMissed = verdict.kind === 'uncounted' && verdict.reason === 'not_reached';
        const missed = isMissed ? missedPart(ingest.mode.policy, series.repo.fullName, tier, record) : null;
        details.push({ place, record, repoId, url, verdict, ...(missed && { missedPart: missed }) });
      }
      const { ratio } = coverageOf(series.knownSince, window, at);
      const known = knownSeconds(knownTimeOf(series.knownSince, window, at), window, at);
      return {
        repo: series.repo.fullName,
        tier,
        window,
        at,
        figures: figuresOf(explained.content, ratio, known, ingest.mode.policy),
        withoutLeadTime: explained.withoutLeadTime,
        failingSince: explained.failingSince,
        uncounted: [...uncounted.counts]
          .map(([reason, count]) => ({ reason, pipelines: count }))
          .sort((a, b) => b.pipelines - a.pipelines || (a.reason < b.reason ? -1 : 1)),
        pipelines: details,
        next,
      };
    });
  // One after the other: what comes in meanwhile then waits for one of them at most.
  const queue = createQueue();
  return (request) => queue.run(() => answer(request));
}

/** A state, and the deployments after it, in order, that lead through the window. */
interface History {
  readonly start: Fold;
  readonly slices: AsyncIterable<readonly Deployment[]> | Iterable<readonly Deployment[]>;
}

function historyOf(
  { mode, state }: Ingest,
  repo: number,
  { tier, window, at }: ExplainRequest,
  pipelines: Reading['pipelines'],
): History {
  const rules = rulesOf(mode);
  const timeline = state.timelines.get(pairKey(repo, tier));
  const known = state.repos.get(repo);
  const start = startFold(rules, known && knownGroundOf(known));
  if (!timeline) return { start, slices: [] };
  if (at - window.seconds >= timeline.baseEnd) return { start: timeline.base, slices: [timeline.recent] };
  const withFirstSeen = rules.leadTimeFallback === 'created';
  const slices = readDeployments(pipelines, { only: { repo, tier }, withFirstSeen });
  return { start, slices };
}

async function* readDeployments(
  pipelines: Reading['pipelines'],
  selection: DeploymentSelection,
): AsyncGenerator<readonly Deployment[]> {
  for await (const slice of pipelines.deployments(selection)) {
    yield slice.map(({ deployment }) => deployment);
  }
}

async function explainDeployments(
  { start, slices }: History,
  { window, at, before, limit }: ExplainRequest,
): Promise<Explained> {
  const breathe = createBreath();
  // One more than is listed tells whether there are more.
  const explaining = createExplaining(start, { seconds: window.seconds, at, before, most: limit + 1 });
  for await (const slice of slices) {
    for (let from = 0; from < slice.length; from += deploymentsAtOnce) {
      for (const deployment of slice.slice(from, from + deploymentsAtOnce)) {
        if (deployment.at > at) return explaining.finish();
        explaining.add(deployment);
      }
      await breathe();
    }
  }
  return explaining.finish();
}

type Listable = Pick<ExplainedPipeline, 'place' | 'verdict'>;

/** How many of the window's pipelines do not count, and the latest of those that may be listed. */
async function readUncounted(
  pipelines: Reading['pipelines'],
  repos: readonly number[],
  { tier, window, at, before, limit }: ExplainRequest,
): Promise<{ counts: Map<UncountedReason, number>; latest: readonly Listable[] }> {
  const counts = new Map<UncountedReason, number>();
  const latest: Listable[] = [];
  const breathe = createBreath();
  for (const repo of repos) {
    const selection = { repo, tier, after: at - window.seconds, until: at };
    let wanted = limit + 1;
    for await (const slice of pipelines.uncounted(selection)) {
      for (const { number, at: toldAt, reason: ignored } of slice) {
        const reason = ignored ?? 'not_ended';
        counts.set(reason, (counts.get(reason) ?? 0) + 1);
        const place: Place = { repo, number, at: toldAt };
        if (wanted === 0 || (before && compareDeployments(place, before) >= 0)) continue;
        latest.push({ place, verdict: { kind: 'uncounted', reason } });
        wanted--;
      }
      await breathe();
    }
  }
  return { counts, latest };
}

/** The latest first, as many as are wanted. */
function chooseListed(
  { parts, beyond }: Explained,
  uncounted: readonly Listable[],
  limit: number,
): { listed: readonly Listable[]; next: Place | null } {
  const counted = parts.map(
    (part): Listable => ({ place: part.deployment, verdict: { kind: 'deployment', part } }),
  );
  const uncountedBeyond = beyond.latest.map(
    (place): Listable => ({ place, verdict: { kind: 'uncounted', reason: 'beyond_history' } }),
  );
  const all = [...counted, ...uncountedBeyond, ...uncounted].sort((a, b) =>
    compareDeployments(b.place, a.place),
  );
  let commits = 0;
  const end = all.findIndex(({ verdict }, index) => {
    if (verdict.kind === 'deployment' && verdict.part.delivery?.kind === 'known') {
      commits += verdict.part.delivery.commits.length;
    }
    return index === limit || (index > 0 && commits > mostCommits);
  });
  if (end === -1) return { listed: all, next: null };
  return { listed: all.slice(0, end), next: all[end - 1]?.place ?? null };
}
