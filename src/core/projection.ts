/**
 * From state to what is shown: one sample per series, the exact gauges beside the ledger's totals. Pure; what shows is
 * decided here, how it is written down elsewhere.
 */

import { compareText } from './compare-text.ts';
import { figures } from './figures/index.ts';
import { sumTotals, type Totals } from './ledger.ts';
import { type Pair, seriesKey } from './pair.ts';
import type { Repo } from './repo.ts';
import type { State } from './state.ts';
import { emptyTimeline } from './timeline.ts';

export interface SeriesSample {
  /** Current full name of the repo. */
  readonly repo: string;
  readonly tier: string;
  /** In the order of `gauges`. */
  readonly gauges: readonly number[];
  readonly totals: Totals;
  /** Whether a deployment was ever seen: its histograms are shown from then on. */
  readonly hasDeployed: boolean;
}

/** Every gauge of every figure, and where its state stands in a fold. */
export const gauges = figures.flatMap((figure, index) => figure.gauges.map((gauge) => ({ ...gauge, index })));

/** All series that are known and may be shown, sorted by repo and tier; each once, whatever shares its name. */
export function project(state: State): readonly SeriesSample[] {
  const series = new Map<string, { repo: Repo; pairs: Pair[] }>();
  for (const pair of state.pairs.values()) {
    const repo = state.repos.get(pair.repo);
    if (!repo?.revealed) continue;
    const key = seriesKey(repo, pair.tier);
    const other = series.get(key);
    if (!other) series.set(key, { repo, pairs: [pair] });
    else
      series.set(key, {
        repo: repo.namedAt > other.repo.namedAt ? repo : other.repo,
        pairs: [...other.pairs, pair],
      });
  }
  return [...series]
    .filter(([, { pairs }]) => pairs.some((pair) => pair.isKnown && !state.repos.get(pair.repo)?.isGone))
    .sort(([a], [b]) => compareText(a, b))
    .map(([key, { repo, pairs }]) => {
      const { tip } = state.timelines.get(key) ?? emptyTimeline;
      // What a pair has added stays in, known or not: a series' totals never fall.
      const totals = pairs.map((pair) => pair.totals).reduce(sumTotals);
      return {
        repo: repo.fullName,
        tier: pairs[0]?.tier ?? '',
        gauges: gauges.map((gauge) => gauge.value(tip[gauge.index])),
        totals,
        hasDeployed: tip !== emptyTimeline.tip || hasAny(totals),
      };
    });
}

function hasAny(totals: Totals): boolean {
  return Object.values(totals.counters).some((count) => count > 0);
}
