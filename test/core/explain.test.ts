import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Deployment } from '../../src/core/deployment.ts';
import { createExplaining, type DeploymentPart, type Question } from '../../src/core/explain.ts';
import { defaultRules, type FigureRules } from '../../src/core/figures/figure.ts';
import type { Window } from '../../src/core/policy.ts';
import { runToEnd } from '../../src/core/portions.ts';
import { windowsOf } from '../../src/core/windows/window-content.ts';
import { anyDeployments } from '../support/arbitraries.ts';
import { timelineOf } from '../support/projected.ts';
import { aDeployment } from '../support/records.ts';

const withForge: FigureRules = { ...defaultRules, asksForge: true, leadTimeFallback: null };
const withReports: FigureRules = { ...defaultRules, asksForge: false, leadTimeFallback: null };

function explain(
  deployments: readonly Deployment[],
  question: Partial<Question> = {},
  rules: FigureRules = withReports,
) {
  const known = deployments.filter(({ at }) => at <= (question.at ?? 2000));
  const explaining = createExplaining({
    ...{ window: windowOf(1000), at: 2000, before: null, limit: 1000, show: 'everything' },
    ...question,
  });
  runToEnd(explaining.add(timelineOf(known, rules)));
  return explaining.finish();
}

const windowOf = (seconds: number): Window => ({ name: 'w', seconds });

/** A failure or a success; its number is its time. */
const failure = (at: number, overrides: Partial<Deployment> = {}) =>
  aDeployment({ at, number: at, outcome: 'failure', ...overrides });
const success = (at: number, overrides: Partial<Deployment> = {}) =>
  aDeployment({ at, number: at, ...overrides });

const numbersOf = ({ parts }: ReturnType<typeof explain>) =>
  inTime(parts).map(({ deployment }) => deployment.number);

const inTime = (parts: readonly DeploymentPart[]) => parts.toReversed();

describe('an explanation', () => {
  it('reports the effect of each deployment on the episode of failures', () => {
    const { parts, failingSince } = explain([
      failure(900),
      failure(1100),
      success(1200),
      success(1300),
      failure(1400),
      success(1500),
      failure(1900),
    ]);
    expect(inTime(parts).map(({ deployment, episode }) => [deployment.at, episode])).toEqual([
      // The failure that opened the episode lies before the window; its recovery lies inside.
      [1100, { kind: 'continued', since: 900 }],
      [1200, { kind: 'closed', since: 900, recoverySeconds: 300 }],
      [1300, { kind: 'none' }],
      [1400, { kind: 'opened', since: 1400 }],
      [1500, { kind: 'closed', since: 1400, recoverySeconds: 100 }],
      [1900, { kind: 'opened', since: 1900 }],
    ]);
    expect(failingSince).toBe(1900);
  });

  it('reports the source of lead times, or why there are none', () => {
    const commit = (id: string, committedAt: number, isMerge = false) => ({ id, committedAt, isMerge });
    const deployments = [
      success(1100, {
        commit: 'a',
        change: { base: null, head: 'a', range: { added: [commit('a', 1000)], removed: [] } },
      }),
      success(1200, { commit: 'a' }),
      success(1300, {
        commit: 'c',
        change: {
          base: 'a',
          head: 'c',
          range: { added: [commit('b', 1150), commit('m', 1160, true), commit('c', 1350)], removed: [] },
        },
      }),
      failure(1400, { commit: 'd' }),
      success(1500, { commit: 'd', committedAt: 1450, change: { base: 'c', head: 'd', range: null } }),
      success(1600, { commit: 'e', change: { base: 'd', head: 'e', range: null } }),
      success(1700, { commit: 'f' }),
    ];
    const { parts, withoutLeadTime } = explain(deployments, {}, withForge);
    expect(inTime(parts).map(({ delivery }) => delivery)).toEqual([
      { kind: 'known', source: 'forge', commits: [{ id: 'a', leadTimeSeconds: 100 }] },
      { kind: 'nothing_new' },
      {
        kind: 'known',
        source: 'forge',
        commits: [
          { id: 'b', leadTimeSeconds: 150 },
          { id: 'c', leadTimeSeconds: 0 },
        ],
      },
      null,
      { kind: 'known', source: 'report', commits: [{ id: 'd', leadTimeSeconds: 50 }] },
      { kind: 'unknown' },
      { kind: 'pending' },
    ]);
    expect(withoutLeadTime).toEqual({ nothing_new: 1, pending: 1, unknown: 1 });
  });

  it('excludes deployments outside the window, which includes its end but not its start', () => {
    const all = [success(1000), success(1001), success(2000), failure(2001)];
    const explained = explain(all);
    expect(numbersOf(explained)).toEqual([1001, 2000]);
    expect(explained.failingSince).toBe(0);
  });

  it('keeps the latest parts before a position, and the figures of the whole window', () => {
    const all = [failure(1100), success(1200), failure(1300), success(1400), failure(1500)];
    const whole = explain(all);
    const some = explain(all, { limit: 1, before: { at: 1500, number: 1500, repo: 1 } });
    expect(numbersOf(some)).toEqual([1300, 1400]);
    expect(numbersOf(explain(all, { limit: 1 }))).toEqual([1400, 1500]);
    expect({ ...some, parts: [] }).toEqual({ ...whole, parts: [] });
  });

  it('has the same content as the windows of the metrics at any time', () => {
    fc.assert(
      fc.property(
        anyDeployments(),
        fc.integer({ min: 0, max: 18 }),
        fc.integer({ min: 1, max: 20 }),
        (deployments, at, seconds) => {
          const timeline = timelineOf(deployments, withReports);
          const [window] = windowsOf([timeline], [windowOf(seconds)], at).windows;
          expect(explain(deployments, { at, window: windowOf(seconds) }).content).toEqual(window);
        },
      ),
    );
  });
});
