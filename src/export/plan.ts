/**
 * What an export of history writes: which series there are, from when on, and how each is worked out. Reads through all
 * deployments once, and holds of them no more than what it tells of each series; what was before the first moment and
 * the longest window is not read again.
 */

import { compareText } from '../core/compare-text.ts';
import { compareDeployments, type Deployment } from '../core/deployment.ts';
import { longestWindowSeconds } from '../core/policy.ts';
import {
  createLedgerReplay,
  createStandings,
  createWindowReplay,
  type Replay,
  type Standing,
  spansOf,
  type WindowMember,
} from '../core/series/history-replay.ts';
import { inKnownOrder } from '../core/series/known-order.ts';
import { differenceOf, sumTotals, type Totals, zeroTotals } from '../core/series/ledger.ts';
import { shownTotals } from '../core/series/pair.ts';
import { shownSeries } from '../core/series/samples.ts';
import { createState, type State } from '../core/series/state.ts';
import type { TierShare } from '../core/windows/tier-windows.ts';
import { type IntakeMode, needsFirstSeen } from '../ingest/ingest-options.ts';
import { readSeries } from '../ingest/read-deployments.ts';
import { readBasics } from '../ingest/read-state.ts';
import { startOfSeries } from '../ingest/series-start.ts';
import {
  type Family,
  plainFamilies,
  type ShownBy,
  seriesWindowFamilies,
  tierFamilies,
  type Value,
} from '../metrics/families.ts';
import type { Transaction } from '../store/store.ts';
import { mergeSorted } from '../util/merge-sorted.ts';
import { createSharedSpans, mapSpans, type Spans } from './shared-spans.ts';

export interface Chapter {
  readonly family: Omit<Family<never>, 'valuesOf'>;
  readonly sections: readonly Section[];
}

/** All samples of one set of labels. */
export interface Section {
  /** Unix seconds. */
  readonly begin: number;
  /** From there to the end, without a gap. */
  readonly spans: Spans<readonly Value[]>;
}

export interface PlanOptions {
  /** Unix seconds; no section begins before `from`, nor without anything before `to`. */
  readonly from: number;
  readonly to: number;
  /** How long before its first deployment a series begins, at most, in seconds. */
  readonly stepSeconds: number;
  readonly withWindows: boolean;
}

/** One of the series that are scraped, with what the whole of its history tells. */
interface Series extends WindowMember {
  readonly repo: string;
  readonly tier: string;
  /** Keys of the repos that share its name. */
  readonly repoKeys: readonly number[];
  /** Of its first deployment, Unix seconds. */
  readonly firstAt: number;
  /** What the ledger holds beyond what its deployments account for. */
  readonly difference: Totals;
}

type Read = (
  repoKeys: readonly number[],
  tier: string,
  after?: number,
) => AsyncIterable<readonly Deployment[]>;

/** Rows held at a time, over all repos that are read together, and the fewest of each. */
const rowsAtOnce = 20_000;
const fewestRows = 10;
const mostRows = 2_000;

/** The chapters in the order of a scrape. */
export async function planHistory(
  tx: Transaction,
  mode: IntakeMode,
  { from, to, stepSeconds, withWindows }: PlanOptions,
): Promise<readonly Chapter[]> {
  const state = createState();
  state.apply(await readBasics(tx, mode));
  const withFirstSeen = needsFirstSeen(mode);
  const read: Read = (repoKeys, tier, after) => {
    const sliceRows = Math.min(mostRows, Math.max(fewestRows, Math.floor(rowsAtOnce / repoKeys.length)));
    return mergeSorted(
      repoKeys.map((repo) =>
        readSeries(tx.pipelines, state.markOf, {
          only: { repo, tier, ...(after !== undefined && { after }) },
          withFirstSeen,
          sliceRows,
        }),
      ),
      compareDeployments,
    );
  };
  // What was shown before the first deployment, so that it is seen to have come.
  const justBefore = (at: number) => (Math.ceil(at / stepSeconds) - 1) * stepSeconds;
  const beginOf = (group: readonly Series[]) =>
    Math.max(from, Math.min(...group.map(({ firstAt }) => justBefore(firstAt))));
  const longestSeconds = longestWindowSeconds(mode.policy);
  const start = from - longestSeconds;
  const all = (await surveySeries(mode, read, state, start)).filter((series) => beginOf([series]) < to);

  const shared = createSharedSpans();
  /** What `createReplay` shows of the group from its beginning. */
  const spansFor = <Sample>(
    group: readonly [Series, ...Series[]],
    createReplay: () => Replay<Sample>,
    weigh: (sample: Sample) => number,
  ): Spans<Sample> => {
    const [{ tier, retainedSeconds }] = group;
    const repoKeys = group.flatMap((series) => series.repoKeys);
    const begin = beginOf(group);
    return shared.share(() => {
      const deployments = inKnownOrder(read(repoKeys, tier, start), retainedSeconds - 1);
      return spansOf(createReplay(), deployments, { from: begin, to });
    }, weigh);
  };
  const plainSeries = all.map((series) => ({
    begin: beginOf([series]),
    spans: spansFor(
      [series],
      () => createLedgerReplay(series),
      () => ledgerWeight,
    ),
  }));
  const plain = plainFamilies(mode.policy).map(
    (family): Chapter => ({
      family,
      sections: plainSeries.flatMap(({ begin, spans }) =>
        partsOf(family).map((valuesOf) => ({ begin, spans: mapSpans(spans, valuesOf) })),
      ),
    }),
  );
  if (!withWindows) return plain;

  const { policy } = mode;
  /** A section for each window of each group of series. */
  const overWindows = <Sample>(
    groups: readonly (readonly [Series, ...Series[]])[],
    familiesOf: (policy: ShownBy) => readonly Family<Sample>[],
    toSample: (one: Series, share: TierShare) => Sample,
  ): Chapter[] => {
    const ofEach = policy.windows.map((window) => ({
      window,
      families: familiesOf({ ...policy, windows: [window] }),
    }));
    const shown = groups.map((group) => ({
      begin: beginOf(group),
      ofEach: ofEach.map(({ window, families }) => {
        const replay = () => createWindowReplay({ window, longestSeconds, members: group });
        const spans = spansFor(group, replay, weightOf);
        return { families, spans: mapSpans(spans, (share) => toSample(group[0], share)) };
      }),
    }));
    const sectionsOf = (place: number): Section[] =>
      shown.flatMap(({ begin, ofEach: ofGroup }) =>
        ofGroup.flatMap(({ families, spans }) => {
          const family = families[place];
          if (!family) return [];
          return partsOf(family).map((valuesOf) => ({ begin, spans: mapSpans(spans, valuesOf) }));
        }),
      );
    return familiesOf(policy).map((family, place) => ({ family, sections: sectionsOf(place) }));
  };
  const tiers = [...Map.groupBy(all, ({ tier }) => tier).entries()].sort(([a], [b]) => compareText(a, b));
  return [
    ...plain,
    ...overWindows(
      all.map((series) => [series]),
      seriesWindowFamilies,
      ({ repo, tier }, share) => ({
        repo,
        tier,
        gauges: [],
        totals: zeroTotals,
        hasDeployed: true,
        windows: share,
      }),
    ),
    ...overWindows(
      tiers.flatMap(([, [first, ...others]]) => (first ? [[first, ...others]] : [])),
      tierFamilies,
      ({ tier }, share) => ({ tier, ...share }),
    ),
  ];
}

/** The series that are scraped and ever had a deployment, sorted by repo and tier; where they start, after `startAt`. */
async function surveySeries(mode: IntakeMode, read: Read, state: State, startAt: number): Promise<Series[]> {
  const found: Series[] = [];
  const shown = [...shownSeries(state)].sort(([a], [b]) => compareText(a, b));
  for (const [, { repo, pairs, knownSince }] of shown) {
    const tier = pairs[0]?.tier ?? '';
    const repos = state.reposByName(repo.fullName);
    const repoKeys = repos.map(({ key }) => key);
    const start = startOfSeries(state, mode, repos, tier);
    const standings = createStandings(start);
    let starts: ReadonlyMap<number, Standing> | null = null;
    let firstAt: number | null = null;
    let latestAt = 0;
    for await (const slice of read(repoKeys, tier)) {
      firstAt ??= slice[0]?.at ?? null;
      for (const deployment of slice) {
        // One moment after the other: an episode that ended may go on later.
        if (deployment.at > latestAt) standings.moveTo(latestAt);
        latestAt = deployment.at;
        if (deployment.at > startAt) starts ??= standings.copy();
        standings.add(deployment);
      }
    }
    if (firstAt === null) continue;
    standings.moveTo(latestAt);
    starts ??= standings.copy();
    const totals = pairs.map(shownTotals).reduce(sumTotals);
    const difference = differenceOf(totals, standings.totals());
    found.push({ ...start, repo: repo.fullName, tier, repoKeys, knownSince, starts, firstAt, difference });
  }
  return found;
}

/** What a family has, by each cause if it has that label: a section is of one set of labels. */
function partsOf<Sample>({ causes, valuesOf }: Family<Sample>): readonly Family<Sample>['valuesOf'][] {
  if (!causes) return [valuesOf];
  return causes.map(
    (cause) => (sample) => valuesOf(sample).filter(({ labels }) => labels['cause'] === cause),
  );
}

/** Numbers in the totals and gauges of a series, about. */
const ledgerWeight = 60;

/** Numbers in a window, about. */
function weightOf({ windows }: TierShare): number {
  return windows.reduce(
    (sum, { counts, samples }) => sum + counts.length + samples.reduce((all, { count }) => all + count, 0),
    0,
  );
}
