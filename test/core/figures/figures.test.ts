/** Each figure on a story of its own, and what must hold of all of them together. */

import { describe, expect, it } from 'vitest';
import type { Deployment } from '../../../src/core/deployment.ts';
import { changeFailRate } from '../../../src/core/figures/change-fail-rate.ts';
import { leadTimeBit } from '../../../src/core/figures/change-lead-time.ts';
import { deploymentDuration } from '../../../src/core/figures/deployment-duration.ts';
import { deploymentFrequency } from '../../../src/core/figures/deployment-frequency.ts';
import type { Figure } from '../../../src/core/figures/figure.ts';
import { defaultRules } from '../../../src/core/figures/figure.ts';
import { figures } from '../../../src/core/figures/index.ts';
import { lastOutcome } from '../../../src/core/figures/last-outcome.ts';
import { recoveryTime } from '../../../src/core/figures/recovery-time.ts';
import { reworkRate } from '../../../src/core/figures/rework-rate.ts';
import { waived } from '../../../src/core/series/ledger.ts';
import { aDeployment } from '../../support/records.ts';

const failure = (at: number, overrides: Partial<Deployment> = {}) =>
  aDeployment({ at, outcome: 'failure', ...overrides });
const success = (at: number, overrides: Partial<Deployment> = {}) => aDeployment({ at, ...overrides });

/** What each deployment of a story adds to the figure's first measure. */
function valuesOf<S>(figure: Figure<S>, ...story: Deployment[]): (readonly number[])[] {
  let state = figure.initial(defaultRules);
  return story.map((deployment) => {
    const values = figure.measures[0]?.values(state, deployment) ?? [];
    state = figure.step(state, deployment);
    return values;
  });
}

function gaugesAfter<S>(figure: Figure<S>, ...story: Deployment[]): Record<string, number> {
  const state = story.reduce(figure.step, figure.initial(defaultRules));
  return Object.fromEntries(figure.gauges.map(({ name, value }) => [name, value(state)]));
}

describe('deployment frequency', () => {
  it('counts every deployment, failed ones too', () => {
    expect(valuesOf(deploymentFrequency, success(100), failure(200), success(300))).toEqual([[1], [1], [1]]);
  });
});

describe('change fail rate', () => {
  it('counts those that failed', () => {
    expect(valuesOf(changeFailRate, success(100), failure(200), failure(300))).toEqual([[], [1], [1]]);
  });
});

describe('deployment rework rate', () => {
  it('counts those that the rules match, failed ones too', () => {
    const story = [success(100), success(200, { isRework: true }), failure(300, { isRework: true })];
    expect(valuesOf(reworkRate, ...story)).toEqual([[], [1], [1]]);
  });
});

describe('failed deployment recovery time', () => {
  it('is from the first failure of a streak to the next success, once', () => {
    const story = [failure(100), failure(150), success(400), success(500), failure(600), success(610)];
    expect(valuesOf(recoveryTime, ...story)).toEqual([[], [], [300], [], [], [10]]);
  });

  it('tells since when it has been failing', () => {
    const since = (...story: Deployment[]) =>
      gaugesAfter(recoveryTime, ...story)['dora_deployment_failing_since_timestamp'];
    expect(since()).toBe(0);
    expect(since(success(50), failure(100), failure(150))).toBe(100);
    expect(since(failure(100), success(150))).toBe(0);
    expect(since(failure(100), success(150), failure(170))).toBe(170);
  });
});

describe('the last outcomes', () => {
  it('are each on their own', () => {
    expect(gaugesAfter(lastOutcome, success(100), failure(200), failure(300))).toEqual({
      dora_deployment_last_success_timestamp: 100,
      dora_deployment_last_failure_timestamp: 300,
    });
    expect(gaugesAfter(lastOutcome, failure(100))).toEqual({
      dora_deployment_last_success_timestamp: 0,
      dora_deployment_last_failure_timestamp: 100,
    });
  });
});

describe('deployment duration', () => {
  it('is how long it ran, and nothing if that cannot be told', () => {
    const story = [60, 0, null].map((durationSeconds) => success(100, { durationSeconds }));
    expect(valuesOf(deploymentDuration, ...story)).toEqual([[60], [0], []]);
  });
});

describe('all figures', () => {
  const ledger = figures.flatMap(({ measures }) => measures.flatMap((measure) => measure.ledger ?? []));

  it('keep their ledger bits for good: they are stored with each pipeline', () => {
    expect(Object.fromEntries(ledger.map(({ metric, bit }) => [metric.name, bit]))).toEqual({
      dora_deployments_total: 1,
      dora_deployment_failures_total: 2,
      dora_deployment_reworks_total: 4,
      dora_deployment_recovery_time_seconds: 8,
      dora_change_lead_time_seconds: 16,
      dora_change_lead_time_unknown_total: 16,
      dora_deployment_duration_seconds: 32,
    });
    expect(leadTimeBit).toBe(16);
  });

  it('have bits that a waived pipeline has all of', () => {
    for (const { bit } of ledger) expect(waived & bit).toBe(bit);
  });

  it('have names of their own, and buckets that rise', () => {
    const names = [
      ...ledger.map(({ metric }) => metric.name),
      ...figures.flatMap(({ gauges }) => gauges.map(({ name }) => name)),
      ...figures.flatMap(({ measures }) => measures.flatMap(({ window }) => window?.name ?? [])),
    ];
    expect(new Set(names).size).toBe(names.length);
    for (const { metric } of ledger) {
      if (metric.type !== 'histogram') continue;
      expect(metric.buckets).toEqual([...new Set(metric.buckets)].sort((a, b) => a - b));
    }
  });

  it('leave the state that they step from as it is', () => {
    const story = [
      failure(100),
      success(200, { commit: 'a' }),
      failure(250),
      success(300, { commit: 'b' }),
      success(400, { commit: 'a' }),
      success(500, { commit: 'c' }),
    ];
    for (const { initial, step, gauges, measures } of figures) {
      /** All that can be seen of a state: its gauges, and what any next deployment would add. */
      const seen = (state: unknown) => [
        gauges.map(({ value }) => value(state)),
        story.map((next) => measures.map(({ values }) => values(state, { ...next, at: 1000 }))),
      ];
      let state = initial(defaultRules);
      const states = [state];
      const before = [seen(state)];
      for (const deployment of story) {
        state = step(state, deployment);
        states.push(state);
        before.push(seen(state));
      }
      // Another way on from the same state.
      step(states[2], success(600, { commit: 'x' }));
      expect(states.map(seen)).toEqual(before);
    }
  });
});
