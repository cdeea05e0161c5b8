/**
 * What was shown in the past: deployments in order of time go by again, and after each stands what the live figures
 * would have shown then, had all that is known now been known.
 *
 * Guarantees: what is shown at a moment follows from the deployments up to it; memory holds the state of the figures and
 * what one window holds, however long the history is.
 */

import type { Deployment } from '../deployment.ts';
import { type Fold, stepFold } from '../figures/fold.ts';
import type { Window } from '../policy.ts';
import { coverageOf } from '../windows/coverage.ts';
import { createSlidingWindow } from '../windows/sliding-window.ts';
import type { TierShare } from '../windows/tier-windows.ts';
import { contributionOf } from '../windows/window-content.ts';
import { addDifference, addedBy, addToTotals, sumTotals, type Totals } from './ledger.ts';
import { gaugesOf, type SeriesSample } from './samples.ts';

export interface Replay<Sample> {
  /** Takes in the next deployment. */
  add(deployment: Deployment): void;
  /** What is shown at `now`, and the Unix seconds until which it stays so without a further deployment. */
  at(now: number): { readonly sample: Sample | null; readonly validUntil: number };
}

/** A stretch of time, in Unix seconds, in which one sample was shown: from `from` to just before `until`. */
export interface Span<Sample> {
  readonly from: number;
  readonly until: number;
  /** Holds until the next span is asked for; `null`: nothing was shown. */
  readonly sample: Sample | null;
}

/** The spans between `from` and `to`, without a gap; reads no further than it has to. */
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
      if (deployment.at >= to) {
        yield* pass(to);
        return;
      }
      if (deployment.at > now) yield* pass(deployment.at);
      replay.add(deployment);
    }
  }
  yield* pass(to);
}

/** Where a repo's part of a series stands after some of its deployments, in order of time. */
export interface Standing {
  readonly fold: Fold;
  /** What they have added to the ledger. */
  readonly totals: Totals;
}

/** Where it stands after one more. */
export function stepStanding({ fold, totals }: Standing, deployment: Deployment): Standing {
  const additions = addedBy(fold, deployment);
  return {
    fold: stepFold(fold, deployment),
    totals: additions.length > 0 ? addToTotals(totals, additions) : totals,
  };
}

export interface LedgerReplayOptions {
  readonly repo: string;
  readonly tier: string;
  /** By key of each repo that has the series' name: before the first deployment that is taken in. */
  readonly starts: ReadonlyMap<number, Standing>;
  /** What the ledger holds beyond what its deployments account for, there from the beginning. */
  readonly difference: Totals;
}

/** Counters, histograms and gauges of one series; its windows are left out. */
export function createLedgerReplay(options: LedgerReplayOptions): Replay<SeriesSample> {
  const { repo, tier, difference } = options;
  const standings = new Map(options.starts);
  return {
    add(deployment) {
      standings.set(deployment.repo, stepStanding(standingOf(standings, deployment), deployment));
    },
    at: () => ({
      sample: {
        repo,
        tier,
        gauges: gaugesOf([...standings.values()].map(({ fold }) => fold)),
        totals: addDifference(totalsOf(standings), difference),
        hasDeployed: true,
        windows: null,
      },
      validUntil: Number.POSITIVE_INFINITY,
    }),
  };
}

/** Throws for a deployment of another series. */
export function standingOf(standings: ReadonlyMap<number, Standing>, { repo }: Deployment): Standing {
  const standing = standings.get(repo);
  if (!standing) throw new Error(`No series is known of the repo ${repo}`);
  return standing;
}

/** What the deployments of all repos that share a name have added to the ledger. */
export function totalsOf(standings: ReadonlyMap<number, Standing>): Totals {
  return [...standings.values()].map(({ totals }) => totals).reduce(sumTotals);
}

export interface WindowMember {
  /** Unix seconds from which on its deployments are known; `null`: not yet. */
  readonly knownSince: number | null;
  /** By key of each repo that has its name: before the first deployment that is taken in. */
  readonly starts: ReadonlyMap<number, Standing>;
}

export interface WindowReplayOptions {
  readonly window: Window;
  /** Of the policy's windows: while it holds a deployment, all are shown. */
  readonly longestSeconds: number;
  /** The series that the window is over, by each repo that brings deployments to one. */
  readonly members: ReadonlyMap<number, WindowMember>;
}

/** One window over a series, or over all of a tier. */
export function createWindowReplay(options: WindowReplayOptions): Replay<TierShare> {
  const { window, longestSeconds, members } = options;
  const held = createSlidingWindow(window.seconds);
  const folds = new Map<number, Fold>();
  /** When each last deployed, the one longest ago first. */
  const lastAt = new Map<WindowMember, number>();
  /** How many are shown, by the moment since when they are known. */
  const shown = new Map<number | null, number>();

  const show = ({ knownSince }: WindowMember, change: 1 | -1): void => {
    const number = (shown.get(knownSince) ?? 0) + change;
    if (number > 0) shown.set(knownSince, number);
    else shown.delete(knownSince);
  };
  /** Leaves out those whose longest window holds nothing any more; returns when the next one goes. */
  const hide = (now: number): number => {
    for (const [member, at] of lastAt) {
      if (at > now - longestSeconds) return at + longestSeconds;
      lastAt.delete(member);
      show(member, -1);
    }
    return Number.POSITIVE_INFINITY;
  };

  return {
    add(deployment) {
      const member = members.get(deployment.repo);
      if (!member) throw new Error(`No series is known of the repo ${deployment.repo}`);
      const fold = folds.get(deployment.repo) ?? standingOf(member.starts, deployment).fold;
      const content = contributionOf(fold, deployment);
      if (content) {
        if (!lastAt.delete(member)) show(member, 1);
        lastAt.set(member, deployment.at);
        held.add(deployment.at, content);
      }
      folds.set(deployment.repo, stepFold(fold, deployment));
    },
    at(now) {
      held.moveTo(now);
      let validUntil = Math.min(held.validUntil, hide(now));
      if (lastAt.size === 0) return { sample: null, validUntil };
      let thousandths = 0;
      for (const [knownSince, number] of shown) {
        const coverage = coverageOf(knownSince, window, now);
        thousandths += number * Math.round(1000 * coverage.ratio);
        validUntil = Math.min(validUntil, coverage.validUntil);
      }
      const coverage = thousandths / (1000 * lastAt.size);
      return {
        sample: { windows: [held.content], coverage: [coverage], knownTime: [] },
        validUntil,
      };
    },
  };
}
