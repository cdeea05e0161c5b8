import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeRecords, saysTheSame } from '../../src/core/merge-records.ts';
import type { PipelineRecord } from '../../src/core/pipeline.ts';
import type { Step } from '../../src/core/workflow.ts';
import { anyObservation, anyObservations } from '../support/arbitraries.ts';
import { aRecord, aStep, aWorkflow } from '../support/records.ts';

const mergeAll = (records: readonly PipelineRecord[]) => records.reduce(mergeRecords);

describe('mergeRecords', () => {
  const rungs: [rung: string, loser: Partial<PipelineRecord>, winner: Partial<PipelineRecord>][] = [
    [
      'the higher id, which is another pipeline under the same number',
      { id: 501, updatedAt: 9000 },
      { id: 502, updatedAt: 1, status: 'pending', finishedAt: null },
    ],
    ['an id over no id', { id: 0, updatedAt: 9000 }, { id: 1, updatedAt: 1 }],
    [
      'the later update, even if it takes the end back',
      { updatedAt: 1101 },
      { updatedAt: 1102, status: 'running', finishedAt: null, hasWorkflows: false, fromRest: false },
    ],
    [
      'ended over not ended',
      { status: 'running' },
      { status: 'skipped', hasWorkflows: false, fromRest: false },
    ],
    [
      'ended over an unknown status',
      { status: 'hibernating' },
      { status: 'success', hasWorkflows: false, fromRest: false },
    ],
    [
      'with workflows over without',
      { hasWorkflows: false, status: 'failure' },
      { hasWorkflows: true, fromRest: false },
    ],
    ['REST over others', { fromRest: false, status: 'failure' }, { fromRest: true }],
    ['failure over success', { status: 'success' }, { status: 'failure' }],
    ['failure over error', { status: 'error' }, { status: 'failure' }],
    ['killed over canceled', { status: 'canceled' }, { status: 'killed' }],
    ['success over skipped', { status: 'skipped' }, { status: 'success' }],
    ['running over pending', { status: 'pending' }, { status: 'running' }],
    ['pending over an unknown status', { status: 'odd' }, { status: 'pending' }],
    ['the earlier finish', { finishedAt: 1200 }, { finishedAt: 1100 }],
    ['a finish over no finish', { finishedAt: null }, { finishedAt: 4_000_000_000 }],
    // Nothing else distinguishes these two observations. Any rule will do if it is always the same.
    ['the text that sorts last', { message: 'a' }, { message: 'b' }],
  ];

  it.each(rungs)('prefers %s', (_, loser, winner) => {
    const [worse, better] = [Object.freeze(aRecord(loser)), Object.freeze(aRecord(winner))];
    expect(mergeRecords(worse, better)).toBe(better);
    expect(mergeRecords(better, worse)).toBe(better);
  });

  it('keeps the time of the first report of the end, whichever observation wins', () => {
    const first = aRecord({ status: 'success', finishedAt: null, firstEndReportAt: 1105 });
    const second = aRecord({ status: 'failure', finishedAt: null, firstEndReportAt: 1190 });
    const running = aRecord({ status: 'running', finishedAt: null, firstEndReportAt: null });
    expect(mergeAll([running, second, first])).toEqual({ ...second, firstEndReportAt: 1105 });
    expect(mergeAll([first, second, running])).toEqual({ ...second, firstEndReportAt: 1105 });
  });

  describe('on workflows', () => {
    const withSteps = (updatedAt: number, ...steps: Partial<Step>[]) =>
      aRecord({ updatedAt, workflows: [aWorkflow({ pid: 1, steps: steps.map((step) => aStep(step)) })] });

    it.each([
      ['running', 'success'],
      ['success', 'killed'],
      ['killed', 'failure'],
      ['success', 'failure'],
    ])('changes a step of the same update from %s to %s in either order', (before, after) => {
      const [a, b] = [withSteps(1101, { state: before }), withSteps(1101, { state: after })];
      expect(mergeRecords(a, b).workflows[0]?.steps[0]?.state).toBe(after);
      expect(mergeRecords(b, a)).toBe(b);
    });

    it('merges each step by itself', () => {
      const a = withSteps(1101, { pid: 2, state: 'killed' }, { pid: 3, state: 'success' });
      const b = withSteps(1101, { pid: 2, state: 'success' }, { pid: 3, state: 'failure', exitCode: 126 });
      const both = withSteps(1101, { pid: 2, state: 'killed' }, { pid: 3, state: 'failure', exitCode: 126 });
      expect(mergeRecords(a, b)).toEqual(both);
      expect(mergeRecords(b, a)).toEqual(both);
    });

    it('drops workflows of an earlier update', () => {
      const [old, young] = [withSteps(1101, { state: 'failure' }), withSteps(1102, { state: 'success' })];
      expect(mergeRecords(old, young)).toBe(young);
      expect(mergeRecords(young, old)).toBe(young);
    });

    it('keeps workflows if a list has none for the same update', () => {
      const detail = withSteps(1101, { state: 'killed' });
      const row = aRecord({ hasWorkflows: false });
      expect(mergeRecords(detail, row)).toBe(detail);
      expect(mergeRecords(row, detail)).toBe(detail);
    });

    it('does not mix in workflows of another pipeline with the same number', () => {
      const [old, other] = [withSteps(1101, { state: 'failure' }), aRecord({ id: 777 })];
      expect(mergeRecords(old, other)).toBe(other);
    });
  });

  describe('on reports without an update time', () => {
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
      ['has fewer fields', aReport({})],
      ['has a later finish', aReport({ finishedAt: 1200 })],
      ['has no finish', aReport({ finishedAt: null })],
      ['has no end', aReport({ status: 'running', finishedAt: null })],
    ])('keeps all fields if another report %s', (_, poor) => {
      expect(mergeRecords(poor, rich)).toEqual(rich);
      expect(mergeRecords(rich, poor)).toBe(rich);
    });

    it('combines the fields of all reports, with the end of the failed one', () => {
      const build = aReport({ event: 'push', startedAt: 1010, finishedAt: 1050 });
      const deploy = aReport({ status: 'failure', commit: 'c1', startedAt: 1060, committedAt: 900 });
      const both = aReport({
        ...{ status: 'failure', finishedAt: 1100, event: 'push', commit: 'c1' },
        ...{ startedAt: 1010, committedAt: 900 },
      });
      expect(mergeRecords(build, deploy)).toEqual(both);
      expect(mergeRecords(deploy, build)).toEqual(both);
    });

    it('prefers an observation with an update time', () => {
      const event = aRecord({ id: 0, event: 'push', fromRest: false });
      expect(mergeRecords(rich, event)).toBe(event);
      expect(mergeRecords(event, rich)).toBe(event);
    });
  });

  it('does not apply a report to another pipeline with the same number', () => {
    const old = aRecord({ id: 501, finishedAt: null, firstEndReportAt: 1105 });
    const other = aRecord({ id: 777, finishedAt: null, firstEndReportAt: 1190 });
    expect(mergeRecords(old, other)).toEqual(other);
    expect(mergeRecords(other, old)).toEqual(other);
  });

  it('returns the known record itself if an observation adds nothing', () => {
    const known = aRecord();
    expect(mergeRecords(known, aRecord())).toBe(known);
    expect(mergeRecords(known, aRecord({ updatedAt: 1000 }))).toBe(known);
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

  it('depends only on the set of observations', () => {
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
      { numRuns: 1000 },
    );
  });

  it('does not change its arguments', () => {
    fc.assert(
      fc.property(anyObservation(), anyObservation(), (a, b) => {
        const [copyOfA, copyOfB] = [structuredClone(a), structuredClone(b)];
        mergeRecords(Object.freeze(a), Object.freeze(b));
        expect([a, b]).toEqual([copyOfA, copyOfB]);
      }),
    );
  });
});

describe('saysTheSame', () => {
  it('ignores the source of a record', () => {
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
  ])('notices %j', (difference) => {
    expect(saysTheSame(aRecord(), aRecord(difference))).toBe(false);
  });
});
