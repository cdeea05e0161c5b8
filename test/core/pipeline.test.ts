import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareRecords,
  endedAt,
  isEnded,
  mergeRecords,
  type PipelineRecord,
  saysTheSame,
} from '../../src/core/pipeline.ts';
import type { Step } from '../../src/core/workflow.ts';
import { anyObservation, anyObservations } from '../support/arbitraries.ts';
import { aRecord, aStep, aWorkflow } from '../support/records.ts';

const mergeAll = (records: readonly PipelineRecord[]) => records.reduce(mergeRecords);

describe('isEnded', () => {
  it.each(['success', 'failure', 'error', 'killed', 'canceled', 'declined', 'skipped'])(
    'holds for %s',
    (status) => {
      expect(isEnded(status)).toBe(true);
    },
  );

  it.each(['created', 'pending', 'running', 'blocked', 'started', 'hibernating', '', 'Success'])(
    'does not hold for %j',
    (status) => {
      expect(isEnded(status)).toBe(false);
    },
  );
});

describe('endedAt', () => {
  it('is the finish', () => {
    expect(endedAt(aRecord({ finishedAt: 1100, firstEndReportAt: 1050 }))).toBe(1100);
  });

  it('is the first report of the end where no finish was told', () => {
    expect(endedAt(aRecord({ finishedAt: null, firstEndReportAt: 1050 }))).toBe(1050);
  });

  it('is nothing where neither tells', () => {
    expect(endedAt(aRecord({ finishedAt: null }))).toBeNull();
  });

  it('is nothing for a pipeline that has not ended, whatever its finish says', () => {
    expect(endedAt(aRecord({ status: 'running', finishedAt: 1100 }))).toBeNull();
  });
});

describe('mergeRecords', () => {
  const rungs: { rung: string; loser: Partial<PipelineRecord>; winner: Partial<PipelineRecord> }[] = [
    {
      rung: 'the higher id, which is another pipeline under the same number',
      loser: { id: 501, updatedAt: 9000 },
      winner: { id: 502, updatedAt: 1, status: 'pending', finishedAt: null },
    },
    {
      rung: 'an id over none',
      loser: { id: 0, updatedAt: 9000 },
      winner: { id: 1, updatedAt: 1 },
    },
    {
      rung: 'the later update, even if it takes the end back',
      loser: { updatedAt: 1101 },
      winner: { updatedAt: 1102, status: 'running', finishedAt: null, hasWorkflows: false, fromRest: false },
    },
    {
      rung: 'ended over not ended',
      loser: { status: 'running' },
      winner: { status: 'skipped', hasWorkflows: false, fromRest: false },
    },
    {
      rung: 'ended over a status not known here',
      loser: { status: 'hibernating' },
      winner: { status: 'success', hasWorkflows: false, fromRest: false },
    },
    {
      rung: 'with workflows over without',
      loser: { hasWorkflows: false, status: 'failure' },
      winner: { hasWorkflows: true, fromRest: false },
    },
    {
      rung: 'REST over others',
      loser: { fromRest: false, status: 'failure' },
      winner: { fromRest: true },
    },
    { rung: 'failure over success', loser: { status: 'success' }, winner: { status: 'failure' } },
    { rung: 'failure over error', loser: { status: 'error' }, winner: { status: 'failure' } },
    { rung: 'killed over canceled', loser: { status: 'canceled' }, winner: { status: 'killed' } },
    { rung: 'success over skipped', loser: { status: 'skipped' }, winner: { status: 'success' } },
    { rung: 'running over pending', loser: { status: 'pending' }, winner: { status: 'running' } },
    { rung: 'pending over a status not known here', loser: { status: 'odd' }, winner: { status: 'pending' } },
    { rung: 'the earlier finish', loser: { finishedAt: 1200 }, winner: { finishedAt: 1100 } },
    { rung: 'a finish over none', loser: { finishedAt: null }, winner: { finishedAt: 4_000_000_000 } },
    // Two observations that nothing else tells apart: any rule will do, so long as it is one.
    { rung: 'the text that sorts last', loser: { message: 'a' }, winner: { message: 'b' } },
  ];

  it.each(rungs)('prefers $rung', ({ loser, winner }) => {
    const [worse, better] = [Object.freeze(aRecord(loser)), Object.freeze(aRecord(winner))];
    expect(mergeRecords(worse, better)).toBe(better);
    expect(mergeRecords(better, worse)).toBe(better);
    expect(compareRecords(worse, better)).toBeLessThan(0);
    expect(compareRecords(better, worse)).toBeGreaterThan(0);
  });

  it('keeps the first report of the end, whichever observation wins', () => {
    const first = aRecord({ status: 'success', finishedAt: null, firstEndReportAt: 1105 });
    const second = aRecord({ status: 'failure', finishedAt: null, firstEndReportAt: 1190 });
    const running = aRecord({ status: 'running', finishedAt: null, firstEndReportAt: null });
    expect(mergeAll([running, second, first])).toEqual({ ...second, firstEndReportAt: 1105 });
    expect(mergeAll([first, second, running])).toEqual({ ...second, firstEndReportAt: 1105 });
  });

  describe('of workflows', () => {
    const withSteps = (updatedAt: number, ...steps: Partial<Step>[]) =>
      aRecord({ updatedAt, workflows: [aWorkflow({ pid: 1, steps: steps.map((step) => aStep(step)) })] });

    it.each([
      ['running', 'success'],
      ['success', 'killed'],
      ['killed', 'failure'],
      ['success', 'failure'],
    ])('as of one update, a step that was %s and is %s is the latter', (before, after) => {
      const [a, b] = [withSteps(1101, { state: before }), withSteps(1101, { state: after })];
      expect(mergeRecords(a, b).workflows[0]?.steps[0]?.state).toBe(after);
      expect(mergeRecords(b, a)).toBe(b);
    });

    it('judges each step by itself', () => {
      const a = withSteps(1101, { pid: 2, state: 'killed' }, { pid: 3, state: 'success' });
      const b = withSteps(1101, { pid: 2, state: 'success' }, { pid: 3, state: 'failure', exitCode: 126 });
      const both = withSteps(1101, { pid: 2, state: 'killed' }, { pid: 3, state: 'failure', exitCode: 126 });
      expect(mergeRecords(a, b)).toEqual(both);
      expect(mergeRecords(b, a)).toEqual(both);
    });

    it('of an earlier update are forgotten', () => {
      const [old, young] = [withSteps(1101, { state: 'failure' }), withSteps(1102, { state: 'success' })];
      expect(mergeRecords(old, young)).toBe(young);
      expect(mergeRecords(young, old)).toBe(young);
    });

    it('stay if a list shows none as of the same update', () => {
      const detail = withSteps(1101, { state: 'killed' });
      const row = aRecord({ hasWorkflows: false });
      expect(mergeRecords(detail, row)).toBe(detail);
      expect(mergeRecords(row, detail)).toBe(detail);
    });

    it('of another pipeline under the same number are not mixed in', () => {
      const [old, other] = [withSteps(1101, { state: 'failure' }), aRecord({ id: 777 })];
      expect(mergeRecords(old, other)).toBe(other);
    });
  });

  describe('of reports that tell no update', () => {
    const aReport = (told: Partial<PipelineRecord>) =>
      aRecord({
        ...{ id: 0, updatedAt: 0, hasWorkflows: false, fromRest: false, createdAt: null, startedAt: null },
        ...{ event: null, branch: null, commit: '', message: '', ...told },
      });
    const rich = aReport({
      ...{ event: 'deployment', branch: 'main', deployTo: 'production', commit: 'c1', message: 'fix' },
      ...{ startedAt: 1010, committedAt: 900 },
    });

    it.each([
      ['says less', aReport({})],
      ['tells a later finish', aReport({ finishedAt: 1200 })],
      ['tells no finish', aReport({ finishedAt: null })],
      ['tells no end', aReport({ status: 'running', finishedAt: null })],
    ])('one that %s takes nothing away', (_, poor) => {
      expect(mergeRecords(poor, rich)).toEqual(rich);
      expect(mergeRecords(rich, poor)).toBe(rich);
    });

    it('adds up what each of them tells, with the end of the one that failed', () => {
      const build = aReport({ event: 'push', startedAt: 1010, finishedAt: 1050 });
      const deploy = aReport({ status: 'failure', commit: 'c1', startedAt: 1060, committedAt: 900 });
      const both = aReport({
        ...{ status: 'failure', finishedAt: 1100, event: 'push', commit: 'c1' },
        ...{ startedAt: 1010, committedAt: 900 },
      });
      expect(mergeRecords(build, deploy)).toEqual(both);
      expect(mergeRecords(deploy, build)).toEqual(both);
    });

    it('yields to an observation that tells one', () => {
      const event = aRecord({ id: 0, event: 'push', fromRest: false });
      expect(mergeRecords(rich, event)).toBe(event);
      expect(mergeRecords(event, rich)).toBe(event);
    });
  });

  it('takes no report over to another pipeline of the same number', () => {
    const old = aRecord({ id: 501, finishedAt: null, firstEndReportAt: 1105 });
    const other = aRecord({ id: 777, finishedAt: null, firstEndReportAt: 1190 });
    expect(mergeRecords(old, other)).toEqual(other);
    expect(mergeRecords(other, old)).toEqual(other);
  });

  it('returns what is known, and no copy, where an observation brings nothing new', () => {
    const known = aRecord();
    expect(mergeRecords(known, aRecord())).toBe(known);
    expect(mergeRecords(known, aRecord({ updatedAt: 1000 }))).toBe(known);
  });

  it('is commutative', () => {
    fc.assert(
      fc.property(anyObservation(), anyObservation(), (a, b) => {
        expect(mergeRecords(a, b)).toEqual(mergeRecords(b, a));
      }),
      { numRuns: 1000 },
    );
  });

  it('is associative', () => {
    fc.assert(
      fc.property(anyObservation(), anyObservation(), anyObservation(), (a, b, c) => {
        expect(mergeRecords(mergeRecords(a, b), c)).toEqual(mergeRecords(a, mergeRecords(b, c)));
      }),
      { numRuns: 1000 },
    );
  });

  it('is idempotent', () => {
    fc.assert(
      fc.property(anyObservation(), anyObservation(), (a, b) => {
        const merged = mergeRecords(a, b);
        expect(mergeRecords(a, a)).toBe(a);
        expect(mergeRecords(merged, a)).toBe(merged);
        expect(mergeRecords(merged, b)).toBe(merged);
      }),
      { numRuns: 1000 },
    );
  });

  it('depends on the set of observations alone', () => {
    fc.assert(
      fc.property(
        anyObservations().chain((set) =>
          fc.tuple(
            fc.constant(set),
            fc.shuffledSubarray([...set, ...set], { minLength: 2 * set.length, maxLength: 2 * set.length }),
          ),
        ),
        ([set, shuffledTwice]) => {
          expect(mergeAll(shuffledTwice)).toEqual(mergeAll(set));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('leaves its arguments as they were', () => {
    fc.assert(
      fc.property(anyObservation(), anyObservation(), (a, b) => {
        const [copyOfA, copyOfB] = [structuredClone(a), structuredClone(b)];
        mergeRecords(Object.freeze(a), Object.freeze(b));
        expect([a, b]).toEqual([copyOfA, copyOfB]);
      }),
    );
  });
});

describe('compareRecords', () => {
  it('is a total order that says 0 only of records that say the same', () => {
    fc.assert(
      fc.property(anyObservation(), anyObservation(), anyObservation(), (a, b, c) => {
        expect(Math.sign(compareRecords(a, b))).toBe(0 - Math.sign(compareRecords(b, a)));
        if (compareRecords(a, b) >= 0 && compareRecords(b, c) >= 0) {
          expect(compareRecords(a, c)).toBeGreaterThanOrEqual(0);
        }
        if (compareRecords(a, b) === 0) {
          const joined = { firstEndReportAt: null, workflows: [], tierReports: [] };
          expect({ ...a, ...joined }).toEqual({ ...b, ...joined });
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('saysTheSame', () => {
  it('does not mind how a record came to be known', () => {
    expect(saysTheSame(aRecord(), aRecord({ hasWorkflows: false, fromRest: false }))).toBe(true);
  });

  it.each<Partial<PipelineRecord>>([
    { status: 'failure' },
    { id: 502 },
    { updatedAt: 1102 },
    { finishedAt: 1099 },
    { startedAt: null },
    { message: 'other' },
    { canceledByStep: 'deploy' },
    { ref: 'refs/tags/v1' },
    { parent: 7 },

    { firstEndReportAt: 1105 },
  ])('minds %j', (difference) => {
    expect(saysTheSame(aRecord(), aRecord(difference))).toBe(false);
  });
});
