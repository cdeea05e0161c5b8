import { describe, expect, it } from 'vitest';
import type { Change } from '../../../src/core/commit-range.ts';
import type { Deployment } from '../../../src/core/deployment.ts';
import { changeLeadTime, deliveryOf, lookupFor } from '../../../src/core/figures/change-lead-time.ts';
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
  it('is its own commit, if the deployment is the first', () => {
    expect(broughtBy(withForge, first)).toEqual({
      kind: 'known',
      source: 'forge',
      commits: [{ id: 'a', leadTimeSeconds: 60 }],
    });
  });

  it('is every commit since the previous deployment, each with its own lead time, without merges', () => {
    const second = deployed('d', 200, { change: told('a', 'd', 'b:110 c:150 d:190:m') });
    expect(broughtBy(withForge, first, second)).toMatchObject({
      commits: [
        { id: 'b', leadTimeSeconds: 90 },
        { id: 'c', leadTimeSeconds: 50 },
      ],
    });
  });

  it('has a lead time of 0 for a commit that is younger than the deployment', () => {
    const only = deployed('a', 100, { change: told(null, 'a', 'a:140') });
    expect(broughtBy(withForge, only)).toMatchObject({ commits: [{ id: 'a', leadTimeSeconds: 0 }] });
  });

  it('is pending until the forge has answered, even if a step has reported a commit time', () => {
    expect(broughtBy(withForge, deployed('a', 100, { committedAt: 40 }))).toEqual({ kind: 'pending' });
  });

  it('is pending if the answer of the forge is about another range', () => {
    const stale = deployed('c', 200, { change: told('b', 'c', 'c:190') });
    expect(broughtBy(withForge, first, stale)).toEqual({ kind: 'pending' });
    const moved = deployed('d', 200, { change: told('a', 'c', 'c:190') });
    expect(broughtBy(withForge, first, moved)).toEqual({ kind: 'pending' });
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

  it('is nothing new if its commit is already deployed', () => {
    expect(broughtBy(withForge, first, deployed('a', 200))).toEqual({ kind: 'nothing_new' });
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

  it('never repeats a commit at either end of a range that the forge does not know', () => {
    const story = [
      first,
      deployed('x', 200, { change: untold('a', 'x') }),
      deployed('c', 300, { change: told('x', 'c', 'a:40 b:250 c:290') }),
    ];
    expect(broughtBy(withForge, ...story)).toMatchObject({ commits: [{ id: 'b' }, { id: 'c' }] });
    const again = deployed('x', 400, { change: untold('c', 'x'), committedAt: 150 });
    expect(broughtBy(withForge, ...story, again)).toEqual({ kind: 'nothing_new' });
  });

  it('is nothing new if its commit was delivered before a commit that the forge has lost', () => {
    const story = [
      first,
      deployed('c', 200, { change: told('a', 'c', 'b:110 c:190') }),
      deployed('lost', 300, { change: untold('c', 'lost') }),
    ];
    for (const again of ['a', 'b', 'c']) {
      const back = deployed(again, 400, { change: untold('lost', again), committedAt: 40 });
      expect(broughtBy(withForge, ...story, back)).toEqual({ kind: 'nothing_new' });
    }
  });

  it('is nothing new if its commit was removed by a rollback', () => {
    const story = [
      first,
      deployed('c', 200, { change: told('a', 'c', 'b:110 c:190') }),
      deployed('a', 300, { change: told('c', 'a', '', ['b', 'c']) }),
    ];
    const forth = deployed('b', 400, { change: told('a', 'b', 'b:110') });
    expect(broughtBy(withForge, ...story, forth)).toEqual({ kind: 'nothing_new' });
  });

  it('is nothing new for a rollback, even if the repo is gone and the forge can no longer be asked', () => {
    const story = [
      first,
      deployed('b', 200, { change: told('a', 'b', 'b:110') }),
      deployed('c', 300, { change: told('b', 'c', 'c:210') }),
    ];
    expect(broughtBy(withForge, ...story, deployed('a', 400, { firstSeenAt: 300 }))).toEqual({
      kind: 'nothing_new',
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

  it('does not exist for a failed deployment, whose commits belong to the next success', () => {
    const failed = deployed('b', 200, { outcome: 'failure' });
    expect(broughtBy(withForge, first, failed)).toBeNull();
    const next = deployed('b', 300, { change: told('a', 'b', 'b:190') });
    expect(broughtBy(withForge, first, failed, next)).toMatchObject({
      commits: [{ id: 'b', leadTimeSeconds: 110 }],
    });
  });

  it('is unknown for a deployment without a commit, and for the next deployment', () => {
    const nameless = deployed('', 200);
    expect(broughtBy(withForge, first, nameless)).toEqual({ kind: 'unknown' });
    const next = deployed('c', 300, { change: told('a', 'c', 'b:110 c:290') });
    expect(broughtBy(withForge, first, nameless, next)).toEqual({ kind: 'unknown' });
    const after = deployed('d', 400, { change: told('c', 'd', 'd:390') });
    expect(broughtBy(withForge, first, nameless, next, after)).toMatchObject({ commits: [{ id: 'd' }] });
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

  it('is unknown at first, and nothing new if the same commit is deployed again', () => {
    const story = [deployed('a', 100), deployed('b', 200), deployed('a', 300)];
    const kinds = story.map((_, index) => broughtBy(withReports, ...story.slice(0, index + 1))?.kind);
    expect(kinds).toEqual(['unknown', 'unknown', 'nothing_new']);
  });

  it('is unknown without a reported time and without a pipeline time, but nothing new for a restart', () => {
    expect(broughtBy(withReports, deployed('a', 100))).toEqual({ kind: 'unknown' });
    expect(broughtBy(withReports, deployed('a', 100), deployed('a', 200))).toEqual({ kind: 'nothing_new' });
  });

  it('has a lead time even without a commit id, and two missing ids are not the same commit', () => {
    const [one, two] = [deployed('', 100, { committedAt: 40 }), deployed('', 200, { committedAt: 190 })];
    expect(broughtBy(withReports, one, two)).toMatchObject({ commits: [{ id: '', leadTimeSeconds: 10 }] });
  });
});

describe('lookupFor', () => {
  it('asks for the range from the previous success, across failures', () => {
    const failed = deployed('b', 150, { outcome: 'failure' });
    expect(lookupOfLast(withForge, deployed('a', 100))).toEqual({ base: null, head: 'a' });
    expect(lookupOfLast(withForge, first, failed, deployed('c', 200))).toEqual({ base: 'a', head: 'c' });
  });

  it.each<[string, FigureRules, Deployment]>([
    ['without a forge', withReports, deployed('c', 200)],
    ['for a failure', withForge, deployed('c', 200, { outcome: 'failure' })],
    ['for a restart', withForge, deployed('a', 200)],
    ['for an unknown commit', withForge, deployed('', 200)],
    [
      'for a range that the forge has answered',
      withForge,
      deployed('c', 200, { change: told('a', 'c', '') }),
    ],
    ['for a range that the forge does not know', withForge, deployed('c', 200, { change: untold('a', 'c') })],
  ])('asks nothing %s', (_, rules, last) => {
    expect(lookupOfLast(rules, first, last)).toBeNull();
  });

  it('asks again if the answer is about another range', () => {
    const stale = deployed('c', 200, { change: told('b', 'c', '') });
    expect(lookupOfLast(withForge, first, stale)).toEqual({ base: 'a', head: 'c' });
  });

  it('asks for the range of a rollback too, since the removed commits may be deployed again', () => {
    const second = deployed('c', 200, { change: told('a', 'c', 'b:1 c:2') });
    expect(lookupOfLast(withForge, first, second, deployed('a', 300))).toEqual({ base: 'c', head: 'a' });
  });
});
