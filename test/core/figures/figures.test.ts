/** The rules for all figures together. Their values are compared with an oracle: see `test/laws/figures.test.ts`. */

import { describe, expect, it } from 'vitest';
import type { Deployment } from '../../../src/core/deployment.ts';
import { leadTimeBit } from '../../../src/core/figures/change-lead-time.ts';

import { defaultRules } from '../../../src/core/figures/figure.ts';
import {
  episodeMeasures,
  figures,
  figuresByName,
  quickCheckFigures,
} from '../../../src/core/figures/index.ts';
import { recoveryTime } from '../../../src/core/figures/recovery-time.ts';
import type { LedgerMetric } from '../../../src/core/series/ledger.ts';
import { neverCount } from '../../../src/core/series/ledger.ts';

import { windowFields } from '../../../src/core/windows/window-figures.ts';
import { aDeployment } from '../../support/records.ts';

const failure = (at: number, overrides: Partial<Deployment> = {}) =>
  aDeployment({ at, outcome: 'failure', ...overrides });
const success = (at: number, overrides: Partial<Deployment> = {}) => aDeployment({ at, ...overrides });

/** What each deployment of a story adds to the figure's first measure. */
describe('failed deployment recovery time', () => {
  it('has the start of the open failure, even before the known time', () => {
    const [gauge] = recoveryTime.gauges;
    expect(gauge?.value(0, null)).toBe(0);
    expect(gauge?.value(0, { start: 100, end: null })).toBe(100);
    expect(gauge?.value(50, { start: 100, end: null })).toBe(50);
    const stepBeyond = recoveryTime.stepBeyond ?? recoveryTime.step;
    const beyond = [failure(10), failure(20)].reduce(stepBeyond, 0);
    expect(beyond).toBe(10);
    expect(recoveryTime.step(beyond, failure(30))).toBe(10);
    expect(recoveryTime.step(beyond, success(40))).toBe(0);
  });
});

describe('all figures', () => {
  const ledger: readonly { readonly bit: number; readonly metric: LedgerMetric }[] = [
    ...figures.flatMap(({ measures }) => measures.flatMap((measure) => measure.ledger ?? [])),
    ...episodeMeasures.map((measure) => measure.ledger),
  ];
  const keyOf = (metric: { name: string; cause?: string }) => [metric.name, metric.cause].join(' ').trim();

  it('keep their ledger bits forever, since the bits are stored with each pipeline', () => {
    expect(Object.fromEntries(ledger.map(({ metric, bit }) => [keyOf(metric), bit]))).toEqual({
      dora_deployments_total: 1,
      dora_deployment_failures_total: 2,
      dora_deployment_reworks_total: 4,
      dora_deployment_recovery_time_seconds: 8,
      dora_change_lead_time_seconds: 16,
      dora_change_lead_time_unknown_total: 16,
      dora_deployment_duration_seconds: 32,
      'dora_deployment_failures_by_cause_total pipeline': 64,
      'dora_deployment_failures_by_cause_total rollback': 128,
      'dora_deployment_failures_by_cause_total fix': 256,
      'dora_deployment_failures_by_cause_total incident': 512,
      'dora_deployment_failures_by_cause_total operator': 1024,
    });
    expect(leadTimeBit).toBe(16);
  });

  it('have only bits that are part of neverCount', () => {
    for (const { bit } of ledger) expect(neverCount & bit).toBe(bit);
  });

  it('have unique names, and buckets in ascending order', () => {
    const names = [
      ...ledger.map(({ metric }) => keyOf(metric)),
      ...figures.flatMap(({ gauges }) => gauges.map(({ name }) => name)),
      ...figures.flatMap(({ measures }) => measures.flatMap(({ window }) => (window ? keyOf(window) : []))),
    ];
    expect(new Set(names).size).toBe(names.length);
    for (const { metric } of ledger) {
      if (metric.type !== 'histogram') continue;
      expect(metric.buckets).toEqual([...new Set(metric.buckets)].sort((a, b) => a - b));
    }
  });

  it('are folded if they are shown, and have one name in all lists', () => {
    for (const figure of Object.values(figuresByName)) expect(figures).toContain(figure);
    expect(figuresByName).toMatchObject(quickCheckFigures);
  });

  it('have columns and values with names of their own', () => {
    const names = [
      Object.values(figuresByName).map(({ column }) => column.order),
      windowFields.map(({ key }) => key),
      windowFields.map(({ json }) => json),
    ];
    for (const list of names) expect(new Set<string>(list).size).toBe(list.length);
  });

  it('do not change the state from which they step', () => {
    const story = [
      failure(100),
      success(200, { commit: 'a' }),
      failure(250),
      success(300, { commit: 'b' }),
      success(400, { commit: 'a' }),
      success(500, { commit: 'c' }),
    ];
    for (const { initial, step, gauges, measures } of figures) {
      /** Everything visible of a state: its gauges, and the additions of any next deployment. */
      const seen = (state: unknown) => [
        gauges.map(({ value }) => value(state, null)),
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
      // Another step from the same state.
      step(states[2], success(600, { commit: 'x' }));
      expect(states.map(seen)).toEqual(before);
    }
  });
});
