/** Changes after which a timeline must be the same as if all its deployments were read again. */

import { describe, expect, it } from 'vitest';
import { compareDeployments, type Deployment } from '../../../src/core/deployment.ts';
import { defaultRules, type FigureRules } from '../../../src/core/figures/figure.ts';
import type { Incident } from '../../../src/core/incident.ts';
import { chunkSize } from '../../../src/core/series/chunks.ts';
import { nothingAround, type Surroundings } from '../../../src/core/series/judged.ts';
import { type Reduction, reduce } from '../../../src/core/series/reducer.ts';
import { createTimeline, type Timeline } from '../../../src/core/series/timeline.ts';
import { createTimelineBuilder } from '../../../src/core/series/timeline-builder.ts';
import { fine } from '../../../src/core/verdict.ts';
import { aDeployment } from '../../support/records.ts';

const rules: FigureRules = {
  ...defaultRules,
  failures: {
    rollbackSeconds: 500,
    fix: { linkedSeconds: 500, ruleSeconds: 150 },
    incident: { withinSeconds: 100, staleSeconds: 100 },
  },
};
const around: Surroundings = { ...nothingAround, now: 10_000_000 };
const at = (number: number) => 1_000 + 100 * number;
const deployed = (number: number, more: Partial<Deployment> = {}): Deployment =>
  aDeployment({
    number,
    at: at(number),
    startedAt: (more.at ?? at(number)) - 5,
    commit: `c${number}`,
    ...more,
  });
/** As the store has it: without what only memory knows. */
const stored = (deployment: Deployment): Deployment => ({ ...deployment, repair: null, verdict: fine });
const incidentAt = (start: number, end: number | null): Incident =>
  ({ id: `${start}`, start, end, receivedAt: null }) as Incident;

const change = (
  timeline: Timeline,
  removed: readonly Deployment[],
  inserted: readonly Deployment[],
  surroundings: Surroundings = around,
) => reduce(timeline, { removed, inserted, surroundings }) as Reduction;
const read = (
  all: readonly Deployment[],
  surroundings: Surroundings = around,
  start = createTimeline(rules),
) => change(start, [], all.map(stored), surroundings);
const verdictOf = ({ timeline }: Reduction, number: number) =>
  timeline.recent.find((one) => one.number === number)?.verdict;
const additionsIn = ({ credits }: Reduction) =>
  credits.flatMap(({ deployment, additions }) =>
    additions.map(({ metric, amount }) => [deployment.number, metric.name, amount]),
  );

describe('an open incident that turns out to have ended long ago', () => {
  it('counts the recovery of a failure since then, in however long a series', () => {
    const length = 27 * chunkSize;
    const failed = length - 10;
    const all = Array.from({ length }, (_, index) =>
      deployed(index + 1, index + 1 === failed ? { outcome: 'failure' } : {}),
    );
    const open = read(all, { ...around, incidents: [incidentAt(at(5) + 10, null)] });
    const ended = { ...around, incidents: [incidentAt(at(5) + 10, at(6))] };
    expect(additionsIn(change(open.timeline, [], [], ended))).toEqual([
      [6, 'dora_deployment_recovery_time_seconds', 100],
      [failed + 1, 'dora_deployment_recovery_time_seconds', 100],
    ]);
  });
});

describe('a failure that an operator marked as recovered', () => {
  it('is open again if the clock is set back to before that', () => {
    const recoveredAt = at(600) + 50;
    const all = Array.from({ length: 600 }, (_, index) =>
      deployed(index + 1, index + 1 === 590 ? { mark: { kind: 'failed', recoveredAt } } : {}),
    );
    const before = read(all, { ...around, now: recoveredAt });
    expect(before.timeline.episodes).toEqual([{ start: at(590), end: recoveredAt }]);
    const late = deployed(9_999, { at: at(1) + 50 });
    const after = change(before.timeline, [], [late], { ...around, now: recoveredAt - 10 });
    expect(after.timeline.episodes).toEqual([{ start: at(590), end: null }]);
  });
});

describe('an episode of failure', () => {
  it('is gone if its failure is removed together with the success before it', () => {
    const all = [deployed(1), deployed(2), deployed(3, { outcome: 'failure' }), deployed(4), deployed(5)];
    const { timeline } = read(all);
    expect(timeline.episodes).toEqual([{ start: at(3), end: at(4) }]);
    expect(change(timeline, all.slice(1, 3), []).timeline.episodes).toEqual([]);
  });
});

describe('a deployment whose fix is removed', () => {
  it('has no fix any more, even if an operator marked when it recovered', () => {
    const mark = { kind: 'failed', recoveredAt: at(2) + 10 } as const;
    const all = [deployed(1), deployed(2, { mark }), deployed(3, { isRework: true }), deployed(4)];
    const known = read(all);
    expect(verdictOf(known, 2)?.causes).toEqual(['fix', 'operator']);
    const after = change(known.timeline, [stored(all[2] as Deployment)], []);
    expect(verdictOf(after, 2)?.causes).toEqual(['operator']);
  });
});

describe('a deployment that is no longer marked as fine', () => {
  it('makes its rollback rework, even if deployments beyond known ground arrive with the change', () => {
    const ground = { since: 1_000, countsBeyond: false };
    const all = [
      deployed(1),
      deployed(2, { mark: { kind: 'fine' } }),
      deployed(3, { commit: 'c1', event: 'deployment' }),
    ];
    const { timeline } = read(all, around, createTimeline(rules, ground));
    const beyond = [deployed(-6), deployed(-5)];
    const after = change(timeline, [all[1] as Deployment], [...beyond, deployed(2)]);
    expect(verdictOf(after, 2)?.causes).toEqual(['rollback']);
    expect(verdictOf(after, 3)?.isRework).toBe(true);
  });
});

describe('a series that is read in parts, and whose old deployments memory does not keep', () => {
  /** The timeline after a start: the ledger contains the deployments. */
  const start = (all: readonly Deployment[], cutoff: number, surroundings: Surroundings): Timeline => {
    const known = read(all, surroundings).timeline.recent;
    const builder = createTimelineBuilder(rules, cutoff, surroundings);
    for (const one of known.toSorted(compareDeployments)) builder.add(stored(one));
    return builder.build();
  };
  /** What other deployments add to the ledger with the first one after a start. */
  const addedAfterStart = (all: readonly Deployment[], cutoff: number, surroundings: Surroundings) => {
    const next = change(start(all, cutoff, surroundings), [], [deployed(99_999)], surroundings);
    return additionsIn(next).filter(([number]) => number !== 99_999);
  };

  it('does not take a later deployment for the one that a rollback undid', () => {
    const all = [
      deployed(1),
      deployed(2, { mark: { kind: 'fine' } }),
      deployed(3),
      deployed(4, { commit: 'c1', event: 'deployment' }),
    ];
    expect(addedAfterStart(all, at(2), around)).toEqual([]);
  });

  it('does not, if one part ends between the two', () => {
    const partSize = 5_000;
    const all = Array.from({ length: partSize + 1 }, (_, index) => deployed(index + 1));
    all[partSize - 2] = deployed(partSize - 1, { mark: { kind: 'fine' } });
    all[partSize] = deployed(partSize + 1, { commit: `c${partSize - 2}`, event: 'deployment' });
    const { recent } = start(all, at(partSize - 1), around);
    expect(recent.filter(({ verdict }) => verdict.causes.length > 0)).toEqual([]);
  });

  it('does not take an incident for that of a deployment that started earlier and finished later', () => {
    const all = [deployed(1), deployed(2), deployed(12, { startedAt: at(2) - 20 })];
    const surroundings = { ...around, incidents: [incidentAt(at(2) + 40, at(2) + 50)] };
    expect(addedAfterStart(all, at(7), surroundings)).toEqual([]);
  });
});
