/**
 * Replays the past: takes in deployments in order of time, and after each gives the sample that the live service would
 * have shown then, if it had had all pipelines that are stored now.
 *
 * Guarantees: the sample at a moment follows from the deployments up to it. Memory contains the state of the figures
 * and the deployments of `retainedSeconds`, however long the history is.
 */

import { type Deployment, knownAt } from '../deployment.ts';
import type { Window } from '../policy.ts';
import type { Repo } from '../repo.ts';
import { coverageOf } from '../windows/coverage.ts';
import { createTierWindow, shareOf, type WindowShare } from '../windows/tier-windows.ts';
import { windowsOf } from '../windows/window-content.ts';
import type { Surroundings } from './judged.ts';
import { lastDeployedOf, lastIn } from './last-deployed.ts';
import { addDifference, addToTotals, sumTotals, type Totals, toReplay } from './ledger.ts';
import { reduce } from './reducer.ts';
import { gaugesOf, type LedgerSample } from './samples.ts';
import { compact } from './settle.ts';
import type { Timeline } from './timeline.ts';

export interface Replay<Sample> {
  /** Takes in the next deployment. */
  add(deployment: Deployment): void;
  /** The sample at `now`; without a further deployment it is valid until `validUntil`. Both in Unix seconds. */
  at(now: number): { readonly sample: Sample | null; readonly validUntil: number };
}

/** A time span in which one sample was shown: from `from` to just before `until`, Unix seconds. */
export interface Span<Sample> {
  readonly from: number;
  readonly until: number;
  /** `null`: nothing was shown. */
  readonly sample: Sample | null;
}

/**
 * The spans between `from` and `to` (Unix seconds), without a gap. `deployments` are in the order in which they became
 * known; reading stops at the first that became known at `to` or later.
 */
export async function* spansOf<Sample>(
  replay: Replay<Sample>,
  deployments: AsyncIterable<readonly Deployment[]>,
  { from, to }: { readonly from: number; readonly to: number },
): AsyncGenerator<Span<Sample>> {
  let now = from;
  function* pass(end: number): Generator<Span<Sample>> {
    while (now < end) {
      const { sample, validUntil } = replay.at(now);
      const until = Math.min(validUntil, end);
      yield { from: now, until, sample };
      now = until;
    }
  }
  for await (const slice of deployments) {
    for (const deployment of slice) {
      const known = knownAt(deployment);
      if (known >= to) {
        yield* pass(to);
        return;
      }
      if (known > now) yield* pass(known);
      replay.add(deployment);
    }
  }
  yield* pass(to);
}

/** A repo's part of a series after some of its deployments, in order of time. */
export interface Standing {
  readonly timeline: Timeline;
  /** Additions of these deployments to the ledger. */
  readonly totals: Totals;
}

export interface Standings {
  /** Takes the next deployment, as the store has it. It counts only after the next `moveTo`. */
  add(deployment: Deployment): void;
  /** Folds in the added deployments, and judges again the timelines that are not valid until `now` (Unix seconds). */
  moveTo(now: number): void;
  readonly timelines: readonly Timeline[];
  /** Additions of all repos' deployments to the ledger. */
  totals(): Totals;
  /** The current standings, by key of the repo. */
  copy(): ReadonlyMap<number, Standing>;
}

export interface StandingsOptions {
  /** Standing before the first added deployment, by key of each repo that has the series' name. */
  readonly starts: ReadonlyMap<number, Standing>;
  /** Age up to which single deployments stay in memory, in seconds. */
  readonly retainedSeconds: number;
  /** All repos that have the series' name. */
  readonly repos: readonly Repo[];
  /** `owner`: key of the repo that deployed last, and so owns the incidents of the name. */
  readonly surroundingsOf: (repo: number, now: number, owner: number | null) => Surroundings;
}

/** Processes the deployments of a series as the live service would have. */
export function createStandings(options: StandingsOptions): Standings {
  const { repos, retainedSeconds, surroundingsOf } = options;
  const standings = new Map(options.starts);
  const added = new Map<number, Deployment[]>();
  let owner: number | null = null;
  const lastAt = ({ key }: Repo): number =>
    (added.get(key) ?? []).reduce((last, { at }) => Math.max(last, at), lastIn(standings.get(key)?.timeline));
  const fold = ({ timeline, totals }: Standing, repo: number, now: number): Standing => {
    const inserted = added.get(repo) ?? [];
    const surroundings = surroundingsOf(repo, now, owner);
    const reduction = reduce(timeline, { removed: [], inserted, surroundings, ledger: 'replay' });
    if (!reduction) throw new Error('Deployments were not read in order');
    const additions = reduction.credits.flatMap((credit) => credit.additions);
    return {
      timeline: compact(reduction.timeline, now - retainedSeconds),
      totals: additions.length > 0 ? addToTotals(totals, additions) : totals,
    };
  };
  return {
    add(deployment) {
      const { repo } = deployment;
      if (!standings.has(repo)) throw new Error(`The repo ${repo} is not part of the series`);
      const others = added.get(repo);
      if (others) others.push(toReplay(deployment));
      else added.set(repo, [toReplay(deployment)]);
    },
    moveTo(now) {
      const before = owner;
      owner = lastDeployedOf(repos, lastAt)?.key ?? null;
      for (const [repo, standing] of standings) {
        const isDue = added.has(repo) || standing.timeline.validUntil <= now || owner !== before;
        if (isDue) standings.set(repo, fold(standing, repo, now));
      }
      added.clear();
    },
    get timelines() {
      return [...standings.values()].map(({ timeline }) => timeline);
    },
    totals: () => [...standings.values()].map(({ totals }) => totals).reduce(sumTotals),
    copy: () => new Map(standings),
  };
}

export interface LedgerReplayOptions extends StandingsOptions {
  readonly repo: string;
  readonly tier: string;
  /** The ledger's totals minus the additions of all its deployments: part of every sample, from the first on. */
  readonly difference: Totals;
}

/** Counters, histograms and gauges of one series, without windows. */
export function createLedgerReplay(options: LedgerReplayOptions): Replay<LedgerSample> {
  const { repo, tier, difference } = options;
  const standings = createStandings(options);
  return {
    add: standings.add,
    at(now) {
      standings.moveTo(now);
      const { timelines } = standings;
      return {
        sample: {
          repo,
          tier,
          gauges: gaugesOf(timelines),
          totals: addDifference(standings.totals(), difference),
          hasDeployed: true,
        },
        validUntil: Math.min(...timelines.map(({ validUntil }) => validUntil)),
      };
    },
  };
}

export interface WindowMember extends StandingsOptions {
  /** Unix seconds from which on its deployments are known; `null`: not yet. */
  readonly knownSince: number | null;
}

export interface WindowReplayOptions {
  readonly window: Window;
  /** Length of the policy's longest window: as long as it contains a deployment, all windows are shown. */
  readonly longestSeconds: number;
  /** One per series that the window covers. */
  readonly members: readonly WindowMember[];
}

interface Share {
  readonly standings: Standings;
  readonly knownSince: number | null;
  share: WindowShare | null;
  /** Unix seconds. */
  validUntil: number;
}

/** One window over a series, or over all series of a tier. */
export function createWindowReplay({
  window,
  longestSeconds,
  members,
}: WindowReplayOptions): Replay<WindowShare> {
  const shares = members.map((member): Share => {
    const { knownSince } = member;
    return { standings: createStandings(member), knownSince, share: null, validUntil: 0 };
  });
  const byRepo = new Map(
    members.flatMap(({ starts }, index) =>
      [...starts.keys()].map((repo) => [repo, shares[index] as Share] as const),
    ),
  );
  const sum = createTierWindow();
  const windows = [window, { name: '', seconds: longestSeconds }];
  let validUntil = 0;

  const refresh = (one: Share, now: number): void => {
    one.standings.moveTo(now);
    const { timelines } = one.standings;
    const held = windowsOf(timelines, windows, now);
    const [content] = held.windows;
    const share = held.isAny && content ? shareOf(content, one.knownSince, window, now) : null;
    sum.exchange(one.share, share);
    one.share = share;
    const judged = timelines.map((timeline) => timeline.validUntil);
    one.validUntil = Math.min(
      held.validUntil,
      share ? coverageOf(one.knownSince, window, now).validUntil : Infinity,
      ...judged,
    );
  };

  return {
    add(deployment) {
      const one = byRepo.get(deployment.repo);
      if (!one) throw new Error(`The repo ${deployment.repo} is not part of any series`);
      one.standings.add(deployment);
      one.validUntil = 0;
      validUntil = 0;
    },
    at(now) {
      if (now >= validUntil) {
        for (const one of shares) if (one.validUntil <= now) refresh(one, now);
        validUntil = Math.min(...shares.map((one) => one.validUntil));
      }
      return { sample: sum.sample(), validUntil };
    },
  };
}
