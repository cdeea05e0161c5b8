import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CommitSet } from '../../../src/core/commit-set.ts';
import { compareDeployments, type Deployment } from '../../../src/core/deployment.ts';
import { type LastCommit, lastCommitAfter, lookupFor } from '../../../src/core/figures/delivery.ts';
import { defaultRules, type FigureRules } from '../../../src/core/figures/figure.ts';
import { type Fold, stepFold } from '../../../src/core/figures/fold.ts';
import { chunkSize, chunksOf } from '../../../src/core/series/chunks.ts';
import { nothingAround } from '../../../src/core/series/judged.ts';
import { type Reduction, reduce } from '../../../src/core/series/reducer.ts';
import { createTimeline, type Timeline } from '../../../src/core/series/timeline.ts';
import { plainWindows } from '../../support/projected.ts';
import { aDeployment } from '../../support/records.ts';
import { runs } from '../../support/runs.ts';

const length = 32 * chunkSize;
const pace = 10;
const firstAt = 1_000;
const around = { ...nothingAround, now: firstAt + pace * length };
const windows = [900, 20_000, 10 ** 6].map((seconds) => ({ name: `${seconds}`, seconds }));

/**
 * `commit`: a commit of its own, of an earlier or a later place, or none. `change`: what the forge has said: nothing,
 * that it does not know the commits, or one more commit, which may be the own commit of another place.
 */
const anyTraits = fc.record({
  outcome: fc.constantFrom('success' as const, 'success' as const, 'failure' as const),
  commit: fc.oneof(
    { weight: 6, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: -600, max: 600 }) },
    { weight: 1, arbitrary: fc.constant(null) },
  ),
  change: fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom('none' as const, 'unknown' as const) },
    { weight: 2, arbitrary: fc.integer({ min: -600, max: 600 }) },
  ),
  committed: fc.boolean(),
});
type Traits = typeof anyTraits extends fc.Arbitrary<infer T> ? T : never;
const plain: Traits = { outcome: 'success', commit: 0, change: 0, committed: true };

const commitOf = (place: number) => `c${Math.round(place * 10)}`;

/** `before`: the commit of the successful deployment before it, with which the forge compares. */
function deploymentOf(place: number, number: number, traits: Traits, before: string | null): Deployment {
  const at = Math.round(firstAt + pace * place);
  const commit = traits.commit === null ? '' : commitOf(Math.max(0, place + traits.commit));
  const more = typeof traits.change === 'number' ? commitOf(Math.max(0, place + traits.change) + 0.5) : null;
  const added =
    more === null ? null : [commit, more].map((id) => ({ id, committedAt: at - 7, isMerge: false }));
  return aDeployment({
    number,
    at,
    outcome: traits.outcome,
    commit,
    committedAt: traits.committed ? at - 5 : null,
    change:
      traits.change === 'none'
        ? null
        : { base: before, head: commit, range: added && { added, removed: [] } },
  });
}

/** Most are early, or where two chunks meet. */
const anyPlace = fc.oneof(
  fc.double({ min: 1, max: length, noNaN: true }),
  fc.double({ min: 1, max: 2 * chunkSize, noNaN: true }),
  fc
    .tuple(fc.integer({ min: 1, max: 8 }), fc.double({ min: -2, max: 3, noNaN: true }))
    .map(([chunk, more]) => chunk * chunkSize + more),
);
const anyChange = fc.record({
  kind: fc.constantFrom(
    ...(['insert', 'insert', 'late', 'late', 'late', 'fail', 'correct', 'correct', 'remove'] as const),
    ...(['take back', 'answer', 'answer', 'answer'] as const),
  ),
  place: anyPlace,
  traits: anyTraits,
});
type Change = typeof anyChange extends fc.Arbitrary<infer T> ? T : never;

const isNew = ({ number }: Deployment) => number > 2 * length;

/** The deployments that `change` moves. An answer of the forge goes to one that lacks it, if any does. */
function movedBy({ kind, place, traits }: Change, timeline: Timeline, index: number): Moved {
  const { recent, rules } = timeline;
  const known = recent[Math.floor((place / length) * recent.length)];
  const before = (at: number) => commitBefore(recent, at);
  if (kind === 'insert' || kind === 'late' || kind === 'fail') {
    const late = { ...plain, change: 'none' as const };
    const those = { insert: traits, late, fail: { ...late, outcome: 'failure' as const } }[kind];
    const at = firstAt + pace * place;
    return { removed: [], inserted: [deploymentOf(place, 2 * length + 1 + index, those, before(at))] };
  }
  if (kind === 'take back') return { removed: recent.filter(isNew).slice(0, 1), inserted: [] };
  if (!known) return { removed: [], inserted: [] };
  if (kind === 'remove') return { removed: [known], inserted: [] };
  if (kind === 'correct') {
    const one = deploymentOf((known.at - firstAt) / pace, known.number, traits, before(known.at));
    return { removed: [known], inserted: [{ ...one, credited: known.credited }] };
  }
  let last: LastCommit = { rules, commit: null };
  const waiting = recent.filter((one) => {
    const isWaiting = lookupFor(last, one) !== null;
    last = lastCommitAfter(last, one);
    return isWaiting;
  });
  const asked = waiting[Math.floor(place) % Math.max(1, waiting.length)] ?? known;
  const change = { base: before(asked.at), head: asked.commit, range: null };
  return { removed: [asked], inserted: [{ ...asked, change }] };
}

interface Moved {
  readonly removed: readonly Deployment[];
  readonly inserted: readonly Deployment[];
}

/** The commit of the last successful deployment before `at`. */
function commitBefore(all: readonly Deployment[], at: number): string | null {
  return all.findLast((one) => one.at < at && one.outcome === 'success')?.commit ?? null;
}

/** The states of a fold, with sets of commits as lists: two equal sets may have different tables. */
function plainly({ states }: Fold): unknown[] {
  return states.map((state) => {
    if (typeof state !== 'object' || state === null || !('commits' in state)) return state;
    const { table, size } = state.commits as CommitSet;
    return { ...state, commits: [...table.keys.subarray(0, size)] };
  });
}

/** Everything of a change that must not depend on how much was folded again. */
function shownOf({ timeline, credits }: Reduction) {
  const { recent, episodes, current } = timeline;
  const windowsAt = (now: number) => plainWindows([timeline], windows, now);
  return {
    recent,
    episodes,
    current: plainly(current),
    credits,
    windows: [windowsAt(around.now), windowsAt(around.now - 2_000), windowsAt(firstAt + 5_000)],
  };
}

function expectWholeChunks(timeline: Timeline): void {
  const chunks = chunksOf(timeline);
  expect(chunks.flatMap(({ deployments }) => deployments)).toEqual(timeline.recent);
  for (const [index, { before, deployments }] of chunks.entries()) {
    expect(deployments.length).toBeLessThanOrEqual(1.5 * chunkSize);
    const after = deployments.reduce(stepFold, before);
    expect(plainly(after)).toEqual(plainly(chunks[index + 1]?.before ?? timeline.current));
  }
}

describe('a change of a long series', () => {
  it('gives the same states, windows and additions to the ledger as if the whole series were folded again', () => {
    let carried = 0;
    const anySeries = fc.oneof(
      fc.constantFrom([plain], [{ ...plain, outcome: 'failure' as const }]),
      fc.array(fc.oneof({ weight: 20, arbitrary: fc.constant(plain) }, { weight: 1, arbitrary: anyTraits }), {
        minLength: 60,
        maxLength: 60,
      }),
      fc.array(anyTraits, { minLength: 60, maxLength: 60 }),
    );
    fc.assert(
      fc.property(
        fc.boolean(),
        anySeries,
        fc.array(anyChange, { minLength: 1, maxLength: 6 }),
        (asksForge, traits, changes) => {
          const rules: FigureRules = { ...defaultRules, asksForge };
          const foldAll = (inserted: readonly Deployment[]) =>
            reduce(createTimeline(rules), { removed: [], inserted, surroundings: around }) as Reduction;
          const series: Deployment[] = [];
          let last: string | null = null;
          for (let place = 1; place <= length; place++) {
            const one = deploymentOf(place, place, traits[place % traits.length] ?? plain, last);
            series.push(one);
            if (one.outcome === 'success') last = one.commit;
          }
          let { timeline } = foldAll(series);
          for (const [index, change] of changes.entries()) {
            const { removed, inserted } = movedBy(change, timeline, index);
            const gone = new Set(removed);
            const left = timeline.recent.filter((one) => !gone.has(one));
            const all = [...left, ...inserted].sort(compareDeployments);
            const before = chunksOf(timeline);
            const after = reduce(timeline, { removed, inserted, surroundings: around }) as Reduction;
            const [got, wanted] = [shownOf(after), shownOf(foldAll(all))];
            for (const key of Object.keys(got) as (keyof typeof got)[])
              expect(got[key], key).toEqual(wanted[key]);
            expectWholeChunks(after.timeline);
            const identities = new Set(before.map(({ identity }) => identity));
            if (identities.has(chunksOf(after.timeline).at(-1)?.identity ?? {})) carried++;
            timeline = after.timeline;
          }
        },
      ),
      { numRuns: runs(25) },
    );
    expect(carried).toBeGreaterThan(0);
  });
});
