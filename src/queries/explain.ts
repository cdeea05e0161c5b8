/**
 * Explanations: the figures of one series over one window, and their pipelines, read from state and store.
 *
 * Guarantees: state and rows are of one moment; long work yields to the event loop; memory is bounded by the length of the
 * list and by what the live state holds of one series.
 */

import { compareDeployments, type Place } from '../core/deployment.ts';
import {
  createExplaining,
  type Explain,
  type Explained,
  type ExplainedPipeline,
  type ExplainRequest,
  type Explanation,
  type UncountedReason,
} from '../core/explain.ts';
import { asOf } from '../core/failures/incidents.ts';
import { runWithPauses } from '../core/portions.ts';
import { findSeries } from '../core/series/shown-series.ts';
import { failedPart, missedPart } from '../core/stop.ts';
import { shareOf } from '../core/windows/tier-windows.ts';
import { figuresOf } from '../core/windows/window-figures.ts';
import type { Ingest, Reading } from '../ingest/ingest.ts';
import { createEventLoopYield } from '../util/clock.ts';
import { createQueue } from '../util/serial-queue.ts';
import { pipelineUrl } from './pipeline-url.ts';
import { inPolicyOrder } from './tier-order.ts';
import { timelineAt } from './timeline-at.ts';

export interface ExplainOptions {
  readonly ingest: Ingest;
  /** Woodpecker's root, for links to its pages; `null`: there is no Woodpecker. */
  readonly woodpeckerUrl: string | null;
}

/** Most commits in a list: it ends early, unless a single deployment has more. */
const mostCommits = 10_000;
/** That a chart shows. */
const mostIncidents = 200;

/** Rejects with `StoreUnavailable`. */
export function createExplain({ ingest, woodpeckerUrl }: ExplainOptions): Explain {
  const { state } = ingest;
  const tiersOf = (repos: readonly number[], name: string): readonly string[] => {
    const known = new Set(repos.flatMap((repo) => state.tiersOf(repo)));
    const shown = [...known].filter((tier) => findSeries(state, name, tier) !== null);
    return inPolicyOrder(shown, ingest.mode.policy);
  };

  const answer = (request: ExplainRequest): Promise<Explanation | null> =>
    ingest.read(async ({ pipelines }) => {
      const { tier, window, at } = request;
      const series = findSeries(state, request.repo, tier);
      if (!series) return null;
      const repos = state.reposByName(request.repo).map(({ key }) => key);
      const reader = { pipelines, yieldToEventLoop: createEventLoopYield() };
      const explaining = createExplaining(request);
      for (const repo of repos) {
        const timeline = await timelineAt(ingest, { repo, tier, window }, at, reader);
        if (timeline) await runWithPauses(explaining.add(timeline), reader.yieldToEventLoop);
      }
      const explained = explaining.finish();
      const uncounted = await readUncounted(pipelines, repos, request);
      const { listed, next } = chooseListed(explained, uncounted.latest, request.limit);
      if (explained.beyond.count > 0) uncounted.counts.set('beyond_history', explained.beyond.count);

      const details: ExplainedPipeline[] = [];
      for (const { place, verdict } of listed) {
        const stored = await pipelines.get(place.repo, place.number);
        if (!stored) continue;
        const repoId = state.repos.get(place.repo)?.woodpeckerId ?? null;
        const url = pipelineUrl(woodpeckerUrl, state.repos.get(place.repo), place.number);
        const { record } = stored;
        const isMissed = verdict.kind === 'uncounted' && verdict.reason === 'not_reached';
        const missed = isMissed ? missedPart(ingest.mode.policy, series.repo, tier, record) : null;
        const hasFailed =
          verdict.kind === 'deployment' && verdict.part.deployment.verdict.causes.includes('pipeline');
        const failed = hasFailed ? failedPart(ingest.mode.policy, series.repo, tier, record) : null;
        details.push({
          ...{ place, record, repoId, url, verdict },
          ...(missed && { missedPart: missed }),
          ...(failed && { failedPart: failed }),
        });
      }
      const share = shareOf(explained.content, series.knownSince, window, at);
      return {
        repo: series.repo,
        tier,
        tiers: tiersOf(repos, series.repo),
        window,
        at,
        figures: figuresOf(share, ingest.mode.policy, tier, window, at),
        withoutLeadTime: explained.withoutLeadTime,
        failingSince: explained.failingSince,
        uncounted: [...uncounted.counts]
          .map(([reason, count]) => ({ reason, pipelines: count }))
          .sort((a, b) => b.pipelines - a.pipelines || (a.reason < b.reason ? -1 : 1)),
        pipelines: details,
        next,
        drawn: explained.drawn,
        episodes: explained.episodes,
        incidents: repos
          .flatMap((repo) => state.surroundingsOf(repo, tier, at).incidents)
          .filter(({ start, end }) => start <= at && (end === null || end > at - window.seconds))
          .map((incident) => asOf(incident, at))
          .toSorted((a, b) => a.start - b.start)
          .slice(-mostIncidents),
      };
    });
  // One after the other, so that a transaction waits for one of them at most.
  const queue = createQueue();
  return (request) => queue.run(() => answer(request));
}

type Listable = Pick<ExplainedPipeline, 'place' | 'verdict'>;

/** Counts the window's pipelines that do not count, and returns the latest ones that may be listed. */
async function readUncounted(
  pipelines: Reading['pipelines'],
  repos: readonly number[],
  { tier, window, at, before, limit, show }: ExplainRequest,
): Promise<{ counts: Map<UncountedReason, number>; latest: readonly Listable[] }> {
  const counts = new Map<UncountedReason, number>();
  const latest: Listable[] = [];
  const yieldToEventLoop = createEventLoopYield();
  for (const repo of repos) {
    const selection = { repo, tier, after: at - window.seconds, until: at };
    let wanted = show === 'everything' ? limit + 1 : 0;
    for await (const slice of pipelines.uncounted(selection)) {
      for (const { number, at: toldAt, reason: ignored } of slice) {
        const reason = ignored ?? 'not_ended';
        counts.set(reason, (counts.get(reason) ?? 0) + 1);
        const place: Place = { repo, number, at: toldAt };
        if (wanted === 0 || (before && compareDeployments(place, before) >= 0)) continue;
        latest.push({ place, verdict: { kind: 'uncounted', reason } });
        wanted--;
      }
      await yieldToEventLoop();
    }
  }
  return { counts, latest };
}

/** The wanted number of items, the latest first. */
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
