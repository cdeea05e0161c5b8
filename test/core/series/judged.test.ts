import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareDeployments, type Deployment } from '../../../src/core/deployment.ts';
import { defaultRules, type FigureRules } from '../../../src/core/figures/figure.ts';
import type { Incident } from '../../../src/core/incident.ts';
import { chunkSize, chunksOf } from '../../../src/core/series/chunks.ts';
import { nothingAround, type Surroundings } from '../../../src/core/series/judged.ts';
import { reduce } from '../../../src/core/series/reducer.ts';
import { settle } from '../../../src/core/series/settle.ts';
import type { Timeline } from '../../../src/core/series/timeline.ts';
import { createTimelineBuilder } from '../../../src/core/series/timeline-builder.ts';
import { fine } from '../../../src/core/verdict.ts';
import { aDeployment } from '../../support/records.ts';
import { runs } from '../../support/runs.ts';

/** A day, the longest wait of an incident for pipelines, is shorter than a chunk, too. */
const paceSeconds = 1000;
/**
 * Limits of a few dozen deployments. They are shorter than a chunk, so most changes need no judgement from the start.
 */
const rules: FigureRules = {
  ...defaultRules,
  failures: {
    rollbackSeconds: 60 * paceSeconds,
    fix: { linkedSeconds: 80 * paceSeconds, ruleSeconds: 20 * paceSeconds },
    incident: { withinSeconds: 30 * paceSeconds, staleSeconds: 50 * paceSeconds },
  },
};

const commitId = (index: number) => index.toString(16).padStart(8, '0').repeat(5);

/**
 * The properties of a deployment except its position. `isAside`: its commits are from a second row. `back`: the number
 * of commits since its commit was new; 0: it is new.
 */
const anyTraits = fc.record({
  isAside: fc.boolean(),
  back: fc.oneof(
    { weight: 8, arbitrary: fc.constant(0) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 70 }) },
  ),
  outcome: fc.oneof(
    { weight: 9, arbitrary: fc.constant('success' as const) },
    { weight: 1, arbitrary: fc.constant('failure' as const) },
  ),
  event: fc.constantFrom('push', 'push', 'deployment', 'cron'),
  branch: fc.constantFrom('main', 'main', 'main', 'side', null),
  isRework: fc.integer({ max: 9, min: 0 }).map((digit) => digit === 0),
  /** The number of commits since the reverted commit was new; 0: it reverts nothing. */
  reverts: fc.oneof(
    { weight: 12, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 90 }) },
  ),
  isAbbreviated: fc.boolean(),
  mark: fc.oneof(
    { weight: 20, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constant({ kind: 'fine' as const }) },
    {
      weight: 1,
      arbitrary: fc
        .option(fc.integer({ min: 0, max: 90 }))
        .map((late) => ({ kind: 'failed' as const, recoveredAt: late })),
    },
  ),
  /** Length of the run, as a number of deployments. */
  ran: fc.oneof(
    { weight: 5, arbitrary: fc.constant(0.5) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 40 }) },
    { weight: 1, arbitrary: fc.constant(null) },
  ),
});
const plain = {
  isAside: false,
  back: 0,
  outcome: 'success',
  event: 'push',
  branch: 'main',
  isRework: false,
  reverts: 0,
  isAbbreviated: false,
  mark: null,
  ran: 0.5,
} as const;
type Traits = typeof anyTraits extends fc.Arbitrary<infer T> ? T : never;

/** A deployment at a position. Each position has its own commit in each of two rows. */
function deploymentOf(place: number, number: number, traits: Traits): Deployment {
  const { isAside, back, reverts, isAbbreviated, mark, ran, ...others } = traits;
  const at = 1_000_000 + Math.round(place * paceSeconds);
  const earlier = (places: number) =>
    commitId(Math.max(1, Math.floor(place) - places) + (isAside ? 0x10000 : 0));
  const commit = earlier(back);
  const reverted = earlier(reverts);
  return aDeployment({
    ...others,
    number,
    at,
    commit,
    startedAt: ran === null ? null : at - Math.round(ran * paceSeconds),
    reverts: reverts === 0 ? [] : [isAbbreviated ? reverted.slice(0, 8) : reverted],
    mark:
      mark?.kind === 'failed' && mark.recoveredAt !== null
        ? { kind: 'failed', recoveredAt: at + mark.recoveredAt * paceSeconds }
        : (mark as Deployment['mark']),
  });
}

function incidentOf(place: number, lasts: number | null, receivedAfter: number | null): Incident {
  const start = 1_000_000 + Math.round(place * paceSeconds);
  return {
    id: `${place}`,
    start,
    end: lasts === null ? null : start + Math.round(lasts * paceSeconds),
    receivedAt: receivedAfter === null ? null : start + receivedAfter * paceSeconds,
  } as Incident;
}

const length = 3 * chunkSize + 90;
/** The first position of the third chunk before any change: judging again often begins or ends there. */
const border = 2 * chunkSize + 1;
const anyPlace = fc.oneof(
  { weight: 1, arbitrary: fc.double({ min: 1, max: length, noNaN: true }) },
  { weight: 3, arbitrary: fc.double({ min: border - 5, max: border + 8, noNaN: true }) },
  // A judgement that begins in an earlier chunk may end there.
  { weight: 3, arbitrary: fc.double({ min: border - chunkSize - 5, max: border - 1, noNaN: true }) },
  { weight: 1, arbitrary: fc.double({ min: length - 40, max: length, noNaN: true }) },
);
const anyIncident = fc
  .tuple(
    fc.oneof(anyPlace, fc.double({ min: border - 1, max: border + 1, noNaN: true })),
    fc.option(fc.double({ min: 0, max: 40, noNaN: true })),
    fc.option(fc.integer({ min: 0, max: 60 })),
  )
  .map(([place, lasts, received]) => incidentOf(place, lasts, lasts === null ? received : null));
const anyChange = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('insert' as const),
      at: fc.array(fc.tuple(anyPlace, anyTraits), { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('remove' as const),
      place: anyPlace,
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('correct' as const),
      place: anyPlace,
      // Another finish.
      movedBy: fc.oneof(fc.constant(0), fc.integer({ min: -400, max: 400 })),
      traits: anyTraits,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('report' as const),
      incidents: fc.array(anyIncident, { maxLength: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('append' as const), traits: anyTraits }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('settle' as const), places: fc.nat({ max: 200 }) }) },
  {
    weight: 2,
    // A negative wait: the clock is set back.
    arbitrary: fc.record({ kind: fc.constant('wait' as const), places: fc.integer({ min: -20, max: 60 }) }),
  },
);

const build = (all: readonly Deployment[], surroundings: Surroundings): Timeline => {
  const builder = createTimelineBuilder(rules, 0, surroundings);
  for (const deployment of all.toSorted(compareDeployments)) builder.add(deployment);
  return builder.build();
};

const shown = ({ recent, episodes, validUntil }: Timeline, from = 0) => ({
  recent: recent
    .filter(({ at }) => at > from)
    .map(({ number, repair, verdict }) => ({ number, repair, verdict })),
  episodes: episodes.filter(({ end }) => end === null || end > from),
  validUntil,
});

/** A change is then folded up to a later chunk only, see `refold.ts`. */
const manyMore = 26 * chunkSize;

const inChunks = (timeline: Timeline) => chunksOf(timeline).flatMap(({ deployments }) => deployments);

describe('a long series', () => {
  it('has the same judgement after each change as if it were read again', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(anyTraits, { minLength: 60, maxLength: 60 }),
          // Quiet series, in which a late deployment changes little.
          fc.array(
            fc.oneof({ weight: 30, arbitrary: fc.constant(plain) }, { weight: 1, arbitrary: anyTraits }),
            {
              minLength: 60,
              maxLength: 60,
            },
          ),
        ),
        fc.array(anyIncident, { maxLength: 2 }),
        fc.array(anyChange, { minLength: 1, maxLength: 6 }),
        fc.oneof(
          { weight: 4, arbitrary: fc.constant(length) },
          { weight: 1, arbitrary: fc.constant(length + manyMore) },
        ),
        (traits, firstIncidents, changes, lastPlace) => {
          let incidents = firstIncidents;
          let number = 10_000;
          let end = lastPlace;
          let now = 1_000_000 + lastPlace * paceSeconds;
          const around = (): Surroundings => ({ incidents, runningSince: Number.POSITIVE_INFINITY, now });
          const all = new Map<number, Deployment>();
          for (let place = 1; place <= lastPlace; place++) {
            // A different order of traits in each round.
            const one = traits[(place * 7 + Math.floor(place / traits.length)) % traits.length] as Traits;
            all.set(place, deploymentOf(place, place, place <= length ? one : plain));
          }
          let timeline = build([...all.values()], around());
          for (const change of changes) {
            const removed: Deployment[] = [];
            const inserted: Deployment[] = [];
            const add = (deployment: Deployment) => {
              if (deployment.at <= timeline.baseEnd) return;
              inserted.push(deployment);
              all.set(deployment.number, deployment);
            };
            if (change.kind === 'insert') {
              for (const [place, one] of change.at) add(deploymentOf(place, ++number, one));
            } else if (change.kind === 'append') {
              end += 1;
              add(deploymentOf(end, ++number, change.traits));
            } else if (change.kind === 'wait') {
              now += change.places * paceSeconds;
            } else if (change.kind === 'report') {
              incidents = change.incidents;
            } else if (change.kind === 'settle') {
              timeline = settle(timeline, timeline.baseEnd + change.places * paceSeconds);
              continue;
            } else {
              const first = Math.min(Math.floor(change.place), timeline.recent.length - 1);
              const count = change.kind === 'remove' ? change.count : 1;
              for (const one of timeline.recent.slice(first, first + count)) {
                // As the store has it.
                removed.push({ ...one, repair: null, verdict: fine });
                all.delete(one.number);
              }
              const [known] = removed;
              if (!known) continue;
              if (change.kind === 'correct') {
                const place = (known.at - 1_000_000) / paceSeconds;
                add(deploymentOf(Math.max(1, place + change.movedBy), known.number, change.traits));
              }
            }
            const next = reduce(timeline, { removed, inserted, surroundings: around(), ledger: 'keep' });
            if (!next) throw new Error('The change reaches into the base');
            timeline = next.timeline;
            const anew = build([...all.values()], around());
            expect(shown(timeline, timeline.baseEnd)).toEqual(shown(anew, timeline.baseEnd));
            expect(inChunks(timeline).every((one, index) => one === timeline.recent[index])).toBe(true);
          }
        },
      ),
      { numRuns: runs(100) },
    );
  });
});

describe('an incident of a deployment that an operator marked as fine', () => {
  it('fails no other deployment, although the next one runs longer and more arrive', () => {
    const deployments = Array.from({ length }, (_, index) => {
      const place = index + 1;
      if (place === border - 1) return deploymentOf(place, place, { ...plain, mark: { kind: 'fine' } });
      // It starts before the marked deployment.
      if (place === border) return deploymentOf(place, place, { ...plain, ran: 3 });
      return deploymentOf(place, place, plain);
    });
    const incidents = [incidentOf(border + 0.25, 1, null)];
    const around = {
      incidents,
      runningSince: Number.POSITIVE_INFINITY,
      now: 1_000_000 + length * paceSeconds,
    };
    const before = build(deployments, around);
    expect(before.episodes).toEqual([]);
    const inserted = [deploymentOf(length + 1, length + 1, plain)];
    const after = reduce(before, { removed: [], inserted, surroundings: around, ledger: 'keep' });
    expect(after?.timeline.episodes).toEqual([]);
    expect(after?.timeline.recent.filter(({ verdict }) => verdict.causes.length > 0)).toEqual([]);
  });
});

describe('a failure before the last chunk', () => {
  it('ends with the next success if the success that ended it is removed', () => {
    const failed = { ...plain, outcome: 'failure' as const };
    const deployments = Array.from({ length }, (_, index) =>
      deploymentOf(index + 1, index + 1, index + 1 === border - 1 ? failed : plain),
    );
    const around = { ...nothingAround, now: 1_000_000 + length * paceSeconds };
    const before = build(deployments, around);
    const at = (place: number) => deployments[place - 1]?.at;
    expect(before.episodes).toEqual([{ start: at(border - 1), end: at(border) }]);
    const removed = before.recent.filter(({ number }) => number === border);
    const after = reduce(before, { removed, inserted: [], surroundings: around, ledger: 'keep' });
    expect(after?.timeline.episodes).toEqual([{ start: at(border - 1), end: at(border + 1) }]);
  });
});

describe('a late deployment between a deployment and its revert', () => {
  it('leaves the revert as rework only if the reverted deployment is not marked as fine', () => {
    const around = { ...nothingAround, now: 1_000_000 + length * paceSeconds };
    const isReworkAfter = (mark: Traits['mark']) => {
      const deployments = Array.from({ length }, (_, index) => {
        const place = index + 1;
        if (place === length - 4) return deploymentOf(place, place, { ...plain, mark });
        return deploymentOf(place, place, place === length ? { ...plain, reverts: 4 } : plain);
      });
      const inserted = [deploymentOf(length - 2.5, length + 1, plain)];
      const after = reduce(build(deployments, around), {
        removed: [],
        inserted,
        surroundings: around,
        ledger: 'keep',
      });
      return after?.timeline.recent.at(-1)?.verdict.isRework;
    };
    expect(isReworkAfter({ kind: 'fine' })).toBe(false);
    expect(isReworkAfter(null)).toBe(true);
  });
});

describe('a late deployment whose commit a known deployment reverts', () => {
  it('has failed, even if older deployments have been folded into the base since', () => {
    const around = { ...nothingAround, now: 1_000_000 + length * paceSeconds };
    // It reverts the second commit of its place, which is not deployed yet.
    const reverting = {
      ...deploymentOf(500, 500, { ...plain, reverts: 3 }),
      reverts: [commitId(497 + 0x10000)],
    };
    const all = Array.from({ length: 520 }, (_, index) =>
      index + 1 === 500 ? reverting : deploymentOf(index + 1, index + 1, plain),
    );
    const late = deploymentOf(497.5, 9_999, { ...plain, isAside: true });
    const insert = (timeline: Timeline, ...inserted: Deployment[]) => {
      const change = { removed: [], inserted, surroundings: around, ledger: 'keep' as const };
      return reduce(timeline, change)?.timeline as Timeline;
    };
    // A change makes the search of repairs.
    const known = insert(build(all.slice(0, -1), around), all.at(-1) as Deployment);
    const after = insert(settle(known, 1_000_000 + 100 * paceSeconds), late);
    const verdictOf = (number: number) => after.recent.find((one) => one.number === number)?.verdict;
    expect(verdictOf(9_999)?.causes).toEqual(['fix']);
    expect(verdictOf(500)?.isRework).toBe(true);
  });
});

describe('a change in an early chunk', () => {
  const now = 1_000_000 + length * paceSeconds;
  const seriesWith = (others: Readonly<Record<number, Partial<Traits>>>) =>
    Array.from({ length }, (_, index) =>
      deploymentOf(index + 1, index + 1, { ...plain, ...others[index + 1] }),
    );
  /** The timeline after the deployment at `place` got other traits; 0: after none. */
  const corrected = (
    known: Timeline,
    place: number,
    traits: Partial<Traits>,
    around: Surroundings,
  ): Timeline => {
    const removed = known.recent.filter(({ number }) => number === place);
    const inserted = [deploymentOf(place, place, { ...plain, ...traits })];
    return reduce(known, { removed, inserted, surroundings: around, ledger: 'keep' })?.timeline as Timeline;
  };
  const verdictIn = ({ recent }: Timeline, number: number) =>
    recent.find((one) => one.number === number)?.verdict;

  it('changes the verdict of a revert in the next chunk if the reverted deployment is no longer marked as fine', () => {
    const around = { ...nothingAround, now };
    const known = build(seriesWith({ 500: { mark: { kind: 'fine' } }, 520: { reverts: 20 } }), around);
    expect(verdictIn(known, 520)?.isRework).toBe(false);
    const changed = corrected(known, 500, {}, around);
    expect(verdictIn(changed, 520)?.isRework).toBe(true);
    expect(verdictIn(changed, 500)?.causes).toEqual(['fix']);
  });

  it('gives an incident of the next chunk to a late deployment that started last', () => {
    const incidents = [incidentOf(border + 1.2, 1, null)];
    const around = { incidents, runningSince: Number.POSITIVE_INFINITY, now };
    // The first two deployments of the next chunk started before it.
    const known = build(seriesWith({ [border]: { ran: 1.4 }, [border + 1]: { ran: 2.2 } }), around);
    const inserted = [deploymentOf(border - 0.5, 9_999, plain)];
    const changed = reduce(known, { removed: [], inserted, surroundings: around, ledger: 'keep' })?.timeline;
    expect(verdictIn(changed as Timeline, 9_999)?.causes).toEqual(['incident']);
  });

  it('leaves the moment at which a later failure ends, and that failure ends if the moment passes', () => {
    const failed = { mark: { kind: 'failed' as const, recoveredAt: 40 } };
    const around = { ...nothingAround, now };
    const known = build(seriesWith({ [length - 20]: failed }), around);
    const recoveredAt = 1_000_000 + (length + 20) * paceSeconds;
    expect(known.validUntil).toBe(recoveredAt);
    const changed = corrected(known, 100, { outcome: 'failure' }, around);
    expect(changed.validUntil).toBe(recoveredAt);
    expect(changed.episodes.at(-1)?.end).toBe(null);
    const later = corrected(changed, 101, { outcome: 'failure' }, { ...around, now: recoveredAt });
    expect(later.episodes.at(-1)?.end).toBe(recoveredAt);
    expect(later.episodes).toHaveLength(2);
  });
});
