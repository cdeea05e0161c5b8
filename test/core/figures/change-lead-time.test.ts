/** Cases of one commit each. Whole stories are compared with an oracle: see `test/laws/figures.test.ts`. */

import { describe, expect, it } from 'vitest';
import type { Change } from '../../../src/core/commit-range.ts';
import type { Deployment } from '../../../src/core/deployment.ts';
import { changeLeadTime } from '../../../src/core/figures/change-lead-time.ts';
import { deliveryOf, lookupFor } from '../../../src/core/figures/delivery.ts';
import { defaultRules, type FigureRules } from '../../../src/core/figures/figure.ts';
import { aDeployment } from '../../support/records.ts';

const withForge: FigureRules = { ...defaultRules, asksForge: true, leadTimeFallback: null };
const withReports: FigureRules = { ...defaultRules, asksForge: false, leadTimeFallback: null };
const withPipelines: FigureRules = { ...defaultRules, asksForge: false, leadTimeFallback: 'created' };

/** An answer of the forge: ids of commits, each with its time after the colon; merges have a trailing `m`. */
const told = (base: string | null, head: string, added: string, removed: readonly string[] = []): Change => ({
  base,
  head,
  range: {
    added: added
      .split(' ')
      .filter((word) => word !== '')
      .map((word) => {
        const [id = '', seconds = '', merge] = word.split(':');
        return { id, committedAt: Number(seconds), isMerge: merge === 'm' };
      }),
    removed,
  },
});
const untold = (base: string | null, head: string): Change => ({ base, head, range: null });

let numbers = 0;
const deployed = (commit: string, at: number, overrides: Partial<Deployment> = {}): Deployment =>
  aDeployment({ number: ++numbers, at, commit, ...overrides });

const stateAfter = (rules: FigureRules, ...deployments: Deployment[]) =>
  deployments.reduce(changeLeadTime.step, changeLeadTime.initial(rules));

/** The first deployment, of a commit made at 40. */
const first = deployed('a', 100, { change: told(null, 'a', 'a:40') });

/** The delivery of the last one. */
const broughtBy = (rules: FigureRules, ...deployments: Deployment[]) => {
  const last = deployments.at(-1);
  if (!last) throw new Error('There is no deployment');
  return deliveryOf(stateAfter(rules, ...deployments.slice(0, -1)), last);
};
const lookupOfLast = (rules: FigureRules, ...deployments: Deployment[]) => {
  const last = deployments.at(-1);
  if (!last) throw new Error('There is no deployment');
  return lookupFor(stateAfter(rules, ...deployments.slice(0, -1)), last);
};

describe('with a forge, the delivery of a deployment', () => {
  it('is every commit since the previous deployment, each with its own lead time, without merges', () => {
    const second = deployed('d', 200, { change: told('a', 'd', 'b:110 c:150 d:190:m') });
    expect(broughtBy(withForge, first, second)).toMatchObject({
      commits: [
        { id: 'b', leadTimeSeconds: 90 },
        { id: 'c', leadTimeSeconds: 50 },
      ],
    });
  });

  it('is pending until the forge has answered, even if a step has reported a commit time', () => {
    expect(broughtBy(withForge, deployed('a', 100, { committedAt: 40 }))).toEqual({ kind: 'pending' });
  });

  it('is its own commit with the reported time if the forge does not know the range, else unknown', () => {
    const change = untold('a', 'c');
    expect(broughtBy(withForge, first, deployed('c', 200, { change, committedAt: 150 }))).toEqual({
      kind: 'known',
      source: 'report',
      commits: [{ id: 'c', leadTimeSeconds: 50 }],
    });
    expect(broughtBy(withForge, first, deployed('c', 200, { change }))).toEqual({ kind: 'unknown' });
  });

  it('is nothing new for a rollback, nor for the deployment of the later commit after it', () => {
    const story = [
      first,
      deployed('c', 200, { change: told('a', 'c', 'b:110 c:190') }),
      deployed('a', 300, { change: told('c', 'a', '', ['b', 'c']) }),
      deployed('c', 400, { change: told('a', 'c', 'b:110 c:190') }),
    ];
    expect(broughtBy(withForge, ...story.slice(0, 3))).toEqual({ kind: 'nothing_new' });
    expect(broughtBy(withForge, ...story)).toEqual({ kind: 'nothing_new' });
    const beyond = deployed('d', 500, { change: told('a', 'd', 'b:110 c:190 d:490') });
    expect(broughtBy(withForge, ...story.slice(0, 3), beyond)).toMatchObject({
      commits: [{ id: 'd', leadTimeSeconds: 10 }],
    });
  });

  it('enters the ledger only once the delivery before it is known', () => {
    const early = deployed('b', 200, { change: told('a', 'b', 'b:110') });
    const waits = (...before: Deployment[]) =>
      changeLeadTime.measures.map(({ ledger }) => ledger?.waits?.(stateAfter(withForge, ...before), early));
    expect(waits(deployed('a', 100), early)).toEqual([true, true]);
    expect(waits(first, early)).toEqual([false, false]);
  });

  it('is only its own commit after a deployment before the known time, since unknown deployments may lie between', () => {
    const state = changeLeadTime.stepBeyond?.(changeLeadTime.initial(withForge), deployed('a', 100));
    if (!state) throw new Error('It steps beyond known ground');
    const first = deployed('d', 200);
    expect(lookupFor(state, first)).toEqual({ base: null, head: 'd' });
    expect(deliveryOf(state, { ...first, change: told(null, 'd', 'd:150') })).toMatchObject({
      commits: [{ id: 'd', leadTimeSeconds: 50 }],
    });
    expect(deliveryOf(state, deployed('a', 200))).toEqual({ kind: 'nothing_new' });
  });
});

describe('without a forge, the delivery of a deployment', () => {
  it('is its own commit once, with the time that a step reported', () => {
    const story = [
      deployed('a', 100, { committedAt: 40 }),
      deployed('b', 200, { committedAt: 150 }),
      deployed('a', 300, { committedAt: 40 }),
    ];
    expect(broughtBy(withReports, ...story.slice(0, 2))).toEqual({
      kind: 'known',
      source: 'report',
      commits: [{ id: 'b', leadTimeSeconds: 50 }],
    });
    expect(broughtBy(withReports, ...story)).toEqual({ kind: 'nothing_new' });
  });

  it('has the time of the first pipeline of the commit only if the policy says so', () => {
    const only = deployed('a', 100, { firstSeenAt: 30 });
    expect(broughtBy(withReports, only)).toEqual({ kind: 'unknown' });
    expect(broughtBy(withPipelines, only)).toEqual({
      kind: 'known',
      source: 'pipeline',
      commits: [{ id: 'a', leadTimeSeconds: 70 }],
    });
    expect(broughtBy(withPipelines, { ...only, committedAt: 90 })).toMatchObject({ source: 'report' });
  });
});

describe('lookupFor', () => {
  it('asks for the range from the previous success, across failures', () => {
    const failed = deployed('b', 150, { outcome: 'failure' });
    expect(lookupOfLast(withForge, deployed('a', 100))).toEqual({ base: null, head: 'a' });
    expect(lookupOfLast(withForge, first, failed, deployed('c', 200))).toEqual({ base: 'a', head: 'c' });
  });
});
