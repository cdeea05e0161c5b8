/**
 * The reducer: takes the deployments of one repo and tier in order of time, judges them, and folds them into the state
 * of every figure.
 *
 * Old deployments are folded into a base and dropped, once no window and no later deployment can reach back to them.
 * Younger ones are kept, so that a late or corrected deployment can be inserted and folded again. Guarantees: the
 * exact state depends on the set of deployments and incidents, and on the moment alone; inputs are never modified. A
 * change that reaches into the base cannot be folded here: the caller reads the series from the store and builds the
 * timeline anew.
 */

import { countBefore } from '../count-before.ts';
import { compareDeployments, type Deployment } from '../deployment.ts';
import { revertsOf } from '../failures/candidate.ts';
import { shareFold } from '../figures/fold.ts';
import { type Portions, runToEnd } from '../portions.ts';
import { keepChunks, withReplaced } from './chunks.ts';
import { type CreditsByPlace, creditEpisodes, joinCredits } from './episode-credits.ts';
import { judgeChange, keepSearch, type Surroundings } from './judged.ts';
import type { Credit } from './ledger.ts';
import { firstOf, isAfter, lastOf, withChange } from './ordered-deployments.ts';
import { refold } from './refold.ts';
import type { Timeline } from './timeline.ts';

export interface TimelineChange {
  /** Deployments as the timeline contains them now. */
  readonly removed: readonly Deployment[];
  readonly inserted: readonly Deployment[];
  readonly surroundings: Surroundings;
  /** `add` by default. */
  readonly ledger?: LedgerMode;
}

/**
 * How a change adds to the ledger. `add`: each deployment adds what it has not added before. `keep`: no deployment
 * adds anything. `replay`: each adds again what it has added before; the deployments must be results of `toReplay`.
 */
export type LedgerMode = 'add' | 'keep' | 'replay';

export interface Reduction {
  readonly timeline: Timeline;
  /** The change's additions to the ledger, in order of time. */
  readonly credits: readonly Credit[];
}

/** The timeline after `change`, and the additions to the ledger; `null` if the change reaches into the base. */
export function reduce(timeline: Timeline, change: TimelineChange): Reduction | null {
  return runToEnd(reduceInPortions(timeline, change));
}

/** As `reduce`, in portions of about a millisecond, so that the caller can yield to the event loop in between. */
export function* reduceInPortions(
  timeline: Timeline,
  { removed, inserted, surroundings, ledger = 'add' }: TimelineChange,
): Portions<Reduction | null> {
  const added = [...inserted].sort(compareDeployments);
  const gone = [...removed].sort(compareDeployments);
  const first = firstOf(added[0], gone[0]);
  if (first && first.at <= timeline.baseEnd) return null;

  const { recent } = timeline;
  const from = first ? countBefore(recent, (one) => !isAfter(first, one)) : recent.length;
  const firstMovedAt = first?.at ?? Number.POSITIVE_INFINITY;
  const keepsRepairs = first !== undefined && areAlike(gone, added);
  const deployments = withChange(recent, gone, keepsRepairs ? withRepairsOf(added, recent) : added, from);
  const last = lastOf(added.at(-1), gone.at(-1));
  const until = last ? countBefore(deployments, (one) => isAfter(one, last)) : 0;
  const { episodes, validUntil, changedFrom, changedUntil, search, judgedBy } = yield* judgeChange(
    timeline,
    { deployments, from, until, moved: [...inMemory(recent, gone), ...added], firstMovedAt, keepsRepairs },
    surroundings,
  );
  const changed = { deployments, from: Math.min(from, changedFrom), until: changedUntil };
  const { start, end, chunks, current, credits } = yield* refold(timeline, changed, ledger !== 'keep');
  const refolded = { start, end, known: timeline.episodes };
  const ended = ledger === 'keep' ? none : yield* creditEpisodes(episodes, deployments, refolded, ledger);
  for (const [index, credit] of ended) credits.set(index, joinCredits(credits.get(index), credit));
  yield;
  const base = shareFold(timeline.base, current);
  const judged = { recent: deployments, episodes, validUntil, judgedBy };
  const next: Timeline = { ...timeline, ...judged, base, current };
  const all = withReplaced(chunks, deployments, [...ended.keys()]);
  if (shareFold(timeline.current, current) !== timeline.current) {
    for (const one of all) one.before = shareFold(one.before, current);
  }
  keepChunks(next, all);
  keepSearch(next, search);
  const inOrder = [...credits].sort(([a], [b]) => a - b);
  return { timeline: next, credits: inOrder.map(([, credit]) => credit) };
}

const none: CreditsByPlace = new Map();

/** Whether both lists contain the same deployments, equal in every field that repairs depend on. */
function areAlike(a: readonly Deployment[], b: readonly Deployment[]): boolean {
  return a.length === b.length && a.every((one, index) => isAlike(one, b[index]));
}

function isAlike(a: Deployment, b: Deployment | undefined): boolean {
  return (
    b !== undefined &&
    compareDeployments(a, b) === 0 &&
    a.outcome === b.outcome &&
    a.commit === b.commit &&
    a.event === b.event &&
    a.branch === b.branch &&
    a.ref === b.ref &&
    a.isRestart === b.isRestart &&
    a.isRework === b.isRework &&
    revertsOf(a).join() === revertsOf(b).join()
  );
}

/** `deployments` with the repairs of their earlier versions in `recent`. */
function withRepairsOf(deployments: readonly Deployment[], recent: readonly Deployment[]): Deployment[] {
  return deployments.map((one) => {
    const [known] = inMemory(recent, [one]);
    return known?.repair ? { ...one, repair: known.repair } : one;
  });
}

/** The versions of `deployments` in `recent`: they have repairs and verdicts, which versions from the store lack. */
function inMemory(recent: readonly Deployment[], deployments: readonly Deployment[]): readonly Deployment[] {
  return deployments.flatMap((one) => {
    const found = recent[countBefore(recent, (other) => !isAfter(one, other))];
    return found && compareDeployments(found, one) === 0 ? found : [];
  });
}
