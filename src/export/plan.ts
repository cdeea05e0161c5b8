/**
 * Plans an export of history: which series exist, when each begins, and how its samples are computed. The samples need
 * only the deployments since `from` minus the longest window.
 */

import { compareText } from '../core/compare-text.ts';
import { longestWindowSeconds } from '../core/policy.ts';
import {
  createLedgerReplay,
  createWindowReplay,
  type Replay,
  spansOf,
} from '../core/series/history-replay.ts';
import { inKnownOrder } from '../core/series/known-order.ts';
import { createState } from '../core/series/state.ts';
import type { WindowShare } from '../core/windows/tier-windows.ts';
import type { IntakeMode } from '../ingest/ingest-options.ts';
import { readBasics } from '../ingest/read-state.ts';
import {
  type Family,
  plainFamilies,
  type ShownBy,
  seriesWindowFamilies,
  tierFamilies,
  type Value,
} from '../metrics/families.ts';
import type { Transaction } from '../store/store.ts';
import { createSharedSpans, mapSpans, type Spans } from './shared-spans.ts';
import { createRead, type Series, surveySeries } from './survey.ts';

export interface Chapter {
  readonly family: Omit<Family<never>, 'valuesOf'>;
  readonly sections: readonly Section[];
}

/** All samples of one set of labels. */
export interface Section {
  /** Unix seconds. */
  readonly begin: number;
  /** The values from `begin` to the end of the export, without a gap. */
  readonly spans: Spans<readonly Value[]>;
}

export interface PlanOptions {
  /** Unix seconds. No section begins before `from` or at `to` and later. */
  readonly from: number;
  readonly to: number;
  /** A series begins at the last multiple of this number of seconds before its first deployment. */
  readonly stepSeconds: number;
  readonly withWindows: boolean;
}

/** Returns the chapters in the order of a scrape. Rejects as the transaction does. */
export async function planHistory(
  tx: Transaction,
  mode: IntakeMode,
  { from, to, stepSeconds, withWindows }: PlanOptions,
): Promise<readonly Chapter[]> {
  const state = createState();
  state.apply(await readBasics(tx, mode));
  const read = createRead(tx, state, mode);
  // A sample of 0 before the first deployment, so that Prometheus sees the counter rise.
  const justBefore = (at: number) => (Math.ceil(at / stepSeconds) - 1) * stepSeconds;
  const beginOf = (group: readonly Series[]) =>
    Math.max(from, Math.min(...group.map(({ firstAt }) => justBefore(firstAt))));
  const longestSeconds = longestWindowSeconds(mode.policy);
  const start = from - longestSeconds;
  const all = (await surveySeries(mode, read, state, start)).filter((series) => beginOf([series]) < to);

  const shared = createSharedSpans();
  /** The spans of a group from its beginning, as its replay shows them. */
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
    toSample: (one: Series, share: WindowShare) => Sample,
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
      ({ repo, tier }, share) => ({ repo, tier, windows: [share] }),
    ),
    ...overWindows(
      tiers.flatMap(([, [first, ...others]]) => (first ? [[first, ...others]] : [])),
      tierFamilies,
      ({ tier }, share) => ({ tier, windows: [share] }),
    ),
  ];
}

/**
 * A function for each section of a family: one for each cause if it has that label, since a section has one set of labels.
 */
function partsOf<Sample>({ causes, valuesOf }: Family<Sample>): readonly Family<Sample>['valuesOf'][] {
  if (!causes) return [valuesOf];
  return causes.map(
    (cause) => (sample) => valuesOf(sample).filter(({ labels }) => labels['cause'] === cause),
  );
}

/** Approximate number of numbers in the totals and gauges of a series. */
const ledgerWeight = 60;

/** Approximate number of numbers in a window. */
function weightOf({ counts, samples }: WindowShare): number {
  return samples.reduce((sum, { count }) => sum + count, counts.length);
}
