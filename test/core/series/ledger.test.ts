import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareDeployments } from '../../../src/core/deployment.ts';
import { type Fold, stepFold } from '../../../src/core/figures/fold.ts';
import {
  addDifference,
  addToTotals,
  creditFor,
  differenceOf,
  ledgerKey,
  ledgerMetrics,
  neverCount,
  sumTotals,
  type Totals,
  toReplay,
  zeroTotals,
} from '../../../src/core/series/ledger.ts';
import { fine } from '../../../src/core/verdict.ts';
import { anyDeployments } from '../../support/arbitraries.ts';
import { emptyTimeline } from '../../support/projected.ts';
import { aDeployment } from '../../support/records.ts';

const nothing: Fold = emptyTimeline.current;
/** A deployment that the judge has found to be failed. */
const failed = {
  outcome: 'failure' as const,
  verdict: {
    ...fine,
    causes: ['pipeline'] as const,
    failure: { end: null, endedBy: null, repairedBy: null },
  },
};

const additionsOf = (before: Fold, overrides: Parameters<typeof aDeployment>[0]) =>
  Object.fromEntries(
    (creditFor(before, aDeployment(overrides))?.additions ?? []).map(({ metric, amount }) => [
      ledgerKey(metric),
      amount,
    ]),
  );

describe('creditFor', () => {
  it('counts a failure once, and each of its causes once', () => {
    const credit = creditFor(nothing, aDeployment(failed));
    const rolledBack = { ...failed.verdict, causes: ['pipeline', 'rollback'] as const };
    const known = { ...aDeployment(credit?.deployment), verdict: rolledBack };
    expect(creditFor(nothing, known)?.additions.map(({ metric }) => ledgerKey(metric))).toEqual([
      'dora_deployment_failures_by_cause_total rollback',
    ]);
  });

  it('waits for pipelines that were running when an incident started', () => {
    const verdict = { ...fine, causes: ['incident'] as const, isProvisional: true };
    const waiting = { verdict, credited: 1 | 16 };
    expect(creditFor(nothing, aDeployment(waiting))).toBeNull();
    const decided = { ...waiting, verdict: { ...verdict, isProvisional: false } };
    expect(Object.keys(additionsOf(nothing, decided))).toEqual([
      'dora_deployment_failures_total',
      'dora_deployment_failures_by_cause_total incident',
    ]);
  });

  it('adds nothing a second time, in any state', () => {
    fc.assert(
      fc.property(anyDeployments(), anyDeployments(1), (history, [deployment]) => {
        fc.pre(deployment !== undefined);
        const before = history.toSorted(compareDeployments).reduce(stepFold, nothing);
        const next = aDeployment({ ...deployment, at: 100, number: 100 });
        const credit = creditFor(before, next);
        expect(credit?.additions.every(({ amount }) => amount >= 0)).toBe(true);
        expect(creditFor(before, credit?.deployment ?? next)).toBeNull();
      }),
      { numRuns: 300 },
    );
  });
});

describe('addToTotals', () => {
  const metricNamed = (wanted: string) => {
    const metric = ledgerMetrics.find(({ name }) => name === wanted);
    if (!metric) throw new Error(`No metric is named "${wanted}"`);
    return metric;
  };
  const recovery = metricNamed('dora_deployment_recovery_time_seconds');
  const deployments = metricNamed('dora_deployments_total');

  it('adds to counters', () => {
    const totals = addToTotals(zeroTotals, [
      { metric: deployments, amount: 1 },
      { metric: deployments, amount: 1 },
    ]);
    expect(totals.counters['dora_deployments_total']).toBe(2);
    expect(totals.counters['dora_deployment_failures_total']).toBe(0);
  });

  it.each([
    // seconds, index of the bucket
    [0, 0],
    [300, 0],
    [301, 1],
    [86_400, 4],
    [180 * 86_400, 8],
    [180 * 86_400 + 1, 9],
  ])('puts %d s into the first bucket whose bound it does not exceed', (amount, index) => {
    const totals = addToTotals(zeroTotals, [{ metric: recovery, amount }]);
    const counts = new Array<number>(10).fill(0);
    counts[index] = 1;
    expect(totals.histograms['dora_deployment_recovery_time_seconds']).toEqual({ counts, sum: amount });
  });

  it('does not change its argument', () => {
    const before = structuredClone(zeroTotals);
    addToTotals(zeroTotals, [
      { metric: deployments, amount: 1 },
      { metric: recovery, amount: 1 },
    ]);
    expect(zeroTotals).toEqual(before);
  });

  it('adds the metrics that totals of an older version lack', () => {
    const older: Totals = { counters: {}, histograms: {} };
    const totals = addToTotals(older, [
      { metric: deployments, amount: 1 },
      { metric: recovery, amount: 60 },
    ]);
    expect(totals).toEqual({
      counters: { dora_deployments_total: 1 },
      histograms: {
        dora_deployment_recovery_time_seconds: { counts: [1, 0, 0, 0, 0, 0, 0, 0, 0, 0], sum: 60 },
      },
    });
  });
});

describe('sumTotals', () => {
  const duration = 'dora_deployment_duration_seconds';
  const one: Totals = {
    counters: { dora_deployments_total: 1, dora_incidents_total: 2 },
    histograms: { [duration]: { counts: [1, 0, 0, 0, 0, 0, 0, 0, 0, 0], sum: 5 } },
  };
  const other: Totals = {
    counters: { dora_incidents_total: 3, dora_deployment_failures_total: 4 },
    histograms: { [duration]: { counts: [0, 2, 0, 0, 0, 0, 0, 0, 0, 0], sum: 7 } },
  };

  it('adds up counters, those of incidents too, buckets and sums', () => {
    const [counts, sum] = [[1, 2, 0, 0, 0, 0, 0, 0, 0, 0], 12];
    const some = { dora_deployments_total: 1, dora_incidents_total: 5, dora_deployment_failures_total: 4 };
    expect(sumTotals(one, other)).toEqual({
      counters: { ...zeroTotals.counters, ...some },
      histograms: { ...zeroTotals.histograms, [duration]: { counts, sum } },
    });
  });

  it('does not depend on the order, and accepts totals of 0', () => {
    expect(sumTotals(other, one)).toEqual(sumTotals(one, other));
    expect(sumTotals(zeroTotals, zeroTotals)).toEqual(zeroTotals);
  });
});

describe('a deployment that is replayed', () => {
  it('adds exactly what it added before', () => {
    fc.assert(
      fc.property(anyDeployments(), (deployments) => {
        let fold = nothing;
        for (const deployment of deployments.toSorted(compareDeployments)) {
          const credit = creditFor(fold, deployment);
          const again = creditFor(fold, toReplay(credit?.deployment ?? deployment));
          expect(again?.additions ?? []).toEqual(credit?.additions ?? []);
          fold = stepFold(fold, deployment);
        }
      }),
    );
  });

  it('adds nothing if it added nothing before, or never counts', () => {
    expect(creditFor(nothing, toReplay(aDeployment({ credited: 0 })))).toBeNull();
    expect(creditFor(nothing, toReplay(aDeployment({ credited: neverCount })))).toBeNull();
    const [one, ...others] = creditFor(nothing, toReplay(aDeployment({ credited: 1 })))?.additions ?? [];
    expect([one?.metric.name, others]).toEqual(['dora_deployments_total', []]);
  });
});

describe('the difference of two ledgers', () => {
  const name = 'dora_deployment_duration_seconds';
  const totalsOf = (deployments: number, counts: readonly number[], sum: number): Totals => ({
    counters: { ...zeroTotals.counters, dora_deployments_total: deployments },
    histograms: { ...zeroTotals.histograms, [name]: { counts, sum } },
  });
  const less = totalsOf(1, [0, 2, 0, 0, 0, 0, 0, 0, 0, 0], 80);
  const more = totalsOf(4, [1, 1, 0, 0, 0, 0, 0, 0, 0, 3], 900);

  it('turns one into the other if it is added', () => {
    expect(addDifference(less, differenceOf(more, less))).toEqual(more);
    expect(addDifference(more, differenceOf(less, more))).toEqual(less);
  });

  it('makes no value negative if it is added', () => {
    expect(addDifference(zeroTotals, differenceOf(less, more))).toEqual(
      totalsOf(0, [0, 1, 0, 0, 0, 0, 0, 0, 0, 0], 0),
    );
  });
});
