/** Compares the oracle with each literal example of the contract. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  type DeploymentFacts,
  figuresAt,
  type Incident,
  type Mark,
  type PairFigures,
  type Pipeline,
  type Policy,
  type Rule,
  type Step,
  type World,
} from './deployments-oracle.ts';

const MINUTE = 60;
const HOUR = 3600;
const DAY = 24 * HOUR;
const T0 = 1_790_000_000;

const COMMITS: Record<string, string> = {
  V0: '0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a',
  V1: '1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b',
  V2: '2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c',
  V3: '3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d',
  V4: '4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e',
};

interface Changes {
  policy?: Partial<Policy>;
  rules?: Rule[];
  failures?: Partial<Policy['failures']>;
  incidents?: Incident[];
  marks?: Mark[];
}

function worldOf(pipelines: Pipeline[], { policy, rules, failures, incidents, marks }: Changes = {}): World {
  return {
    policy: {
      tiers: rules ?? [{ tier: 'production' }],
      default_tier: null,
      killed_is_failure: false,
      default_branches_only: false,
      rework: { branches: ['hotfix/*'], messages: ['^revert', '^hotfix'] },
      incidents: { stale: DAY },
      windows: { '30d': 30 * DAY },
      ...policy,
      failures: {
        tiers: null,
        rollback: 7 * DAY,
        fix: { linked: 7 * DAY, rule: DAY },
        incident: DAY,
        ...failures,
      },
    },
    pipelines,
    incidents: incidents ?? [],
    marks: marks ?? [],
  };
}

/** A push to main that took a minute and ended at T0 plus `at`. */
function push(number: number, at: number, changes: Partial<Pipeline> = {}): Pipeline {
  return {
    repo: 'acme/shop',
    number,
    event: 'push',
    status: 'success',
    branch: 'main',
    ref: 'refs/heads/main',
    commit: COMMITS['V1'] ?? '',
    parent: 0,
    default_branch: 'main',
    created: T0 + at - MINUTE,
    started: T0 + at - MINUTE,
    finished: T0 + at,
    updated: T0 + at,
    message: 'feat: more',
    deploy_to: '',
    ...changes,
  };
}

/** One deployment an hour, numbered from 1; a repeated name is a restart. */
function hourly(names: string, changes: Record<number, Partial<Pipeline>> = {}): Pipeline[] {
  const list = names.split(' ');
  return list.map((name, index) =>
    push(index + 1, (index + 1) * HOUR, {
      commit: COMMITS[name] ?? '',
      parent: list.indexOf(name) < index ? list.indexOf(name) + 1 : 0,
      ...changes[index + 1],
    }),
  );
}

function pairAt(world: World, at = 10 * DAY, tier = 'production'): PairFigures {
  const pair = figuresAt(world, T0 + at).pairs.find((one) => one.tier === tier);
  if (!pair) throw new Error(`no deployment in ${tier}`);
  return pair;
}

function windowAt(world: World, at = 10 * DAY) {
  const figures = pairAt(world, at).windows['30d'];
  if (!figures) throw new Error('no such window');
  return figures;
}

/** Numbers of the deployments for which the test is true. */
const numbers = (pair: PairFigures, holds: (one: DeploymentFacts) => boolean) =>
  pair.deployments.filter(holds).map((one) => one.number);

const rollbacks = (pair: PairFigures) => numbers(pair, (one) => one.rollsBack !== null);
const failed = (pair: PairFigures) => numbers(pair, (one) => one.causes.length > 0);
const causesOf = (pair: PairFigures, number: number) =>
  pair.deployments.find((one) => one.number === number)?.causes;

function incident(
  id: string,
  start: number,
  end: number | null,
  lastReceipt: number | null = null,
): Incident {
  return {
    id,
    repo: 'acme/shop',
    tier: 'production',
    start: T0 + start,
    end: end === null ? null : T0 + end,
    lastReceipt: lastReceipt === null ? null : T0 + lastReceipt,
  };
}

function mark(number: number, how: Mark['mark'], recovered?: number): Mark {
  const base: Mark = { repo: 'acme/shop', number, tier: 'production', mark: how };
  return recovered === undefined ? base : { ...base, recovered: T0 + recovered };
}

describe('the six rows at the top of the contract:', () => {
  test('pipelines with red tests between two deployments are not deployments', () => {
    const redTest = (number: number, at: number) =>
      push(number, at, {
        status: 'failure',
        finished: 0,
        workflows: [
          { name: 'deploy', state: 'skipped', children: [{ name: 'ship', state: 'killed', exit_code: 0 }] },
          { name: 'test', state: 'failure', started: T0 + at - MINUTE, finished: T0 + at },
        ],
      });
    const deploy = (number: number, at: number) =>
      push(number, at, {
        commit: COMMITS[`V${number === 1 ? 1 : 2}`] ?? '',
        workflows: [{ name: 'deploy', state: 'success', started: T0 + at - MINUTE, finished: T0 + at }],
      });
    const reds = [2, 3, 4, 5].map((number) => redTest(number, number * 20 * MINUTE));
    const world = worldOf([deploy(1, 0), ...reds, deploy(6, 130 * MINUTE)], {
      rules: [{ tier: 'production', workflows: ['deploy'] }],
    });
    expect(windowAt(world)).toMatchObject({ deployments: 2, failed: 0, recoveries: [] });
    const reasons = figuresAt(world, T0 + DAY).pipelines.map((one) => one.reason);
    expect(reasons).toEqual([null, 'not_reached', 'not_reached', 'not_reached', 'not_reached', null]);
  });

  test('a notification step that fails after the deploy step fails no deployment', () => {
    const steps = [
      { name: 'deploy', state: 'success', exit_code: 0, started: T0, finished: T0 + 10 * MINUTE },
      { name: 'notify', state: 'failure', exit_code: 1, started: T0 + 10 * MINUTE, finished: T0 + HOUR },
    ];
    const workflow = { name: 'ci', state: 'failure', started: T0, finished: T0 + HOUR, children: steps };
    const world = worldOf([push(1, HOUR, { status: 'failure', workflows: [workflow] })], {
      rules: [{ tier: 'production', steps: ['deploy'] }],
    });
    expect(pairAt(world).deployments).toMatchObject([
      { outcome: 'success', start: T0, finish: T0 + 10 * MINUTE, duration: 10 * MINUTE, causes: [] },
    ]);
  });

  test('a pipeline that deploys to staging, then to production, is a deployment in both', () => {
    const workflows = [
      { name: 'deploy-production', state: 'success', started: T0 + 60, finished: T0 + 120 },
      { name: 'deploy-staging', state: 'success', started: T0, finished: T0 + 60 },
    ];
    const world = worldOf([push(1, 120, { workflows })], {
      rules: [
        { tier: 'staging', workflows: ['deploy-staging'] },
        { tier: 'production', workflows: ['deploy-production'] },
      ],
    });
    const { pairs, pipelines } = figuresAt(world, T0 + DAY);
    expect(pairs.map((pair) => [pair.tier, pair.lastSuccess])).toEqual([
      ['production', T0 + 120],
      ['staging', T0 + 60],
    ]);
    expect(pipelines).toEqual([
      { repo: 'acme/shop', number: 1, tiers: ['production', 'staging'], reason: null },
    ]);
  });

  test('a rollback after 90 minutes: one failed, 90 minutes, one rework', () => {
    const world = worldOf([
      push(1, 0, { commit: COMMITS['V1'] ?? '' }),
      push(2, HOUR, { commit: COMMITS['V2'] ?? '' }),
      push(3, HOUR + 90 * MINUTE, { commit: COMMITS['V1'] ?? '', event: 'deployment', parent: 1 }),
    ]);
    expect(windowAt(world)).toMatchObject({
      deployments: 3,
      failed: 1,
      failedByCause: { pipeline: 0, rollback: 1, fix: 0, incident: 0, operator: 0 },
      rework: 1,
      recoveries: [90 * MINUTE],
    });
  });

  test('an outage two hours after a successful deployment fails it', () => {
    const world = worldOf([push(1, 0)], { incidents: [incident('INC-1', 2 * HOUR, 3 * HOUR)] });
    expect(windowAt(world)).toMatchObject({ deployments: 1, failed: 1, recoveries: [3 * HOUR] });
    expect(causesOf(pairAt(world), 1)).toEqual(['incident']);
  });

  test('a release candidate is no production deployment', () => {
    const tag = (number: number, name: string) =>
      push(number, number * HOUR, { event: 'tag', branch: '', ref: `refs/tags/${name}` });
    const world = worldOf([tag(1, 'v1.0.0-rc.1'), tag(2, 'v1.0.0'), tag(3, 'nightly')], {
      rules: [{ tier: 'production', events: ['tag'], tags: ['v*', '!*-*'] }],
    });
    expect(figuresAt(world, T0 + DAY).pipelines.map((one) => [one.tiers, one.reason])).toEqual([
      [[], 'no_tier'],
      [['production'], null],
      [[], 'no_tier'],
    ]);
  });
});

describe('rollbacks:', () => {
  test.each([
    ['V1 V2 V3 V1', [4], [2]],
    ['V1 V1', [], []],
    ['V1 V2 V1 V3 V1', [3, 5], [2, 4]],
    ['V1 V2 V1 V2', [3], [2]],
    ['V1 V2 V3 V4 V1 V3', [5], [2]],
    ['V1 V2 V1 V2 V3 V2', [3, 6], [2, 5]],
  ])('%s: rollbacks %j fail %j', (names, expectedRollbacks, expectedFailed) => {
    const pair = pairAt(worldOf(hourly(names)));
    expect(rollbacks(pair)).toEqual(expectedRollbacks);
    expect(failed(pair)).toEqual(expectedFailed);
  });

  const repeated: [string, Partial<Pipeline>, number[]][] = [
    ['the same event and ref', { parent: 0 }, [3]],
    ['another ref', { parent: 0, ref: 'refs/heads/other' }, []],
    ['a tag of the same commit', { parent: 0, event: 'tag', ref: 'refs/tags/v1' }, []],
    ['an unknown ref, the same branch', { parent: 0, ref: '' }, [3]],
    ['a deployment', { parent: 0, event: 'deployment', ref: 'refs/heads/other' }, [3]],
    ['a manual pipeline', { parent: 0, event: 'manual', ref: 'main' }, [3]],
    ['a restart', { parent: 1, event: 'tag', ref: 'refs/tags/v1' }, [3]],
    ['a cron', { parent: 1, event: 'cron' }, []],
    ['another branch than what it would undo', { parent: 1, branch: 'other' }, []],
    ['no branch told', { parent: 1, branch: '' }, [3]],
    ['a failed one', { parent: 1, status: 'failure' }, []],
  ];
  test.each(repeated)('V1 V2 V1, the last is %s', (_, changes, expected) => {
    expect(rollbacks(pairAt(worldOf(hourly('V1 V2 V1', { 3: changes }))))).toEqual(expected);
  });

  test('empty commits never match', () => {
    const empty = { commit: '' };
    const pair = pairAt(worldOf(hourly('V1 V2 V1', { 1: empty, 3: { ...empty, parent: 1 } })));
    expect(rollbacks(pair)).toEqual([]);
  });

  test('a rolled back deployment is not a rollback itself', () => {
    const pipelines = [
      push(1, 0, { commit: COMMITS['V1'] ?? '' }),
      push(2, HOUR, { commit: COMMITS['V2'] ?? '' }),
      push(3, 2 * HOUR, { commit: COMMITS['V3'] ?? '' }),
      push(4, 10 * HOUR, { commit: COMMITS['V2'] ?? '' }),
      push(5, 11 * HOUR, { commit: COMMITS['V1'] ?? '' }),
    ];
    expect(rollbacks(pairAt(worldOf(pipelines, { failures: { rollback: 8 * HOUR } })))).toEqual([4]);
    expect(rollbacks(pairAt(worldOf(pipelines)))).toEqual([4, 5]);
  });

  test('the order is the order of finishes, not of numbers', () => {
    const world = worldOf(hourly('V1 V1 V2', { 2: { finished: T0 + 4 * HOUR } }));
    expect(pairAt(world).deployments.map((one) => [one.number, one.rollsBack])).toEqual([
      [1, null],
      [3, null],
      [2, 3],
    ]);
  });

  test('the limit starts at the deployment that is rolled back, and null turns the search off', () => {
    const world = (failures: Partial<Policy['failures']>) => worldOf(hourly('V1 V2 V1'), { failures });
    expect(rollbacks(pairAt(world({ rollback: HOUR })))).toEqual([3]);
    expect(rollbacks(pairAt(world({ rollback: HOUR - 1 })))).toEqual([]);
    expect(pairAt(world({ rollback: null })).lookedFor).toEqual(['pipeline', 'fix', 'incident', 'operator']);
    expect(rollbacks(pairAt(world({ rollback: null })))).toEqual([]);
    expect(rollbacks(pairAt(world({ tiers: ['staging'] })))).toEqual([]);
  });
});

describe('fixes:', () => {
  const reverting = (message: string) => ({ 4: { message } });
  const V2 = COMMITS['V2'] ?? '';

  test.each([
    [`Revert "feat"\n\nThis reverts commit ${V2}.`, [2], ['fix']],
    [`revert ${V2.slice(0, 7)}`, [2], ['fix']],
    [`revert ${V2.slice(0, 6)}`, [3], ['fix']],
    ['Revert "feat"\n\nThis reverts commit 9999999.', [], undefined],
    [`Revert "Revert "feat""\n\nThis reverts commit ${V2}.`, [3], ['fix']],
    [`Reapply "feat"\n\nThis reverts commit ${V2}.`, [], undefined],
    [`revert revert ${V2}`, [3], ['fix']],
    ['hotfix: mend it', [3], ['fix']],
    ['feat: more', [], undefined],
  ])('V1 V2 V3 V4, the last says %j', (message, expectedFailed, causes) => {
    const pair = pairAt(worldOf(hourly('V1 V2 V3 V4', reverting(message))));
    expect(failed(pair)).toEqual(expectedFailed);
    expect(causesOf(pair, expectedFailed[0] ?? 0)).toEqual(causes);
  });

  test('a linked fix is rework without any rule, but a fix of a deployment that is too old is not', () => {
    const world = (linked: number | null) =>
      worldOf(hourly('V1 V2 V3 V4', reverting(`undo it: revert ${V2}`)), {
        policy: { rework: { branches: [], messages: [] } },
        failures: { fix: { linked, rule: DAY } },
      });
    expect(windowAt(world(2 * HOUR))).toMatchObject({ failed: 1, rework: 1, recoveries: [2 * HOUR] });
    expect(windowAt(world(2 * HOUR - 1))).toMatchObject({ failed: 0, rework: 0 });
  });

  test('a second deployment of the same commit fixes nothing', () => {
    const hotfix = { message: 'hotfix: mend it' };
    const pair = pairAt(worldOf(hourly('V1 V2 V3 V2', { 2: hotfix, 4: hotfix })));
    expect(numbers(pair, (one) => one.repairsByRule !== null)).toEqual([2]);
  });

  test('by rule, only the successful deployment just before is failed, within the limit', () => {
    const hotfix = { branch: 'hotfix/login' };
    const byRule = (names: string, changes: Record<number, Partial<Pipeline>>, rule = DAY) =>
      failed(pairAt(worldOf(hourly(names, changes), { failures: { fix: { linked: 7 * DAY, rule } } })));
    expect(byRule('V1 V2', { 2: hotfix })).toEqual([1]);
    expect(byRule('V1 V2', { 2: hotfix }, HOUR)).toEqual([1]);
    expect(byRule('V1 V2', { 2: hotfix }, HOUR - 1)).toEqual([]);
    expect(byRule('V1 V2 V1 V3', { 4: hotfix })).toEqual([2]);
    expect(byRule('V1 V2 V3', { 2: { message: `revert ${COMMITS['V1']}` }, 3: hotfix })).toEqual([1]);
    const red = pairAt(worldOf(hourly('V1 V2', { 1: { status: 'failure' }, 2: hotfix })));
    expect(causesOf(red, 1)).toEqual(['pipeline']);
  });

  test('if the search for all of them is off, there is no rework rate', () => {
    const none = { rework: { branches: [], messages: [] } };
    const failures = { rollback: null, fix: { linked: null, rule: DAY } };
    expect(windowAt(worldOf(hourly('V1'), { policy: none, failures })).rework).toBeNull();
    expect(windowAt(worldOf(hourly('V1'), { policy: none })).rework).toBe(0);
    expect(windowAt(worldOf(hourly('V1'), { failures })).rework).toBe(0);
    const rollbackAlone = { rollback: DAY, fix: { linked: null, rule: null } };
    const linkedAlone = { rollback: null, fix: { linked: DAY, rule: null } };
    expect(windowAt(worldOf(hourly('V1'), { policy: none, failures: rollbackAlone })).rework).toBe(0);
    expect(windowAt(worldOf(hourly('V1'), { policy: none, failures: linkedAlone })).rework).toBe(0);
  });
});

describe('incidents:', () => {
  test('an incident belongs to the last deployment that had started, whatever its outcome', () => {
    const third = { status: 'failure', started: T0 + 2 * HOUR, finished: T0 + 3 * HOUR };
    const world = (start: number) =>
      worldOf(hourly('V1 V2 V3', { 3: third }), { incidents: [incident('a', start, start + 1)] });
    expect(causesOf(pairAt(world(2 * HOUR)), 3)).toEqual(['pipeline', 'incident']);
    expect(causesOf(pairAt(world(2 * HOUR - 1)), 2)).toEqual(['incident']);
  });

  test('the limit counts from the finish of the deployment', () => {
    const world = (start: number) => worldOf([push(1, 0)], { incidents: [incident('a', start, null)] });
    expect(failed(pairAt(world(DAY)))).toEqual([1]);
    expect(failed(pairAt(world(DAY + 1)))).toEqual([]);
  });

  test('an incident that starts while another is open, counts and is not stale belongs to the same deployment', () => {
    const owners = (...incidents: Incident[]) =>
      pairAt(worldOf(hourly('V1 V2'), { incidents })).deployments.map((one) => one.incidents);
    const late = incident('late', 3 * HOUR, 4 * HOUR);
    const early = 1.5 * HOUR;
    expect(owners(late)).toEqual([[], ['late']]);
    expect(owners(incident('early', early, 5 * HOUR), late)).toEqual([['early', 'late'], []]);
    expect(owners(late, incident('early', early, null))).toEqual([['early', 'late'], []]);
    expect(owners(incident('early', early, 3 * HOUR), late)).toEqual([['early'], ['late']]);
    expect(owners(incident('early', early, null, 3 * HOUR - DAY), late)).toEqual([['early', 'late'], []]);
    expect(owners(incident('early', early, null, 3 * HOUR - DAY - 1), late)).toEqual([['early'], ['late']]);
    const before = incident('before all', 0, null);
    expect(owners(before, late)).toEqual([[], ['late']]);
    expect(owners(before, incident('early', early, null), late)).toEqual([['early', 'late'], []]);
  });

  test('an open incident keeps the episode open until its alert is stale', () => {
    const world = worldOf([push(1, 0), push(2, 3 * HOUR, { commit: COMMITS['V2'] ?? '' })], {
      incidents: [incident('a', HOUR, null, 2 * HOUR)],
    });
    expect(pairAt(world, HOUR - 1).failingSince).toBeNull();
    expect(pairAt(world, HOUR).failingSince).toBe(T0);
    expect(pairAt(world, 2 * HOUR + DAY).failingSince).toBe(T0);
    expect(pairAt(world, 2 * HOUR + DAY + 1)).toMatchObject({ failingSince: null, episodes: [] });
    expect(windowAt(world, 5 * DAY)).toMatchObject({ failed: 1, recoveries: [] });
  });
});

describe('marks:', () => {
  test('"failed" fails a deployment until the next success, or until `recovered`', () => {
    const pipelines = hourly('V1 V2');
    expect(causesOf(pairAt(worldOf(pipelines, { marks: [mark(1, 'failed')] })), 1)).toEqual(['operator']);
    expect(windowAt(worldOf(pipelines, { marks: [mark(1, 'failed')] })).recoveries).toEqual([HOUR]);
    const recovered = worldOf(pipelines, { marks: [mark(1, 'failed', HOUR + 5 * MINUTE)] });
    expect(windowAt(recovered).recoveries).toEqual([5 * MINUTE]);
    expect(pairAt(recovered, HOUR + 4 * MINUTE).failingSince).toBe(T0 + HOUR);
  });

  test('"fine" leaves no cause except the pipeline, and the rollback is rework only by the rules', () => {
    const world = worldOf(hourly('V1 V2 V1'), {
      marks: [mark(2, 'fine')],
      incidents: [incident('a', 2.5 * HOUR, null)],
    });
    expect(windowAt(world)).toMatchObject({ deployments: 3, failed: 0, rework: 0 });
    expect(windowAt({ ...world, marks: [] })).toMatchObject({ failed: 1, rework: 1 });
    const red = worldOf(hourly('V1', { 1: { status: 'failure' } }), { marks: [mark(1, 'fine')] });
    expect(causesOf(pairAt(red), 1)).toEqual(['pipeline']);
  });

  test('"ignore" means that there is no deployment', () => {
    const world = worldOf(hourly('V1 V2 V1', { 2: { status: 'failure' } }), { marks: [mark(2, 'ignore')] });
    expect(windowAt(world)).toMatchObject({ deployments: 2, failed: 0, recoveries: [] });
    expect(figuresAt(world, T0 + DAY).pipelines[1]).toMatchObject({ tiers: [], reason: 'operator' });
    expect(pairAt(world).lastFailure).toBeNull();
  });

  test('a mark without a deployment in its tier has no effect', () => {
    const killed = hourly('V1 V2', { 2: { status: 'killed' } });
    const world = worldOf(killed, { marks: [mark(2, 'ignore'), { ...mark(1, 'failed'), tier: 'staging' }] });
    expect(figuresAt(world, T0 + DAY).pipelines.map((one) => one.reason)).toEqual([null, 'killed']);
    expect(failed(pairAt(world))).toEqual([]);
  });
});

describe('recovery:', () => {
  test('a streak of failures is one episode, from its first finish to the next success', () => {
    const red = { status: 'failure' };
    const world = worldOf(hourly('V1 V2 V3 V4', { 2: red, 3: red }));
    expect(pairAt(world, 3.5 * HOUR).failingSince).toBe(T0 + 2 * HOUR);
    expect(pairAt(world).failingSince).toBeNull();
    expect(windowAt(world)).toMatchObject({ failed: 2, recoveries: [2 * HOUR] });
    expect(pairAt(world).deployments.map((one) => one.repairedBy)).toEqual([null, 4, 4, null]);
    expect(pairAt(world)).toMatchObject({ lastSuccess: T0 + 4 * HOUR, lastFailure: T0 + 3 * HOUR });
  });

  test('intervals that touch are one episode; others are two', () => {
    const pipelines = hourly('V1 V2 V3');
    const world = (recovered: number) =>
      worldOf(pipelines, { marks: [mark(1, 'failed', recovered), mark(2, 'failed')] });
    expect(windowAt(world(2 * HOUR)).recoveries).toEqual([2 * HOUR]);
    expect(windowAt(world(2 * HOUR - 1)).recoveries).toEqual([HOUR - 1, HOUR]);
  });

  test('the last end of the incidents decides before the ends of other causes', () => {
    const incidents = [incident('a', HOUR, 90 * MINUTE), incident('b', 80 * MINUTE, 2 * HOUR)];
    const world = worldOf([push(1, 0, { status: 'failure' }), push(2, 30 * MINUTE)], { incidents });
    expect(pairAt(world).deployments).toMatchObject([
      { causes: ['pipeline'], end: T0 + 30 * MINUTE, endedBy: 'deployment', repairedBy: 2 },
      { causes: ['incident'], end: T0 + 2 * HOUR, endedBy: 'incident', repairedBy: null },
    ]);
    const alone = worldOf([push(1, 0, { status: 'failure' })], { incidents });
    expect(windowAt(alone).recoveries).toEqual([2 * HOUR]);
  });

  test('an end before the finish of the deployment counts as that finish', () => {
    const slow = { started: T0, finished: T0 + HOUR };
    const world = worldOf([push(1, HOUR, slow)], { incidents: [incident('a', 10, 20)] });
    expect(windowAt(world)).toMatchObject({ failed: 1, recoveries: [0] });
  });

  test('a recovery is a sample of the window in which it ended', () => {
    const policy = { windows: { '30d': 2 * HOUR } };
    const world = worldOf(hourly('V1 V2 V3', { 2: { status: 'failure' } }), { policy });
    expect(windowAt(world, 3 * HOUR - 1).recoveries).toEqual([]);
    expect(windowAt(world, 3 * HOUR)).toMatchObject({ deployments: 2, recoveries: [HOUR] });
    expect(windowAt(world, 5 * HOUR - 1)).toMatchObject({ deployments: 1, failed: 0, recoveries: [HOUR] });
    expect(windowAt(world, 5 * HOUR)).toMatchObject({ deployments: 0, recoveries: [] });
  });
});

test('no hindsight: a pipeline counts from its own end, in the window of its part', () => {
  const late = recorded('v3.17.0-part-deploy-workflow-ok-others-running-later.json');
  const policy = { windows: { '30d': 5 } };
  const world = worldOf([late], { policy, rules: [{ tier: 'production', workflows: ['deploy'] }] });
  expect(figuresAt(world, 1795875311)).toMatchObject({ pairs: [], pipelines: [{ reason: 'unfinished' }] });
  const pair = figuresAt(world, 1795875312).pairs[0];
  expect(pair?.lastSuccess).toBe(1795875300);
  expect(pair?.windows['30d']?.deployments).toBe(0);
});

test('a rollback fails a deployment only from its own finish on', () => {
  const world = worldOf(hourly('V1 V2 V1'));
  expect(failed(pairAt(world, 3 * HOUR - 1))).toEqual([]);
  expect(failed(pairAt(world, 3 * HOUR))).toEqual([2]);
});

describe('rules:', () => {
  const workflows = [{ name: 'deploy', state: 'success', started: T0, finished: T0 + HOUR }];
  const tiersOf = (rules: Rule[], changes: Partial<Pipeline> = {}, policy: Partial<Policy> = {}) => {
    const world = worldOf([push(1, HOUR, { workflows, ...changes })], { rules, policy });
    const [one] = figuresAt(world, T0 + DAY).pipelines;
    return one?.reason ?? one?.tiers.join();
  };
  const part = (tier: string, name: string): Rule => ({ tier, workflows: [name] });

  test('a part rule decides its tier, whether the part ran or not, and the rules of other tiers follow', () => {
    expect(tiersOf([part('production', 'none'), part('production', 'deploy')])).toBe('not_reached');
    expect(tiersOf([part('staging', 'none'), part('production', 'deploy')])).toBe('production');
    expect(tiersOf([part('staging', 'deploy'), { tier: 'production' }, part('qa', 'deploy')])).toBe(
      'production,staging',
    );
    expect(tiersOf([part('production', 'none'), { tier: 'production' }])).toBe('not_reached');
  });

  test('default_tier applies only if no rule matched', () => {
    const policy = { default_tier: 'rest' };
    expect(tiersOf([part('production', 'none')], {}, policy)).toBe('not_reached');
    expect(tiersOf([{ ...part('production', 'none'), events: ['tag'] }], {}, policy)).toBe('rest');
    expect(tiersOf([{ ...part('production', 'none'), events: ['tag'] }])).toBe('no_tier');
  });

  test('repos and deploy_to ignore case, and negated globs alone match everything else', () => {
    const deployTo = (...patterns: string[]) =>
      tiersOf([{ tier: 'production', deploy_to: patterns }], { deploy_to: 'Production' });
    expect(deployTo('production')).toBe('production');
    expect(deployTo('!production')).toBe('no_tier');
    expect(deployTo('!staging')).toBe('production');
    expect(deployTo('prod*', '!*tion')).toBe('no_tier');
    expect(tiersOf([{ tier: 'production', repos: ['Acme/*'] }])).toBe('production');
    expect(tiersOf([{ tier: 'production', branches: ['Main'] }])).toBe('no_tier');
    expect(tiersOf([{ tier: 'production', branches: ['m?in'] }])).toBe('production');
    expect(tiersOf([{ tier: 'production', branches: ['m?n'] }])).toBe('no_tier');
  });

  test.each(['canceled', 'declined', 'skipped', 'error'])('%s keeps its reason', (status) => {
    expect(tiersOf([part('production', 'deploy')], { status })).toBe(status);
  });

  test('a pipeline without parts, without an end, or out of scope has that reason', () => {
    const rules = [part('production', 'deploy')];
    expect(tiersOf(rules, { workflows: [] })).toBe('no_parts');
    expect(tiersOf([{ tier: 'production' }], { workflows: [] })).toBe('production');
    expect(tiersOf(rules, { status: 'running' })).toBe('unfinished');
    expect(tiersOf(rules, { event: 'pull_request' })).toBe('pull_request');
    expect(tiersOf(rules, { from_fork: true })).toBe('fork');
    expect(tiersOf(rules, { workflows: [], finished: 0, updated: 0 })).toBe('no_timestamp');
  });

  test('killed comes before not_reached only if the part of another tier was killed', () => {
    const killed = [{ name: 'deploy', state: 'killed', error: 'Canceled', started: T0, finished: T0 + HOUR }];
    const changes = { status: 'killed', workflows: killed };
    expect(tiersOf([part('production', 'none')], changes)).toBe('not_reached');
    expect(tiersOf([part('production', 'none'), part('staging', 'deploy')], changes)).toBe('killed');
    expect(tiersOf([part('staging', 'deploy')], changes, { killed_is_failure: true })).toBe('staging');
  });
});

/** A recorded answer of a running server, in which every workflow and step has ended. */
function recorded(name: string): Pipeline {
  const file = new URL(`../fixtures/woodpecker/recorded/${name}`, import.meta.url);
  return { repo: 'acme/shop', default_branch: 'main', ...JSON.parse(readFileSync(file, 'utf8')) };
}

test('a workflow that failed by itself beside a cancelled one is a failure', () => {
  const cancelled = {
    name: 'a',
    state: 'failure',
    error: 'exit code 126\nCanceled',
    started: T0,
    finished: T0 + 9,
  };
  const own = { name: 'b', state: 'failure', error: 'uuid=1: exit code 1', started: T0, finished: T0 + 5 };
  const reasons = (workflows: Pipeline['workflows'] & object) =>
    figuresAt(worldOf([push(1, 9, { status: 'failure', workflows })]), T0 + DAY).pipelines[0]?.reason;
  expect(reasons([cancelled])).toBe('killed');
  expect(reasons([cancelled, own])).toBeNull();
});

test('a stopping step that a restart copied from its parent is no failure', () => {
  const run = (exit: number) =>
    push(1, 9, {
      status: 'killed',
      parent: 1,
      cancel_info: { canceled_by_step: 'lint' },
      workflows: [
        {
          name: 'ci',
          state: 'killed',
          error: 'Canceled',
          started: T0,
          finished: T0 + 9,
          children: [
            {
              name: 'lint',
              state: exit ? 'failure' : 'success',
              exit_code: exit,
              started: T0,
              finished: T0 + 5,
            },
            { name: 'ship', state: 'killed', exit_code: 0, started: T0 + 5, finished: T0 + 9 },
          ],
        },
      ],
    });
  const reason = (exit: number) => figuresAt(worldOf([run(exit)]), T0 + DAY).pipelines[0]?.reason;
  expect(reason(0)).toBe('killed');
  expect(reason(1)).toBeNull();
});

test('a pipeline without a finish ended with the last thing in it, else when it was updated', () => {
  const workflows = [
    {
      name: 'test',
      state: 'failure',
      started: T0,
      finished: T0 + 5,
      children: [{ name: 'unit', state: 'failure', exit_code: 1, started: T0, finished: T0 + 7 }],
    },
  ];
  const lastFailure = (changes: Partial<Pipeline>) =>
    pairAt(worldOf([push(1, 9, { status: 'failure', finished: 0, ...changes })])).lastFailure;
  expect(lastFailure({ workflows })).toBe(T0 + 7);
  expect(lastFailure({ workflows: [] })).toBe(T0 + 9);
});

describe('the steps of a cancelled workflow:', () => {
  const outcome = (step: Step, other: Partial<Step> = {}, error = 'Canceled', stopper = '') => {
    const children = [step, { name: 'other', state: 'success', started: T0, finished: T0 + 3, ...other }];
    const ci = { name: 'ci', state: 'failure', started: T0, finished: T0 + 9, error, children };
    const pipeline = push(1, 9, {
      status: 'killed',
      cancel_info: stopper ? { canceled_by_step: stopper } : {},
      workflows: [ci],
    });
    const world = worldOf([pipeline], { rules: [{ tier: 'production', steps: ['ship'] }] });
    const { pairs, pipelines } = figuresAt(world, T0 + DAY);
    return pairs[0]?.deployments[0]?.outcome ?? pipelines[0]?.reason;
  };
  const ship = (state: string, finished: number, exit = 0): Step => {
    const step = { name: 'ship', state, exit_code: exit, started: T0 };
    return finished === 0 ? step : { ...step, finished: T0 + finished };
  };
  const killed = { state: 'killed' };

  test('if none says killed, the steps that did not finish before the workflow were killed', () => {
    expect(outcome(ship('success', 8))).toBe('success');
    expect(outcome(ship('success', 9))).toBe('killed');
    expect(outcome(ship('success', 0))).toBe('killed');
    expect(outcome(ship('failure', 8, 1))).toBe('failure');
    expect(outcome(ship('failure', 9, 126))).toBe('killed');
    expect(outcome(ship('success', 9), { state: 'killed', started: 0 })).toBe('killed');
  });

  test('if one says killed, their states are right, except a failure with exit code 0', () => {
    expect(outcome(ship('success', 9), killed)).toBe('success');
    expect(outcome(ship('failure', 9, 1), killed)).toBe('failure');
    expect(outcome(ship('failure', 8, 0), killed)).toBe('killed');
    expect(outcome(ship('running', 0), killed)).toBe('killed');
  });

  test('a step that stopped the run failed, unless its exit code is 0', () => {
    expect(outcome(ship('killed', 9, 1), {}, 'Canceled', 'ship')).toBe('failure');
    expect(outcome(ship('failure', 9, 1), {}, 'Canceled', 'ship')).toBe('failure');
    expect(outcome(ship('killed', 9, 0), {}, 'Canceled', 'ship')).toBe('killed');
    expect(outcome(ship('killed', 9, 1), {}, 'Canceled', 'other')).toBe('killed');
  });

  test('on the oldest servers, only the step has the error Canceled', () => {
    expect(outcome({ ...ship('failure', 9, 126), error: 'Canceled' }, {}, '')).toBe('killed');
    expect(outcome(ship('failure', 9, 126), {}, '')).toBe('failure');
  });
});

test('durations: not before 2015, not above 30 days, not against the clock of the server', () => {
  const durations = (changes: Partial<Pipeline>) => windowAt(worldOf([push(1, 0, changes)])).durations;
  expect(durations({})).toEqual([MINUTE]);
  expect(durations({ started: 1_420_070_399 })).toEqual([]);
  expect(durations({ started: T0 - 30 * DAY })).toEqual([30 * DAY]);
  expect(durations({ started: T0 - 30 * DAY - 1 })).toEqual([]);
  expect(durations({ finished: 0 })).toEqual([]);
  const workflow = { name: 'ci', state: 'success', started: T0 - 9 };
  const rules = [{ tier: 'production', workflows: ['ci'] }];
  const ofPart = (changes: Partial<Pipeline>) =>
    windowAt(worldOf([push(1, 0, { workflows: [workflow], ...changes })], { rules })).durations;
  expect(ofPart({})).toEqual([9]);
  expect(ofPart({ finished: 0 })).toEqual([]);
  expect(durations({ started: 0 })).toEqual([]);
});
