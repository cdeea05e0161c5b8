/**
 * What an export of history writes: which series there are, from when on, and how each is worked out. Reads through all
 * deployments once, and holds of them no more than what it tells of each series; what was before the first moment and
 * the longest window is not read again.
 */

import { compareText } from '../core/compare-text.ts';
import { compareDeployments, type Deployment } from '../core/deployment.ts';
import { startFold } from '../core/figures/fold.ts';
import { knownGroundOf } from '../core/known-ground.ts';
import { createTally } from '../core/pipeline-counts.ts';
import { longestWindowSeconds } from '../core/policy.ts';
import {
  createLedgerReplay,
  createWindowReplay,
  type Replay,
  type Standing,
  standingOf,
  stepStanding,
  totalsOf,
  type WindowMember,
} from '../core/series/history-replay.ts';
import { differenceOf, sumTotals, type Totals, zeroTotals } from '../core/series/ledger.ts';
import { shownTotals } from '../core/series/pair.ts';
import { shownSeries } from '../core/series/samples.ts';
import { createState } from '../core/series/state.ts';
import type { TierShare } from '../core/windows/tier-windows.ts';
import { type IntakeMode, rulesOf } from '../ingest/ingest-options.ts';
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

export interface Chapter {
  readonly family: Omit<Family<never>, 'valuesOf'>;
  readonly sections: readonly Section[];
}

/** All samples of one set of labels. */
export interface Section {
  /** Unix seconds. */
  readonly begin: number;
  readonly replay: () => Replay<readonly Value[]>;
  /** Those that the replay is to take in, in order of time. */
  readonly deployments: () => AsyncIterable<readonly Deployment[]>;
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
  const rules = rulesOf(mode);
  const withFirstSeen = rules.leadTimeFallback === 'created';
  const read: Read = (repoKeys, tier, after) => {
    const sliceRows = Math.min(mostRows, Math.max(fewestRows, Math.floor(rowsAtOnce / repoKeys.length)));
    return mergeSorted(
      repoKeys.map((repo) =>
        readPair(tx, {
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
  const all = (await surveySeries(tx, mode, read, start)).filter((series) => beginOf([series]) < to);

  const plain = plainFamilies(mode.policy).map(
    (family): Chapter => ({
      family,
      sections: all.map((series) => ({
        begin: beginOf([series]),
        replay: () => mapReplay(createLedgerReplay(series), family.valuesOf),
        deployments: () => read(series.repoKeys, series.tier, start),
      })),
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
    const sectionsOf = (group: readonly [Series, ...Series[]], place: number): Section[] =>
      ofEach.flatMap(({ window, families }) => {
        const family = families[place];
        if (!family) return [];
        const members = new Map(group.flatMap((series) => series.repoKeys.map((key) => [key, series])));
        return {
          begin: beginOf(group),
          replay: () =>
            mapReplay(createWindowReplay({ window, longestSeconds, members }), (share) =>
              family.valuesOf(toSample(group[0], share)),
            ),
          deployments: () => read([...members.keys()], group[0].tier, start),
        };
      });
    return familiesOf(policy).map((family, place) => ({
      family,
      sections: groups.flatMap((group) => sectionsOf(group, place)),
    }));
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
async function surveySeries(
  tx: Transaction,
  mode: IntakeMode,
  read: Read,
  startAt: number,
): Promise<Series[]> {
  const state = createState();
  state.apply({
    repos: await tx.repos.all(),
    pairs: await tx.pairs.all(),
    timelines: new Map(),
    follows: new Map(),
    tally: createTally(),
  });
  const found: Series[] = [];
  const shown = [...shownSeries(state)].sort(([a], [b]) => compareText(a, b));
  for (const [, { repo, pairs, knownSince }] of shown) {
    const tier = pairs[0]?.tier ?? '';
    const repos = state.reposByName(repo.fullName);
    const repoKeys = repos.map(({ key }) => key);
    const standings = new Map(
      repos.map((one): [number, Standing] => [
        one.key,
        { fold: startFold(rulesOf(mode), knownGroundOf(one)), totals: zeroTotals },
      ]),
    );
    const starts = new Map(standings);
    let firstAt: number | null = null;
    for await (const slice of read(repoKeys, tier)) {
      firstAt ??= slice[0]?.at ?? null;
      for (const deployment of slice) {
        const standing = stepStanding(standingOf(standings, deployment), deployment);
        standings.set(deployment.repo, standing);
        if (deployment.at <= startAt) starts.set(deployment.repo, standing);
      }
    }
    if (firstAt === null) continue;
    const totals = pairs.map(shownTotals).reduce(sumTotals);
    const difference = differenceOf(totals, totalsOf(standings));
    found.push({ repo: repo.fullName, tier, repoKeys, knownSince, starts, firstAt, difference });
  }
  return found;
}

async function* readPair(
  tx: Transaction,
  selection: NonNullable<Parameters<Transaction['pipelines']['deployments']>[0]>,
): AsyncGenerator<readonly Deployment[]> {
  for await (const slice of tx.pipelines.deployments(selection)) {
    yield slice.map(({ deployment }) => deployment);
  }
}

function mapReplay<A, B>(replay: Replay<A>, map: (sample: A) => B): Replay<B> {
  return {
    add: replay.add,
    at(now) {
      const { sample, validUntil } = replay.at(now);
      return { sample: sample === null ? null : map(sample), validUntil };
    },
  };
}
